"""How long one sample stops a program: `python -m benchmarks.sample_cost`.

A loop reads the clock, and nothing else, while it is sampled at the rate of a run. Samples carry the time on the same
clock, so that the gap in the readings around each is what it took: leaving the guest, the interrupt, writing the sample
and coming back. Gaps do not depend on how fast the host is while other turns run, as the times of whole turns do. Cold:
64 MiB are read every 2 ms, so that the kernel's code and data are no longer in the caches, as beside an inference.
Time that the program loses afterwards, because the sample displaced something from the caches, is not in it.
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np
from numpy.typing import NDArray

from ironlaw.analysis.statistics.interval import t_interval
from ironlaw.measure.sampling.turns import PERIOD_NS, Sampler, open_sampler
from ironlaw.missing import Missing

SPUN_NS = 2_000_000
DISPLACING_BYTES = 64 << 20
GROUPS = 20  # parts of the run, whose means scatter: neighbouring samples meet the same host


def gaps(sampler: Sampler, seconds: float, displacing: NDArray[np.uint8] | None) -> list[int]:
    """What each sample took that fell between two readings of the clock, in ns, in the order of time."""
    read, spans = time.perf_counter_ns, list[tuple[int, int]]()
    sampler.attach()
    sampler.start()
    until = read() + round(seconds * 1e9)
    last = read()
    while last < until:
        if displacing is not None:
            displacing.max()
        last = begun = read()
        while last - begun < SPUN_NS:
            now = read()
            if now - last > 1000:  # a reading takes 0.1 us
                spans.append((last, now))
            last = now
    sampler.stop()
    times = np.sort([sample.time_ns for sample in sampler.take()])
    sampler.close()
    found = []
    for start, end in spans:
        place = int(np.searchsorted(times, start))
        if place < len(times) and times[place] <= end:
            found.append(end - start)
    return found


def main() -> None:
    """Report warm and cold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each kind")
    seconds = parser.parse_args().seconds
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    opened = open_sampler(PERIOD_NS)
    if isinstance(opened, Missing):
        print(opened.reason)
        return
    memory = np.ones(DISPLACING_BYTES, dtype=np.uint8)
    for name, displacing in (("warm", None), ("cold", memory)):
        taken = gaps(opened[0], seconds, displacing)
        means = [float(np.mean(part)) for part in np.array_split(taken, GROUPS) if len(part)]
        mean = t_interval(means)
        if isinstance(mean, Missing):
            print(f"{name}: {mean.reason}")
            continue
        share = [f"{one / PERIOD_NS:.2%}" for one in (mean.value, mean.low, mean.high)]
        print(
            f"{name}, by {opened[1].value}: {len(taken)} samples, median {np.median(taken) / 1e3:.1f} us, "
            f"mean {mean.value / 1e3:.1f} us [{mean.low / 1e3:.1f}, {mean.high / 1e3:.1f}], of the time between two "
            f"{share[0]} [{share[1]}, {share[2]}]"
        )


if __name__ == "__main__":
    main()
