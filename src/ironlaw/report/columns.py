"""The table of the arms, as rows and columns of text, for every output that shows it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ironlaw.estimate import Estimate
from ironlaw.explanation import NOT_RECORDED, ArmSummary, Comparison, Explanation
from ironlaw.missing import Maybe, Missing, Remedy, is_known
from ironlaw.report.arms import remark
from ironlaw.report.quantity import (
    COUNT,
    MEGABYTES,
    PERCENT,
    PLAIN,
    TIME,
    Footnotes,
    Scale,
    decimal,
    measured,
    number,
    once_or,
    ratio,
    scale_for,
)
from ironlaw.report.words import unit_of_work
from ironlaw.text import plain

CONTROL_CELL = "1 (control)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One quantity of all arms: a title, the unit its cells share, and a text or a gap per arm."""

    key: str
    title: str
    heading: str  # the title, short and broken into lines, for narrow tables
    unit: str
    cells: tuple[str | Missing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRow:
    """One arm: its name as text, whether an experiment added it, why it failed if it did, and what its numbers need."""

    name: str
    is_added: bool
    failure: str
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LostColumns:
    """Columns that no arm has a value for, the reason they share, and what brings them back where that is known."""

    titles: tuple[str, ...]
    reason: str
    remedy: Remedy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmsTable:
    """The table: its rows in the plan's order, the columns that have values, and those that were lost."""

    rows: tuple[ArmRow, ...]
    columns: tuple[Column, ...]
    lost: tuple[LostColumns, ...]


def arms_table(explanation: Explanation, *, n: int | None = None) -> ArmsTable:
    """The table of the arms; with `n`, also the time that n inferences take."""
    arms = ordered_arms(explanation)
    added = added_arms(explanation)
    built = _columns(explanation, arms, n=n)
    running = [place for place, arm in enumerate(arms) if not arm.failure]
    kept: list[Column] = []
    lost: dict[str, LostColumns] = {}
    for column in built:
        gaps = [column.cells[place] for place in running or range(len(arms))]
        reasons = {cell.reason for cell in gaps if isinstance(cell, Missing)}
        if any(not isinstance(cell, Missing) for cell in gaps):
            kept.append(column)
        elif reasons and reasons != {NOT_RECORDED.reason}:
            reason = "; ".join(sorted(reasons - {NOT_RECORDED.reason}))
            remedy = next((cell.remedy for cell in gaps if isinstance(cell, Missing) and cell.remedy), None)
            others = lost.get(reason, LostColumns(titles=(), reason=reason, remedy=remedy))
            lost[reason] = replace(others, titles=(*others.titles, column.title))
    return ArmsTable(
        rows=tuple(
            ArmRow(
                name=plain(arm.arm),
                is_added=arm.arm in added,
                failure=plain(arm.failure),
                remark=remark(explanation, arm),
            )
            for arm in arms
        ),
        columns=tuple(kept),
        lost=tuple(lost.values()),
    )


def asked_rows(table: ArmsTable) -> ArmsTable:
    """The table without the arms that only experiments requested."""
    return _with_rows(table, [place for place, row in enumerate(table.rows) if not row.is_added])


def foremost_rows(table: ArmsTable, explanation: Explanation, *, first: Sequence[str], most: int | None) -> ArmsTable:
    """The table with `most` rows at most, in its order.

    Kept are the control, the arms named `first`, the one recommended, and those with a remark on their answers, then
    those that differ most.
    """
    found = explanation.recommendation
    kept = {plain(name) for name in (control_name(explanation), *first)}
    kept |= set() if isinstance(found, Missing) else {plain(found.arm)}
    moved = {plain(one.changed): moved_by(one) for one in explanation.comparisons}
    remarked = {row.name for row in table.rows if row.remark}

    def rank(row: ArmRow) -> tuple[bool, bool, float]:
        return row.name not in kept, row.name not in remarked, -moved.get(row.name, 0.0)

    order = sorted(enumerate(table.rows), key=lambda one: rank(one[1]))
    return _with_rows(table, sorted(place for place, _ in order[:most]))


def _with_rows(table: ArmsTable, kept: list[int]) -> ArmsTable:
    return replace(
        table,
        rows=tuple(table.rows[place] for place in kept),
        columns=tuple(replace(column, cells=tuple(column.cells[place] for place in kept)) for column in table.columns),
    )


def ordered_arms(explanation: Explanation) -> tuple[ArmSummary, ...]:
    """The arms in the plan's order; those that the plan does not name come last, as given."""
    if isinstance(explanation.plan, Missing):
        return explanation.arms
    place = {arm.name: index for index, arm in enumerate(explanation.plan.arms)}
    return tuple(sorted(explanation.arms, key=lambda arm: place.get(arm.arm, len(place))))


def added_arms(explanation: Explanation) -> frozenset[str]:
    """The arms that only experiments requested."""
    if isinstance(explanation.plan, Missing):
        return frozenset()
    return frozenset(arm.name for arm in explanation.plan.arms if arm.serves)


def control_name(explanation: Explanation) -> str:
    """The arm that the others are compared with: the plan's first, unless another one was chosen."""
    if is_known(explanation.plan):
        chosen = {comparison.control for comparison in explanation.comparisons}
        return chosen.pop() if len(chosen) == 1 else explanation.plan.control.name
    return explanation.arms[0].arm if explanation.arms else ""


def _controls(explanation: Explanation) -> frozenset[str]:
    """The arms that are compared with none, but others with them, if there are several.

    There is one a phase of generation and one a point, and of attached files one a benchmark.
    """
    plan = explanation.plan
    if isinstance(plan, Missing):
        compared = {comparison.changed for comparison in explanation.comparisons}
        found = frozenset(comparison.control for comparison in explanation.comparisons) - compared
    else:
        found = frozenset(plan.control_of(arm).name for arm in plan.asked())
    return found if len(found) > 1 else frozenset()


def asked_comparisons(explanation: Explanation) -> tuple[Comparison, ...]:
    """The comparisons of arms that were requested, without those that only experiments needed."""
    added = added_arms(explanation)
    return tuple(item for item in explanation.comparisons if item.changed not in added)


def moved_by(comparison: Comparison) -> float:
    """The absolute difference of the two arms in ln units; 0 if unknown."""
    if not isinstance(comparison.ln_ratio, Missing):
        return abs(comparison.ln_ratio.value)
    return 0.0 if isinstance(comparison.once, Missing) else abs(comparison.once.ln_ratio)


def widest_first(comparisons: tuple[Comparison, ...]) -> list[Comparison]:
    """The comparisons sorted by difference, the largest first.

    Steps, whose controls differ, stay in their order.
    """
    if len({comparison.control for comparison in comparisons}) > 1:
        return list(comparisons)
    return sorted(comparisons, key=moved_by, reverse=True)


def comparison_with(explanation: Explanation, arm: str) -> Comparison | None:
    """The comparison of an arm with the control of the recording; in attached files, with that of its benchmark."""
    controls = {control_name(explanation)}
    if isinstance(explanation.plan, Missing):
        controls |= _controls(explanation)
    check = explanation.control_check
    candidates = (*explanation.comparisons, *((check,) if is_known(check) else ()))
    return next((c for c in candidates if c.control in controls and c.changed == arm), None)


def speedup(explanation: Explanation, arm: str) -> Estimate | float | Missing:
    """How many times faster an arm is than the control: control over changed."""
    comparison = comparison_with(explanation, arm)
    if comparison is not None:
        return comparison_speedup(comparison)
    row = next((row for row in explanation.arms if row.arm == arm), None)
    return Missing("was not compared with the control") if row is None else row.speedup


def comparison_speedup(comparison: Comparison) -> Estimate | float | Missing:
    """Control over changed: with its interval, or as it was read once."""
    once = comparison.once
    ln_ratio = once_or(comparison.ln_ratio, once if isinstance(once, Missing) else once.ln_ratio)
    if isinstance(ln_ratio, Missing):
        return ln_ratio
    return ln_ratio.through(math.exp) if isinstance(ln_ratio, Estimate) else math.exp(ln_ratio)


def _columns(explanation: Explanation, arms: tuple[ArmSummary, ...], *, n: int | None) -> list[Column]:
    work = unit_of_work(explanation.plan)
    times = [_time_column("time_per_inference", f"{explanation.times_are} per {work}", arms, factor=1)]
    if n is not None and is_known(explanation.plan):
        times.append(_time_column("time_for_n", f"for {n} {work}s", arms, factor=n))
    # What the blog post's table shows comes first: narrow outputs put the rest elsewhere.
    return [*times, _speedup_column(explanation, arms), *_quality(arms), *_costs(arms, work)]


def _quality(arms: tuple[ArmSummary, ...]) -> list[Column]:
    return [
        _ipc_column(arms),
        _column(
            "cache_miss_percent",
            "cache-miss percentage",
            "cache\nmiss",
            PERCENT,
            [arm.cache_miss_share for arm in arms],
        ),
        _size_column(arms),
        _accuracy_column(arms),
    ]


def _costs(arms: tuple[ArmSummary, ...], work: str) -> list[Column]:
    wall = scale_for(TIME, [_value(wall_time(arm)) for arm in arms])
    instructions = [arm.instructions for arm in arms]
    misses = [arm.cache_misses for arm in arms]
    switches = [arm.context_switches for arm in arms]
    faults = [arm.page_faults for arm in arms]
    return [
        _column("page_faults", f"page faults per {work}", "page\nfaults", PLAIN, faults),
        _column("user_time", "user time", "user", wall, [arm.user_ns for arm in arms]),
        _column("kernel_time", "kernel time", "kernel", wall, [arm.kernel_ns for arm in arms]),
        _column(
            "instructions",
            f"instructions per {work}",
            f"instr.\n/ {work}",
            scale_for(COUNT, instructions),
            instructions,
        ),
        _column("cache_misses", f"cache misses per {work}", f"misses\n/ {work}", scale_for(COUNT, misses), misses),
        _column("context_switches", f"context switches per {work}", "context\nswitches", PLAIN, switches, digits=2),
    ]


def wall_time(arm: ArmSummary) -> Estimate | float | Missing:
    """An arm's time per inference in ns: with its interval, or as it was read once."""
    return once_or(arm.wall_ns, arm.wall_ns_once)


def _value(time: Estimate | float | Missing) -> Maybe[float]:
    return time.value if isinstance(time, Estimate) else time


def _time_column(key: str, title: str, arms: tuple[ArmSummary, ...], *, factor: int) -> Column:
    times = [_times(wall_time(arm), factor) for arm in arms]
    scale = scale_for(TIME, [_value(time) for time in times])
    heading = title.replace(" per ", " per\n") if factor == 1 else "\n".join(title.rsplit(" ", 1))
    cells = tuple(_time_cell(time, scale) for time in times)
    return Column(key=key, title=title, heading=heading, unit=scale.unit, cells=cells)


def _times(time: Estimate | float | Missing, factor: int) -> Estimate | float | Missing:
    if isinstance(time, Missing):
        return time
    return time.through(lambda ns: ns * factor) if isinstance(time, Estimate) else time * factor


def _time_cell(time: Estimate | float | Missing, scale: Scale) -> str | Missing:
    if isinstance(time, Missing):
        return time
    return measured(time, scale).value if isinstance(time, Estimate) else number(time, scale)


def _speedup_column(explanation: Explanation, arms: tuple[ArmSummary, ...]) -> Column:
    def cell(arm: ArmSummary) -> str | Missing:
        is_control = arm.arm == control_name(explanation) or arm.arm in _controls(explanation)
        if is_control and not arm.failure:
            return CONTROL_CELL
        value = speedup(explanation, arm.arm)
        return value if isinstance(value, Missing) else ratio(value)

    cells = tuple(cell(arm) for arm in arms)
    return Column(key="speedup", title="speed-up", heading="speed-up", unit="[95 %]", cells=cells)


def _ipc_column(arms: tuple[ArmSummary, ...]) -> Column:
    """Two decimals, as perf prints them: 1.06 and 1.15 are not both 1.1."""
    cells = tuple(ipc if isinstance(ipc, Missing) else decimal(ipc, 2) for ipc in (arm.ipc for arm in arms))
    return Column(key="ipc", title="IPC", heading="IPC", unit="", cells=cells)


def _size_column(arms: tuple[ArmSummary, ...]) -> Column:
    cells = tuple(
        size if isinstance(size, Missing) else decimal(size / MEGABYTES.size, 2)
        for size in (arm.size_bytes for arm in arms)
    )
    return Column(key="size", title="size", heading="size", unit=MEGABYTES.unit, cells=cells)


def _accuracy_column(arms: tuple[ArmSummary, ...]) -> Column:
    def cell(accuracy: Maybe[Estimate]) -> str | Missing:
        if isinstance(accuracy, Missing):
            return accuracy
        # Shares are counted, so their digits are known; by the width of the interval, few labels would leave one.
        value, low, high = (number(share, PERCENT) for share in (accuracy.value, accuracy.low, accuracy.high))
        return f"{value} [{low}, {high}]"

    cells = tuple(cell(arm.accuracy) for arm in arms)
    title = "correct on the labelled inputs"
    return Column(key="accuracy", title=title, heading="right", unit="% [95 %]", cells=cells)


def _column(
    key: str,
    title: str,
    heading: str,
    scale: Scale,
    values: Sequence[Maybe[float]],
    *,
    digits: int = 3,
) -> Column:
    cells = tuple(value if isinstance(value, Missing) else number(value, scale, digits=digits) for value in values)
    return Column(key=key, title=title, heading=heading, unit=scale.unit, cells=cells)


def cell_text(cell: str | Missing, footnotes: Footnotes) -> str:
    """A cell as text: a gap becomes a dash with the number of its footnote."""
    return footnotes.mark(cell) if isinstance(cell, Missing) else cell
