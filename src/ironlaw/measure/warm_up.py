"""When an arm is warm: the series of its first inferences has become steady."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from ironlaw.missing import Maybe, Missing

WINDOW = 5
# Neighbouring windows of a steady eager MobileNetV2 differ by 1 to 2 % on a shared virtual machine.
TOLERANCE = 0.03
FIRST_TOLERANCE = 0.10


def steady_from(series_ns: Sequence[int]) -> Maybe[int]:
    """The first inference from which the series is steady.

    Steady means that the medians of two neighbouring windows of five agree within 3 %, and the first
    inference with them within 10 %. Looks for the earliest such
    pair.
    """
    for start in range(1, len(series_ns) - 2 * WINDOW + 1):
        early = statistics.median(series_ns[start : start + WINDOW])
        late = statistics.median(series_ns[start + WINDOW : start + 2 * WINDOW])
        # The medians forgive two slow inferences; the one that counts as the first steady one must not be slow itself.
        if abs(early - late) <= TOLERANCE * late and abs(series_ns[start] - late) <= FIRST_TOLERANCE * late:
            return start
    among = f"no two windows of {WINDOW} among {len(series_ns)} inferences"
    return Missing(f"{among} agreed within {100 * TOLERANCE:.0f} %")


def warm_up(one_inference_ns: Callable[[], int], *, limit_ns: int, most: int = 500) -> tuple[int, ...]:
    """Run inferences until the series is steady, the time is over, or there were enough; at least three.

    `one_inference_ns` runs one inference and returns its duration.
    """
    series: list[int] = []
    spent_ns = 0
    while len(series) < most:
        series.append(one_inference_ns())
        spent_ns += series[-1]
        if len(series) >= 3 and spent_ns > limit_ns:
            break
        if len(series) > 2 * WINDOW and not isinstance(steady_from([series[0], *series[-2 * WINDOW :]]), Missing):
            break
    return tuple(series)
