"""A format that can be attached: how a file of it is recognised and read, and the command that writes one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ironlaw.attached.text import AttachedText
from ironlaw.attachment import Attachment


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedFormat:
    """One format. `title` is a noun phrase with its article, `made_by` a command or line that writes such a file.

    `recognises` is asked about the first letters of a file; of all formats one alone says yes to a file. `read` may
    raise BadInput, and nothing else, whatever the file holds.
    """

    slug: str
    title: str
    made_by: str
    binary: str = ""  # what the tool's own file begins with, of which `convert` makes this text
    convert: str = ""
    recognises: Callable[[str], bool]
    read: Callable[[AttachedText], tuple[Attachment, ...]]
    engine: str = ""  # the folder that it was found in
