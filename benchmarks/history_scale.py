"""How long a history takes: figures, not a test. `python -m benchmarks.history_scale [COUNT [FOLDER]]`.

Recordings are made by the scripted stage, a few hundred different ones, and written again and again with other dates,
models and machines (with --only-generate nothing else is done).
Each command is a process of its own, as a user starts it; the machine's page cache is warm.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.sweep.scripted import MACHINE, SCRIPT, ScriptedRunner, plan

from ironlaw.history.catalogue import NAME
from ironlaw.measure.scripted import ArmScript
from ironlaw.watcher import Unwatched

DIFFERENT = 200
MODELS, HOSTS = 10, 4
FIRST = datetime(2020, 1, 1, tzinfo=UTC)
PER_FOLDER = 5000


def templates(folder: Path) -> Iterator[list[bytes]]:
    """The lines of different recordings, half of them with int8 1.1x slower than in the other half."""
    cell = next(plan(folder).cells())
    for number in range(DIFFERENT):
        int8 = ArmScript(user_instructions=5e7 if number < DIFFERENT // 2 else 5.5e7)
        script = replace(SCRIPT, arms={**SCRIPT.arms, "int8": int8}, seed=number)
        out = folder / f"template{number}.jsonl"
        ScriptedRunner(journal=folder / "journal", script=script).measure(cell, out, Unwatched())
        yield out.read_bytes().splitlines(keepends=True)


def generate(folder: Path, count: int, scratch: Path) -> None:
    """Write a number of recordings; the later half of each series is from the slower half of the templates."""
    made = list(templates(scratch))
    machine = replace(MACHINE, cpus_allowed=(0, 1))
    assert json.loads(made[0][1])["machine"]["cpu"] == machine.cpu
    for number in range(count):
        lines = list(made[number % (DIFFERENT // 2) + (DIFFERENT // 2 if number >= count // 2 else 0)])
        started = (FIRST + timedelta(minutes=20 * number)).isoformat(timespec="seconds")
        header = json.loads(lines[0])
        header["header"]["started_utc"] = started
        lines[0] = json.dumps(header).encode() + b"\n"
        lines[1] = lines[1].replace(b'"cpu":"scripted"', b'"cpu":"host%d"' % (number % HOSTS))
        lines[2] = lines[2].replace(b'"model":"scripted"', b'"model":"net%d"' % (number // HOSTS % MODELS))
        below = folder / f"{number // PER_FOLDER:03}"
        below.mkdir(exist_ok=True)
        (below / f"{number:06}.jsonl").write_bytes(b"".join(lines))


def timed(what: str, *arguments: str) -> str:
    """Run `ironlaw history` and print how long it took."""
    began_s = time.perf_counter()
    reported = subprocess.run(
        [Path(sys.executable).with_name("ironlaw"), "history", *arguments], capture_output=True, check=True
    )
    print(f"{what:28} {time.perf_counter() - began_s:7.2f} s", flush=True)
    return reported.stdout.decode()


def main() -> None:
    """Print the figures; a FOLDER that holds recordings already is measured as it is."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as place:
        folder = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(place) / "runs"
        if not folder.exists():
            scratch = Path(place) / "scratch"
            scratch.mkdir()
            folder.mkdir()
            began_s = time.perf_counter()
            generate(folder, count, scratch)
            print(f"{count} recordings generated in {time.perf_counter() - began_s:.0f} s", flush=True)
        if "--only-generate" not in sys.argv:
            ask(folder)


def ask(folder: Path) -> None:
    """Build the catalogue and use it."""
    (folder / NAME).unlink(missing_ok=True)
    timed("catalogue built, and a list", str(folder))
    for _ in range(3):
        timed("list", str(folder), "--model", "net3")
    for _ in range(3):
        trend = timed("trend", str(folder), "--model", "net3", "--host", "host1", "--trend")
    print(trend)
    timed("SQL", str(folder), "--sql", "select model, count(*) from comparisons group by model")


if __name__ == "__main__":
    main()
