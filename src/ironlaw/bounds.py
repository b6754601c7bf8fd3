"""Physical bounds on counts: a count beyond them comes from a broken counter."""

from __future__ import annotations

MOST_CYCLES_PER_NS = 10.0  # no CPU has been sold above 6.2 GHz, none shown above 9.1 GHz
# The widest cores retire 8 to 12 micro-operations a cycle, and a fused pair of instructions counts as two of some.
MOST_INSTRUCTIONS_PER_CYCLE = 20.0
# Floating-point operations are the most frequent of all: two 512-bit units with 32 half-precision lanes, two each.
_MOST_OF_ANY_PER_CYCLE = 128.0
_MOST_PER_CYCLE = {
    "cycles": 1.0,
    "ref-cycles": 1.0,
    "instructions": MOST_INSTRUCTIONS_PER_CYCLE,
    "branches": MOST_INSTRUCTIONS_PER_CYCLE,
    "branch-misses": MOST_INSTRUCTIONS_PER_CYCLE,
}


def most_per_ns(event: str) -> float:
    """Return the most occurrences of an event per ns of CPU time. The event is named with or without :u or :k."""
    return MOST_CYCLES_PER_NS * _MOST_PER_CYCLE.get(event.partition(":")[0], _MOST_OF_ANY_PER_CYCLE)
