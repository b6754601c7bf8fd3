"""The right classes of a user's images: a text file with `image,class` a line, or `class` a line for given inputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ironlaw.errors import BadInput

_FORM = "write `photo.jpg,281` a line (classes are numbered from 0), or only the class for inputs of a factory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One image (None: the input at that place) and the number of its class."""

    image: Path | None
    number: int


def read_labels(path: str, *, images: str | None) -> tuple[Label, ...]:
    """The labels in a file; images are sought in the folder given, else beside the file.

    Raises:
        BadInput: the file cannot be read, a line is not a label, or an image is not there.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read the labels {path}: {error}", hint=_FORM) from None
    folder = Path(images) if images is not None else Path(path).parent
    said = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    found = tuple(_label(line, folder, f"{path} line {number}") for number, line in said)
    if not found:
        raise BadInput(f"{path} holds no label", hint=_FORM)
    if len({label.image is None for label in found}) > 1:
        raise BadInput(f"{path} names an image on some lines only", hint=_FORM)
    return found


def _label(line: str, folder: Path, where: str) -> Label:
    name, _, number = line.rpartition(",")
    if not number.strip().isdecimal():
        raise BadInput(f"{where}: {line!r} ends in no class number", hint=_FORM)
    image = folder / name.strip() if name.strip() else None
    if image is not None and not image.is_file():
        raise BadInput(f"{where}: there is no image {image}", hint="images are sought in --images, else beside FILE")
    return Label(image=image, number=int(number))
