"""Misleading ratios: an IPC or a miss rate that moves in the opposite direction of what it is read to mean."""

from __future__ import annotations

import math

from ironlaw.explanation import ArmSummary
from ironlaw.missing import Maybe, is_known

# In ln units. Below, a ratio has not visibly moved, and no conclusion follows from it.
VISIBLE_MOVE = 0.01

IPC_LOWER_WHILE_FASTER = "ipc-lower-while-faster"
IPC_HIGHER_WHILE_SLOWER = "ipc-higher-while-slower"
MISS_RATE_UP_WHILE_MISSES_FALL = "miss-rate-up-while-misses-fall"
MISS_RATE_DOWN_WHILE_MISSES_RISE = "miss-rate-down-while-misses-rise"


def misleading(control: ArmSummary, changed: ArmSummary, ln_ratio: float) -> tuple[str, ...]:
    """The slugs of the metrics that mislead in this comparison; `ln_ratio` is positive when changed is faster.

    IPC includes needless instructions, so it can fall while the time falls. A miss rate is relative to references, so
    it can rise while the misses fall. A ratio is named only if it and the quantity it should follow are known and moved
    visibly.
    """
    ipc = _rise(control.ipc, changed.ipc)
    rate = _rise(control.cache_miss_share, changed.cache_miss_share)
    misses = _rise(control.cache_misses, changed.cache_misses)
    claims = {
        IPC_LOWER_WHILE_FASTER: ipc < -VISIBLE_MOVE and ln_ratio > VISIBLE_MOVE,
        IPC_HIGHER_WHILE_SLOWER: ipc > VISIBLE_MOVE and ln_ratio < -VISIBLE_MOVE,
        MISS_RATE_UP_WHILE_MISSES_FALL: rate > VISIBLE_MOVE and misses < -VISIBLE_MOVE,
        MISS_RATE_DOWN_WHILE_MISSES_RISE: rate < -VISIBLE_MOVE and misses > VISIBLE_MOVE,
    }
    return tuple(slug for slug, misleads in claims.items() if misleads)


def _rise(control: Maybe[float], changed: Maybe[float]) -> float:
    """ln(changed/control); nan if either is Missing or zero, so that every comparison with it is false."""
    if not is_known(control) or not is_known(changed) or control <= 0 or changed <= 0:
        return math.nan
    return math.log(changed / control)
