"""Levels that would do nothing to an arm are refused: two arms of equal content must not pass for an experiment."""

from __future__ import annotations

from ironlaw.errors import ArmFailed
from ironlaw.factors import FACTORS
from ironlaw.variant import ENGINE, GIVEN, PRECISION, Variant


def refuse_idle(variant: Variant, *, reads: tuple[str, ...]) -> None:
    """Refuse a variant with a level that its engine does not read; `reads` names the shaping factors it does.

    Raises:
        ArmFailed: names the level.
    """
    engine = variant.level(ENGINE)
    for name, level in variant.changed:
        factor = FACTORS[name]
        if name in (PRECISION, ENGINE):
            continue
        elsewhere = bool(factor.engines) and engine not in factor.engines
        if elsewhere or (factor.shapes_model and name not in reads):
            said = factor.alone.get(level, f"{name}={level}")
            raise ArmFailed(
                f"{said} changes nothing in {variant.level(PRECISION)} on {engine}",
                hint=f"leave +{said} out" + (f"; it is for {', '.join(factor.engines)}" if elsewhere else ""),
            )


def refuse_precision(variant: Variant, offered: tuple[str, ...]) -> None:
    """Refuse a precision that the engine does not offer.

    Raises:
        ArmFailed: names those it does.
    """
    precision = variant.level(PRECISION)
    if precision not in offered:
        what = "a user's own program as it is" if precision == GIVEN else precision
        raise ArmFailed(f"{variant.level(ENGINE)} cannot run {what}", hint=f"it offers {', '.join(offered)}")
