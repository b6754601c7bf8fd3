"""Which experiments to run, decided from the first readings: pure, so that a recording shows why each was chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import combinations

from ironlaw.arm import Arm
from ironlaw.errors import BadInput, offer_closest
from ironlaw.experiment import Switch, Thrown
from ironlaw.explain.signatures import Observed, observe
from ironlaw.explain.turns import turns_of
from ironlaw.missing import Maybe, is_known
from ironlaw.recording import Recording
from ironlaw.variant import ENGINE

# What takes a suspected cause away, or puts it there. The order is the order of the report.
SWITCHES = (
    Switch(cause="train-mode", factor="mode", level="eval"),
    Switch(cause="autograd", factor="grad", level="off"),
    Switch(cause="constant-input", factor="input", level="random"),
    Switch(cause="thread-oversubscription", factor="threads", level="1"),
    Switch(cause="page-faults", factor="malloc", level="retain"),
    Switch(cause="denormals", factor="denormals", level="flushed"),
    Switch(cause="weight-traffic", factor="weights", level="aliased"),
    Switch(cause="cache-fit", factor="cache", level="cold", adds=True),
    Switch(cause="layout", factor="layout", level="channels_last"),
    Switch(cause="simd-density", factor="isa", level="avx2", adds=True),
    Switch(cause="dispatch-overhead", factor="dispatch", level="traced"),
)
# Their signature is a suspicion, not a defect: they are tested where they matter most, the widest comparison.
SUSPECTED = ("weight-traffic", "layout", "dispatch-overhead")
CAUSES = tuple(switch.cause for switch in SWITCHES)
# Replicates after which joint arms are chosen: enough to see which causes are large, early enough to measure them.
JOINT_AFTER = 3
MOST_JOINT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which experiments may run: the causes asked for, and the switches that work on this machine."""

    causes: tuple[str, ...] = CAUSES
    possible: Callable[[Switch], Maybe[bool]] = lambda switch: True


def parse_wanted(text: str) -> tuple[str, ...]:
    """The causes in --experiments: all, none, or slugs separated by commas.

    Raises:
        BadInput: a slug has no experiment.
    """
    if text in ("all", "none"):
        return CAUSES if text == "all" else ()
    chosen = tuple(slug.strip() for slug in text.split(",") if slug.strip())
    for slug in chosen:
        if slug not in CAUSES:
            raise BadInput(f"there is no experiment for {slug!r}", hint=offer_closest(slug, list(CAUSES)))
    return chosen


def propose(recording: Recording, wanted: Wanted) -> tuple[tuple[Arm, ...], tuple[Thrown, ...]]:
    """Arms to add, and what each stands for; nothing when all that is called for has been proposed."""
    thrown = recording.plan.experiments
    replicates = {reading.replicate for reading in recording.readings}
    if not thrown:
        proposed = _first(recording, wanted)
    elif len(replicates) >= JOINT_AFTER and not any(len(entry.switches) > 1 for entry in thrown):
        proposed = _joint(recording)
    else:
        proposed = []
    return _new_arms(recording, proposed), tuple(proposed)


def _first(recording: Recording, wanted: Wanted) -> list[Thrown]:
    seen = observe(recording, turns_of(recording))
    asked = [seen[arm.name] for arm in recording.plan.asked() if arm.name in seen]
    if len(asked) < 2:
        return []
    control, *changed = asked
    focus = min(changed, key=lambda arm: arm.wall_ns)
    proposed: list[Thrown] = []
    for switch in SWITCHES:
        if switch.cause in wanted.causes and is_known(wanted.possible(switch)):
            proposed += _throw(_sized(switch, control), asked, control, focus)
    return proposed


def _sized(switch: Switch, control: Observed) -> Switch:
    if switch.cause == "thread-oversubscription":
        return replace(switch, level=str(control.cpus))
    return switch


