"""Warm up: until the times of an arm's first inferences are steady, or for as many as earlier replicates needed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ironlaw.arm import Arm
from ironlaw.fact import ArmStarted
from ironlaw.missing import Maybe, Missing
from ironlaw.variant import ENGINE

WINDOW = 5
# Neighbouring windows of a steady eager MobileNetV2 differ by 1 to 2 % on a shared virtual machine.
TOLERANCE = 0.03
FIRST_TOLERANCE = 0.10
# Compiling, packing weights and first allocations take longer than that; the noise of a shared machine rarely does
# in two inferences of a row.
WIDE_TOLERANCE = 0.25
LEAST = 3
# Where it is known for how many inferences to warm up, two of this length are enough: a third would take longer than a
# turn does. Of prompts of 0.3 and 0.5 s (llama.cpp, 21 later processes) the second took 0.957 to 1.064 times as long as
# the third, and 1.002 times in the middle.
LONG_NS, LEAST_OF_LONG = 100_000_000, 2
# Later replicates warm up for as many inferences as were needed before, too few to be judged again.
NOT_JUDGED: Maybe[int] = Missing("warmed up for as many inferences as it took to be steady before")


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmUp:
    """How the arms of a replicate are warmed up: the number of inferences of each, where that is known; and whether the
    programs are checked after that.

    All of them are checked or none, so that no arm of a replicate has run longer than another.
    """

    inferences: Mapping[str, int] = field(default_factory=dict)
    checks: bool = True


class WarmUps:
    """The warm-up that a run's arms have needed so far: one length for all arms of an engine.

    The length is that by which half of the arms came within 10 % of their later times, and all of them within 25 %. It
    is shared, since the lengths of different arms vary no more than those of equal arms. An arm that alone asks for
    more than that half is judged in a second process before the others follow it: a host that changed its speed
    meanwhile looks the same, once. An arm that never became steady, as one that compiles in every inference, would not
    by more of them: the others do not follow it.
    """

    def __init__(self) -> None:
        """Start without knowledge of any arm."""
        self._series: dict[str, dict[str, list[tuple[int, ...]]]] = {}  # by engine and arm, one of each process

    def note(self, arm: Arm, started: ArmStarted) -> None:
        """Note that an arm has started."""
        if started.warm_up_judged:
            of_engine = self._series.setdefault(arm.variant.level(ENGINE), {})
            of_engine.setdefault(arm.name, []).append(started.warm_up_ns)

    def of(self, arms: Sequence[Arm]) -> WarmUp:
        """The warm-up of a replicate of these arms. A new one warms up until it is steady, and all are checked."""
        lengths = {engine: _lengths(series) for engine, series in self._series.items()}
        ran = {name for series in self._series.values() for name in series}
        known = {arm.name: lengths[arm.variant.level(ENGINE)].get(arm.name) for arm in arms if arm.name in ran}
        return WarmUp(
            inferences={name: length for name, length in known.items() if length is not None},
            checks=len(known) < len(arms),
        )


def _lengths(series: Mapping[str, Sequence[Sequence[int]]]) -> dict[str, int]:
    """The number of warm-up inferences by arm of an engine, without the arms that are judged once more."""
    close = statistics.median_high(min(needed(one, tolerance=FIRST_TOLERANCE) for one in of) for of in series.values())
    wide = {name: min(needed(one, tolerance=WIDE_TOLERANCE) for one in of) for name, of in series.items()}
    doubtful = {name for name, length in wide.items() if length > close and len(series[name]) == 1}
    restless = {name for name, of in series.items() if all(wide[name] == len(one) for one in of)}
    longest = max([close, *(length for name, length in wide.items() if name not in doubtful | restless)])
    return dict.fromkeys(series.keys() - doubtful, longest)


def needed(series_ns: Sequence[int], *, tolerance: float) -> int:
    """How many inferences it took until one was as fast as they are later, and the one after it too: within a
    tolerance of the median of their second half. All of them where none was.
    """
    late = statistics.median(series_ns[len(series_ns) // 2 :])
    fast = [one <= (1 + tolerance) * late for one in series_ns]
    return next((place + 1 for place in range(len(fast) - 1) if fast[place] and fast[place + 1]), len(series_ns))


def steady_from(series_ns: Sequence[int]) -> Maybe[int]:
    """The first inference from which the series is steady.

    Steady means that the medians of two neighbouring windows of five agree within 3 %, and the first inference with
    them within 10 %. The earliest such pair counts.
    """
    for start in range(1, len(series_ns) - 2 * WINDOW + 1):
        early = statistics.median(series_ns[start : start + WINDOW])
        late = statistics.median(series_ns[start + WINDOW : start + 2 * WINDOW])
        # The medians forgive two slow inferences; the one that counts as the first steady one must not be slow itself.
        if abs(early - late) <= TOLERANCE * late and abs(series_ns[start] - late) <= FIRST_TOLERANCE * late:
            return start
    among = f"no two windows of {WINDOW} among {len(series_ns)} inferences"
    return Missing(f"{among} agreed within {100 * TOLERANCE:.0f} %")


def warm_up(
    one_inference_ns: Callable[[], int], *, limit_ns: int, most: int = 500, inferences: int | None = None
) -> tuple[int, ...]:
    """Run inferences until the series is steady, the time is over, or there were enough; at least three.

    `one_inference_ns` runs one inference and returns its duration. With `inferences` that number is run, unless the
    time is over; and at least two, if they are long.
    """
    series: list[int] = []
    spent_ns, least = 0, LEAST
    while len(series) < (most if inferences is None else max(least, inferences)):
        series.append(one_inference_ns())
        spent_ns += series[-1]
        if inferences is not None and min(series) >= LONG_NS:
            least = LEAST_OF_LONG
        if len(series) >= least and spent_ns > limit_ns:
            break
        if inferences is not None:
            continue
        if len(series) > 2 * WINDOW and not isinstance(steady_from([series[0], *series[-2 * WINDOW :]]), Missing):
            break
    return tuple(series)


class TimedCalls:
    """Inferences that return their duration by a clock of their own, with what each call takes beside that."""

    def __init__(self, one_inference_ns: Callable[[], int]) -> None:
        """Time these."""
        self._one_inference_ns = one_inference_ns
        self._beside_ns: list[int] = []

    def __call__(self) -> int:
        """Run one, and return its duration."""
        began_ns = time.perf_counter_ns()
        inside_ns = self._one_inference_ns()
        self._beside_ns.append(max(0, time.perf_counter_ns() - began_ns - inside_ns))
        return inside_ns

    def each_and_once_ns(self) -> tuple[int, int]:
        """What was spent beside every inference, as far as is usual, and what was done once beyond that."""
        each_ns = statistics.median_low(self._beside_ns)
        return each_ns, max(0, sum(self._beside_ns) - each_ns * len(self._beside_ns))


def inference_s(started: ArmStarted) -> float:
    """One inference of an arm that has just warmed up, by the second half of the series."""
    return statistics.median(started.warm_up_ns[len(started.warm_up_ns) // 2 :]) / 1e9


def warming_s(started: ArmStarted) -> float:
    """The time of an arm's warm-up, including the work before each inference."""
    return (sum(started.warm_up_ns) + started.between_ns * len(started.warm_up_ns) + started.once_ns) / 1e9
