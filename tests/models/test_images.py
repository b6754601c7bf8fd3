"""Photographs: listed, decoded, cropped, normalised."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ironlaw.errors import BadInput
from ironlaw.models import images
from ironlaw.models.images import Preprocessing, View

SMALL = Preprocessing(resize=10, crop=8, mean=(0.5, 0.5, 0.5), std=(0.25, 0.5, 1.0))


def photo(width: int, height: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_ten_shipped_photographs_decode_and_are_credited() -> None:
    found = images.check_folder(None)
    credits = (images.SHIPPED / "CREDITS.md").read_text()
    assert len(found) == 10
    assert all(path.name in credits for path in found)
    assert sum(path.stat().st_size for path in found) < 500_000


def test_a_pixel_is_normalised_as_its_channel_says() -> None:
    white = Image.new("RGB", (20, 20), (255, 255, 255))
    seen = images.see(white, images.STANDARD, SMALL)
    assert seen.shape == (3, 8, 8)
    assert seen.dtype == np.float32
    assert seen[:, 0, 0].tolist() == [2.0, 1.0, 0.5]  # (1 - 0.5) / std


def test_the_standard_view_is_the_centre() -> None:
    square = photo(10, 10)
    plain = Preprocessing(resize=10, crop=8, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    centre = np.asarray(square)[1:9, 1:9].transpose(2, 0, 1) / np.float32(255)
    assert np.array_equal(images.see(square, images.STANDARD, plain), centre)


def test_a_mirrored_view_is_the_view_read_from_the_right() -> None:
    seen = images.see(photo(30, 20), View(1.2, 0.1, 0.9), SMALL)
    mirrored = images.see(photo(30, 20), View(1.2, 0.1, 0.9, mirrored=True), SMALL)
    assert np.array_equal(mirrored, seen[:, :, ::-1])


@pytest.mark.parametrize(("width", "height"), [(50, 20), (20, 50), (31, 31), (9, 700)])
def test_photographs_of_any_shape_fill_the_crop(width: int, height: int) -> None:
    assert images.see(photo(width, height), images.STANDARD, SMALL).shape == (3, 8, 8)


def test_probes_are_all_different() -> None:
    photos = [images.decode_photo(path) for path in images.check_folder(None)[:3]]
    crops = images.crops(photos, Preprocessing(resize=64, crop=56), count=images.PROBES, seed=0)
    assert len(crops) == 64
    assert len({crop.tobytes() for crop in crops}) == 64


def test_one_photograph_gives_different_probes_too() -> None:
    crops = images.crops([photo(40, 40)], SMALL, count=64, seed=0)
    assert len({crop.tobytes() for crop in crops}) == 64


def test_a_photograph_of_one_colour_does_not_hang() -> None:
    grey = Image.new("RGB", (30, 30), (9, 9, 9))
    assert len(images.crops([grey], SMALL, count=5, seed=0)) == 5


def test_the_seed_decides_the_crops() -> None:
    photos = [photo(40, 30)]
    first, again, other = (images.crops(photos, SMALL, count=4, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_an_absent_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nowhere: No such file"):
        images.check_folder(str(tmp_path / "nowhere"))


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_bytes(b"")
    with pytest.raises(BadInput, match=r"cat\.jpg: Not a directory"):
        images.check_folder(str(tmp_path / "cat.jpg"))


def test_an_empty_folder_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nothing at all") as raised:
        images.check_folder(str(tmp_path))
    assert str(tmp_path) in raised.value.message
    assert "--images" in raised.value.hint


def test_a_folder_without_images_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(BadInput, match=r"1 other files, notes\.txt first"):
        images.check_folder(str(tmp_path))


def test_a_text_called_jpg_is_named(tmp_path: Path) -> None:
    photo(9, 9).save(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_text("no image")
    with pytest.raises(BadInput, match=r"b\.jpg: not a complete JPEG or PNG"):
        images.check_folder(str(tmp_path))


def test_a_photograph_cut_short_is_named(tmp_path: Path) -> None:
    photo(200, 200).save(tmp_path / "cut.png")
    whole = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match=r"cut\.png"):
        images.check_folder(str(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_photograph_is_named(tmp_path: Path) -> None:
    photo(9, 9).save(tmp_path / "locked.png")
    (tmp_path / "locked.png").chmod(0)
    with pytest.raises(BadInput, match=r"locked\.png: Permission denied"):
        images.check_folder(str(tmp_path))


def test_of_a_large_folder_evenly_spaced_photographs_are_taken(tmp_path: Path) -> None:
    for number in range(130):
        photo(9, 9, number).save(tmp_path / f"{number:03}.png")
    found = images.check_folder(str(tmp_path))
    assert len(found) == images.MAX_PHOTOS
    assert (found[0].name, found[1].name, found[32].name) == ("000.png", "002.png", "065.png")


def test_grey_and_transparent_photographs_become_rgb(tmp_path: Path) -> None:
    Image.new("L", (9, 9), 7).save(tmp_path / "grey.png")
    Image.new("RGBA", (9, 9), (1, 2, 3, 4)).save(tmp_path / "clear.png")
    assert [images.decode_photo(path).mode for path in images.check_folder(str(tmp_path))] == ["RGB", "RGB"]
