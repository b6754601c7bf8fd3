"""A saved output of `perf stat`: what it counted and how long it took."""

from __future__ import annotations

from dataclasses import dataclass, field

from ironlaw.missing import Maybe, Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One line of an output. Times are in ns; `share` is the fraction of the time for which it counted.

    `event` is written with its mode (instructions:u); `pmu` names the PMU where the line does, for hybrid CPUs.
    `spread` is the standard error over the runs, relative to the value.
    """

    event: str
    value: Maybe[float]
    pmu: str = ""
    share: float = 1.0
    spread: Maybe[float] = Missing("the output is of one run")


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The content of one saved output; times in ns."""

    counted: tuple[Counted, ...]
    elapsed_ns: Maybe[float]
    elapsed_spread: Maybe[float] = Missing("the output is of one run")
    user_ns: Maybe[float] = Missing("the output does not report user time")
    kernel_ns: Maybe[float] = Missing("the output does not report system time")
    runs: Maybe[int] = Missing("the output does not report its number of runs")
    unread: tuple[str, ...] = field(default_factory=tuple)  # lines that look like counts and are not understood
    assumptions: tuple[str, ...] = ()
