"""Search for the best arm: which arms to try, and which to retire after each replicate (successive halving).

All live arms take turns in the same paired rounds. After a replicate the slower half is retired, except arms that no
other beats in time, size and agreement together. The remaining arms are judged only by replicates after the last
retirement: those that chose an arm are biased in its favour.

Source: Karnin, Koren & Somekh, ICML 2013 (sequential halving).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from ironlaw.analysis.concerns.circumstances import is_trained
from ironlaw.analysis.concerns.outputs import agreements_by_arm
from ironlaw.analysis.verdicts.bench import bench, mean_of
from ironlaw.analysis.verdicts.choose import with_choices
from ironlaw.analysis.verdicts.mixed import is_mixing, mixed_arms
from ironlaw.arm import Arm
from ironlaw.engines import ENGINES, PLAIN
from ironlaw.leaving import leaves_some
from ironlaw.missing import Missing, is_known
from ironlaw.plan import Plan
from ironlaw.recording import Recording
from ironlaw.variant import ENGINE

KEPT = 4  # arms that are left to be judged, besides the control
VARIED = 2  # arms that are varied
MIXED_BEFORE = 4  # replicates after which a mixed arm is not begun any more: it needs some to be judged by


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One arm by the replicates so far: ln(time/control), and agreement, which is None if unknown."""

    name: str
    ln_wall: float
    size_bytes: int
    agreement: float | None


def candidates(engines: Collection[str]) -> tuple[Arm, ...]:
    """The arms to start with, control first, of all installed engines."""
    begun = [(name, text) for name, declared in ENGINES.items() if name in engines for text in declared.candidates]
    return tuple(Arm.of(text if name == PLAIN else f"{text}@{name}") for name, text in begun)


def retirable(recording: Recording) -> tuple[str, ...]:
    """The arms to retire: those of the slower half that another arm beats, while at least KEPT remain.

    Arms that measure mixed precision stay, since their gain needs an interval. So do arms that separate the factors of
    the leading arm, the engine from the quantization.
    """
    kept = {
        recording.plan.control.name,
        *(arm.name for arm in recording.plan.arms if is_mixing(arm) or leaves_some(arm)),
    }
    standings = [one for one in _standings(recording) if one.name not in kept]
    keep = max(KEPT, -(-len(standings) // 2))
    ranked = sorted(standings, key=lambda one: (_unfit(recording, one), one.ln_wall))
    if ranked:
        corners = recording.plan.control.variant.corners(recording.plan.arm(ranked[0].name).variant)
        kept |= {str(variant) for variant in corners.values()}
    slower = [one for one in ranked[keep:] if one.name not in kept]
    return tuple(one.name for one in slower if any(beats(other, one) for other in standings))


def beats(one: Standing, other: Standing) -> bool:
    """Whether one arm is at least as good in time, size and agreement, and better in one of them."""
    first = (one.ln_wall, one.size_bytes, -(one.agreement or 0.0))
    second = (other.ln_wall, other.size_bytes, -(other.agreement or 0.0))
    return first != second and all(mine <= theirs for mine, theirs in zip(first, second, strict=True))


def variations(recording: Recording, cpus: int) -> tuple[Arm, ...]:
    """The best arms with one further factor changed each, if the engine has it; more threads if there are CPUs."""
    known = {arm.name for arm in recording.plan.arms}
    best = sorted(_standings(recording), key=lambda one: (_unfit(recording, one), one.ln_wall))[:VARIED]
    made: dict[str, Arm] = {}
    for standing in best:
        arm = recording.plan.arm(standing.name)
        levels = list(ENGINES[arm.variant.level(ENGINE)].variations)
        if cpus > recording.plan.threads:
            levels.append(("threads", str(cpus)))
        for factor, level in levels:
            varied = arm.variant.with_level(factor, level)
            made.setdefault(varied.short(), replace(arm, name=varied.short(), variant=varied))
    return tuple(arm for name, arm in made.items() if name not in known)


def additions(recording: Recording, cpus: int) -> tuple[Arm, ...]:
    """The arms to add: variations after the first replicate, and a mixed arm once those have run."""
    last = max(reading.replicate for reading in recording.readings)
    if last == 0:
        return variations(recording, cpus)
    return mixed_arms(recording) if last < MIXED_BEFORE else ()


def adapted(recording: Recording, cpus: int) -> Plan:
    """The plan with arms added and retired."""
    plan = recording.plan
    grown = replace(
        plan,
        arms=(*plan.arms, *additions(recording, cpus)),
        retired=(*plan.retired, *retirable(recording)),
    )
    return with_choices(recording, grown)


def _unfit(recording: Recording, one: Standing) -> bool:
    return is_trained(recording) and (one.agreement is None or one.agreement < recording.plan.agreement)


def _standings(recording: Recording) -> list[Standing]:
    """The standings of arms that are still requested and have run."""
    on = bench(recording)
    answers = agreements_by_arm(recording)
    sizes = {fact.arm: fact.prepared.size_bytes for fact in recording.prepared}
    failed = {failure.arm for failure in recording.failures}
    found = []
    for arm in recording.plan.asked():
        table = on.ln_wall.get(arm.name)
        if not table or arm.name in failed or arm.name in recording.plan.retired:
            continue
        agreement = answers.get(arm.name, _NO_OUTPUTS)
        found.append(
            Standing(
                name=arm.name,
                ln_wall=mean_of(on.series((1.0, arm.name), (-1.0, recording.plan.control.name))),
                size_bytes=sizes.get(arm.name, 0),
                agreement=agreement if is_known(agreement) else None,
            )
        )
    return found


_NO_OUTPUTS = Missing("it gave no outputs")
