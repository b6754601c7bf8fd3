"""Int8 arms by how they came to be: layers left in float by their names, ranges found in another way."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.arm import Arm
from ironlaw.engines import ENGINES
from ironlaw.factors import FACTORS
from ironlaw.variant import ENGINE, PRECISION, Variant


def leaving_factor(arm: Arm) -> str:
    """The factor by which layers of an arm are left in float; empty where its engine has none for it."""
    if arm.factory:
        return ""
    declared = ENGINES[arm.variant.level(ENGINE)]
    return declared.leaves_by.get(arm.variant.level(PRECISION), "")


def leaves_some(arm: Arm) -> bool:
    """Whether an arm leaves layers in float by their names."""
    factor = leaving_factor(arm)
    return bool(factor) and bool(FACTORS[factor].left_by(arm.variant.level(factor)))


def is_chosen_by_answers(arm: Arm) -> bool:
    """Whether what an arm leaves in float was chosen by answers, by a user who names it or by a tool."""
    return leaves_some(arm) or any(FACTORS[name].chosen_by_answers for name, _ in arm.variant.changed)


def leaving_none(arm: Arm) -> Arm:
    """The same arm with every layer as its precision has it, named after its variant."""
    if not leaves_some(arm):
        return arm
    factor = leaving_factor(arm)
    variant = arm.variant.with_level(factor, FACTORS[factor].plain)
    return replace(arm, name=variant.short(), variant=variant)


def recalibrations(arm: Arm) -> tuple[Arm, ...]:
    """The arm with each of the levels that its engine declares for int8 that agrees less than requested."""
    return tuple(Arm.running(_at(arm.variant, name, level)) for name, level in _recalibrating(arm))


def times_longer(arm: Arm) -> float:
    """How many times as long as at plain levels an arm takes to prepare, as its engine declares."""
    longer = ENGINES[arm.variant.level(ENGINE)].longer
    return max((longer.get(changed, 1.0) for changed in arm.variant.changed), default=1.0)


def is_recalibrated(arm: Arm) -> bool:
    """Whether an arm is at one of these levels."""
    if any(arm.variant.level(name) == level for name, level in _recalibrating(arm)):
        return True
    levels = () if arm.factory else ENGINES[arm.variant.level(ENGINE)].recalibrations.values()
    return any((PRECISION, arm.variant.level(PRECISION)) in some for some in levels)


def _at(variant: Variant, name: str, level: str) -> Variant:
    """A variant at another level, without what has no effect there."""
    if name != PRECISION:
        return variant.with_level(name, level)
    plain = Variant.of({ENGINE: variant.level(ENGINE), PRECISION: level})
    kept = {one: other for one, other in variant.changed if one != PRECISION and plain.takes(one)}
    return Variant.of({**kept, **dict(plain.changed)})


def _recalibrating(arm: Arm) -> tuple[tuple[str, str], ...]:
    if arm.factory:
        return ()
    return ENGINES[arm.variant.level(ENGINE)].recalibrations.get(arm.variant.level(PRECISION), ())


def float_family(arm: Arm) -> Arm:
    """An arm that has the same float network: without what the quantization tools decide."""
    variant = leaving_none(arm).variant
    for name, _ in variant.changed:
        if FACTORS[name].of_int8:
            variant = variant.with_level(name, FACTORS[name].plain)
    return replace(arm, name=variant.short(), variant=variant)


def in_float(arm: Arm) -> Arm | None:
    """The arm in fp32 in the same engine, without the levels that have no effect there; None for a program of a user's
    own, for an arm in fp32, and where the engine offers no fp32.
    """
    fp32 = "fp32"
    if arm.factory or arm.variant.level(PRECISION) == fp32 or fp32 not in ENGINES[arm.variant.level(ENGINE)].offers:
        return None
    return Arm.running(_at(arm.variant, PRECISION, fp32))
