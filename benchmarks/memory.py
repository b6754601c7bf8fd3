"""The largest resident set of any process of a run, for few and for many inferences. `python -m benchmarks.memory`.

Wanted: below 700 MB, and the same for 20 times as many inferences. Shared pages (most of torch's libraries) are counted
in every process that touched them, so the processes do not add up to what a run takes. ARGS go to `ironlaw run`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from enum import Enum

import psutil

from ironlaw.machine.free_memory import peak_rss_bytes
from ironlaw.missing import is_known

COUNTS = (100, 2000)
EVERY_S = 0.05


class Role(Enum):
    """What a process of a run is there for."""

    RECORDER = "recorder"
    INTERPRETER = "interpreter that twins are forked from"
    TWIN = "twin: prepares an arm, or runs it"
    OTHER = "other (memory bandwidth and matrix products, compilers)"


def role(process: psutil.Process, recorder: psutil.Process) -> Role:
    """By its place in the tree."""
    if process == recorder:
        return Role.RECORDER
    if "ironlaw.measure.interpreter" not in process.cmdline():
        return Role.OTHER
    return Role.INTERPRETER if process.ppid() == recorder.pid else Role.TWIN


def peaks(inferences: int, arguments: list[str]) -> dict[Role, int]:
    """VmHWM in bytes, the largest of each role."""
    found: dict[Role, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        out = ["--n", str(inferences), "--replicates", "2", "--out", f"{folder}/memory.jsonl"]
        command = [sys.executable, "-m", "ironlaw", "run", *arguments, *out]
        run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        recorder = psutil.Process(run.pid)
        while run.poll() is None:
            with suppress(psutil.NoSuchProcess):
                for process in (recorder, *recorder.children(recursive=True)):
                    with suppress(psutil.NoSuchProcess, OSError):
                        whose, peak = role(process, recorder), peak_rss_bytes(process.pid)
                        if is_known(peak):
                            found[whose] = max(found.get(whose, peak), peak)
            time.sleep(EVERY_S)
        if run.returncode not in (0, 3):
            sys.exit(f"ironlaw run ended with {run.returncode}")
    return found


def main() -> None:
    """Both counts, a line each role."""
    arguments = sys.argv[1:] or ["--experiments", "none"]
    for inferences in COUNTS:
        print(f"{inferences} inferences an arm")
        for whose, size in peaks(inferences, arguments).items():
            print(f"  {size / 1e6:5.0f} MB  {whose.value}")


if __name__ == "__main__":
    main()
