"""Where an arm's outputs differ from the control's: by shape of input, by output, by column of an output.

A single number for all outputs is dominated by the largest ones: a detector with correct boxes in pixels and scores
that are all 0 reaches a cosine of 0.99999. Every output and every column is therefore judged on its own scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ironlaw.analysis.turns import Floats
from ironlaw.explanation.likeness import ByShape, Constant, Likeness, OtherShape, Shape, Worst
from ironlaw.fact import Outputs
from ironlaw.missing import Maybe, Missing

# Values of a column that make its agreement an estimate: of thousands of columns of fewer, the least is an accident.
FEWEST_VALUES = 64
# Where no column of an output has as many, as of few inputs: columns of fewer values than this are not judged at all.
FEWEST_OF_FEW = 8
# Of more columns than this each is taken for a coordinate of one vector, as of an embedding (128 to 4096), or for a
# position of a text: the whole output's agreement is what their users compare. Detectors of COCO's 80 classes, numbered
# up to 90, have 84 to 96 columns, each with a meaning of its own.
MOST_APART = 100
# Such a column still counts by itself if the whole would hide it, since its root mean square is below this share of the
# whole's (scores beside boxes in pixels), or if its error is more than half of its size, which is no rounding.
_HIDDEN = 0.1
_BROKEN = 1 - 0.5**2 / 2
# The probability, over all columns of an output, with which a live one may be called constant.
SIGNIFICANCE = 0.05
# Relative to its largest value, the spread of a column that float32 sums give in another order.
NO_SPREAD = 1e-5
_Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The outputs of control and arm for the same inputs of one shape, row by row, and the layout of a row."""

    about: Outputs
    expected: Floats
    given: Floats


def other_shapes(control: Sequence[Outputs], changed: Sequence[Outputs]) -> tuple[OtherShape, ...]:
    """The outputs whose shapes differ, by shape of input; empty if shapes were not recorded."""
    wanted = {probe: fact for fact in control for probe in fact.probes}
    found: dict[tuple[tuple[Shape, ...], ...], int] = {}
    for fact in changed:
        for probe in fact.probes:
            if probe in wanted and wanted[probe].forms != fact.forms:
                key = (fact.input_forms, wanted[probe].forms, fact.forms)
                found[key] = found.get(key, 0) + 1
    follow = {form: len({fact.forms for fact in control if fact.input_forms == form}) == 1 for form, *_ in found}
    return tuple(
        OtherShape(input_forms=form, control=theirs, given=ours, inputs=count, is_fixed=follow[form])
        for (form, theirs, ours), count in found.items()
    )


