"""Explain saved outputs of `perf stat`: why one run took longer than the other, by their counts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from ironlaw.analysis.compare import compare, difference_of
from ironlaw.analysis.concerns.perf_outputs import output_doubts, outputs_doubts
from ironlaw.analysis.iron_law.misleading import misleading
from ironlaw.analysis.single import ONCE, require_distinct
from ironlaw.analysis.statistics.interval import t_quantile
from ironlaw.analysis.summaries import measured_row
from ironlaw.analysis.turns import ArmTurns, PerInference
from ironlaw.attached.perf_format import parse
from ironlaw.attachment import PerfCount, PerfOutput
from ironlaw.concern import Concern
from ironlaw.errors import BadInput
from ironlaw.estimate import Estimate
from ironlaw.event import MOST_INSTRUCTIONS_PER_CYCLE, most_per_ns
from ironlaw.explanation import (
    HAS_INTERVAL,
    ArmSummary,
    Comparison,
    Difference,
    Explanation,
)
from ironlaw.explanation.split import Term
from ironlaw.missing import Maybe, Missing, is_known

SOURCE = "perf stat"
NO_CPU_TIME = Missing("the output has no task-clock: assumed equal in both arms, inside the frequency term")
UNCOUNTED_RUNS = Missing("output of perf stat -r with -x or -j does not report its number of runs")
WHOLE_TIME = 0.9995  # perf prints hundredths of a percent, and 99.97 % for a counter that never waited


@dataclass(frozen=True, slots=True, kw_only=True)
class PerfArm:
    """One saved output as an arm with a single turn."""

    name: str
    output: PerfOutput
    turns: ArmTurns
    row: ArmSummary
    has_cpu_time: bool


def explain_perf_stat(texts: list[tuple[str, str]]) -> Explanation:
    """Compare saved outputs of `perf stat`, each given as (name, text): every one with the one before it.

    Raises:
        BadInput: an output cannot be read, or has no time elapsed.
    """
    return explain_outputs([(name, parse(text, named=name)) for name, text in texts])


def explain_outputs(outputs: list[tuple[str, PerfOutput]]) -> Explanation:
    """Compare outputs of `perf stat` that were read, each given as (name, output): every one with the one before it.

    Raises:
        BadInput: there are fewer than two, or one has no time elapsed.
    """
    require_distinct([name for name, _ in outputs], SOURCE)
    arms = [_arm(name, output) for name, output in outputs]
    steps = list(pairwise(arms))
    if len(arms) > 2:
        steps.append((arms[0], arms[-1]))
    return Explanation(
        machine=Missing("an output of perf stat does not name its machine"),
        plan=Missing("an output of perf stat has no plan"),
        arms=tuple(arm.row for arm in arms),
        comparisons=tuple(_compare(control, changed) for control, changed in steps),
        concerns=(*(concern for arm in arms for concern in _doubts(arm)), *_doubts_of_all(arms)),
        control_check=Missing("there is no control arm: no output is of the same program as another"),
    )


def _arm(name: str, output: PerfOutput) -> PerfArm:
    if isinstance(output.elapsed_ns, Missing):
        raise BadInput(
            f"{name} has no time elapsed: {output.elapsed_ns.reason}",
            hint="save the text output, or add -e duration_time,task-clock",
        )
    if not output.elapsed_ns > 0:
        raise BadInput(f"{name}, column time elapsed: {output.elapsed_ns:g} must be above 0", hint="run it again")
    wall_ns = output.elapsed_ns
    cpu_ns = _cpu_ns(output)
    turns = _turns(name, output, wall_ns, cpu_ns)
    row = measured_row(turns)
    return PerfArm(
        name=name,
        output=output,
        turns=turns,
        row=replace(
            row,
            inferences=Missing("perf stat counts a whole process, not inferences"),
            wall_ns=_interval(wall_ns, output),
            wall_ns_once=HAS_INTERVAL if is_known(_interval(wall_ns, output)) else wall_ns,
            cpu_ns=cpu_ns,
        ),
        has_cpu_time=is_known(cpu_ns),
    )


def _cpu_ns(output: PerfOutput) -> Maybe[float]:
    for wanted in ("task-clock", "cpu-clock"):
        for counted in output.counted:
            if counted.event.partition(":")[0] == wanted and is_known(counted.value) and counted.value > 0:
                return counted.value
    if is_known(output.user_ns) and is_known(output.kernel_ns) and output.user_ns + output.kernel_ns > 0:
        return output.user_ns + output.kernel_ns
    return Missing("the output has neither task-clock nor user and sys time")


def _turns(name: str, output: PerfOutput, wall_ns: float, cpu_ns: Maybe[float]) -> ArmTurns:
    """The output as one turn of one inference, the whole process being that inference."""
    busy_ns = cpu_ns if is_known(cpu_ns) else wall_ns
    values: dict[str, float] = {}
    absent: dict[str, Missing] = {}
    for event, value in _by_event(output, busy_ns).items():
        if isinstance(value, Missing):
            absent[event] = value
        else:
            values[event] = value
    if is_known(output.user_ns) and is_known(output.kernel_ns):
        values |= {"user_ns": output.user_ns, "kernel_ns": output.kernel_ns}
    if "page-faults" not in values and {"minor-faults", "major-faults"} <= values.keys():
        values["page-faults"] = values["minor-faults"] + values["major-faults"]
    zero = np.zeros(1, dtype=np.int64)
    return ArmTurns(
        arm=name,
        replicate=zero,
        round=zero,
        position=zero,
        inferences=np.ones(1, dtype=np.int64),
        wall_ns=np.array([wall_ns]),
        cpu_ns=np.array([busy_ns]),
        columns={event: PerInference(zero, np.array([value])) for event, value in values.items()},
        absent=absent,
        otherwise=Missing("the output does not hold it"),
    )


def _by_event(output: PerfOutput, busy_ns: float) -> dict[str, Maybe[float]]:
    """Each event's count; Missing if two PMUs of a hybrid CPU share it, or if it is physically impossible."""
    found: dict[str, Maybe[float]] = {}
    for counted in output.counted:
        earlier = found.get(counted.event)
        if earlier is None or isinstance(earlier, Missing):
            found[counted.event] = counted.value if earlier is None or is_known(counted.value) else earlier
        elif is_known(counted.value) and counted.value > 0 and counted.pmu:
            found[counted.event] = Missing(
                f"{counted.event} was counted on two kinds of cores, each scaled to the whole run; they do not add up"
            )
    for event, value in found.items():
        if is_known(value) and _is_count(event) and value > most_per_ns(event) * busy_ns:
            found[event] = Missing(f"{event} reads {value:.4g} in {busy_ns:.4g} ns: no CPU counts that fast")
    for mode in ("", ":u", ":k"):
        instructions, cycles = found.get("instructions" + mode, ONCE), found.get("cycles" + mode, ONCE)
        if is_known(instructions) and is_known(cycles) and instructions > MOST_INSTRUCTIONS_PER_CYCLE * cycles:
            why = f"instructions{mode} {instructions:.4g} in {cycles:.4g} cycles: more than any CPU retires"
            found["instructions" + mode] = found["cycles" + mode] = Missing(why)
    return found