def _throw(switch: Switch, asked: list[Observed], control: Observed, focus: Observed) -> list[Thrown]:
    """What is put in the way: on both sides of the widest comparison. What is taken away: wherever it shows."""
    if switch.adds:
        if switch.cause == "simd-density" and (control.computes_int8 or not focus.computes_int8):
            return []
        return [_on(arm, switch) for arm in (control, focus) if _fits(arm, switch)]
    if switch.cause in SUSPECTED:
        return _throw_on_pair(switch, [control, focus])
    showing = [arm for arm in asked if arm.shows(switch.cause) and _fits(arm, switch)]
    if not showing:
        return []
    rest = [arm for arm in asked if arm not in showing and arm.spared(switch.cause)]
    return [*(_on(arm, switch) for arm in showing), *(_spare(arm, switch) for arm in rest)]


def _throw_on_pair(switch: Switch, pair: list[Observed]) -> list[Thrown]:
    """Both sides of the widest comparison as soon as one of them is suspect, save one that cannot have the cause."""
    if not any(arm.shows(switch.cause) for arm in pair):
        return []
    return [
        _spare(arm, switch) if arm.spared(switch.cause) else _on(arm, switch)
        for arm in pair
        if arm.spared(switch.cause) or _fits(arm, switch)
    ]


def _fits(arm: Observed, switch: Switch) -> bool:
    """Whether the arm does not have the level already, and the engine's Python side can apply it."""
    variant = arm.arm.variant
    return variant.level(switch.factor) != switch.level and variant.level(ENGINE) in ("eager", "torchscript")


def _on(arm: Observed, switch: Switch) -> Thrown:
    return Thrown(arm=arm.arm.name, switches=(switch,), thrown=named(arm.arm, (switch,)))


def _spare(arm: Observed, switch: Switch) -> Thrown:
    return Thrown(arm=arm.arm.name, switches=(switch,), thrown=arm.arm.name, spared=arm.spared(switch.cause))


def _joint(recording: Recording) -> list[Thrown]:
    """For the widest comparison, the largest of several causes thrown together: do they overlap?"""
    from ironlaw.explain.bench import provisional

    proposed: dict[str, Thrown] = {}
    for control, changed, causes in provisional(recording)[:1]:
        switches = [_switch(recording, cause) for cause in causes[:MOST_JOINT]]
        if len(switches) < 2:
            continue
        for name in (control, changed):
            kept = [switch for switch in switches if _is_thrown(recording, name, switch)]
            arm = recording.plan.arm(name)
            for size in range(2, len(kept) + 1):
                for group in combinations(kept, size):
                    entry = Thrown(arm=name, switches=group, thrown=named(arm, group))
                    proposed.setdefault(entry.thrown, entry)
    return list(proposed.values())


def _switch(recording: Recording, cause: str) -> Switch:
    return next(
        entry.switches[0]
        for entry in recording.plan.experiments
        if len(entry.switches) == 1 and entry.switches[0].cause == cause
    )


def _is_thrown(recording: Recording, arm: str, switch: Switch) -> bool:
    return any(
        entry.arm == arm and entry.switches == (switch,) and not entry.spared for entry in recording.plan.experiments
    )


def named(arm: Arm, switches: Iterable[Switch]) -> str:
    """The name of an arm with switches thrown: the variant's own, or the user's name with the levels behind it."""
    if arm.factory is None:
        variant = arm.variant
        for switch in switches:
            variant = switch.on(variant)
        return str(variant)
    return "+".join([arm.name, *map(str, switches)])


def _new_arms(recording: Recording, proposed: list[Thrown]) -> tuple[Arm, ...]:
    known = {arm.name for arm in recording.plan.arms}
    made: dict[str, Arm] = {}
    for entry in proposed:
        if entry.spared or entry.thrown in known:
            continue
        arm = recording.plan.arm(entry.arm)
        variant = arm.variant
        for switch in entry.switches:
            variant = switch.on(variant)
        causes = tuple(switch.cause for switch in entry.switches)
        made[entry.thrown] = replace(arm, name=entry.thrown, variant=variant, serves=causes)
    return tuple(made.values())
