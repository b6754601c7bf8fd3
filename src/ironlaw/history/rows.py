"""One recording as rows of the catalogue: one per comparison, or one row with the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ironlaw.errors import IronlawError, RecordingUnreadable

if TYPE_CHECKING:
    from ironlaw.machine import Machine
    from ironlaw.recording import Recording


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The catalogue's row of one comparison. None is SQL's NULL: unknown, with the reason in `problem` or the
    recording.

    `host` is the CPU model and the number of allowed CPUs; `versions` is "torch 2.6.0, onnxruntime 1.20.1, ...".
    """

    file: str
    bytes: int
    mtime_ns: int
    problem: str | None = None
    schema: int | None = None
    ironlaw: str | None = None
    started: str | None = None  # UTC, ISO 8601
    model: str | None = None
    threads: int | None = None
    batch: int | None = None
    host: str | None = None
    architecture: str | None = None
    cpu: str | None = None
    isa: str | None = None
    kernel: str | None = None
    governor: str | None = None
    libc: str | None = None
    versions: str | None = None
    ending: str | None = None
    failures: str | None = None
    control: str | None = None
    changed: str | None = None
    difference: str | None = None
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None
    ln_gain: float | None = None


COLUMNS = tuple(field.name for field in fields(Row))


class Listed(NamedTuple):
    """A file of the folder as the file system reports it; a tuple for speed, since 100,000 are created and sorted."""

    file: str  # relative to the folder
    bytes: int
    mtime_ns: int


def as_utf8(text: str) -> str:
    """Escape bytes that are not valid UTF-8, which may occur in a file's name."""
    return text.encode("utf-8", "backslashreplace").decode()


def rows_of(folder: Path, listed: Listed) -> list[Row]:
    """The rows of a recording; one row with the problem if it cannot be read."""
    import ironlaw

    found = {"file": as_utf8(listed.file), "bytes": listed.bytes, "mtime_ns": listed.mtime_ns}
    path = folder / listed.file
    try:
        if path.exists() and not path.is_file():
            # Opening a pipe would block until a process writes to it.
            raise RecordingUnreadable(f"{path} is no file", hint="name a file written by ironlaw run")
        recording = ironlaw.load(path)
        return _rows(recording, found)
    except (IronlawError, ValueError) as error:
        return [Row(**found, problem=as_utf8(str(error)))]  # type: ignore[arg-type]  # three fields of three types


def _rows(recording: Recording, found: dict[str, object]) -> list[Row]:
    import math

    import ironlaw
    from ironlaw.missing import Missing

    shared = found | _facts(recording)
    rows = []
    for comparison in ironlaw.differences(recording).comparisons:
        ln_ratio = comparison.ln_ratio
        numbers: dict[str, object] = {}
        if isinstance(ln_ratio, Missing):
            numbers = {"problem": ln_ratio.reason}
        else:
            gain = ln_ratio.through(math.exp)
            numbers = {"gain": gain.value, "gain_low": gain.low, "gain_high": gain.high, "ln_gain": ln_ratio.value}
        compared = {
            "control": comparison.control,
            "changed": comparison.changed,
            "difference": comparison.difference.value,
        }
        rows.append(Row(**shared | compared | numbers))  # type: ignore[arg-type]  # names and types as in Row
    return rows or [Row(**shared, problem="it has no second arm")]  # type: ignore[arg-type]  # as above


def _facts(recording: Recording) -> dict[str, object]:
    from ironlaw.missing import is_known

    plan, machine, ended = recording.plan, recording.machine, recording.ended
    facts: dict[str, object] = {
        "schema": recording.header.schema,
        "ironlaw": recording.header.ironlaw,
        "started": recording.header.started_utc,
        "model": plan.model,
        "threads": plan.threads,
        "batch": plan.batch,
        "ending": ended.why.value if is_known(ended) else "cut short",
        "failures": "; ".join(f"{failure.arm}: {failure.reason}" for failure in recording.failures) or None,
    }
    return facts | (_of_machine(machine) if is_known(machine) else {})


def _of_machine(machine: Machine) -> dict[str, object]:
    from ironlaw.missing import is_known

    read = {"kernel": machine.kernel, "governor": machine.governor, "libc": machine.libc}
    return {
        "host": f"{machine.cpu}, {len(machine.cpus_allowed)} CPUs",
        "architecture": machine.architecture,
        "cpu": machine.cpu,
        "isa": " ".join(machine.isa),
        "versions": ", ".join(f"{name} {version}" for name, version in sorted(machine.versions.items())),
        **{name: value for name, value in read.items() if is_known(value)},
    }
