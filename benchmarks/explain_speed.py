"""How long explaining takes: figures, not a test. `python -m benchmarks.explain_speed`.

Recordings come from stated laws with noise; what is timed is `explain` alone, the import of numpy and scipy before it.
"""

from __future__ import annotations

import time
import tracemalloc

from tests.explain.stated import Law, Noise, recording

from ironlaw.explain.assemble import explain
from ironlaw.recording import Recording

NOISE = Noise(shared=0.03, own=0.01, rounds=0.01)


def made(*, arms: int, replicates: int, rounds: int) -> Recording:
    """A recording of that size; every arm a little faster than the one before, the last one a control."""
    laws = {f"arm{number}": Law(instructions=20e6 * 0.95**number) for number in range(arms - 1)}
    return recording(laws, NOISE, replicates=replicates, rounds=rounds)


def measured(named: str, fact: Recording) -> None:
    """Explain twice: once for the time, once for the memory that it takes at most."""
    began = time.perf_counter()
    explain(fact)
    took_s = time.perf_counter() - began
    tracemalloc.start()
    explain(fact)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    readings = len(fact.readings)
    print(
        f"{named:34} {readings:8} readings {took_s:7.3f} s {peak_bytes / 1e6:7.1f} MB, "
        f"{peak_bytes / readings:6.0f} bytes a reading"
    )


def main() -> None:
    """Print the figures."""
    explain(made(arms=3, replicates=2, rounds=3))
    measured("10 arms x 10 replicates x 100", made(arms=10, replicates=10, rounds=100))
    measured("5 arms x 20 replicates x 500", made(arms=5, replicates=20, rounds=500))
    measured("10 arms x 100 replicates x 100", made(arms=10, replicates=100, rounds=100))


if __name__ == "__main__":
    main()
