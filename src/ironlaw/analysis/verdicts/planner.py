"""Which experiments to run, decided from the first readings: pure, so that a recording shows why each was chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import combinations

from ironlaw.analysis.turns import turns_of
from ironlaw.analysis.verdicts.bench import NUISANCE, provisional
from ironlaw.analysis.verdicts.signatures import Observed, observe
from ironlaw.arm import Arm
from ironlaw.errors import BadInput, offer_closest
from ironlaw.experiment import Switch, Thrown
from ironlaw.factor import Direction
from ironlaw.missing import Maybe, is_known
from ironlaw.recording import Recording
from ironlaw.variant import ENGINE, PRECISION

# What takes a suspected cause away, or puts it there. The order is the order of the report.
SWITCHES = (
    Switch(cause="train-mode", factor="mode", level="eval"),
    Switch(cause="autograd", factor="grad", level="off"),
    Switch(cause="constant-input", factor="input", level="random", predicts=Direction.SLOWER),
    Switch(cause="thread-oversubscription", factor="threads", level="1"),
    Switch(cause="page-faults", factor="malloc", level="retain"),
    Switch(cause="denormals", factor="denormals", level="flushed"),
    Switch(cause="quantized-engine", factor="quantized-engine", level="x86"),
    Switch(cause="reference-kernel", factor="convolution", level="dense"),
    Switch(cause="dynamic-quantization", factor="activation-ranges", level="fixed"),
    Switch(cause="fusion", factor="fusion", level="fused"),
    Switch(cause="weight-traffic", factor="weights", level="aliased"),
    Switch(cause="cache-fit", factor="cache", level="cold", adds=True),
    Switch(cause="layout", factor="layout", level="channels_last"),
    Switch(cause="simd-density", factor="isa", level="avx2", adds=True),
    Switch(cause="dispatch-overhead", factor="dispatch", level="traced"),
)
# Their signature is a suspicion, not a defect: they are tested where they matter most, the widest comparison.
SUSPECTED = ("weight-traffic", "layout", "dispatch-overhead")
ENGINE_CAUSE = "engine"
OTHER_ENGINE = "onednn"  # what may have the kernel that the preferred library for int8 lacks
CAUSES = (*(switch.cause for switch in SWITCHES), ENGINE_CAUSE)
# Replicates after which joint arms are chosen: enough to see which causes are large, early enough to measure them.
JOINT_AFTER = 4
# Two causes thrown together take one arm a side; three take four, and what they cost in replicates decides less.
MOST_JOINT = 2


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
    elif len(replicates) == JOINT_AFTER:
        proposed = [entry for entry in _joint(recording) if entry not in thrown]
    else:
        proposed = []
    return _new_arms(recording, proposed), tuple(proposed)


def _first(recording: Recording, wanted: Wanted) -> list[Thrown]:
    seen = observe(recording, turns_of(recording))
    asked = [seen[arm.name] for arm in recording.plan.asked() if arm.name in seen]
    if len(asked) < 2 or not wanted.causes:
        return []
    scene = _Scene(asked=asked, control=asked[0], focus=min(asked[1:], key=lambda arm: arm.wall_ns))
    proposed: list[Thrown] = []
    possible = [switch for switch in SWITCHES if is_known(wanted.possible(switch))]
    still = [switch for switch in possible if switch.cause == NUISANCE and any(arm.shows(NUISANCE) for arm in asked)]
    for switch in possible:
        if switch.cause in wanted.causes or switch in still:
            held = [other for other in still if other != switch]
            for sized in _sized(switch, scene, recording):
                if is_known(wanted.possible(sized)):
                    proposed += scene.throw(sized, held)
    if ENGINE_CAUSE in wanted.causes:
        proposed += _corners(scene)
    return proposed


def _corners(scene: _Scene) -> list[Thrown]:
    """The other two corners of engine x precision, so that a change of both can be shared out between them.

    Every engine has fp32 and int8; a corner in another precision might not exist.
    """
    one, other = scene.control.arm, scene.focus.arm
    engines = one.variant.level(ENGINE), other.variant.level(ENGINE)
    precisions = one.variant.level(PRECISION), other.variant.level(PRECISION)
    differing = one.variant.differing(other.variant)
    if one.factory or other.factory or set(differing) != {ENGINE, PRECISION} or not set(precisions) <= {"fp32", "int8"}:
        return []
    turned = ((one, engines[1]), (other, engines[0]))
    switches = [(arm, Switch(cause=ENGINE_CAUSE, factor=ENGINE, level=level)) for arm, level in turned]
    return [Thrown(arm=arm.name, switches=(switch,), thrown=named(arm, (switch,))) for arm, switch in switches]


def _sized(switch: Switch, scene: _Scene, recording: Recording) -> tuple[Switch, ...]:
    """The switch with the level, or the levels for different arms, that this machine calls for."""
    if switch.cause == "thread-oversubscription":
        return (replace(switch, level=str(scene.control.cpus)),)
    if switch.cause == "quantized-engine" and is_known(recording.machine):
        is_x86 = recording.machine.architecture == "x86_64"
        preferred = replace(switch, level="x86" if is_x86 else "qnnpack")
        return (preferred, replace(switch, level=OTHER_ENGINE)) if is_x86 else (preferred,)
    return (switch,)


def _calls_for(arm: Observed, switch: Switch) -> bool:
    """Whether an arm shows what a switch takes away at its level.

    Of libraries, an arm by a foreign one gets the preferred one, an arm by the preferred one that lacks a kernel the
    other one: given the one that it has, it would be its own twin, and refute a cause that nobody tested.
    """
    if switch.cause == "quantized-engine" and arm.runs_by_foreign_engine is (switch.level == OTHER_ENGINE):
        return False
    return arm.shows(switch.cause) and _fits(arm, switch)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """The arms asked for, and the two sides of the widest comparison among them."""

    asked: list[Observed]
    control: Observed
    focus: Observed

    def throw(self, switch: Switch, still: list[Switch]) -> list[Thrown]:
        """What is put in the way, and suspicions: on the widest comparison. Defects: on every arm that shows them.

        `still` holds the switches that are thrown as well on arms that show what they remove: see Bench.world.
        """
        if switch.adds:
            if switch.cause == "simd-density" and (self.control.computes_int8 or not self.focus.computes_int8):
                return []
            return [_on(arm, switch, still) for arm in self._pair() if _fits(arm, switch)]
        if switch.cause in SUSPECTED:
            return self._throw_suspected(switch, still)
        showing = [arm for arm in self.asked if _calls_for(arm, switch)]
        rest = [arm for arm in self.asked if arm not in showing and arm.spared(switch.cause)] if showing else []
        return [*(_on(arm, switch, still) for arm in showing), *(_spare(arm, switch) for arm in rest)]

    def _pair(self) -> tuple[Observed, Observed]:
        return self.control, self.focus

    def _throw_suspected(self, switch: Switch, still: list[Switch]) -> list[Thrown]:
        """As soon as one side is suspect, on both, save one that cannot have the cause."""
        if not any(arm.shows(switch.cause) for arm in self._pair()):
            return []
        return [
            _spare(arm, switch) if arm.spared(switch.cause) else _on(arm, switch, still)
            for arm in self._pair()
            if arm.spared(switch.cause) or _fits(arm, switch)
        ]


def _fits(arm: Observed, switch: Switch) -> bool:
    """Whether the arm does not have the level already, and the engine's Python side can apply it."""
    variant = arm.arm.variant
    return variant.level(switch.factor) != switch.level and variant.level(ENGINE) in ("eager", "torchscript")


