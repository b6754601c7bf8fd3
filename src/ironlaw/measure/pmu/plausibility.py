"""Physical bounds on counts: what no CPU can have done is not believed."""

from __future__ import annotations

from ironlaw.event import Count, most_per_ns
from ironlaw.missing import Missing

# The counted window is longer than the CPU time read around it by system calls at most, the shortest turn far longer.
_SLACK_NS = 100_000
_NEVER_ZERO = frozenset({"instructions", "cycles"})
_ZERO_IS_ABSURD_AFTER_NS = 1_000_000


def implausible(count: Count, cpu_ns: int) -> Missing | None:
    """Why a count cannot be true, given the CPU time in which it was counted; None when it can.

    The count itself is kept as read, in `raw`; the reason becomes its `doubt`, and its value a gap.
    """
    name, _, mode = count.event.partition(":")
    if name in _NEVER_ZERO and mode != "k" and count.raw == 0 and cpu_ns >= _ZERO_IS_ABSURD_AFTER_NS:
        return Missing(f"{count.event} read 0 in {cpu_ns / 1e6:.1f} ms of CPU time: the counter does not work")
    if count.raw < 0:
        return Missing(f"{count.event} ran backwards, by {-count.raw}")
    most = (cpu_ns + _SLACK_NS) * most_per_ns(count.event)
    if count.raw > most:
        read = f"{count.event} read {count.raw} in {cpu_ns / 1e6:.1f} ms of CPU time"
        return Missing(f"{read}, more than any CPU can do ({most:.2g})")
    return None
