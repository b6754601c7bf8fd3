"""The difference of two arms by executed code: rows that add up to the difference of the wall times."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ironlaw.analysis.account.executed import Cell, Sampled
from ironlaw.analysis.statistics.interval import normal_quantile, t_quantile
from ironlaw.analysis.statistics.moderated import family_tail, simultaneous_half_widths
from ironlaw.analysis.turns import Floats
from ironlaw.code import InstructionClass
from ironlaw.estimate import Estimate
from ironlaw.explanation.account import Account, AccountRow, Category, CategoryRow
from ironlaw.missing import Maybe, Missing

SHOWN_UNMATCHED = 5
_LEAST_OF_A_CATEGORY = 0.1  # of its time, from which on a class of instructions is one that it is named with
_OF_ONE = 0.025  # the tail of an interval that holds for one row alone
_FEWEST_PAIRS = 2  # replicates below which a spread between them is no interval


def account(
    control: Maybe[Sampled], changed: Maybe[Sampled], *, control_ns: float, changed_ns: float
) -> Maybe[Account]:
    """Divide control_ns - changed_ns (wall times per inference of both arms) among categories of code.

    A cell's time is its share of the samples times the arm's counted time, so that cells add up to it. Its interval in
    an arm is Student's over replicates, each with its own shares and times. Intervals of savings are over differences
    paired by replicate, and hold for all rows together: two equal arms differ in no row in 95 % of comparisons. None is
    narrower than the counting error of its samples, however similar the replicates are.
    """
    if isinstance(control, Missing):
        return control
    if isinstance(changed, Missing):
        return changed
    cells: tuple[Cell, ...] = tuple(dict.fromkeys((*control.cells, *changed.cells)))
    before, after = _Times.of(control, cells, control_ns), _Times.of(changed, cells, changed_ns)
    alone = before.half_ns(_OF_ONE), after.half_ns(_OF_ONE)
    saved = _paired(control, changed, before, after)
    rows = [
        AccountRow(
            category=cell[0],
            instructions=cell[1],
            control_ns=_estimate(before.mean_ns[place], alone[0][place], least=0.0),
            changed_ns=_estimate(after.mean_ns[place], alone[1][place], least=0.0),
            saved_ns=_estimate(before.mean_ns[place] - after.mean_ns[place], saved[place]),
        )
        for place, cell in enumerate(cells)
    ]
    return Account(
        rows=tuple(sorted(rows, key=lambda row: -abs(row.saved_ns.value))),
        categories=_categories(control, changed, rows, (control_ns, changed_ns)),
        total_ns=control_ns - changed_ns,
        samples=(control.executed.samples, changed.executed.samples),
        unmatched=_unmatched(control, changed),
    )


def _categories(
    control: Sampled, changed: Sampled, rows: Sequence[AccountRow], walls_ns: tuple[float, float]
) -> tuple[CategoryRow, ...]:
    """Rows of whole categories, whose intervals are not the sums of those of their classes."""
    one, other = _merged(control), _merged(changed)
    cells = tuple(dict.fromkeys((*one.cells, *other.cells)))
    before, after = _Times.of(one, cells, walls_ns[0]), _Times.of(other, cells, walls_ns[1])
    half = _paired(one, other, before, after)
    found = [
        CategoryRow(
            category=cell[0],
            saved_ns=_estimate(before.mean_ns[place] - after.mean_ns[place], half[place]),
            control=_classes(rows, cell[0], is_changed=False),
            changed=_classes(rows, cell[0], is_changed=True),
        )
        for place, cell in enumerate(cells)
    ]
    return tuple(sorted(found, key=lambda row: -abs(row.saved_ns.value)))


def _merged(arm: Sampled) -> Sampled:
    """The arm with one cell per category."""
    cells = tuple(dict.fromkeys((category, None) for category, _ in arm.cells))
    columns = [
        arm.shares[:, [place for place, cell in enumerate(arm.cells) if cell[0] is category]].sum(axis=1)
        for category, _ in cells
    ]
    return replace(arm, cells=cells, shares=np.stack(columns, axis=1))


def _classes(rows: Sequence[AccountRow], category: Category, *, is_changed: bool) -> tuple[InstructionClass, ...]:
    times = {
        row.instructions: (row.changed_ns if is_changed else row.control_ns).value
        for row in rows
        if row.category is category and row.instructions is not None
    }
    whole = sum(times.values())
    shown = (kind for kind, time in times.items() if time > 0 and time >= _LEAST_OF_A_CATEGORY * whole)
    return tuple(sorted(shown, key=lambda kind: -times[kind]))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Times:
    """An arm's time per inference in each cell, in ns: per replicate, the mean, and its standard error of counting."""

    by_replicate_ns: Floats  # rows are replicates, columns cells
    mean_ns: Floats
    counting_ns: Floats

    @classmethod
    def of(cls, arm: Sampled, cells: tuple[Cell, ...], wall_ns: float) -> _Times:
        places = {cell: place for place, cell in enumerate(arm.cells)}
        columns = [arm.shares[:, places[cell]] if cell in places else np.zeros(len(arm.replicates)) for cell in cells]
        shares = np.stack(columns, axis=1)
        mean = shares.mean(axis=0)
        samples = sum(arm.samples)
        # Agresti & Coull, American Statistician 52 (1998) 119: two successes and two failures more keep the error of a
        # share of 0 or 1 above zero.
        plus = (mean * samples + 2) / (samples + 4)
        return cls(
            by_replicate_ns=shares * arm.relative[:, None] * wall_ns,
            mean_ns=mean * wall_ns,
            counting_ns=np.sqrt(plus * (1 - plus) / (samples + 4)) * wall_ns,
        )

    def half_ns(self, tail: float) -> Floats:
        """Half widths of each cell's interval that leaves this much on each side."""
        half: Floats = np.maximum(normal_quantile(1 - tail) * self.counting_ns, _student(self.by_replicate_ns, tail))
        return half


