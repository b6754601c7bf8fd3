"""Which interpreters a replicate's arms need: one for each environment, with everything that its arms import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ironlaw.arm import Arm
from ironlaw.engines import ENGINES, execution_of
from ironlaw.measure.interpreters import Environment
from ironlaw.variant import ENGINE, PRECISION

# What each twin would import otherwise, 0.2 s an arm.
FOR_EVERY_ARM = ("numpy", "cloudpickle", "ironlaw.measure.twin")


def by_environment(arms: Sequence[Arm]) -> dict[Environment, list[Arm]]:
    """The arms that one interpreter can fork, by its environment variables."""
    found: dict[Environment, list[Arm]] = {}
    for arm in arms:
        found.setdefault(environment_of(arm), []).append(arm)
    return found


def environment_of(arm: Arm) -> Environment:
    """The variables that its factors and its engine set before anything is imported."""
    variant = arm.variant
    declared = ENGINES[variant.level(ENGINE)].environment(dict(variant.changed))
    return tuple(sorted({**variant.environment(), **declared}.items()))


def imports_of(arms: Sequence[Arm], of_models: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """What an interpreter imports for its arms: for all of them, for their engines, for their models."""
    of_engines = [
        name
        for variant in (arm.variant for arm in arms)
        for name in (
            *ENGINES[variant.level(ENGINE)].imports(variant.level(PRECISION)),
            execution_of(variant.level(ENGINE)),
        )
    ]
    used = [name for arm in arms for name in of_models.get(arm.name, ())]
    return tuple(dict.fromkeys((*FOR_EVERY_ARM, *of_engines, *used)))
