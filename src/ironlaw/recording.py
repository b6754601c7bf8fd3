"""A recording: every raw fact of a run, one JSON line each, append-only, readable wherever it was cut.

A line is an object whose first key is the kind of fact: {"reading": {...}, "at_s": 12.5}. The first line is the header
with the schema version. Facts are written the moment they are known; nothing is ever rewritten. `at_s` are the seconds
since the first line; older recordings have none.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gc
import itertools
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import IO, Any, get_args, get_type_hints

import msgspec

from ironlaw.circumstance import Circumstance
from ironlaw.code import CodeSamples
from ironlaw.concern import Concern
from ironlaw.errors import BadInput, RecordingUnreadable, RunIncomplete
from ironlaw.fact import (
    SCHEMA,
    ArmPrepared,
    ArmStarted,
    Ceilings,
    Census,
    CounterCheck,
    Ended,
    Fact,
    Failure,
    Header,
    InterpreterStarted,
    Labelled,
    NullReading,
    Outputs,
    Reading,
    Spent,
)
from ironlaw.layer import LayerCode, LayerGraph, LayerReading
from ironlaw.lines import KINDS, NAMES, Timed, decode_timed, encode
from ironlaw.machine import Machine
from ironlaw.missing import Maybe, Missing
from ironlaw.plan import Plan
from ironlaw.replay import Replay

# Twice what the largest answers of a detector take, and a hundred times the longest run; a file beyond is none of ours.
MOST_BYTES_OF_HEADER, MOST_BYTES_OF_LINE, MOST_BYTES = 2**16, 2**28, 2**32


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """All facts of one run, by kind, in the order of the file; of kinds that are stated once, the last.

    `plans` holds the plan and its amendments (arms added during the run); the last one is in force. `at_s` holds, by
    kind, when each fact was written: at_s["reading"][3] belongs to readings[3]. `concerns` is filled by older versions
    only; newer ones record `circumstances`, from which concerns follow.
    """

    header: Header
    machine: Maybe[Machine] = Missing("the file was cut before the machine was described")
    plans: tuple[Plan, ...] = ()
    counters: Maybe[CounterCheck] = Missing("the file was cut before the counters were tested")
    prepared: tuple[ArmPrepared, ...] = ()
    interpreters: tuple[InterpreterStarted, ...] = ()
    started: tuple[ArmStarted, ...] = ()
    readings: tuple[Reading, ...] = ()
    nulls: tuple[NullReading, ...] = ()
    censuses: tuple[Census, ...] = ()
    outputs: tuple[Outputs, ...] = ()
    failures: tuple[Failure, ...] = ()
    circumstances: tuple[Circumstance, ...] = ()
    concerns: tuple[Concern, ...] = ()
    ended: Maybe[Ended] = Missing("the recording was cut short")
    ceilings: tuple[Ceilings, ...] = ()  # one for each number of threads
    layer_graphs: tuple[LayerGraph, ...] = ()
    layer_readings: tuple[LayerReading, ...] = ()
    layer_codes: tuple[LayerCode, ...] = ()
    labelled: tuple[Labelled, ...] = ()
    code_samples: tuple[CodeSamples, ...] = ()
    replays: tuple[Replay, ...] = ()
    spent: tuple[Spent, ...] = ()
    at_s: Mapping[str, tuple[Maybe[float], ...]] = field(default_factory=dict, compare=False)
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


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(0, f"{folder} is not a folder") from None


class RecordingWriter:
    """Appends facts to a file as soon as they are known, so that the file is readable after a crash.

    The file is locked while it is written, so that no other run replaces it. It holds whole lines only, even if the
    disk is full. If it is deleted or overwritten, `close` writes everything again, to `path`.
    """

    def __init__(self, path: Path, *, force: bool = False, now_s: Callable[[], float] = time.monotonic) -> None:
        """Open a new file; `now_s` is the clock that times facts.

        Raises:
            BadInput: the file exists (without force), another run writes it, or it cannot be written.
        """
        self.path = path
        self._lines: list[bytes] = []
        self._now_s = now_s
        self._began_s: float | None = None  # when the first fact was written
        self._whole_bytes = 0
        try:
            _make_folder(path.parent)
            self._file = _open_alone(path, force=force)
        except FileExistsError:
            raise BadInput(f"{path} exists already", hint="name another --out, or add --force to replace it") from None
        except BlockingIOError:
            raise BadInput(
                f"another run writes {path}", hint="name another --out, or wait until it has ended"
            ) from None
        except OSError as error:
            raise BadInput(
                f"cannot write {path}: {error.strerror}", hint="name a folder you may write to with --out"
            ) from None

    def write(self, fact: Fact) -> None:
        """Append one fact.

        Raises:
            RunIncomplete: it cannot be written; the facts before it are kept.
        """
        now_s = self._now_s()
        self._began_s = now_s if self._began_s is None else self._began_s
        line = encode(fact, at_s=now_s - self._began_s) + b"\n"
        try:
            self._append(line)
        except OSError as error:
            raise RunIncomplete(
                f"cannot write {self.path}: {error.strerror}",
                hint=f"what was recorded before is kept there; free disk space, then: ironlaw explain {self.path}",
            ) from None
        self._lines.append(line)

    def _append(self, line: bytes) -> None:
        """Write a whole line or, if that fails or is interrupted, nothing."""
        begun = self._whole_bytes
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            self._whole_bytes += len(line)
        finally:
            if self._whole_bytes == begun:
                with contextlib.suppress(OSError):  # a device has no length; there is nothing to take back
                    os.ftruncate(self._file, begun)

    def close(self) -> None:
        """Sync the file and close it; `path` then holds all facts.

        Raises:
            RunIncomplete: the file was replaced, or it was deleted and cannot be written again.
        """
        wanted = self.path
        try:
            with contextlib.suppress(OSError):  # a device cannot be made durable
                os.fsync(self._file)
            if not self._is_in_place():
                self.path = self._write_again()
        except OSError as error:
            raise RunIncomplete(
                f"{wanted} was changed while it was written, and cannot be written again: {error.strerror}",
                hint="record again, with an --out that no other program writes",
            ) from None
        finally:
            os.close(self._file)
        if self.path != wanted:
            raise RunIncomplete(
                f"{wanted} was overwritten by another program while it was written",
                hint=f"the recording is kept in {self.path}: ironlaw explain {self.path}",
            )

    @property
    def is_empty(self) -> bool:
        """Whether no fact has been written."""
        return not self._lines

    @property
    def has_readings(self) -> bool:
        """Whether an inference has been counted."""
        return any(line.startswith(b'{"reading"') for line in self._lines)

    def discard(self) -> None:
        """Close and remove the file: nothing was measured."""
        if self._is_in_place():
            self.path.unlink()
        os.close(self._file)

    def _is_in_place(self) -> bool:
        """Whether the file still has its name, and holds exactly what was written to it."""
        ours = os.fstat(self._file)
        try:
            there = os.stat(self.path)
        except OSError:
            return False
        if not stat.S_ISREG(ours.st_mode):
            return True
        return os.path.samestat(ours, there) and there.st_size == self._whole_bytes

    def _write_again(self) -> Path:
        """Write all facts again under the file's own name if it is free, else under the next free name."""
        _make_folder(self.path.parent)
        for number in itertools.count(1):
            path = self.path if number == 1 else self.path.with_stem(f"{self.path.stem}-{number}")
            with contextlib.suppress(FileExistsError), path.open("xb") as file:
                file.writelines(self._lines)
                file.flush()
                os.fsync(file.fileno())
                return path
        raise AssertionError("numbers do not end")


