"""Refusal of levels without an effect: two equal arms must not pass for an experiment."""

from __future__ import annotations

from ironlaw.engines import ENGINES
from ironlaw.errors import ArmFailed
from ironlaw.factors import FACTORS
from ironlaw.variant import ENGINE, GIVEN, PRECISION, Variant


def refuse_idle(variant: Variant) -> None:
    """Refuse a variant with a level that has no effect in its engine and precision.

    Raises:
        ArmFailed: names the level.
    """
    precision = variant.level(PRECISION)
    for name, level in variant.changed:
        if name in (PRECISION, ENGINE) or variant.takes(name):
            continue
        said = FACTORS[name].alone.get(level, f"{name}={level}")
        elsewhere = [one for one, declared in ENGINES.items() if declared.takes(FACTORS[name], precision)]
        raise ArmFailed(
            f"{said} changes nothing in {precision} on {variant.level(ENGINE)}",
            hint=f"leave +{said} out" + (f"; it is for {', '.join(elsewhere)}" if elsewhere else ""),
        )


def refuse_precision(variant: Variant) -> None:
    """Refuse a precision that the engine does not offer.

    Raises:
        ArmFailed: names those it does.
    """
    precision, offers = variant.level(PRECISION), ENGINES[variant.level(ENGINE)].offers
    if precision not in offers:
        what = "a user's own program as it is" if precision == GIVEN else precision
        raise ArmFailed(f"{variant.level(ENGINE)} cannot run {what}", hint=f"it offers {', '.join(offers)}")
