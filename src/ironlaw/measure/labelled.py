"""The accuracy of an arm: its top class on labelled images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ironlaw.errors import ArmFailed
from ironlaw.fact import Labelled
from ironlaw.models import LoadedModel, torch_use
from ironlaw.models.inputs import leaves
from ironlaw.models.labels import Label
from ironlaw.program import Program


def judge_labels(arm: str, program: Program, model: LoadedModel, labels: tuple[Label, ...]) -> Labelled:
    """Infer every labelled input once, in the arm's batches, and count the correct top classes.

    Raises:
        ArmFailed: the model takes no images, gives no classes, or fewer than a label says.
    """
    right = total = 0
    for arguments, numbers in _batches(model, labels):
        tops = [int(row.argmax()) for row in _classes(program.answer(*arguments), labels)]
        right += sum(tops[place] == number for place, number in numbers.items())
        total += len(numbers)
    return Labelled(arm=arm, right=right, total=total)


def _classes(outputs: Any, labels: tuple[Label, ...]) -> Any:
    """The first output: one row per input with one number per class."""
    given = leaves(outputs)
    if not given or len(given[0].shape) != 2:
        raise ArmFailed("its first output is not one row of classes per input", hint="leave --labels out")
    most, classes = max(one.number for one in labels), given[0].shape[1]
    if most >= classes:
        raise ArmFailed(
            f"a label is class {most}, but the model has {classes} classes, numbered from 0",
            hint="number the classes as the model does",
        )
    return given[0]


def check_fit(model: LoadedModel, labels: tuple[Label, ...]) -> None:
    """Check before anything is measured that the labels fit the model's inputs and classes.

    Raises:
        ArmFailed: they name images and its factory gives the inputs, or vice versa; outnumber the inputs; or
            say a class that the model, run once, does not have.
    """
    inputs = sum(_width(arguments) for arguments in model.probes)
    if labels[0].image is not None and model.preprocessing is None:
        raise ArmFailed(
            f"{model.name} gives its own inputs, and the labels name images",
            hint="write one class a line, in the order of the factory's inputs",
        )
    if labels[0].image is None and labels[-1].place >= inputs:
        raise ArmFailed(
            f"label {labels[-1].place + 1} has no input: {model.name} has {inputs}",
            hint="give no more labels than inputs",
        )
    if callable(model.module):  # a model file runs in its engine only
        with torch_use.without_gradients():
            _classes(model.module(*model.inputs[0]), labels)


def _width(arguments: tuple[Any, ...]) -> int:
    return int(leaves(arguments)[0].shape[0])


def _batches(model: LoadedModel, labels: tuple[Label, ...]) -> Iterator[tuple[tuple[Any, ...], dict[int, int]]]:
    """The arguments of an inference, and the right class of each labelled row of its batch."""
    if labels[0].image is None:
        yield from _given(model, labels)
        return
    assert model.preprocessing is not None, "the labels fit the model"
    import numpy

    from ironlaw.models.images import STANDARD, decode_photo, see

    wide = model.inputs[0][0].shape[0]
    for first in range(0, len(labels), wide):
        group = labels[first : first + wide]
        squares = [see(decode_photo(Path(str(one.image))), STANDARD, model.preprocessing) for one in group]
        squares += [squares[-1]] * (wide - len(squares))  # a batch is always full; what is repeated is not counted
        yield (numpy.stack(squares),), {row: one.number for row, one in enumerate(group)}


def _given(model: LoadedModel, labels: tuple[Label, ...]) -> Iterator[tuple[tuple[Any, ...], dict[int, int]]]:
    """The factory's own inputs that have labels."""
    known = {one.place: one.number for one in labels}
    first = 0
    for arguments in model.probes:
        wide = _width(arguments)
        numbers = {row: known[first + row] for row in range(wide) if first + row in known}
        first += wide
        if numbers:
            yield arguments, numbers
