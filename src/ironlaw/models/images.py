"""Photographs and what a network sees of them: the shipped ones or a folder's, decoded, cropped and normalised.

Nothing here imports torch, so that a folder can be checked before any child process is started.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ironlaw.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

SHIPPED = Path(__file__).parent / "photos"
SUFFIXES = (".jpg", ".jpeg", ".png")
MAX_PHOTOS = 64  # of a folder: more would cost memory and time and add nothing about speed
PROBES = 64  # crops on which the answers of all arms are compared
CALIBRATION = 24  # crops that calibrate int8; other ones than the probes
_DECODED_SIDE = 1024  # JPEGs are decoded near this size; the networks see 224 to 600 pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """Resize, crop and normalisation of a network: sizes in pixels, mean and standard deviation per channel of [0, 1].

    The defaults are those of nearly every ImageNet classifier.
    """

    resize: int = 256  # length of the short side
    crop: int = 224
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    resampling: str = "bilinear"


@dataclass(frozen=True, slots=True)
class View:
    """Which square of a photograph is seen: magnification, place of the crop within its slack (0 to 1), mirrored."""

    zoom: float = 1.0
    left: float = 0.5
    top: float = 0.5
    mirrored: bool = False


STANDARD = View()


def check_folder(path: str | None) -> tuple[Path, ...]:
    """The photographs of a folder (of the package for None), each decoded once to check that it can be.

    Raises:
        BadInput: the folder does not exist, cannot be read or holds no JPEG or PNG, or one of its files is damaged.
    """
    found = _listed(SHIPPED if path is None else Path(path))
    for photo in found:
        decode_photo(photo)
    return found


def _listed(folder: Path) -> tuple[Path, ...]:
    """The images directly inside, by name; of more than MAX_PHOTOS evenly spaced ones."""
    hint = "name a folder with JPEG or PNG photographs, or leave --images out to use the shipped ones"
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise BadInput(f"cannot read the image folder {folder}: {error.strerror}", hint=hint) from None
    images = [entry for entry in entries if entry.suffix.lower() in SUFFIXES and entry.is_file()]
    if not images:
        held = f"{len(entries)} other files, {entries[0].name} first" if entries else "nothing at all"
        raise BadInput(f"the folder {folder} holds no JPEG or PNG ({held})", hint=hint)
    if len(images) <= MAX_PHOTOS:
        return tuple(images)
    return tuple(images[i * len(images) // MAX_PHOTOS] for i in range(MAX_PHOTOS))


def decode_photo(path: Path) -> Image.Image:
    """The photograph as RGB pixels, turned as its EXIF data say.

    Raises:
        BadInput: the file cannot be read, or is not a complete JPEG or PNG.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path, formats=("JPEG", "PNG")) as opened:
            opened.draft("RGB", (_DECODED_SIDE, _DECODED_SIDE))
            return ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else "not a complete JPEG or PNG"
        raise BadInput(
            f"cannot read the image {path}: {said}", hint="repair it, or take it out of the folder"
        ) from None


def see(photo: Image.Image, view: View, how: Preprocessing) -> NDArray[np.float32]:
    """What the network sees: float32, channels x crop x crop, normalised.

    The short side is resized to `how.resize * view.zoom`, then the square is cut; for the standard view these are the
    pixels that torchvision's ImageClassification transform gives for a PIL image.
    """
    import numpy as np
    from PIL import Image

    short = max(how.crop, round(how.resize * view.zoom))
    width, height = photo.size
    if width <= height:
        size = (short, max(short, int(short * height / width)))
    else:
        size = (max(short, int(short * width / height)), short)
    resized = photo.resize(size, Image.Resampling[how.resampling.upper()])
    left = round((size[0] - how.crop) * view.left)
    top = round((size[1] - how.crop) * view.top)
    square = resized.crop((left, top, left + how.crop, top + how.crop))
    pixels = np.asarray(square, dtype=np.float32) / np.float32(255)
    if view.mirrored:
        pixels = pixels[:, ::-1]
    scaled = (pixels - np.array(how.mean, np.float32)) / np.array(how.std, np.float32)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1), dtype=np.float32)


def standard(photos: list[Image.Image], how: Preprocessing) -> list[NDArray[np.float32]]:
    """The standard crop of each photograph."""
    return [see(photo, STANDARD, how) for photo in photos]


def crops(photos: list[Image.Image], how: Preprocessing, *, count: int, seed: int) -> list[NDArray[np.float32]]:
    """`count` crops, all different wherever the photographs allow it: each photograph in turn, from seeded views.

    A photograph of one single colour has only one crop; then equal ones are kept.
    """
    return [crop for _, crop in crops_in_turn(photos, how, count=count, seed=seed)]


def crops_in_turn(
    photos: list[Image.Image], how: Preprocessing, *, count: int, seed: int
) -> list[tuple[int, NDArray[np.float32]]]:
    """The same, each with the number of its photograph."""
    seen: set[bytes] = set()
    kept: list[tuple[int, NDArray[np.float32]]] = []
    views = _views(seed)
    spare = 4 * count  # attempts that may come out equal before equal ones are taken
    turn = 0
    while len(kept) < count:
        number = turn % len(photos)
        square = see(photos[number], next(views), how)
        turn += 1
        digest = square.tobytes()
        if digest in seen and spare > 0:
            spare -= 1
            continue
        seen.add(digest)
        kept.append((number, square))
    return kept


def _views(seed: int) -> Iterator[View]:
    rng = random.Random(seed)
    while True:
        yield View(rng.uniform(1.0, 1.3), rng.random(), rng.random(), rng.random() < 0.5)