def _is_count(event: str) -> bool:
    return not event.partition(":")[0].endswith(("-clock", "_time"))


def _interval(wall_ns: float, output: PerfOutput) -> Maybe[Estimate]:
    """Mean of the runs with Student's t interval; perf prints the standard error of the mean in percent."""
    if _has_uncounted_runs(output):
        return UNCOUNTED_RUNS
    if isinstance(output.elapsed_spread, Missing):
        return ONCE
    if isinstance(output.runs, Missing):
        return UNCOUNTED_RUNS
    if output.runs < 2:
        return ONCE
    half = t_quantile(output.runs - 1, 0.975) * output.elapsed_spread * wall_ns
    return Estimate(value=wall_ns, low=wall_ns - half, high=wall_ns + half)


def _has_uncounted_runs(output: PerfOutput) -> bool:
    """Whether it is of several runs, since its counters have a spread, and does not report how many."""
    return isinstance(output.runs, Missing) and any(is_known(one.spread) for one in output.counted)


def _compare(control: PerfArm, changed: PerfArm) -> Comparison:
    comparison, _ = compare(control.turns, changed.turns, Missing("the machine is not known"))
    once = comparison.once
    assert is_known(once)
    said = tuple(dict.fromkeys((*control.output.assumptions, *changed.output.assumptions)))
    once = replace(once, assumptions=(*once.assumptions, *said))
    if not (control.has_cpu_time and changed.has_cpu_time):
        kept = dict(once.counterfactuals_ns)
        kept.pop(Term.UTILISATION, None)
        once = replace(once, terms={**once.terms, Term.UTILISATION: NO_CPU_TIME}, counterfactuals_ns=kept)
    ln_ratio = _ln_ratio(once.ln_ratio, control.output, changed.output)
    made = replace(
        comparison,
        ln_ratio=ln_ratio,
        rank=ONCE,
        replicates=(),
        split=Missing("perf stat does not report how counts and time varied together, so no term has an interval"),
        misleading=misleading(control.row, changed.row, once.ln_ratio),
        once=once,
    )
    return replace(made, difference=difference_of(made) if is_known(ln_ratio) else Difference.UNPROVEN)


