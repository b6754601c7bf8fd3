"""How an arm's answers compare with the control's, output by output and column by column."""

from __future__ import annotations

from dataclasses import dataclass

from ironlaw.missing import Maybe, Missing

Shape = tuple[int, ...]


def words_of(forms: tuple[Shape, ...]) -> str:
    """Shapes as text: 1x9, 1x384."""
    return ", ".join("x".join(map(str, form)) or "scalar" for form in forms)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherShape:
    """Outputs of other shapes than the control's for inputs of one shape; `inputs` of the shared ones are so.

    `is_fixed`: the shapes of the control's outputs follow from those of its inputs. Where they do not, as behind
    non-maximum suppression, another number of rows is another number of things found.
    """

    input_forms: tuple[Shape, ...]
    control: tuple[Shape, ...]
    given: tuple[Shape, ...]
    inputs: int
    is_fixed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """Columns of an output in which an arm has one value only, for all inputs, and the control has several.

    A column is all numbers with one index along an axis of the output, the batch not counted.
    """

    output: int
    axis: int
    columns: tuple[int, ...]
    size: int  # how many columns there are along the axis
    is_last: bool  # the last axis


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """The output, or the column of one, that agrees least; `axis` and `column` are None where the whole output does."""

    output: int
    axis: int | None
    column: int | None
    agreement: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ByShape:
    """The largest relative error of any output for inputs of one shape: the norm of the error over the control's."""

    input_forms: tuple[Shape, ...]
    output: int
    error: Maybe[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """What speaks against an arm's answers being the control's. `worst` leaves out scores of classes: their top one is
    compared instead."""

    shapes: tuple[OtherShape, ...] = ()
    constant: tuple[Constant, ...] = ()
    by_shape: tuple[ByShape, ...] = ()
    worst: Maybe[Worst] = Missing("nothing but classes is to be compared")
