"""Times in attached files: an arm's with its interval, and the ratio of two, if repeats allow one."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ironlaw.analysis.statistics.interval import t_quantile
from ironlaw.attachment import Repeated, RepeatTimes
from ironlaw.estimate import Estimate
from ironlaw.missing import Maybe, Missing

ONE_REPEAT = Missing("it was read once")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanTime:
    """The mean ln of a time in ns, and its standard error over `count` repeats."""

    ln: float
    error: float
    count: int

    @property
    def interval(self) -> Estimate:
        """Student's 95 % interval of the time."""
        half = t_quantile(self.count - 1, 0.975) * self.error
        return Estimate(value=self.ln, low=self.ln - half, high=self.ln + half).through(math.exp)


def mean_ns(times: RepeatTimes) -> float:
    """The time of one repeat: the geometric mean of the repeats, or the mean that the file states."""
    if times.each_ns:
        return math.exp(math.fsum(map(math.log, times.each_ns)) / len(times.each_ns))
    return times.mean_ns


def mean_time(times: RepeatTimes) -> Maybe[MeanTime]:
    """The mean with its standard error, or why that is unknown."""
    if times.each_ns:
        return _of_repeats([math.log(value) for value in times.each_ns])
    if isinstance(times.count, Missing):
        return times.count
    if times.count < 2:
        return ONE_REPEAT
    if isinstance(times.error, Missing):
        return times.error
    return MeanTime(ln=math.log(times.mean_ns), error=times.error, count=times.count)


def _of_repeats(ln: list[float]) -> Maybe[MeanTime]:
    count = len(ln)
    if count < 2:
        return ONE_REPEAT
    mean = math.fsum(ln) / count
    variance = math.fsum((value - mean) ** 2 for value in ln) / (count - 1)
    return MeanTime(ln=mean, error=math.sqrt(variance / count), count=count)


def ln_ratio(control: RepeatTimes, changed: RepeatTimes) -> Maybe[Estimate]:
    """ln(control/changed) with Welch's 95 % interval, by the repeats of each.

    Source: B. L. Welch, Biometrika 34 (1947) 28. Repeats are assumed to be independent; those of one process are not.
    """
    first, second = mean_time(control), mean_time(changed)
    if isinstance(first, Missing):
        return first
    if isinstance(second, Missing):
        return second
    value = first.ln - second.ln
    parts = (first.error**2, second.error**2)
    variance = sum(parts)
    if variance == 0:
        return Estimate(value=value, low=value, high=value)
    degrees = variance**2 / (parts[0] ** 2 / (first.count - 1) + parts[1] ** 2 / (second.count - 1))
    half = t_quantile(degrees, 0.975) * math.sqrt(variance)
    return Estimate(value=value, low=value - half, high=value + half)


def is_between_processes(times: RepeatTimes) -> bool:
    """Whether its repeats are processes, so that its spread includes the variation between them."""
    return times.repeated is Repeated.PROCESSES and not isinstance(mean_time(times), Missing)
