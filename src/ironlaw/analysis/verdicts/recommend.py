"""What to change next: all arms that ran and can be deployed, ranked by measured gain."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator

from ironlaw.analysis.compare import NO_GAIN, voids
from ironlaw.analysis.concerns.outputs import gives_same_outputs
from ironlaw.analysis.statistics.interval import t_interval
from ironlaw.analysis.verdicts.bench import Bench
from ironlaw.arm import HANDED_OVER, Arm
from ironlaw.estimate import Estimate
from ironlaw.explanation import ArmSummary, Recommendation
from ironlaw.factors import FACTORS
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.variant import ENGINE, PHASE, PRECISION, Variant

MOST_NEXT = 4


def recommend(
    on: Bench,
    rows: Iterable[ArmSummary],
    *,
    moved_by: float,
    trained: bool,
    invalid: Collection[str],
    strays: Collection[str] = (),
) -> Maybe[Recommendation]:
    """Recommend the fastest arm that answers as the control does, and list the others.

    Nothing is recommended over a control among the `invalid` arms. An invalid arm is never recommended, nor one of the
    `strays`, which compute another function than the control.

    An arm whose level changes the answers on purpose (other inputs, aliased weights) is never recommended. Without
    `trained` weights agreement cannot be judged; it is then not required, and a concern says that it is unknown.
    `moved_by` is how far a control that differs from itself may have moved, in ln units: gains must be well beyond it.
    """
    control = on.plan.control
    if control.name in invalid:
        return Missing(f"{control.name} is not a fair control, so no gain over it counts")
    by_name = {row.arm: row for row in rows}
    gains: list[tuple[Estimate, str]] = []
    tried, unlike = [], []
    for arm, base, ln_gain in _candidates(on, invalid, strays):
        if ln_gain.low <= 0 or voids(moved_by, ln_gain):
            tried.append(arm.name)
        elif base in strays or not is_fit(by_name.get(arm.name), on.plan.agreement, trained=trained):
            unlike.append(arm.name)
        else:
            gains.append((ln_gain, arm.name))
    if not gains:
        return NO_GAIN if moved_by else Missing("no arm is shown to be faster with the same outputs")
    gains.sort(key=lambda pair: -pair[0].low)
    best, *others = [_option(on, gain, name, trained=trained) for gain, name in gains]
    return Recommendation(
        arm=best.arm,
        gain=best.gain,
        how=best.how,
        over=best.over,
        tried=tuple(tried),
        unlike=tuple(unlike),
        next_best=tuple(others[:MOST_NEXT]),
        is_judged=best.is_judged,
    )


def _candidates(on: Bench, invalid: Collection[str], strays: Collection[str]) -> Iterator[tuple[Arm, str, Estimate]]:
    """The arms that can be deployed and compared fairly, with the requested arm behind each and its ln gain."""
    for arm in on.plan.arms[1:]:
        base, against = _base(on, arm), on.plan.control_of(arm)
        if arm.repeats or arm is against or (base in invalid and base not in strays):
            continue
        if against.name in invalid or not _deployable(arm.variant):
            continue
        ln_gain = t_interval(list(on.series((1.0, against.name), (-1.0, arm.name)).values()))
        if not isinstance(ln_gain, Missing):
            yield arm, base, ln_gain


def _base(on: Bench, arm: Arm) -> str:
    """The requested arm that an experiment's arm is derived from."""
    return next(
        (entry.arm for entry in on.plan.experiments if entry.applied == arm.name and not entry.excluded), arm.name
    )


def _deployable(variant: Variant) -> bool:
    return all(FACTORS[name].remedy(level) for name, level in variant.changed if name != PHASE)


def is_fit(row: ArmSummary | None, least: float, *, trained: bool) -> bool:
    """Whether an arm's outputs allow recommending it; with untrained weights they only have to be finite."""
    if row is None:
        return False
    if is_known(row.likeness) and row.likeness.shapes:
        return False
    return gives_same_outputs(row, least) if trained else not (is_known(row.not_finite) and row.not_finite)


def _program(on: Bench, arm: Arm) -> str:
    """How to use an arm's program: by its source, or by the name it was given in Python."""
    if arm.factory is None or not arm.factory.endswith(HANDED_OVER):
        return f"use {arm.factory}"
    given = next(other.name for other in on.plan.arms if other.factory == arm.factory and not other.serves)
    return f"use the program given as {given!r}"


def _option(on: Bench, ln_gain: Estimate, name: str, *, trained: bool) -> Recommendation:
    arm = on.plan.arm(name)
    control = on.plan.control_of(arm)
    levels = [
        (factor, arm.variant.level(factor))
        for factor in control.variant.differing(arm.variant)
        if FACTORS[factor].remedy(arm.variant.level(factor))
    ]
    how = "; ".join(FACTORS[factor].remedy(level) for factor, level in levels)
    if arm.variant.level(ENGINE) != FACTORS[ENGINE].plain and not arm.factory:
        # The remedies of precisions are eager PyTorch's; another engine quantizes by tools of its own.
        how = f"ironlaw export {name} -o DIR writes the model and the script that runs it"
    if arm.factory and arm.factory != control.factory:
        how = "; ".join(part for part in (_program(on, arm), how) if part)
    over = "" if control is on.plan.control else control.name
    is_judged = trained or arm.variant.level(PRECISION) == control.variant.level(PRECISION)
    return Recommendation(arm=name, gain=ln_gain.through(math.exp), how=how, over=over, is_judged=is_judged)
