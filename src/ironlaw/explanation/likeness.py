"""The agreement of an arm's answers with the control's, by output and by column."""

from __future__ import annotations

from dataclasses import dataclass

from ironlaw.missing import Maybe, Missing

Shape = tuple[int, ...]


def words_of(forms: tuple[Shape, ...]) -> str:
    """Shapes as text: 1x9, 1x384."""
    return ", ".join("x".join(map(str, form)) or "scalar" for form in forms)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherShape:
    """Outputs whose shapes differ from the control's, for inputs of one shape; `inputs` is the number of these inputs.

    `is_fixed`: the shapes of the control's outputs are determined by those of its inputs. If not, as after non-maximum
    suppression, a different number of rows is a different number of objects found.
    """

    input_forms: tuple[Shape, ...]
    control: tuple[Shape, ...]
    given: tuple[Shape, ...]
    inputs: int
    is_fixed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """Columns of an output that are constant over all inputs in the arm, but not in the control.

    A column is all numbers with the same index along an axis of the output, without the batch axis.
    """

    output: int
    axis: int
    columns: tuple[int, ...]
    size: int  # how many columns there are along the axis
    is_last: bool  # the last axis


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """The output, or the column of an output, that agrees least; `axis` and `column` are None for a whole output."""

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
    """Evidence that an arm's answers differ from the control's. `worst` excludes class scores, whose top class is
    compared instead.
    """

    shapes: tuple[OtherShape, ...] = ()
    constant: tuple[Constant, ...] = ()
    by_shape: tuple[ByShape, ...] = ()
    worst: Maybe[Worst] = Missing("nothing but classes is to be compared")