def _paired(control: Sampled, changed: Sampled, before: _Times, after: _Times) -> Floats:
    """Half widths of the intervals of the cells' savings, which hold for all cells together.

    Over the replicates in which both arms were sampled; with fewer than two of these, over each arm's own.
    """
    shared = sorted({*control.replicates} & {*changed.replicates})
    if len(shared) < _FEWEST_PAIRS:
        tail = family_tail(len(before.mean_ns))
        return np.hypot(before.half_ns(tail), after.half_ns(tail))
    first = [control.replicates.index(number) for number in shared]
    second = [changed.replicates.index(number) for number in shared]
    between = before.by_replicate_ns[first] - after.by_replicate_ns[second]
    return simultaneous_half_widths(between, np.hypot(before.counting_ns, after.counting_ns))


def _student(values: Floats, tail: float) -> Floats:
    """Half widths of Student's intervals of the columns' means; 0 with one row, which shows no spread."""
    count = len(values)
    if count < 2:
        return np.zeros(values.shape[1])
    half: Floats = t_quantile(count - 1, 1 - tail) * values.std(axis=0, ddof=1) / math.sqrt(count)
    return half


def _unmatched(control: Sampled, changed: Sampled) -> tuple[tuple[str, float], ...]:
    """The largest symbols that match no rule, with their share of the time of both arms."""
    shares: dict[str, float] = defaultdict(float)
    for arm in (control, changed):
        for code, share in arm.executed.code:
            if code.category is Category.OTHER:
                shares[f"{code.object} {code.name}"] += share / 2
    return tuple(sorted(shares.items(), key=lambda item: -item[1])[:SHOWN_UNMATCHED])


def _estimate(value: float, half: float, least: float = -math.inf) -> Estimate:
    return Estimate(value=float(value), low=float(max(least, value - half)), high=float(value + half))