def _open_alone(path: Path, *, force: bool) -> int:
    """Return a locked descriptor of a new file (with `force`, of a truncated one).

    Raises:
        OSError: it exists, cannot be opened, or (BlockingIOError) is locked by another run.
    """
    new = os.O_CREAT if force else os.O_CREAT | os.O_EXCL
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | new, 0o666)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if stat.S_ISREG(os.fstat(file).st_mode):
            os.ftruncate(file, 0)
    except BlockingIOError:
        os.close(file)
        raise
    except OSError as error:
        # A file system without locks still keeps the file; only two runs on it are not kept apart.
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP):
            os.close(file)
            raise
        os.ftruncate(file, 0)
    return file


def load(path: Path | str) -> Recording:
    """Read a recording, whole or cut at any byte.

    Raises:
        RecordingUnreadable: the file cannot be opened, is not a recording, or has a newer schema.
    """
    try:
        with Path(path).open("rb") as stream:
            return read(stream, named=str(path))
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        reason = getattr(error, "strerror", None) or str(error)
        raise RecordingUnreadable(f"cannot read {path}: {reason}", hint="name a file written by ironlaw run") from None


def read(stream: IO[bytes], *, named: str) -> Recording:
    """Read a recording from an open file or pipe, whole or cut at any byte, up to the largest size that a recording can
    have.

    Raises:
        RecordingUnreadable: it is not a recording, or has a newer schema.
        OSError: the stream cannot be read.
    """
    with _without_collector():
        return assemble(_decoded(_lines(stream, named)), named=named)


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Suspend the cyclic garbage collector. Facts hold no cycles, but a million new objects would make it traverse them
    again and again, for more than half of the time that reading takes (`python -m benchmarks.explain_speed`).
    """
    ran = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if ran:
            gc.enable()


class _Cut:
    """Marks an incomplete last line."""


def _lines(stream: IO[bytes], named: str) -> Iterator[bytes]:
    """Yield the lines. A file without line ends (a device, an image) is read only up to the longest possible line."""
    most, left = MOST_BYTES_OF_HEADER, MOST_BYTES
    while line := stream.readline(most + 1):
        left -= len(line)
        if len(line) > most or left < 0:
            limit = "a line longer" if len(line) > most else "more bytes"
            raise RecordingUnreadable(
                f"{named} is not a recording: it has {limit} than allowed",
                hint="name a file written by ironlaw run",
            )
        yield line
        if line.strip():
            most = MOST_BYTES_OF_LINE


def _decoded(lines: Iterable[bytes]) -> Iterator[Timed | _Cut]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            timed = decode_timed(line)
        except (msgspec.MsgspecError, StopIteration, ValueError, RecursionError, BadInput) as error:
            if line.endswith(b"\n") and number > 1:
                reason = str(error)[:300] or type(error).__name__
                raise RecordingUnreadable(
                    f"line {number} is damaged: {reason}", hint="the lines before it are valid; truncate the file there"
                ) from None
            yield _Cut()
            return
        if timed is not None:
            yield timed


def assemble(facts: Iterable[Fact | Timed | _Cut], *, named: str = "the recording") -> Recording:
    """Assemble a recording from its facts in order.

    Raises:
        RecordingUnreadable: the first fact is not a header this version can read.
    """
    by_kind: dict[type, list[Any]] = {kind: [] for kind in (*KINDS.values(), _Cut)}
    at_s: dict[str, list[Maybe[float]]] = {}
    for number, one in enumerate(facts):
        timed = one if isinstance(one, Timed) else None
        fact = one.fact if isinstance(one, Timed) else one
        if number == 0:
            _require_header(fact, named)
        by_kind[type(fact)].append(fact)
        if timed is not None:
            at_s.setdefault(NAMES[type(fact)], []).append(timed.at_s)
    if not by_kind[Header]:
        raise RecordingUnreadable(f"{named} is empty", hint="name a file written by ironlaw run")
    return Recording(
        header=by_kind[Header][0],
        **_filed(by_kind),
        at_s={kind: tuple(times) for kind, times in at_s.items()},
        was_cut=bool(by_kind[_Cut]) or not by_kind[Ended],
    )


def _filed(by_kind: Mapping[type, list[Any]]) -> dict[str, Any]:
    """The fields of a recording, without its header, that have facts."""
    filed: dict[str, Any] = {}
    for one in fields(Recording):
        facts = [fact for kind in FILED_IN[one.name] for fact in by_kind[kind]]
        if facts and one.name != "header":
            filed[one.name] = facts[-1] if isinstance(one.default, Missing) else tuple(facts)
    return filed


def _leaves(annotation: Any) -> set[Any]:
    parts = get_args(annotation)
    return set().union(*map(_leaves, parts)) if parts else {annotation}


# The kinds of fact that a recording's fields hold, by the names of the fields.
FILED_IN: dict[str, tuple[type, ...]] = {
    name: tuple(kind for kind in KINDS.values() if kind in _leaves(annotation))
    for name, annotation in get_type_hints(Recording).items()
}


def _require_header(fact: Fact | _Cut, named: str) -> None:
    if not isinstance(fact, Header):
        raise RecordingUnreadable(f"{named} is not a recording", hint="name a file written by ironlaw run")
    if fact.schema > SCHEMA:
        raise RecordingUnreadable(
            f"{named} has schema {fact.schema}; this version reads up to {SCHEMA}",
            hint="pip install --upgrade ironlaw",
        )
