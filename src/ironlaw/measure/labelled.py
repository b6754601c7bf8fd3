"""How often an arm is right: its top class on images whose class somebody knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ironlaw.errors import ArmFailed
from ironlaw.fact import Labelled
from ironlaw.measure.answers import leaves
from ironlaw.models import LoadedModel
from ironlaw.models.labels import Label
from ironlaw.program import Program


def judge_labels(arm: str, program: Program, model: LoadedModel, labels: tuple[Label, ...]) -> Labelled:
    """Infer every labelled input once, in batches as the arm takes them, and count the right top classes.

    Raises:
        ArmFailed: the model takes no images, or gives no classes.
    """
    right = total = 0
    for arguments, numbers in _batches(model, labels):
        given = leaves(program.infer(*arguments))
        if not given or len(given[0].shape) != 2:
            raise ArmFailed("its first output is not one row of classes per input", hint="leave --labels out")
        tops = [int(row.argmax()) for row in given[0]]
        right += sum(top == number for top, number in zip(tops, numbers, strict=False))
        total += len(numbers)
    return Labelled(arm=arm, right=right, total=total)


def _batches(model: LoadedModel, labels: tuple[Label, ...]) -> Iterator[tuple[tuple[Any, ...], list[int]]]:
    if labels[0].image is None:
        yield from _given(model, labels)
        return
    if model.preprocessing is None:
        raise ArmFailed(
            f"{model.name} gives its own inputs, and the labels name images",
            hint="write one class a line, in the order of the factory's inputs",
        )
    import numpy
    import torch

    from ironlaw.models.images import STANDARD, decode, see

    wide = model.inputs[0][0].shape[0]
    for first in range(0, len(labels), wide):
        group = labels[first : first + wide]
        squares = [see(decode(Path(str(one.image))), STANDARD, model.preprocessing) for one in group]
        squares += [squares[-1]] * (wide - len(squares))  # a batch is always full; what is repeated is not counted
        yield (torch.from_numpy(numpy.stack(squares)),), [one.number for one in group]


def _given(model: LoadedModel, labels: tuple[Label, ...]) -> Iterator[tuple[tuple[Any, ...], list[int]]]:
    """The factory's own inputs, labelled in their order."""
    left = [one.number for one in labels]
    for arguments in model.probes:
        wide = int(leaves(arguments)[0].shape[0])
        yield arguments, left[:wide]
        left = left[wide:]
    if left:
        raise ArmFailed(f"{len(left)} labels have no input", hint="give as many labels as the factory gives inputs")
