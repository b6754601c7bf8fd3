"""One row per arm: its time with an interval, its counts, and the cost of preparing it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ironlaw.analysis.agreement import agreements
from ironlaw.analysis.statistics.interval import share_interval, t_interval
from ironlaw.analysis.statistics.paired import mean_by
from ironlaw.analysis.turns import ArmTurns, PerInference
from ironlaw.explanation import HAS_INTERVAL, ArmSummary
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.recording import Recording

NO_TURN = Missing("the arm took no turn")


def summarise(recording: Recording, turns: dict[str, ArmTurns], names: list[str]) -> tuple[ArmSummary, ...]:
    """The rows of the named arms, in that order; an arm that took no turn has a row of gaps."""
    answers = agreements(recording.outputs, control=names[0]) if names else {}
    rows = []
    for name in names:
        row = measured_row(turns[name]) if name in turns and len(turns[name]) else _absent(name)
        row = _with_costs(row, recording)
        rows.append(replace(row, **answers[name]) if name in answers else row)
    return tuple(rows)


def _absent(name: str) -> ArmSummary:
    return ArmSummary(arm=name, inferences=0, wall_ns=NO_TURN, wall_ns_once=NO_TURN)


def measured_row(turns: ArmTurns) -> ArmSummary:
    """Compute an arm's row from its turns: time, counts per inference, ratios."""
    replicates = np.unique(turns.replicate)
    ln_wall = t_interval(mean_by(turns.replicate, np.log(turns.wall_ns), replicates))
    instructions, cycles = total_column(turns, "instructions"), total_column(turns, "cycles")
    references, misses = total_column(turns, "cache-references"), total_column(turns, "cache-misses")
    return ArmSummary(
        arm=turns.arm,
        inferences=int(turns.inferences.sum()),
        wall_ns=ln_wall.through(math.exp) if is_known(ln_wall) else ln_wall,
        wall_ns_once=HAS_INTERVAL if is_known(ln_wall) else math.exp(float(np.log(turns.wall_ns).mean())),
        user_ns=turns.mean("user_ns"),
        kernel_ns=turns.mean("kernel_ns"),
        cpu_ns=float(turns.cpu_ns.mean()),
        instructions=_mean(instructions),
        cycles=_mean(cycles),
        ipc=_ratio(instructions, cycles),
        frequency_hz=_frequency(turns, cycles),
        cache_references=_mean(references),
        cache_misses=_mean(misses),
        cache_miss_share=_ratio(misses, references),
        branch_misses=_mean(total_column(turns, "branch-misses")),
        context_switches=turns.mean("context-switches"),
        page_faults=turns.mean("page-faults"),
        migrations=turns.mean("cpu-migrations"),
    )


def total_column(turns: ArmTurns, event: str) -> Maybe[PerInference]:
    """Both modes together: counted together, or the sum in turns that counted them separately.

    If kernel mode was refused in the whole recording, this is user mode alone, and a concern says so.
    """
    both, user, kernel = (turns.column(event + suffix) for suffix in ("", ":u", ":k"))
    parts = []
    if is_known(both):
        parts.append(both)
    if is_known(user) and is_known(kernel):
        shared, at_user, at_kernel = np.intersect1d(user.turn, kernel.turn, return_indices=True)
        if len(shared):
            parts.append(PerInference(shared, user.value[at_user] + kernel.value[at_kernel]))
    if parts:
        turn = np.concatenate([part.turn for part in parts])
        return PerInference(turn, np.concatenate([part.value for part in parts]))
    if is_known(user) and not is_known(kernel):
        return user
    return both


def _mean(column: Maybe[PerInference]) -> Maybe[float]:
    return column if isinstance(column, Missing) else float(column.value.mean())


def _ratio(over: Maybe[PerInference], under: Maybe[PerInference]) -> Maybe[float]:
    """The ratio of the sums over the turns that counted both."""
    if isinstance(over, Missing):
        return over
    if isinstance(under, Missing):
        return under
    shared, at_over, at_under = np.intersect1d(over.turn, under.turn, return_indices=True)
    below = float(under.value[at_under].sum())
    if not len(shared):
        return Missing("no turn counted both")
    return float(over.value[at_over].sum()) / below if below > 0 else Missing("its denominator counted 0")


def _frequency(turns: ArmTurns, cycles: Maybe[PerInference]) -> Maybe[float]:
    if isinstance(cycles, Missing):
        return cycles
    cpu_ns = float(turns.cpu_ns[cycles.turn].sum())
    return float(cycles.value.sum()) / cpu_ns * 1e9 if cpu_ns > 0 else Missing("the CPU time read as 0")


def _with_costs(row: ArmSummary, recording: Recording) -> ArmSummary:
    prepared = [fact.prepared for fact in recording.prepared if fact.arm == row.arm]
    started = [fact for fact in recording.started if fact.arm == row.arm]
    failures = [failure for failure in recording.failures if failure.arm == row.arm]
    phases: dict[str, float] = dict(prepared[-1].phases_ns) if prepared else {}
    if started:
        phases["load"] = sum(fact.load_ns for fact in started) / len(started)
    cold = [fact.warm_up_ns[0] for fact in started if fact.warm_up_ns]
    operators = [fact.counts.get("operators", row.operators) for fact in recording.censuses if fact.arm == row.arm]
    judged = [share_interval(fact.right, fact.total) for fact in recording.labelled if fact.arm == row.arm]
    return replace(
        row,
        operators=operators[-1] if operators else row.operators,
        size_bytes=prepared[-1].size_bytes if prepared else row.size_bytes,
        phases_ns=phases,
        first_inference_ns=sum(cold) / len(cold) if cold else row.first_inference_ns,
        accuracy=judged[-1] if judged else row.accuracy,
        boundary=started[-1].boundary if started else row.boundary,
        failure="; ".join(f"{failure.stage}: {failure.reason}" for failure in failures),
    )
