"""What starting costs: `ironlaw --help`, `import ironlaw`, what a replicate imports, beside a bare interpreter.

`python -m benchmarks.start_time`.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from ironlaw.measure.needs import FOR_EVERY_ARM

REPEATS = 11
PYTHON = sys.executable
COMMANDS = {
    "bare interpreter": [PYTHON, "-c", "pass"],
    "import ironlaw": [PYTHON, "-c", "import ironlaw"],
    **{
        f"what a replicate of {name} imports": [PYTHON, "-c", f"import {', '.join((*FOR_EVERY_ARM, *modules))}"]
        for name, modules in (("callables", ()), ("ONNX files", ("onnxruntime",)), ("torch modules", ("torch",)))
    },
    "ironlaw --help": [str(Path(PYTHON).with_name("ironlaw")), "--help"],
    "ironlaw run --help": [str(Path(PYTHON).with_name("ironlaw")), "run", "--help"],
    "ironlaw explain --help": [str(Path(PYTHON).with_name("ironlaw")), "explain", "--help"],
}
LIMITS_S = {
    "import ironlaw": 0.1,
    "ironlaw --help": 0.3,
    "what a replicate of callables imports": 1.0,
    "what a replicate of ONNX files imports": 1.0,
}


def seconds(command: list[str]) -> float:
    """How long the command takes, from start to end of the process."""
    began_s = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began_s


def main() -> None:
    """Run the commands in turns and print medians."""
    took: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(REPEATS):
        for name, command in COMMANDS.items():
            took[name].append(seconds(command))
    bare_s = statistics.median(took["bare interpreter"])
    for name, values in took.items():
        middle_s = statistics.median(values)
        limit = f"   beyond a bare interpreter {middle_s - bare_s:.3f} s"
        if name in LIMITS_S:
            limit += f" (wanted: within {LIMITS_S[name]} s in all)"
        print(f"{name:24} {middle_s:.3f} s [{min(values):.3f}, {max(values):.3f}]{limit}")


if __name__ == "__main__":
    main()