def _on(arm: Observed, switch: Switch, still: list[Switch]) -> Thrown:
    thrown = (*(other for other in still if arm.shows(other.cause)), switch)
    return Thrown(arm=arm.arm.name, switches=thrown, thrown=named(arm.arm, thrown))


def _spare(arm: Observed, switch: Switch) -> Thrown:
    return Thrown(arm=arm.arm.name, switches=(switch,), thrown=arm.arm.name, spared=arm.spared(switch.cause))


def _joint(recording: Recording) -> list[Thrown]:
    """For the widest comparison, the largest of several causes thrown together: do they overlap?"""
    proposed: dict[str, Thrown] = {}
    for control, changed, causes in provisional(recording)[:1]:
        for name in (control, changed):
            own = [entry for entry in recording.plan.experiments if entry.arm == name and not entry.spared]
            arm = recording.plan.arm(name)
            thrown = {entry.switches[-1].cause: entry.switches for entry in own}
            kept = [thrown[cause] for cause in causes[:MOST_JOINT] if cause in thrown]
            for size in range(2, len(kept) + 1):
                for group in combinations(kept, size):
                    switches = tuple(dict.fromkeys(switch for part in group for switch in part))
                    entry = Thrown(arm=name, switches=switches, thrown=named(arm, switches))
                    proposed.setdefault(entry.thrown, entry)
    return list(proposed.values())


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
