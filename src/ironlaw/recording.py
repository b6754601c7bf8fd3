"""A recording: every raw fact of a run, one JSON line each, append-only, readable wherever it was cut.

A line is an object with one key, the kind of fact: {"reading": {...}}. The first line is the header with
the schema version. Facts are written the moment they are known; nothing is ever rewritten.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import IO, Any

import msgspec

from ironlaw.concern import Concern
from ironlaw.errors import BadInput, RecordingUnreadable
from ironlaw.event import Count, Event
from ironlaw.layer import LayerGraph, LayerReading
from ironlaw.machine import Machine
from ironlaw.missing import Maybe, Missing
from ironlaw.plan import Plan
from ironlaw.program import PreparedModel

SCHEMA = 1


class Meter(Enum):
    """What counted."""

    HARDWARE = "hardware"  # PMU, clock, rusage and software events
    CLOCK = "clock"  # everything but the PMU
    SCRIPTED = "scripted"  # stated readings: no model, no PMU, no clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first line."""

    schema: int
    ironlaw: str
    started_utc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterCheck:
    """The known-answer test of the PMU: how many counters really work, and what is refused.

    `slots` is the size of the largest group in which every slot agreed with the known count, or why there
    is none; `groups` are the event groups in rotation, as printed, `events` what the kernel is asked for
    under each name; `lost` says for each event why it is not counted.
    """

    meter: Meter
    slots: Maybe[int]
    groups: tuple[tuple[str, ...], ...]
    lost: dict[str, str] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()
    read_cost_ns: Maybe[int] = Missing("was not measured")
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmPrepared:
    """An arm's model was made and saved; what that took."""

    arm: str
    prepared: PreparedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeMemory:
    """Free memory before the arms of a replicate started; what lies in small blocks goes to those that start first.

    `compacted`: the kernel was asked to compact it, or why it was not. `scattered_bytes` lay in blocks below 64 KiB
    after that, and `held_bytes` of them were kept from the arms while they started.
    """

    compacted: Maybe[bool] = Missing("was not tried")
    scattered_bytes: Maybe[int] = Missing("was not read")
    held_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InterpreterStarted:
    """A fresh interpreter of a replicate, from which `arms` were forked as twins."""

    replicate: int
    arms: tuple[str, ...]
    environment: dict[str, str]  # set on top of the run's own, before the interpreter started
    padding_bytes: int  # random filler in the environment, which moves the stack
    start_ns: int  # from exec until everything was imported
    memory: FreeMemory = FreeMemory()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmStarted:
    """A twin loaded its model and warmed up; all times in ns.

    `steady_at` is the index in `warm_up_ns` from which the series was steady, or why it never was.
    `read_back` holds, per factor, what is in effect, as read from the process. `peak_rss_bytes` is that of
    the twin alone.
    """

    arm: str
    replicate: int
    load_ns: int
    warm_up_ns: tuple[int, ...]  # one entry per inference; the first is the cold one
    steady_at: Maybe[int]
    threads: int  # kernel threads of the arm's process when counting began
    cpus: tuple[int, ...]
    read_back: dict[str, Maybe[str]] = field(default_factory=dict)
    peak_rss_bytes: Maybe[int] = Missing("was not read")
    boundary: str = ""  # what the clock sees of an inference
    working_threads: Maybe[int] = Missing("was not read")  # that spent CPU time while the arm inferred
    thread_cpus: tuple[int, ...] = ()  # CPUs that any thread of the process may use
    checks: dict[str, Maybe[bool]] = field(default_factory=dict)  # training, output requires grad ...
    between_ns: int = 0  # spent before each inference, outside the clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one turn gave, raw and whole: `inferences` inferences of one arm under one event group.

    Times in ns over the whole turn and all threads; `position` is the arm's place in its round.
    """

    arm: str
    replicate: int
    round: int
    position: int
    group: int  # index into CounterCheck.groups; -1 when the PMU is not used
    inferences: int
    wall_ns: int
    cpu_ns: int  # CPU time of all threads: the task clock
    user_ns: Maybe[int]
    kernel_ns: Maybe[int]
    minor_faults: int
    major_faults: int
    context_switches: int
    migrations: Maybe[int] = Missing("not counted by this kernel")
    counts: tuple[Count, ...] = ()
    threads_after: int = 1
    steal_ns: Maybe[int] = Missing("not told by this kernel")  # of the whole machine, while the turn ran


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """The most this machine did when it was asked for nothing else, on the CPUs and threads of the arms.

    `macs_per_s` is by kind of arithmetic (fp32, bf16, int8), by matrix multiplication. Streaming goes over
    `streamed_bytes`, more than the last cache holds; a copy counts what it reads and what it writes. `switch_ns` is one
    switch between two processes on one CPU, without the caches it leaves cold; `page_fault_ns` is mapping, touching for
    the first time and giving back, per page of 4 KiB. `how` says by which routine each was reached.
    """

    threads: int
    macs_per_s: dict[str, Maybe[float]]
    read_bytes_per_s: Maybe[float]
    write_bytes_per_s: Maybe[float]
    copy_bytes_per_s: Maybe[float]
    streamed_bytes: Maybe[int]
    switch_ns: Maybe[float]
    page_fault_ns: Maybe[float]
    how: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NullReading:
    """A turn of an empty program: what measuring itself costs."""

    arm: str
    replicate: int
    wall_ns: int
    counts: tuple[Count, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """What one inference of an arm executed, by name; see measure/census.py for the names."""

    arm: str
    counts: dict[str, Maybe[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What an arm answered on the shared inputs: float32, row per input, base64 of zlib of little-endian bytes.

    `classes` is how many numbers at the start of a row are scores of classes: those of the first output, where it has
    one row of them per input. Missing: the whole row is.
    """

    arm: str
    shape: tuple[int, ...]
    data: str
    input_digest: str
    classes: Maybe[int] = Missing("was not recorded")
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """How many of the labelled inputs an arm's top class was right on."""

    arm: str
    right: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An arm could not go on. It takes no further turns; the others do."""

    arm: str
    replicate: int  # -1: while preparing
    stage: str  # prepare, start, warm-up, turn, outputs
    reason: str
    hint: str = ""


class Ending(Enum):
    """Why a recording ended."""

    COMPLETE = "complete"
    BUDGET = "budget"
    PRECISION = "precision"  # the interval was narrow enough
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The last line of a recording that was not cut off."""

    why: Ending
    elapsed_s: float


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
    | Failure
    | Concern
    | Ended
)

