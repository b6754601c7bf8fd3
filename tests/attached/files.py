"""The fixtures of attached files, read and explained as the command line does."""

from __future__ import annotations

import io
from pathlib import Path

from ironlaw.analysis.attached.explain import explain_attached
from ironlaw.attached import read_attached
from ironlaw.attachment import AttachedFile, Attachment
from ironlaw.explanation import Explanation

DATA = Path(__file__).parent / "data"


def file_of(content: str | bytes, named: str = "file") -> AttachedFile:
    """A text as an attached file."""
    return read_attached(io.BytesIO(content.encode() if isinstance(content, str) else content), named=named)


def fixture(name: str) -> AttachedFile:
    """A fixture by its name."""
    with (DATA / name).open("rb") as stream:
        return read_attached(stream, named=name)


def one(name: str) -> Attachment:
    """The one attachment of a fixture."""
    (found,) = fixture(name).found
    return found


def explained(*names: str) -> Explanation:
    """Fixtures, explained together."""
    return explain_attached([fixture(name) for name in names])
