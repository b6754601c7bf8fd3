"""The content of another tool's file in one form for all formats: times, and their parts.

Readers report what a file holds and what it lacks; analysis/attached compares and explains.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

from ironlaw.code import CodeSite
from ironlaw.layer import LayerCall
from ironlaw.missing import Maybe, Missing

LEAST_NS, MOST_NS = 1e-6, 1e18  # of one time: what no clock resolves, and 31 years; their ratio is a finite factor
NO_NODES = Missing("the file holds no times of operators")
NO_CODE = Missing("the file holds no samples of code")
NO_COUNTS = Missing("the file holds no counts")


class Repeated(Enum):
    """What distinguishes two repeats of a time. The value is the word that sentences use."""

    PROCESSES = "processes"  # each repeat is a process of its own: what differs between processes is in the spread
    WITHIN = "repeats within one process"


class TimedWhole(Enum):
    """What one repeat timed; only times of the same kind are compared. The value is the word that sentences use."""

    INFERENCE = "one inference"
    PROCESS = "a whole process"
    ITERATION = "one iteration of a benchmark"
    UNKNOWN = "an unknown number of inferences"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatTimes:
    """Times of repeats in ns: every repeat or, where the file holds only a summary, their mean and standard error.

    `error` is the standard error of the mean divided by the mean, over `count` repeats. Both follow from `each_ns` if
    it is not empty.
    """

    each_ns: tuple[float, ...] = ()
    mean_ns: float = 0.0
    error: Maybe[float] = Missing("the file does not show how far repeats differ")
    count: Maybe[int] = Missing("the file does not report its number of repeats")
    repeated: Repeated = Repeated.WITHIN
    is_cpu_time: bool = False  # of all threads; else by the clock

    def __post_init__(self) -> None:
        values = self.each_ns or (self.mean_ns,)
        if not all(math.isfinite(value) and LEAST_NS <= value <= MOST_NS for value in values):
            raise ValueError("a time is not above 0, or longer than 31 years")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedNode:
    """An operator as the file lists it, its mean time in one repeat in ns, and how often it ran in one."""

    call: LayerCall
    ns: float
    times: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedCode:
    """Samples of code: each site with its share of all samples, and the CPU time of all samples together."""

    sites: tuple[tuple[CodeSite, float], ...]
    samples: int
    event: str
    kernel_seen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PerfCount:
    """One line of a saved output of `perf stat`. Times are in ns; `share` is the fraction of the time it counted for.

    `event` is written with its mode (instructions:u); `pmu` names the PMU where the line does, for hybrid CPUs.
    `spread` is the standard error over the runs, relative to the value.
    """

    event: str
    value: Maybe[float]
    pmu: str = ""
    share: float = 1.0
    spread: Maybe[float] = Missing("the output is of one run")


@dataclass(frozen=True, slots=True, kw_only=True)
class PerfOutput:
    """What one saved output of `perf stat` counted, and how long it took; times in ns."""

    counted: tuple[PerfCount, ...]
    elapsed_ns: Maybe[float]
    elapsed_spread: Maybe[float] = Missing("the output is of one run")
    user_ns: Maybe[float] = Missing("the output does not report user time")
    kernel_ns: Maybe[float] = Missing("the output does not report system time")
    runs: Maybe[int] = Missing("the output does not report its number of runs")
    unread: tuple[str, ...] = field(default_factory=tuple)  # lines that look like counts and are not understood
    assumptions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """Something that the file cannot show, why, and what would show it."""

    what: str
    why: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """What a file holds about one arm.

    `label` distinguishes several benchmarks in one file; `variant`, what each of them ran on; `phase` is the level of
    the factor phase that measures the same, if any. `times_are` is the word for its times: CPU time, time in a library.
    `stated` holds what the
    file states about its making, by name: versions, threads, shapes. `census` holds counts over one inference, under
    the names of measure/census.py, and `named` the operators behind them. `left_out` and `included` state which part of
    the warm-up is excluded from, or included in, the times; `disturbs`, how making the file changed them.
    """

    format: str
    title: str
    timed: TimedWhole
    label: str = ""
    variant: str = ""
    phase: str = ""
    times_are: str = "time"
    times: Maybe[RepeatTimes]
    nodes: Maybe[tuple[AttachedNode, ...]] = NO_NODES
    nodes_are_types: bool = False  # each is the sum of all operators of a type, in no order
    code: Maybe[AttachedCode] = NO_CODE
    counts: Maybe[PerfOutput] = NO_COUNTS
    census: dict[str, float] = field(default_factory=dict)
    named: dict[str, tuple[str, ...]] = field(default_factory=dict)
    stated: dict[str, str] = field(default_factory=dict)
    left_out: str = ""
    included: str = ""
    disturbs: str = ""
    notes: tuple[str, ...] = ()
    lacks: tuple[Lack, ...] = ()
    engine: str = ""  # whose own format it is; empty for formats of tools


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedFile:
    """A file under the name it was given by, and everything found in it."""

    name: str
    found: tuple[Attachment, ...]