KINDS: dict[str, type] = {
    "header": Header,
    "machine": Machine,
    "plan": Plan,
    "counters": CounterCheck,
    "prepared": ArmPrepared,
    "interpreter": InterpreterStarted,
    "started": ArmStarted,
    "reading": Reading,
    "ceilings": Ceilings,
    "null": NullReading,
    "census": Census,
    "outputs": Outputs,
    "labelled": Labelled,
    "layers": LayerGraph,
    "layer-reading": LayerReading,
    "failure": Failure,
    "concern": Concern,
    "ended": Ended,
}
_NAMES = {kind: name for name, kind in KINDS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """All facts of one run, by kind, in the order in which they became known.

    `plans` holds the plan and its amendments (arms added while running); the last one is in force.
    """

    header: Header
    machine: Maybe[Machine]
    plans: tuple[Plan, ...]
    counters: Maybe[CounterCheck]
    prepared: tuple[ArmPrepared, ...]
    interpreters: tuple[InterpreterStarted, ...]
    started: tuple[ArmStarted, ...]
    readings: tuple[Reading, ...]
    nulls: tuple[NullReading, ...]
    censuses: tuple[Census, ...]
    outputs: tuple[Outputs, ...]
    failures: tuple[Failure, ...]
    concerns: tuple[Concern, ...]
    ended: Maybe[Ended]
    ceilings: Maybe[Ceilings] = Missing("the ceilings of the machine were not measured")
    layer_graphs: tuple[LayerGraph, ...] = ()
    layer_readings: tuple[LayerReading, ...] = ()
    labelled: tuple[Labelled, ...] = ()
    was_cut: bool = False  # the last line was incomplete, or there was no ending

    @property
    def plan(self) -> Plan:
        """The plan in force at the end.

        Raises:
            RecordingUnreadable: the file was cut before its plan was written.
        """
        if not self.plans:
            raise RecordingUnreadable(
                "the recording was cut before its plan was written", hint="record again: ironlaw run"
            )
        return self.plans[-1]


def encode(fact: Fact) -> bytes:
    """One line of a recording, without its newline."""
    return msgspec.json.encode({_NAMES[type(fact)]: fact})


def decode(line: bytes) -> Fact | None:
    """The fact in a line; None for a kind that a later version may have added.

    Raises:
        msgspec.DecodeError: the line is not whole.
    """
    tagged = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    name, body = next(iter(tagged.items()))
    if name not in KINDS:
        return None
    fact: Fact = _DECODERS[name].decode(body)
    return fact


_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {name: msgspec.json.Decoder(kind) for name, kind in KINDS.items()}


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(0, f"{folder} is not a folder") from None


class RecordingWriter:
    """Appends facts to a file, each flushed when it is written: what a crash leaves behind is readable."""

    def __init__(self, path: Path, *, force: bool = False) -> None:
        """Open a new file.

        Raises:
            BadInput: the file exists (without force), or cannot be written.
        """
        self.path = path
        try:
            _make_folder(path.parent)
            self._file: IO[bytes] = path.open("wb" if force else "xb")
        except FileExistsError:
            raise BadInput(f"{path} exists already", hint="name another --out, or add --force to replace it") from None
        except OSError as error:
            raise BadInput(
                f"cannot write {path}: {error.strerror}", hint="name a folder you may write to with --out"
            ) from None

    def write(self, fact: Fact) -> None:
        """Append one fact."""
        self._file.write(encode(fact) + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Make the file durable and close it."""
        os.fsync(self._file.fileno())
        self._file.close()


def load(path: Path | str) -> Recording:
    """Read a recording, whole or cut at any byte.

    Raises:
        RecordingUnreadable: the file cannot be opened, is not a recording, or has a newer schema.
    """
    try:
        with Path(path).open("rb") as lines:
            return assemble(_decoded(lines), named=str(path))
    except OSError as error:
        raise RecordingUnreadable(
            f"cannot read {path}: {error.strerror}", hint="name a file written by ironlaw run"
        ) from None


class _Cut:
    """Stands for a last line that is not whole."""


def _decoded(lines: Iterable[bytes]) -> Iterator[Fact | _Cut]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            fact = decode(line)
        except (msgspec.DecodeError, StopIteration, UnicodeDecodeError) as error:
            if line.endswith(b"\n") and number > 1:
                raise RecordingUnreadable(
                    f"line {number} is damaged: {error}", hint="the lines before it are good; cut the file there"
                ) from None
            yield _Cut()
            return
        if fact is not None:
            yield fact


def assemble(facts: Iterable[Fact | _Cut], *, named: str = "the recording") -> Recording:
    """A recording from its facts in order.

    Raises:
        RecordingUnreadable: the first fact is not a header this version can read.
    """
    by_kind: dict[type, list[Any]] = {kind: [] for kind in (*KINDS.values(), _Cut)}
    for number, fact in enumerate(facts):
        if number == 0:
            _require_header(fact, named)
        by_kind[type(fact)].append(fact)
    if not by_kind[Header]:
        raise RecordingUnreadable(f"{named} is empty", hint="name a file written by ironlaw run")
    ended = by_kind[Ended]
    return Recording(
        header=by_kind[Header][0],
        machine=_last(by_kind[Machine], "the file was cut before the machine was described"),
        plans=tuple(by_kind[Plan]),
        counters=_last(by_kind[CounterCheck], "the file was cut before the counters were tested"),
        prepared=tuple(by_kind[ArmPrepared]),
        interpreters=tuple(by_kind[InterpreterStarted]),
        started=tuple(by_kind[ArmStarted]),
        readings=tuple(by_kind[Reading]),
        nulls=tuple(by_kind[NullReading]),
        censuses=tuple(by_kind[Census]),
        outputs=tuple(by_kind[Outputs]),
        labelled=tuple(by_kind[Labelled]),
        failures=tuple(by_kind[Failure]),
        concerns=tuple(by_kind[Concern]),
        ended=_last(ended, "the recording was cut short"),
        ceilings=_last(by_kind[Ceilings], "the ceilings of the machine were not measured"),
        layer_graphs=tuple(by_kind[LayerGraph]),
        layer_readings=tuple(by_kind[LayerReading]),
        was_cut=bool(by_kind[_Cut]) or not ended,
    )


def _last(facts: list[Any], otherwise: str) -> Any:
    return facts[-1] if facts else Missing(otherwise)


def _require_header(fact: Fact | _Cut, named: str) -> None:
    if not isinstance(fact, Header):
        raise RecordingUnreadable(f"{named} is not a recording", hint="name a file written by ironlaw run")
    if fact.schema > SCHEMA:
        raise RecordingUnreadable(
            f"{named} has schema {fact.schema}; this version reads up to {SCHEMA}",
            hint="pip install --upgrade ironlaw",
        )
