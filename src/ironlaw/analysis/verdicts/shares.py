"""Shares of confirmed causes, and of the factors in which two arms differ.

Source: Shapley values of ln-ratios, Shorrocks, Journal of Economic Inequality 11 (2013) 99.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import factorial

from ironlaw.analysis.statistics.interval import t_interval
from ironlaw.analysis.verdicts.bench import Bench, Contribution, Key, mean_of
from ironlaw.cause import Cause
from ironlaw.causes import cause_between
from ironlaw.estimate import Estimate
from ironlaw.experiment import Switch
from ironlaw.explanation import Design

# Replicates in which causes were removed together: by one alone, their shares would have no interval.
_FEWEST_TOGETHER = 2
# Of a cause's part in the order in which it is largest: as little as this is nothing.
_NOTHING_LEFT = 0.05
# By the key of a contribution.
Shares = dict[Key, tuple[dict[int, float], tuple[float, float] | None]]


def share_out_causes(on: Bench, control: str, changed: str, confirmed: list[Contribution]) -> Shares:
    """Each confirmed cause's part if all are removed together: Shapley values over the orders of removal.

    Confounders are removed first, since the others were tested without them. If not all causes were measured together,
    only the largest ones that were have parts. Also returns the range of each part's mean over orders.
    """
    held = on.held(control, changed)
    first = [item for item in confirmed if held and set().union(*item.by_side()) <= set(held)]
    ranked = sorted((item for item in confirmed if item not in first), key=lambda item: -abs(mean_of(item.parts)))
    shares: Shares = {item.key: (item.parts, None) for item in first}
    while ranked:
        removed = _removed(on, (control, changed), ranked, held)
        if removed is not None:
            return {**shares, **_shapley(ranked, removed)}
        ranked.pop()
    return shares


def absorbed(confirmed: Sequence[Contribution], shares: Shares) -> Contribution | None:
    """The smallest cause of which next to nothing is left in some order, because others are removed before it.

    None if there is no such cause. What it removes alone is part of what they remove, so that it adds nothing to them.
    """
    found = []
    for item in confirmed:
        parts, edges = shares.get(item.key, ({}, None))
        if edges is not None:
            least, largest = sorted(item.sign * edge for edge in edges)
            if least <= _NOTHING_LEFT * largest:
                found.append((abs(mean_of(parts)), item))
    return min(found, key=lambda one: one[0])[1] if found else None


Removed = dict[frozenset[int], dict[int, float]]


def _removed(
    on: Bench, arms: tuple[str, str], confirmed: list[Contribution], held: tuple[Switch, ...]
) -> Removed | None:
    """How much removing each set of causes reduces the difference; None if a required arm ran in too few replicates.

    All sets are computed over the replicates that have all of them, since arms that joined later lack the first.
    """
    removed: Removed = {}
    for size in range(1, len(confirmed) + 1):
        for group in combinations(range(len(confirmed)), size):
            tested = [[one for player in group for one in confirmed[player].by_side()[side]] for side in (0, 1)]
            start = [on.stand_in_beside(arm, held, tested[side]) for side, arm in enumerate(arms)]
            ins = [on.stand_in(arm, [*held, *tested[side]]) for side, arm in enumerate(arms)]
            if start[0] is None or start[1] is None or ins[0] is None or ins[1] is None:
                return None
            removed[frozenset(group)] = on.series((1.0, start[0]), (-1.0, start[1]), (-1.0, ins[0]), (1.0, ins[1]))
    shared = set.intersection(*map(set, removed.values()))
    if len(shared) < (_FEWEST_TOGETHER if len(confirmed) > 1 else 1):
        return None
    within = {group: {key: parts[key] for key in sorted(shared)} for group, parts in removed.items()}
    return {frozenset(): dict.fromkeys(sorted(shared), 0.0), **within}


def _shapley(confirmed: list[Contribution], removed: Removed) -> Shares:
    players = range(len(confirmed))
    shares: Shares = {}
    for player in players:
        others = [other for other in players if other != player]
        value: dict[int, float] = {}
        steps = []
        for size in range(len(others) + 1):
            weight = factorial(size) * factorial(len(players) - size - 1) / factorial(len(players))
            for group in combinations(others, size):
                step = _minus(removed[frozenset((*group, player))], removed[frozenset(group)])
                steps.append(mean_of(step))
                value = {key: value.get(key, 0.0) + weight * part for key, part in step.items()}
        shares[confirmed[player].key] = (value, (min(steps), max(steps)))
    return shares


def _minus(left: dict[int, float], right: dict[int, float]) -> dict[int, float]:
    return {key: value - right[key] for key, value in left.items()}


def factor_contributions(
    on: Bench, control: str, changed: str, confirmed: list[Contribution]
) -> tuple[list[Contribution], dict[str, Estimate]]:
    """The contributions of the catalogued factors in which the arms differ, with confirmed causes removed, and their
    interaction.

    With several factors all 2^k arms are needed; each part is the mean over orders (Shapley). With two factors, the
    interaction is the change of one's effect by the other.
    """
    first, last = on.plan.arm(control), on.plan.arm(changed)
    if first.factory != last.factory:
        return [], {}  # two programs of a user's differ in more than their levels
    factors = first.variant.differing(last.variant)
    plain = _corners(on, control, changed)
    if plain is None:
        return [], {}
    switches, corners = _held_at_all(on, plain, held=on.held(control, changed), confirmed=confirmed, factors=factors)
    under = f"with {' and '.join(map(str, switches))}" if switches else ""
    found = []
    for factor in factors:
        levels = first.variant.level(factor), last.variant.level(factor)
        cause = cause_between(factor, levels, [on.seen[name] for name in plain.values() if name in on.seen])
        if cause is None:
            continue
        parts = _factor_part(on, corners, factor, factors)
        found.append(
            Contribution(
                cause=cause.slug,
                switches=(),
                control=corners[frozenset()],
                changed=corners[frozenset([factor])],
                parts=parts,
                sign=_factor_sign(cause, factor, *levels),
                design=Design.PAIR if len(factors) == 1 else Design.FACTORIAL,
                note=_note(factors, under),
            )
        )
    return found, _interaction(on, corners, factors)


def _note(factors: Sequence[str], under: str) -> str:
    """Which factors the arms differ in, and which switches are applied at every corner."""
    if len(factors) == 1:
        alone = f"the arms differ in {factors[0]} alone, and this is what is left of its effect {under}"
        return alone if under else ""
    return ", ".join(part for part in (f"the factors are {' and '.join(factors)}", under) if part)


def _held_at_all(
    on: Bench,
    plain: dict[frozenset[str], str],
    *,
    held: Sequence[Switch],
    confirmed: Sequence[Contribution],
    factors: Sequence[str],
) -> tuple[list[Switch], dict[frozenset[str], str]]:
    """The switches that are applied at every corner, and the arms there; without any, the `plain` arms.

    All corners are under the same switches: a confirmed cause is removed only if its switch was applied, or excluded,
    at every corner.
    """
    away = [
        item
        for item in confirmed
        if item.facing is None and all(on.stand_in(arm, item.switches) for arm in plain.values())
    ]
    applied = dict.fromkeys([*held, *(switch for item in away for switch in item.switches)])
    switches = [switch for switch in applied if switch.factor not in factors]  # what differs cannot be held
    moved = {corner: on.stand_in(arm, switches) for corner, arm in plain.items()}
    corners = {corner: arm for corner, arm in moved.items() if arm is not None}
    return (switches, corners) if len(corners) == len(plain) else ([], plain)


def _corners(on: Bench, control: str, changed: str) -> dict[frozenset[str], str] | None:
    """The arm at each corner of the factorial; None if one did not run."""
    first, last = on.plan.arm(control), on.plan.arm(changed)
    same = [arm for arm in on.plan.arms if arm.factory == first.factory and not arm.repeats]
    # The two themselves before an experiment's arm of the same levels, which joined later.
    named = {str(arm.variant): arm.name for arm in (*same, first, last)}
    wanted = first.variant.corners(last.variant)
    corners = {group: named[str(variant)] for group, variant in wanted.items() if str(variant) in named}
    ran = all(name in on.ln_wall for name in corners.values())
    return corners if ran and len(corners) == len(wanted) else None


def _factor_part(
    on: Bench, corners: dict[frozenset[str], str], factor: str, factors: Sequence[str]
) -> dict[int, float]:
    others = [other for other in factors if other != factor]
    value: dict[int, float] = {}
    for size in range(len(others) + 1):
        weight = factorial(size) * factorial(len(factors) - size - 1) / factorial(len(factors))
        for group in combinations(others, size):
            step = on.series((1.0, corners[frozenset(group)]), (-1.0, corners[frozenset((*group, factor))]))
            value = {key: value.get(key, 0.0) + weight * part for key, part in step.items()}
    return value


def _factor_sign(cause: Cause, factor: str, control: str, changed: str) -> int:
    """The sign predicted for ln(control/changed) by the changed level, or reversed, by the control's level."""
    for level, sign in ((changed, 1), (control, -1)):
        if (switch := cause.at(factor, level)) is not None:
            return -sign if switch.slows() else sign
    return 1


def _interaction(on: Bench, corners: dict[frozenset[str], str], factors: Sequence[str]) -> dict[str, Estimate]:
    if len(factors) != 2:
        return {}
    one, two = factors
    none, both = corners[frozenset()], corners[frozenset(factors)]
    alone = corners[frozenset([one])], corners[frozenset([two])]
    parts = on.series((-1.0, none), (1.0, alone[0]), (1.0, alone[1]), (-1.0, both))
    estimate = t_interval(list(parts.values()))
    return {f"{one} x {two}": estimate} if isinstance(estimate, Estimate) else {}
