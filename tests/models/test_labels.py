"""Labels: read in the parent, before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from ironlaw.errors import BadInput
from ironlaw.models.images import SHIPPED
from ironlaw.models.labels import Label, check_labels, read_labels


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "labels.csv"
    path.write_text(text)
    return str(path)


def test_an_image_and_its_class_a_line(tmp_path: Path) -> None:
    found = read_labels(written(tmp_path, "cat.jpg, 281\n\ncoffee.jpg,967\n"), images=str(SHIPPED))
    assert found == (
        Label(image=SHIPPED / "cat.jpg", number=281),
        Label(image=SHIPPED / "coffee.jpg", number=967, place=1),
    )


def test_classes_alone_are_for_inputs_in_their_order(tmp_path: Path) -> None:
    assert read_labels(written(tmp_path, "3\n0\n"), images=None) == (
        Label(image=None, number=3, place=0),
        Label(image=None, number=0, place=1),
    )


def test_an_input_of_unknown_class_is_left_out_and_keeps_its_place(tmp_path: Path) -> None:
    assert read_labels(written(tmp_path, "-\n3\n-\n0\n-\n"), images=None) == (
        Label(image=None, number=3, place=1),
        Label(image=None, number=0, place=3),
    )


def test_an_image_that_cannot_be_decoded_is_named_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "torn.jpg").write_bytes((SHIPPED / "cat.jpg").read_bytes()[:500])
    with pytest.raises(BadInput, match=r"cannot read the image .*torn\.jpg"):
        check_labels(written(tmp_path, "torn.jpg,3\n"), images=None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cat.jpg,tabby\n", "line 1: 'cat.jpg,tabby' ends in no class number"),
        ("\nnowhere.jpg,3\n", "line 2: there is no image"),
        ("cat.jpg,281\n3\n", "names an image on some lines only"),
        ("cat.jpg,281\n-\n", "names an image on some lines only"),
        ("", "holds no label"),
        ("-\n", "holds no label"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read_labels(written(tmp_path, text), images=str(SHIPPED))
