"""How long explaining takes, and how its memory grows: figures, not a test. `python -m benchmarks.explain_speed`.

Recordings come from stated laws with noise. Timed are reading the file, explaining it, and printing it at 80 columns,
after numpy, scipy and rich are imported. Wanted: 10 arms x 10 replicates x 100 rounds within 1 s, 100,000 readings
within 5 s, memory that grows no faster than the number of readings.
"""

from __future__ import annotations

import io
import tempfile
import time
import tracemalloc
from pathlib import Path

from rich.console import Console
from tests.analysis.stated import Law, Noise, recording

from ironlaw.analysis.assemble import explain
from ironlaw.fact import Fact
from ironlaw.missing import Missing
from ironlaw.recording import Recording, RecordingWriter, load
from ironlaw.report.terminal import show

NOISE = Noise(shared=0.03, own=0.01, rounds=0.01)


def made(*, arms: int, replicates: int, rounds: int) -> Recording:
    """A recording of that size; every arm a little faster than the one before, the last one a control."""
    laws = {f"arm{number}": Law(instructions=20e6 * 0.95**number) for number in range(arms - 1)}
    return recording(laws, NOISE, replicates=replicates, rounds=rounds)


def write(fact: Recording, path: Path) -> None:
    """The recording as a file."""
    assert not isinstance(fact.machine, Missing)
    assert not isinstance(fact.counters, Missing)
    assert not isinstance(fact.ended, Missing)
    sink = RecordingWriter(path, force=True)
    facts: list[Fact] = [fact.header, fact.machine, *fact.plans, fact.counters]
    facts += [*fact.started, *fact.readings, fact.ended]
    for one in facts:
        sink.write(one)
    sink.close()


def print_out(path: Path) -> tuple[float, float, float]:
    """Seconds for reading, explaining and printing."""
    marks = [time.perf_counter()]
    fact = load(path)
    marks.append(time.perf_counter())
    explanation = explain(fact)
    marks.append(time.perf_counter())
    show(explanation, Console(file=io.StringIO(), width=80))
    marks.append(time.perf_counter())
    return marks[1] - marks[0], marks[2] - marks[1], marks[3] - marks[2]


def measured(named: str, fact: Recording) -> None:
    """Explain twice: once for the time, once for the memory that it takes at most."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.jsonl"
        write(fact, path)
        read_s, explain_s, show_s = print_out(path)
    tracemalloc.start()
    explain(fact)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    readings = len(fact.readings)
    print(
        f"{named:30} {readings:7} readings: {read_s + explain_s + show_s:6.3f} s (read {read_s:.3f}, "
        f"explain {explain_s:.3f}, print {show_s:.3f}); {peak_bytes / readings:5.0f} bytes a reading at most"
    )


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.jsonl"
        write(made(arms=3, replicates=6, rounds=3), path)
        print_out(path)
    measured("10 arms x 10 replicates x 100", made(arms=10, replicates=10, rounds=100))
    measured("5 arms x 20 replicates x 500", made(arms=5, replicates=20, rounds=500))
    measured("10 arms x 100 replicates x 100", made(arms=10, replicates=100, rounds=100))


if __name__ == "__main__":
    main()
