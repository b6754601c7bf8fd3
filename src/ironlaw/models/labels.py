"""The right classes of a user's images: a text file with `image,class` a line, or `class` a line for given inputs.

An input of unknown class has a `-` on its line.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ironlaw.errors import BadInput
from ironlaw.models.user_files import MOST_BYTES_OF_LABELS, read_bounded

_FORM = (
    "write `photo.jpg,281` a line (classes are numbered from 0); for inputs of a factory, in their order, "
    "only the class, or - where there is none"
)
_NONE = "-"
_MOST_DIGITS = 9  # no model has a thousand million classes


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One image, or the input at a place (counted from 0) where there is no image, and the number of its class."""

    image: Path | None
    number: int
    place: int = 0


def read_labels(path: str, *, images: str | None) -> tuple[Label, ...]:
    """The labels in a file; images are sought in the folder given, else beside the file.

    Raises:
        BadInput: the file cannot be read, a line is not a label, or an image is not there.
    """
    try:
        lines = read_bounded(Path(path), most=MOST_BYTES_OF_LABELS).decode("utf-8").splitlines()
    except (OSError, ValueError) as error:  # ValueError: it is not UTF-8, or a path with a null character
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise BadInput(f"cannot read the labels {path}: {said}", hint=_FORM) from None
    folder = Path(images) if images is not None else Path(path).parent
    numbered = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    found = tuple(
        replace(_label(line, folder, f"{path} line {number}"), place=place)
        for place, (number, line) in enumerate(numbered)
        if line != _NONE
    )
    if not found:
        raise BadInput(f"{path} holds no label", hint=_FORM)
    if len({label.image is None for label in found}) > 1 or (found[0].image is not None and len(found) < len(numbered)):
        raise BadInput(f"{path} names an image on some lines only", hint=_FORM)
    return found


def check_labels(path: str, *, images: str | None) -> None:
    """Read a file of labels and decode each of its images once, to check that it can be.

    Raises:
        BadInput: as `read_labels`; or an image is damaged.
    """
    from ironlaw.models.images import decode_photo

    for label in read_labels(path, images=images):
        if label.image is not None:
            decode_photo(label.image)


def _label(line: str, folder: Path, where: str) -> Label:
    name, _, number = line.rpartition(",")
    if not number.strip().isdecimal() or len(number.strip()) > _MOST_DIGITS:
        raise BadInput(f"{where}: {line[:80]!r} ends in no class number", hint=_FORM)
    image = folder / name.strip() if name.strip() else None
    if image is not None and not image.is_file():
        raise BadInput(
            f"{where}: there is no image {image}", hint="images are looked up in --images, or in the folder of FILE"
        )
    return Label(image=image, number=int(number))