def likeness(pairs: Sequence[Pair]) -> Likeness:
    """Collect the evidence that outputs differ. All must be finite and have the shapes of the control's."""
    columns: dict[tuple[int, int | None, int], _Columns] = {}
    by_shape = []
    for pair in pairs:
        sums = _Sums.of(pair)
        worst: list[tuple[float, ByShape]] = []
        for output, form, places, within in _outputs(pair.about):
            error = sums.error(places)
            known = float("inf") if isinstance(error, Missing) else error
            worst.append((known, ByShape(input_forms=pair.about.input_forms, output=output, error=error)))
            for axis, index, size in _axes(form, within):
                column = columns.setdefault((output, axis, size), _Columns.empty(size))
                column.add(index, sums, places, len(pair.given))
                if axis is not None:
                    column.add_probabilities(_Slices.of(form, axis, within), sums.stuck(places), rows=len(pair.given))
        by_shape += [max(worst, key=lambda one: one[0])[1]] if worst else []
    classes = bool(pairs) and isinstance(pairs[0].about.classes, int)
    return Likeness(
        constant=_constant(columns),
        by_shape=tuple(by_shape),
        worst=_worst(columns, classes=classes),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """Sums over the rows, for each place of a row."""

    product: Floats
    expected: Floats  # squares
    given: Floats  # squares
    noise: Floats  # squares of the differences
    ends: tuple[Floats, Floats, Floats, Floats]  # smallest and largest, expected and given

    @classmethod
    def of(cls, pair: Pair) -> _Sums:
        one, other = pair.expected, pair.given
        return cls(
            product=(one * other).sum(axis=0),
            expected=np.square(one).sum(axis=0),
            given=np.square(other).sum(axis=0),
            noise=np.square(one - other).sum(axis=0),
            ends=(one.min(axis=0), one.max(axis=0), other.min(axis=0), other.max(axis=0)),
        )

    def error(self, places: _Places) -> Maybe[float]:
        """The norm of one output's differences divided by the norm of the control's."""
        noise, signal = float(self.noise[places].sum()), float(self.expected[places].sum())
        if noise == 0:
            return 0.0
        return float(np.sqrt(noise / signal)) if signal else Missing("the control's are all zero")

    def stuck(self, places: _Places) -> NDArray[np.bool_]:
        """The numbers that are the same for all inputs in the arm, but not in the control."""
        low, high, lowest, highest = (end[places] for end in self.ends)
        varies: NDArray[np.bool_] = high - low > NO_SPREAD * np.maximum(np.abs(low), np.abs(high))
        is_stuck: NDArray[np.bool_] = (lowest == highest) & varies
        return is_stuck


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slices:
    """An output's kept numbers by their index along one axis, and by the indices along all others."""

    index: _Places
    across: _Places
    size: int
    crossing: int  # how many numbers the output has at one index
    is_only_axis: bool

    @classmethod
    def of(cls, form: Shape, axis: int, within: _Places) -> _Slices:
        """The numbers at the places `within` an output, along one of its axes, which is negative."""
        indices = np.unravel_index(within, form)
        rest = tuple(size for place, size in enumerate(form) if place != axis + len(form))
        others = [one for place, one in enumerate(indices) if place != axis + len(form)]
        across = np.ravel_multi_index(others, rest) if rest else np.zeros(len(within), dtype=np.intp)
        return cls(
            index=indices[axis],
            across=np.asarray(across, dtype=np.intp),
            size=form[axis],
            crossing=math.prod(rest),
            is_only_axis=not rest,
        )


@dataclass(slots=True, kw_only=True)
class _Columns:
    """The same sums over all numbers of each column."""

    product: Floats
    squares: Floats
    count: Floats
    ln_equal: Floats
    ln_rounded: Floats
    lowest: list[Floats] = field(default_factory=list)  # expected, given
    highest: list[Floats] = field(default_factory=list)

    @classmethod
    def empty(cls, size: int) -> _Columns:
        zero, top = np.zeros(size), np.full(size, np.inf)
        return cls(
            product=zero.copy(),
            squares=zero.copy(),
            count=zero.copy(),
            ln_equal=np.full(size, math.log(2)),  # whichever value it is
            ln_rounded=zero.copy(),
            lowest=[top.copy(), top.copy()],
            highest=[-top, -top],
        )

    def add(self, index: _Places, sums: _Sums, places: _Places, rows: int) -> None:
        """Add each place of one output to its column."""
        size = len(self.count)
        self.product += np.bincount(index, weights=sums.product[places], minlength=size)
        both = sums.expected[places] + sums.given[places]
        self.squares += np.bincount(index, weights=both, minlength=size)
        self.count += rows * np.bincount(index, minlength=size)
        for side in (0, 1):
            np.minimum.at(self.lowest[side], index, sums.ends[2 * side][places])
            np.maximum.at(self.highest[side], index, sums.ends[2 * side + 1][places])

    def add_probabilities(self, slices: _Slices, stuck: NDArray[np.bool_], *, rows: int) -> None:
        """Add the logarithms of the probabilities, in two ways, that a live column is constant in what was kept.

        `ln_equal`: that all draws from it are one value, if no value is more than half of the column. Where only some
        of its numbers were kept, the unseen ones may vary: a number is then one draw, over all inputs together.

        `ln_rounded`: that rounding happened to meet all of its numbers, if it meets each as often as the others at the
        same indices along the other axes. A number that hardly varies in the control is constant after rounding to
        int8, in an output that lives: few among thousands of positions are. Numbers of an output with one axis have no
        others at their index; of these only the first is known.

        Source: Jeffreys' estimate of a share from counts, (stuck + 1/2) / (all + 1) (Brown, Cai & DasGupta, Statistical
        Science 16 (2001) 101).
        """
        kept = np.bincount(slices.index, minlength=slices.size)
        draws = np.where(kept == slices.crossing, kept * rows, kept)
        self.ln_equal -= math.log(2) * draws
        if slices.is_only_axis:
            self.ln_rounded[:] = -np.inf
            return
        met = np.bincount(slices.across, weights=stuck, minlength=slices.crossing)[slices.across] - stuck
        others = np.bincount(slices.across, minlength=slices.crossing)[slices.across] - 1
        self.ln_rounded += np.bincount(slices.index, weights=np.log((met + 0.5) / (others + 1)), minlength=slices.size)

    def agreement(self) -> Floats:
        """2 sum(xy) / (sum x^2 + sum y^2) of each column: 1 where equal, 0 where one side is zero.

        Equal to the cosine if both have the same norm. Source: Zegers & ten Berge, Psychometrika 50 (1985) 17, the
        coefficient of identity.
        """
        return np.divide(2 * self.product, self.squares, out=np.ones_like(self.product), where=self.squares > 0)

    def hidden(self) -> NDArray[np.bool_]:
        """The columns that are so small beside the others that the agreement of all hides them."""
        mean_square = np.divide(self.squares, self.count, out=np.zeros_like(self.squares), where=self.count > 0)
        whole = self.squares.sum() / max(1.0, float(self.count.sum()))
        is_hidden: NDArray[np.bool_] = mean_square < _HIDDEN**2 * whole
        return is_hidden

    def constant(self, tests: int) -> tuple[int, ...]:
        """The columns that are constant in the arm but vary in the control by more than rounding, and by more than
        coincidence explains in that many tests.
        """
        size = np.maximum(np.abs(self.lowest[0]), np.abs(self.highest[0]))
        with np.errstate(invalid="ignore"):
            varies = self.highest[0] - self.lowest[0] > NO_SPREAD * size
        ln_p = np.maximum(self.ln_equal, self.ln_rounded) + math.log(tests)
        stuck = (self.lowest[1] == self.highest[1]) & varies & (ln_p <= math.log(SIGNIFICANCE))
        return tuple(map(int, np.flatnonzero(stuck)))


def _outputs(about: Outputs) -> Iterable[tuple[int, Shape, _Places, _Places]]:
    """Yield each output: its shape, the places of its numbers in a kept row, and in the whole output."""
    kept = np.asarray(about.kept_places(), dtype=np.intp)
    start = 0
    for output, form in enumerate(about.forms):
        length = int(np.prod(form, dtype=np.int64))
        places = np.flatnonzero((kept >= start) & (kept < start + length))
        if len(places):
            yield output, _without_leading_ones(form), places, kept[places] - start
        start += length


def _without_leading_ones(form: Shape) -> Shape:
    """A shape without axes of one index in front: (1, 384) is a vector; (2000, 1) remains 2000 positions of a score."""
    first = next((place for place, size in enumerate(form) if size != 1), len(form) - 1)
    return form[first:] or (1,)


def _axes(form: Shape, within: _Places) -> Iterable[tuple[int | None, _Places, int]]:
    """The ways to divide an output: whole, by its last axis, and by its first (channels, if positions come last)."""
    yield None, np.zeros(len(within), dtype=np.intp), 1
    index = np.unravel_index(within, form)
    for axis in sorted({0, len(form) - 1}):
        yield axis - len(form), index[axis], form[axis]


def _constant(columns: dict[tuple[int, int | None, int], _Columns]) -> tuple[Constant, ...]:
    """The constant columns of each output, by its last axis, or else by its first."""
    tests: dict[int, int] = {}
    for (output, axis, _), column in columns.items():
        tests[output] = tests.get(output, 0) + (int(np.count_nonzero(column.count)) if axis is not None else 0)
    found: dict[int, Constant] = {}
    for (output, axis, size), column in sorted(columns.items(), key=lambda entry: -(entry[0][1] or -99)):
        if axis is not None and (stuck := column.constant(tests[output])):
            made = Constant(output=output, axis=axis, columns=stuck, size=size, is_last=axis == -1)
            found.setdefault(output, made)
    return tuple(found[output] for output in sorted(found))


def _worst(columns: dict[tuple[int, int | None, int], _Columns], *, classes: bool) -> Maybe[Worst]:
    """The output or column that agrees least. Columns of few values and class scores are excluded, and coordinates of
    vectors unless they are broken or hidden by the others.
    """
    most: dict[int, float] = {}
    for (output, axis, _), column in columns.items():
        most[output] = max(most.get(output, 0.0), 0.0 if axis is None else float(column.count.max()))
    found: list[Worst] = []
    for (output, axis, size), column in columns.items():
        if classes and output == 0:
            continue
        fewest = FEWEST_VALUES if most[output] >= FEWEST_VALUES else FEWEST_OF_FEW
        agreement = np.where((column.count >= fewest) | (axis is None), column.agreement(), np.inf)
        if axis is not None and size > MOST_APART:
            agreement = np.where(column.hidden() | (agreement < _BROKEN), agreement, np.inf)
        place = int(agreement.argmin())
        if np.isfinite(agreement[place]):
            at = None if axis is None else place
            found.append(Worst(output=output, axis=axis, column=at, agreement=float(agreement[place])))
    if not found:
        return Missing("nothing but classes is to be compared")
    return min(found, key=lambda one: one.agreement)
