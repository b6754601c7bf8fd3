"""The raw facts of a run: one class per kind of line in a recording."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from ironlaw.arm import Arm
from ironlaw.circumstance import Circumstance
from ironlaw.code import CodeSamples
from ironlaw.concern import Concern
from ironlaw.event import Count, Event
from ironlaw.file_graph import NO_GRAPH, FileGraph
from ironlaw.layer import LayerCode, LayerGraph, LayerReading
from ironlaw.machine import Machine
from ironlaw.missing import Maybe, Missing, Remedy
from ironlaw.plan import Plan
from ironlaw.program import PreparedModel
from ironlaw.ranges import Amount, NotNegative, Number, Ordinal, OrdinalOrNone, Positive, Rate
from ironlaw.replay import Replay

SCHEMA = 1


class Meter(Enum):
    """What took the counts."""

    HARDWARE = "hardware"  # PMU, clock, rusage and software events
    CLOCK = "clock"  # everything but the PMU
    SCRIPTED = "scripted"  # stated readings: no model, no PMU, no clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first line."""

    schema: Number
    ironlaw: str
    started_utc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterCheck:
    """The known-answer test of the PMU: how many counters work, and which events are refused.

    `slots` is the size of the largest group in which every slot agreed with the known count, or why there is none.
    `groups` are the event groups in rotation, as printed; `events` is what the kernel is asked for under each name;
    `lost` is why an event is not counted; `remedies` is, by reason, what brings it back where that is known.
    """

    meter: Meter
    slots: Maybe[Ordinal]
    groups: tuple[tuple[str, ...], ...]
    lost: dict[str, str] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()
    read_cost_ns: Maybe[Amount] = Missing("was not measured")
    events: tuple[Event, ...] = ()
    remedies: dict[str, Remedy] = field(default_factory=dict)

    def gap(self, event: str) -> Missing:
        """Why an event was lost, with the remedy."""
        return Missing(self.lost[event], self.remedies.get(self.lost[event]))

    def lost_together(self) -> dict[str, tuple[str, ...]]:
        """The lost events by reason. Reasons that differ only by the event's name are merged, with `each` in its
        place.
        """
        by_reason: dict[str, list[str]] = {}
        for event, reason in self.lost.items():
            by_reason.setdefault(reason, []).append(event)
        together: dict[str, list[str]] = {}
        for reason, events in by_reason.items():
            nameless = re.sub(rf"{re.escape(events[0])}(:[uk])?(?![\w-])", "each", reason)
            together.setdefault(nameless if len(events) == 1 else reason, []).extend(events)
        # Of a single event the reason stays as it was given.
        return {
            self.lost[events[0]] if len(events) == 1 else reason: tuple(events) for reason, events in together.items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmPrepared:
    """An arm's model was prepared and saved, with what that cost."""

    arm: str
    prepared: PreparedModel
    graph: FileGraph = NO_GRAPH  # of a given model file, as it was given; kept of requested arms alone

    def shared_with(self, arm: Arm) -> ArmPrepared:
        """The same model as that of another arm."""
        return replace(self, arm=arm.name, graph=NO_GRAPH if arm.serves or arm.repeats else self.graph)


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeMemory:
    """Free memory before the arms of a replicate started. Small blocks are given to the arms that start first.

    `compacted`: whether the kernel compacted memory, or why not. `scattered_bytes` were then in blocks below 64 KiB;
    `held_bytes` of these were withheld from the arms.
    """

    compacted: Maybe[bool] = Missing("was not tried")
    compaction_ns: Maybe[Amount] = Missing("was not recorded")  # of the whole machine's memory; once a run
    scattered_bytes: Maybe[Amount] = Missing("was not read")
    held_bytes: Amount = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InterpreterStarted:
    """A fresh interpreter of a replicate, from which `arms` were forked as twins."""

    replicate: OrdinalOrNone  # -1: while preparing
    arms: tuple[str, ...]
    environment: dict[str, str]  # set on top of the run's own, before the interpreter started
    padding_bytes: Amount  # random filler in the environment, which moves the stack
    start_ns: Amount  # from exec until everything was imported
    memory: FreeMemory = FreeMemory()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmStarted:
    """A twin loaded its model and warmed up; all times in ns.

    `steady_at` is the index in `warm_up_ns` from which the series was steady, or why it never was. `read_back` holds
    what is in effect, per factor, as read from the process. `peak_rss_bytes` is the twin's alone.
    """

    arm: str
    replicate: Ordinal
    load_ns: Amount
    warm_up_ns: tuple[Amount, ...]  # one entry per inference; the first is the cold one
    steady_at: Maybe[Ordinal]
    threads: Number  # kernel threads of the arm's process when counting began
    cpus: tuple[Ordinal, ...]
    read_back: dict[str, Maybe[str]] = field(default_factory=dict)
    peak_rss_bytes: Maybe[Amount] = Missing("was not read")
    boundary: str = ""  # what the clock sees of an inference
    working_threads: Maybe[Ordinal] = Missing("was not read")  # that spent CPU time while the arm inferred
    thread_cpus: tuple[Ordinal, ...] = ()  # CPUs that any thread of the process may use
    checks: dict[str, Maybe[bool]] = field(default_factory=dict)  # training, output requires grad ...
    training_layers: Maybe[tuple[str, ...]] = Missing("was not recorded")  # that compute as in training
    between_ns: Amount = 0  # spent before each inference, outside the clock
    once_ns: Amount = 0  # what was done once there, as filling a cache of keys and values
    # What one inference processes and reads, of engines that know it without counting: see ironlaw/phase.py.
    work: dict[str, Maybe[NotNegative]] = field(default_factory=dict)
    compilations: Maybe[Amount] = Missing("was not recorded")  # of torch.compile, while it was loaded and warmed up
    warm_up_judged: bool = True  # it warmed up until it was steady; otherwise for as long as that had taken before


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The raw result of one turn: `inferences` inferences of one arm under one event group.

    Times in ns over the whole turn and all threads; `position` is the arm's place in its round.
    """

    arm: str
    replicate: Ordinal
    round: Ordinal
    position: Ordinal
    group: OrdinalOrNone  # index into CounterCheck.groups; -1 when the PMU is not used
    inferences: Amount
    wall_ns: Amount
    cpu_ns: Amount  # CPU time of all threads: the task clock
    user_ns: Maybe[Amount]
    kernel_ns: Maybe[Amount]
    minor_faults: Amount
    major_faults: Amount
    context_switches: Amount
    migrations: Maybe[Amount] = Missing("not counted by this kernel")
    counts: tuple[Count, ...] = ()
    threads_after: Ordinal = 1
    steal_ns: Maybe[Amount] = Missing("not reported by this kernel")  # of the whole machine, while the turn ran
    throttled_ns: Maybe[Amount] = Missing(
        "not reported by this kernel"
    )  # the cgroup's quota stopped it while the turn ran
    waited_ns: Maybe[Amount] = Missing("was not recorded")  # of all threads: ready to run, while their CPU ran others
    # The clock of the CPU that the calling thread was on, right before and after the turn, by a chain of instructions.
    clock_before_mhz: Maybe[Amount] = Missing("was not recorded")
    clock_after_mhz: Maybe[Amount] = Missing("was not recorded")
    compilations: Maybe[Amount] = Missing("was not recorded")  # frames that torch.compile compiled in the turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """The highest rates this machine reached when it ran nothing else, on the CPUs of arms with this number of threads.

    Arms in phases of generation that run on several numbers of threads have ceilings of each.
    `macs_per_s` is by kind of arithmetic (fp32, bf16, int8), by matrix multiplication. Streaming covers
    `streamed_bytes`, which exceed the last cache; a copy counts the bytes read and written. `switch_ns` is one switch
    between two processes on one CPU, without the cost of cold caches; `page_fault_ns` is mapping, first touch and
    unmapping of one page of 4 KiB. `how` names the routine that reached each rate.
    """

    threads: Number
    macs_per_s: dict[str, Maybe[Rate]]
    read_bytes_per_s: Maybe[Rate]
    write_bytes_per_s: Maybe[Rate]
    copy_bytes_per_s: Maybe[Rate]
    streamed_bytes: Maybe[Amount]
    switch_ns: Maybe[NotNegative]
    page_fault_ns: Maybe[NotNegative]
    how: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NullReading:
    """A turn of an empty program, with as many inferences as the arm's own turns: the cost of measuring."""

    arm: str
    replicate: Ordinal
    wall_ns: Amount  # over the whole turn
    counts: tuple[Count, ...] = ()
    inferences: Maybe[Positive] = Missing("was not recorded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """Counts of what one inference of an arm executed; see measure/census.py for the names.

    `nodes` lists the nodes behind some of the counts, by their names in the model file.
    """

    arm: str
    counts: dict[str, Maybe[NotNegative]]
    nodes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    graph: FileGraph = NO_GRAPH  # as in ArmPrepared, in recordings that have it here


@functools.lru_cache(maxsize=64)
def kept_places(width: int, kept: int, *, first: int = 0) -> Sequence[int]:
    """Return the places of the numbers kept of a row, in order: the `first` ones, and others spread over the row.

    The places are multiples of a step that is coprime to the width, so that all columns of an output are sampled
    equally often whatever its shape.
    """
    if kept >= width:
        return range(width)
    step = round(0.618 * width)
    while math.gcd(step, width) != 1:
        step += 1
    wanted, places = set(range(min(first, kept))), (place * step % width for place in range(width))
    for place in places:
        if len(wanted) == kept:
            break
        wanted.add(place)
    return sorted(wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """An arm's outputs for the shared inputs of one shape: float32, one row per input, as base64 of the zlib-compressed
    bytes.

    `classes` is the number of class scores at the start of a row: the first output, if it has one row of scores per
    input. Missing: the whole row is scores.

    `probes` are the indices, among the shared inputs, of those that the rows answer, in order (a batch has several
    rows). `forms` are the shapes of the outputs, which are concatenated in a row; `input_forms` those of an input. Of
    large outputs a row holds only the numbers at `kept_places`. Recordings without these fields hold whole rows, and
    one such fact per arm.
    """

    arm: str
    shape: tuple[Amount, ...]
    data: str
    input_digest: str
    classes: Maybe[Positive] = Missing("was not recorded")
    labels: tuple[str, ...] = ()
    probes: tuple[int, ...] = ()
    forms: tuple[tuple[int, ...], ...] = ()
    input_forms: tuple[tuple[int, ...], ...] = ()
    digest: Maybe[str] = Missing("was not recorded")  # of all numbers, those that are not kept included
    following: int = 0  # further facts of the arm's answers, for inputs of other shapes

    @property
    def width(self) -> int:
        """The number of values of the outputs for one row, kept or not."""
        return sum(map(math.prod, self.forms)) if self.forms else self.shape[1]

    def kept_places(self) -> Sequence[int]:
        """The places of the kept numbers in a whole row."""
        first = self.classes if isinstance(self.classes, int) else 0
        return kept_places(self.width, self.shape[1], first=first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """The number of labelled inputs for which an arm's top class was correct."""

    arm: str
    right: Amount
    total: Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An arm could not continue. It takes no further turns; the others do."""

    arm: str
    replicate: OrdinalOrNone  # -1: while preparing
    stage: str  # prepare, start, warm-up, turn, outputs
    reason: str
    hint: str = ""


class Activity(Enum):
    """What a run is doing; exactly one activity at a time."""

    PREPARING = "preparing"  # the machine looked at and tested, models made
    STARTING = "starting"  # interpreters, and what is looked at in each twin before it counts
    LOADING = "loading"
    WARMING = "warming"
    COUNTED = "counted"
    LAYERS = "layers"
    SAMPLING = "sampling"
    ANSWERS = "answers"  # outputs, census, empty turns
    PLANNING = "planning"  # what to run next, from what is known
    WAITING = "waiting"  # around counted inferences: orders, inputs, pauses; and for processes to end


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """The wall time since the last such fact, in seconds by activity; the activities add up to it."""

    seconds: dict[Activity, NotNegative]


class Ending(Enum):
    """Why a recording ended."""

    COMPLETE = "complete"
    BUDGET = "budget"
    PRECISION = "precision"  # the interval was narrow enough
    SETTLED = "settled"  # every difference and every experiment was decided
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The last line of a complete recording."""

    why: Ending
    elapsed_s: NotNegative
    signal: Maybe[str] = Missing("no signal is recorded")  # that ended it: SIGINT (Ctrl-C), SIGTERM, SIGHUP


def has_ended_by(ended: Maybe[Ended], why: Ending) -> bool:
    """Whether a recording says that its run ended for that reason."""
    return isinstance(ended, Ended) and ended.why is why


Fact = (
    Header
    | Machine
    | Plan
    | CounterCheck
    | ArmPrepared
    | InterpreterStarted
    | ArmStarted
    | Reading
    | Ceilings
    | NullReading
    | Census
    | Outputs
    | Labelled
    | LayerGraph
    | LayerReading
    | LayerCode
    | CodeSamples
    | Replay
    | Failure
    | Circumstance
    | Concern
    | Spent
    | Ended
)
