"""Faults that invalidate a comparison: it answers another question than the one asked. Checked first, for every arm.

Each concern names the arm, what the fault cost where an experiment measured it, and the fix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from ironlaw.causes import CAUSES
from ironlaw.causes.thread_oversubscription import CAUSE as THREAD_OVERSUBSCRIPTION
from ironlaw.causes.unequal_arms import CAUSE as UNEQUAL_ARMS
from ironlaw.causes.unequal_work import CAUSE as UNEQUAL_WORK
from ironlaw.concern import Concern, Weight
from ironlaw.estimate import Estimate
from ironlaw.explanation import ArmSummary
from ironlaw.explanation.account import KERNEL_CATEGORIES
from ironlaw.factors import FACTORS
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.observed import ENOUGH_MULTIPLYING, Observed
from ironlaw.recording import Recording

# Of the kernels' samples, and as a number of them: a loop that is decoded wrongly is no evidence.
_FEW_BEYOND, _FEWEST_BEYOND = 0.01, 3
# The factor that a cause, by its slug, costs an arm.
CostOf = Callable[[str, str], Maybe[Estimate]]


def validity_doubts(
    recording: Recording, seen: dict[str, Observed], cost_of: CostOf, rows: dict[str, ArmSummary]
) -> Iterator[Concern]:
    """The faults of every requested arm, then those between arms."""
    for arm in recording.plan.asked():
        if arm.name in seen:
            same = _answers_as_control(rows.get(arm.name))
            yield from _faults(replace(seen[arm.name], answers_as_control=same), cost_of)
            yield from _beyond_caps(seen[arm.name])
    yield from _threads(recording, seen)
    yield from _inputs(recording)


def _answers_as_control(row: ArmSummary | None) -> bool:
    """Whether its outputs are known to equal the control's bit for bit."""
    return row is not None and is_known(row.identical_outputs) and row.identical_outputs


def _faults(arm: Observed, cost_of: CostOf) -> Iterator[Concern]:
    """The faults that causes find in the arm, with their cost if the arm also ran without them."""
    for slug, cause in CAUSES.items():
        concern = cause.concern(arm, _cost(cost_of(arm.arm.name, slug)))
        if concern is not None:
            yield concern


def _beyond_caps(arm: Observed) -> Iterator[Concern]:
    """A cap on instructions that samples of the arm's kernels contradict; copying in the C library ignores caps."""
    if isinstance(arm.executed, Missing) or arm.executed.samples < ENOUGH_MULTIPLYING:
        return
    kernels = [(code, share) for code, share in arm.executed.code if code.category in KERNEL_CATEGORIES]
    for name, level in arm.arm.variant.changed:
        forbidden = FACTORS[name].forbidden(level)
        beyond = [(code.instructions, share) for code, share in kernels if code.instructions in forbidden]
        theirs = sum(share for _, share in beyond)
        share = theirs / (sum(share for _, share in kernels) or 1.0)
        if share > _FEW_BEYOND and round(theirs * arm.executed.samples) >= _FEWEST_BEYOND:
            found = ", ".join(dict.fromkeys(kind.value for kind, _ in beyond))
            yield Concern(
                slug=UNEQUAL_ARMS.slug,
                text=f"runs with {name}={level}, and {100 * share:.0f} % of its kernels' samples execute {found}: "
                "the cap did not take",
                fix="see with `ironlaw explain RECORDING --code-of ARM` which library executes them",
                arm=arm.arm.name,
                weight=Weight.INVALIDATES,
            )


def _cost(factor: Maybe[Estimate]) -> str:
    if isinstance(factor, Missing):
        return ""
    return f"; measured cost: a factor of {factor.value:.3g} [{factor.low:.3g}, {factor.high:.3g}]"


def _inputs(recording: Recording) -> Iterator[Concern]:
    """Arms that were fed other inputs than the control, although their names do not say so."""
    digests = {fact.arm: fact.input_digest for fact in recording.outputs}
    control = recording.plan.control
    for arm in recording.plan.asked()[1:]:
        fed, wanted = digests.get(arm.name), digests.get(control.name)
        if fed and wanted and fed != wanted:
            yield Concern(
                slug=UNEQUAL_WORK.slug,
                text=f"was run on other inputs than {control.name}: their outputs cannot be compared",
                fix="return the same inputs from both factories, seeded",
                arm=arm.name,
            )


def _threads(recording: Recording, seen: dict[str, Observed]) -> Iterator[Concern]:
    control = seen.get(recording.plan.control.name)
    for arm in recording.plan.asked()[1:]:
        other = seen.get(arm.name)
        if control is None or other is None:
            continue
        pools = control.census.get("threads"), other.census.get("threads")
        if None not in pools and pools[0] != pools[1] and not _differ_on_purpose(control, other):
            yield Concern(
                slug=UNEQUAL_ARMS.slug,
                text=f"uses a pool of {pools[1]:.0f} threads where {control.arm.name} uses {pools[0]:.0f}",
                fix="give both the same number of threads",
                arm=arm.name,
                weight=Weight.INVALIDATES,
            )
    yield from _quota(recording)


def _differ_on_purpose(one: Observed, other: Observed) -> bool:
    return bool({"threads", "oversubscribe"} & set(one.arm.variant.differing(other.arm.variant)))


def _quota(recording: Recording) -> Iterator[Concern]:
    """Parse the CPU quota of cgroup v2: `max 100000` or `QUOTA PERIOD` in microseconds."""
    if not is_known(recording.machine) or not is_known(recording.machine.cgroup_cpu_max):
        return
    quota, _, period = recording.machine.cgroup_cpu_max.partition(" ")
    if quota.isdecimal() and period.isdecimal() and int(quota) / int(period) < recording.plan.threads:
        yield Concern(
            slug=THREAD_OVERSUBSCRIPTION.slug,
            text=f"the cgroup allows {int(quota) / int(period):.2g} CPUs for {recording.plan.threads} threads",
            fix="raise cpu.max, or use fewer threads",
        )
