"""Readers of other tools' files: one file a format, found by looking into formats/ and into the engines' folders.

A format is recognised by what a file holds, never by its name. An engine's own format is the file `attached.py` of its
folder; those of tools are files under formats/.
"""

from __future__ import annotations

import importlib
import pkgutil
import shlex
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import BinaryIO

from ironlaw.attached import formats
from ironlaw.attached.format import AttachedFormat
from ironlaw.attached.text import AttachedText, Watch
from ironlaw.attachment import AttachedFile
from ironlaw.errors import BadInput

_ENGINES = Path(__file__).parents[1] / "engines"


@cache
def known_formats() -> dict[str, AttachedFormat]:
    """Every format that can be attached, by its slug."""
    found: list[AttachedFormat] = []
    for path in sorted(_ENGINES.glob("*/attached.py")):
        module = importlib.import_module(f"ironlaw.engines.{path.parent.name}.attached")
        found += [replace(one, engine=path.parent.name) for one in module.FORMATS]
    for entry in pkgutil.iter_modules(formats.__path__):
        found += importlib.import_module(f"{formats.__name__}.{entry.name}").FORMATS
    return {one.slug: one for one in found}


def recognised(head: str) -> AttachedFormat | None:
    """The format of a file that begins with these letters; None where no reader knows it."""
    return next((one for one in known_formats().values() if one.recognises(head)), None)


def read_attached(stream: BinaryIO, *, named: str, shown: str = "", watch: Watch | None = None) -> AttachedFile:
    """What a file holds; `shown` is what its arm is called, its name unless said.

    Raises:
        BadInput: no reader knows its format, or it is damaged; names the file, the line and the column.
    """
    text = AttachedText(stream, named=named, watch=watch)
    known = recognised(text.head)
    if known is None:
        raise _unknown(text)
    found = tuple(replace(one, engine=known.engine) for one in known.read(text))
    if not found:
        raise text.refused(*text.end, f"{known.title}, which ends here without a single measurement")
    return AttachedFile(name=shown or named, found=found)


def _unknown(text: AttachedText) -> BadInput:
    first = next((line for line in text.head.splitlines() if line.strip()), "")
    is_text = "\0" not in text.head and text.head.count("\N{REPLACEMENT CHARACTER}") <= len(text.head) // 10
    begins = "is empty" if not first else f"begins with {first.strip()[:40]!r}" if is_text else "is no text"
    if binary := next(
        (one for one in known_formats().values() if one.binary and text.head.startswith(one.binary)), None
    ):
        return BadInput(
            f"{text.named} is a binary file, and ironlaw reads {binary.title}",
            hint=binary.convert.replace("FILE", shlex.quote(text.named)),
        )
    known = ", ".join(one.title for one in known_formats().values())
    return BadInput(
        f"{text.named}, line 1, column 1: no reader knows this file; it {begins}",
        hint=f"known are a recording of ironlaw run, a table, {known}",
    )
