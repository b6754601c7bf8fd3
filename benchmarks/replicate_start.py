"""What starting a replicate costs: seconds of starting, loading and warming up a replicate, from the run's own account.

`python -m benchmarks.replicate_start [pair] [default]`. Wanted on two quiet CPUs: a pair of plain callables within 1 s,
a default run of 14 arms within 6 s.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAMS = """
def quick(): return (lambda numbers: sum(range(20000))), [(1,)]
def slow(): return (lambda numbers: sum(range(40000))), [(1,)]
"""
STARTING = ("starting", "loading", "warming")
WANTED_S = {"pair": 1.0, "default": 6.0}


def arguments(case: str, folder: Path) -> list[str]:
    """What `ironlaw run` is called with."""
    programs = folder / "programs.py"
    programs.write_text(PROGRAMS)
    shared = ["--no-code", "--no-layers", "--out", str(folder / f"{case}.jsonl"), "--json"]
    if case == "pair":
        arms = [part for name in ("quick", "slow") for part in ("--arm", f"{name}={programs}:{name}")]
        return [*arms, "--experiments", "none", "--replicates", "3", "--n", "30", *shared]
    return ["--replicates", "3", "--n", "6", *shared]


def main() -> None:
    """Run the cases named, or both, and print what a replicate took to start."""
    for case in sys.argv[1:] or WANTED_S:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "ironlaw", "run", *arguments(case, Path(folder))]
            document = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        run = document["run"]
        parts = {name: run["spent"].get(name, 0.0) / run["replicates"] for name in STARTING}
        said = ", ".join(f"{name} {seconds:.2f}" for name, seconds in parts.items())
        whole_s = sum(parts.values())
        print(f"{case:8} {len(document['arms'])} arms: {whole_s:.2f} s a replicate ({said}); wanted {WANTED_S[case]} s")


if __name__ == "__main__":
    main()
