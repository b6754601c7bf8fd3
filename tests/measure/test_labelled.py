"""Right answers are counted, each labelled input once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ironlaw.errors import ArmFailed
from ironlaw.measure.labelled import check_fit, judge_labels
from ironlaw.models import LoadedModel
from ironlaw.models.images import SHIPPED, Preprocessing
from ironlaw.models.labels import Label
from ironlaw.program import Program


def model(batch: int, *, images: bool) -> LoadedModel:
    inputs = [(torch.eye(4)[first : first + batch],) for first in range(0, 4, batch)]
    if images:
        inputs = [(torch.zeros(batch, 3, 8, 8),)]
    how = Preprocessing(resize=8, crop=8) if images else None
    return LoadedModel(
        name="net", module=lambda x: x, inputs=inputs, calibration=[], probes=inputs, weights="", preprocessing=how
    )


def counted(made: LoadedModel, labels: list[Label], infer: object) -> tuple[int, int]:
    found = judge_labels("arm", Program(infer=infer, inputs=made.inputs), made, tuple(labels))  # type: ignore[arg-type]
    return found.right, found.total


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_given_inputs_are_labelled_in_their_order(batch: int) -> None:
    labels = [Label(image=None, number=number, place=place) for place, number in enumerate((0, 1, 3, 3))]
    assert counted(model(batch, images=False), labels, lambda x: x) == (3, 4)


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_inputs_without_a_label_are_not_counted(batch: int) -> None:
    labels = [Label(image=None, number=number, place=place) for place, number in ((1, 1), (2, 3))]
    assert counted(model(batch, images=False), labels, lambda x: x) == (1, 2)


def test_a_class_that_the_model_has_not_is_refused_and_not_counted_as_wrong() -> None:
    with pytest.raises(ArmFailed, match="a label is class 4, but the model has 4 classes, numbered from 0"):
        counted(model(1, images=False), [Label(image=None, number=4)], lambda x: x)


@pytest.mark.parametrize("batch", [1, 2])
def test_a_batch_that_is_filled_up_counts_each_image_once(batch: int) -> None:
    labels = [Label(image=SHIPPED / name, number=0) for name in ("cat.jpg", "clock.jpg", "coffee.jpg")]
    always_zero = lambda x: torch.eye(3)[:1].expand(len(x), 3)  # noqa: E731
    assert counted(model(batch, images=True), labels, always_zero) == (3, 3)


def test_more_labels_than_inputs_are_refused() -> None:
    check_fit(model(2, images=False), (Label(image=None, number=0, place=3),))
    with pytest.raises(ArmFailed, match="label 5 has no input: net has 4"):
        check_fit(model(2, images=False), (Label(image=None, number=0, place=4),))


def test_a_class_that_the_model_has_not_is_found_before_anything_is_measured() -> None:
    check_fit(model(2, images=False), (Label(image=None, number=3, place=0),))
    with pytest.raises(ArmFailed, match="a label is class 7, but the model has 4 classes, numbered from 0"):
        check_fit(model(2, images=False), (Label(image=None, number=7, place=0),))


def test_a_model_that_gives_no_classes_is_found_before_anything_is_measured() -> None:
    label = Label(image=Path(SHIPPED / "cat.jpg"), number=0)
    with pytest.raises(ArmFailed, match="not one row of classes"):
        check_fit(model(1, images=True), (label,))


def test_labels_of_images_need_a_model_that_takes_images() -> None:
    label = Label(image=Path(SHIPPED / "cat.jpg"), number=0)
    with pytest.raises(ArmFailed, match="gives its own inputs"):
        check_fit(model(1, images=False), (label,))