def _ln_ratio(value: float, control: PerfOutput, changed: PerfOutput) -> Maybe[Estimate]:
    """Welch's interval on ln(control/changed) from both relative standard errors (-r), to first order."""
    errors = (control.elapsed_spread, changed.elapsed_spread)
    runs = (control.runs, changed.runs)
    if _has_uncounted_runs(control) or _has_uncounted_runs(changed):
        return UNCOUNTED_RUNS
    if not (is_known(errors[0]) and is_known(errors[1])):
        return ONCE
    if not (is_known(runs[0]) and is_known(runs[1])):
        return UNCOUNTED_RUNS
    if min(runs[0], runs[1]) < 2:
        return ONCE
    parts = (errors[0] ** 2, errors[1] ** 2)
    variance = parts[0] + parts[1]
    if variance == 0:
        return Estimate(value=value, low=value, high=value)
    degrees = variance**2 / (parts[0] ** 2 / (runs[0] - 1) + parts[1] ** 2 / (runs[1] - 1))
    half = t_quantile(degrees, 0.975) * math.sqrt(variance)
    return Estimate(value=value, low=value - half, high=value + half)


def _doubts(arm: PerfArm) -> Iterator[Concern]:
    scaled = {one.event: one.share for one in arm.output.counted if _gap(arm, one) is None and one.share < WHOLE_TIME}
    return output_doubts(arm.name, lost=_lost(arm), scaled=scaled, unread=arm.output.unread)


def _gap(arm: PerfArm, counted: PerfCount) -> Missing | None:
    return counted.value if isinstance(counted.value, Missing) else arm.turns.absent.get(counted.event)


def _lost(arm: PerfArm) -> dict[str, list[str]]:
    """The unknown events by reason."""
    by_reason: dict[str, list[str]] = {}
    for counted in arm.output.counted:
        gap = _gap(arm, counted)
        if gap is not None and counted.event not in by_reason.setdefault(gap.reason, []):
            by_reason[gap.reason].append(counted.event)
    return by_reason


def _doubts_of_all(arms: list[PerfArm]) -> Iterator[Concern]:
    gaps = [arm.row.wall_ns for arm in arms if isinstance(arm.row.wall_ns, Missing)]
    return outputs_doubts(
        uncounted_runs=UNCOUNTED_RUNS.reason if UNCOUNTED_RUNS in gaps else "",
        is_of_one_run=ONCE in gaps,
        is_user_only=any(_user_only(arm) for arm in arms),
    )


def _user_only(arm: PerfArm) -> bool:
    return is_known(arm.turns.column("instructions:u")) and not (
        is_known(arm.turns.column("instructions:k")) or is_known(arm.turns.column("instructions"))
    )
