"""Flips: what each block saves in int8, measured with that block alone in int8, and alone left in float."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ironlaw.analysis.assemble import explain
from ironlaw.analysis.layers.operators import is_multiplying_kind
from ironlaw.analysis.layers.views import OUTSIDE, By, Order, viewed
from ironlaw.arm import Arm
from ironlaw.causes.not_quantized import CAUSE as NOT_QUANTIZED
from ironlaw.causes.precision_islands import CAUSE as PRECISION_ISLANDS
from ironlaw.concern import LOST_COUNTER, Concern
from ironlaw.errors import BadInput
from ironlaw.estimate import Estimate
from ironlaw.explanation.split import Flip, Flips, Ledger
from ironlaw.missing import Maybe, Missing
from ironlaw.plan import Plan, Schedule
from ironlaw.recording import Recording
from ironlaw.variant import Variant

FACTOR = "int8-blocks"
_ALL, _NONE, _ONLY, _BUT = "all", "none", "only:", "but:"


def blocks_to_flip(ledger: Ledger, *, depth: int, most: int) -> tuple[str, ...]:
    """The blocks that contain multiplying layers, sorted by difference."""
    rows = viewed(ledger, by=By.BLOCK, depth=depth, order=Order.CONTRIBUTION)
    working = {row.path for row in viewed(_multiplying(ledger), by=By.BLOCK, depth=depth, order=Order.EXECUTION)}
    return tuple(row.path for row in rows if row.path in working and row.path != OUTSIDE)[:most]


def _multiplying(ledger: Ledger) -> Ledger:
    return replace(ledger, rows=tuple(row for row in ledger.rows if is_multiplying_kind(row.kind)))


def flip_plan(source: Plan, changed: str, blocks: Sequence[str], schedule: Schedule) -> Plan:
    """The plan of a separate recording: no block in int8, all blocks, and each one flipped.

    Raises:
        BadInput: there is no block, or the arm is not static int8 in eager PyTorch, the only engine that can leave
            single modules in float.
    """
    base = source.arm(changed)
    if base.factory or not base.variant.takes(FACTOR):
        raise BadInput(
            f"{changed} cannot be flipped block by block: only static int8 in eager PyTorch can be mixed with float",
            hint="name such an arm by --changed, for example --changed int8+fused",
        )
    if not blocks:
        raise BadInput(f"{changed} has no block with layers that multiply", hint="try another --depth")
    levels = [_NONE, _ALL, *(lead + block for block in blocks for lead in (_ONLY, _BUT))]
    arms = tuple(_arm(base.variant, level) for level in levels)
    return replace(
        source, arms=(*arms, arms[0].again()), schedule=schedule, experiments=(), layers=False, ceilings=False
    )


def _arm(variant: Variant, level: str) -> Arm:
    flipped = variant.with_level(FACTOR, level)
    return Arm(name=str(flipped), variant=flipped)


def is_of_flips(plan: Plan) -> bool:
    """Whether a recording was made to flip blocks."""
    levels = {arm.variant.level(FACTOR) for arm in plan.arms}
    return {_ALL, _NONE} <= levels


def flips(recording: Recording) -> Flips:
    """The effect of each flip in ns per inference; positive: int8 made it faster.

    A block alone in int8 is compared with the network that has none; a block alone left in float with the network that
    has all. Both include the conversions at its border.
    """
    named = {arm.variant.level(FACTOR): arm.name for arm in recording.plan.asked()}
    blocks = [level.removeprefix(_ONLY) for level in named if level.startswith(_ONLY)]
    rows = tuple(
        Flip(
            block=block,
            alone=_saved(recording, named[_NONE], named[_ONLY + block]),
            left_float=_saved(recording, named[_BUT + block], named[_ALL]),
        )
        for block in blocks
    )
    whole = _saved(recording, named[_NONE], named[_ALL])
    return Flips(
        rows=rows,
        whole=whole,
        sum_alone=_sum([row.alone for row in rows]),
        sum_left_float=_sum([row.left_float for row in rows]),
        concerns=tuple(
            concern
            for concern in explain(recording, control=named[_NONE], changed=named[_ALL]).concerns
            # Flips are of time alone: none of their numbers lacks what a counter would have given.
            if concern.slug != LOST_COUNTER and not _is_on_purpose(concern, recording.plan)
        ),
    )


def _is_on_purpose(concern: Concern, plan: Plan) -> bool:
    """Whether a concern is about float layers in an arm that keeps them on purpose."""
    return concern.slug in (NOT_QUANTIZED.slug, PRECISION_ISLANDS.slug) and any(
        arm.name == concern.arm and arm.variant.level(FACTOR) != _ALL for arm in plan.arms
    )


def _saved(recording: Recording, control: str, changed: str) -> Maybe[Estimate]:
    (comparison,) = explain(recording, control=control, changed=changed).comparisons
    if isinstance(comparison.ln_ratio, Missing):
        return comparison.ln_ratio
    return comparison.split if isinstance(comparison.split, Missing) else comparison.split.total.ns


def _sum(values: Sequence[Maybe[Estimate]]) -> Maybe[float]:
    for value in values:
        if isinstance(value, Missing):
            return value
    return math.fsum(value.value for value in values if not isinstance(value, Missing))
