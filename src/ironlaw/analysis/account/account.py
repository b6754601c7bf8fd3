"""The difference of two arms by what code executed: rows that add up to the clock's difference."""

from __future__ import annotations

import math

import numpy as np

from ironlaw.account import Account, AccountRow
from ironlaw.analysis.account.executed import Cell, Sampled
from ironlaw.analysis.statistics.interval import t_quantile
from ironlaw.analysis.turns import Floats
from ironlaw.estimate import Estimate
from ironlaw.missing import Maybe, Missing

SHOWN_UNMATCHED = 5


def account(
    control: Maybe[Sampled], changed: Maybe[Sampled], *, control_ns: float, changed_ns: float
) -> Maybe[Account]:
    """Divide control_ns - changed_ns, the clock's ns per inference of both arms, among categories of code.

    A cell's time is its share of the samples times the arm's counted time, so that cells add up to it. The interval of
    a cell is Student's over the replicates' shares, and never narrower than counting its samples allows (a cell seen
    once in a thousand is known as badly as that, however alike the replicates are).
    """
    if isinstance(control, Missing):
        return control
    if isinstance(changed, Missing):
        return changed
    cells: tuple[Cell, ...] = tuple(dict.fromkeys((*control.cells, *changed.cells)))
    before, before_half = _times(control, cells, control_ns)
    after, after_half = _times(changed, cells, changed_ns)
    half = np.hypot(before_half, after_half)
    rows = [
        AccountRow(
            category=cell[0],
            instructions=cell[1],
            control_ns=_estimate(before[place], before_half[place], least=0.0),
            changed_ns=_estimate(after[place], after_half[place], least=0.0),
            saved_ns=_estimate(before[place] - after[place], half[place]),
        )
        for place, cell in enumerate(cells)
    ]
    total = control.unmatched + changed.unmatched
    samples = control.executed.samples + changed.executed.samples
    return Account(
        rows=tuple(sorted(rows, key=lambda row: -abs(row.saved_ns.value))),
        total_ns=control_ns - changed_ns,
        samples=(control.executed.samples, changed.executed.samples),
        unmatched=tuple((name, count / samples) for name, count in total.most_common(SHOWN_UNMATCHED)),
    )


def _times(arm: Sampled, cells: tuple[Cell, ...], wall_ns: float) -> tuple[Floats, Floats]:
    """Time per inference in each cell, and half the width of its 95 % interval, in ns."""
    places = {cell: place for place, cell in enumerate(arm.cells)}
    columns = [arm.shares[:, places[cell]] if cell in places else np.zeros(len(arm.replicates)) for cell in cells]
    shares = np.stack(columns, axis=1)
    mean = shares.mean(axis=0)
    count = len(arm.replicates)
    samples = sum(arm.samples)
    # Agresti & Coull: two successes and two failures more keep the error of a share of 0 or 1 above zero.
    plus = (mean * samples + 2) / (samples + 4)
    of_counting = 1.96 * np.sqrt(plus * (1 - plus) / (samples + 4))
    between = (
        t_quantile(count - 1, 0.975) * shares.std(axis=0, ddof=1) / math.sqrt(count)
        if count > 1
        else np.zeros(len(cells))
    )
    return mean * wall_ns, np.maximum(of_counting, between) * wall_ns


def _estimate(value: float, half: float, least: float = -math.inf) -> Estimate:
    return Estimate(value=float(value), low=float(max(least, value - half)), high=float(value + half))
