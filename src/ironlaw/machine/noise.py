"""The noise of this machine: the same work against itself, measured in the same way as arms.

Run as `python -m ironlaw.machine.noise SECONDS SEED CPU`, one replicate: two twins, forked from one
interpreter, take turns; the answer is one JSON array with the ln-ratio of each round.
"""

from __future__ import annotations

import json
import math
import os
import random
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from ironlaw import child
from ironlaw.missing import Maybe, Missing

REPLICATES = 8
_TURN_S = 0.03
_STARTING_S = 0.35  # of an interpreter, numpy and the warm-up
_LIMIT_S = 60.0
_WARM_UP_TURNS = 3
_TURN, _END = b"t", b"e"


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """ln(first/second) of the same work in twins: one tuple of rounds per replicate, and the total time."""

    rounds: tuple[tuple[float, ...], ...]
    took_s: float

    @property
    def means(self) -> tuple[float, ...]:
        """The mean of each replicate."""
        return tuple(math.fsum(rounds) / len(rounds) for rounds in self.rounds)


def measure_noise(seconds: float, *, cpu: int, seed: int = 0) -> Maybe[Noise]:
    """Measure the same work against itself for about that many seconds, in fresh interpreters on one CPU.

    The work resembles an inference: matrix products that fit into the caches, and a pass over arrays that are allocated
    and returned to the system. Missing when a replicate fails.
    """
    begun = time.monotonic()
    rng = random.Random(seed)
    each_s = max(0.1, seconds / REPLICATES - _STARTING_S)
    found = []
    for _ in range(REPLICATES):
        environment = {
            **child.variables(),
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "IRONLAW_PADDING": "x" * rng.randrange(4096),  # moves the stack at random
        }
        asked = [str(each_s), str(rng.getrandbits(32)), str(cpu)]
        command = child.command("ironlaw.machine.noise", *asked)
        try:
            answer = subprocess.run(command, capture_output=True, check=True, timeout=_LIMIT_S, env=environment)
            found.append(tuple(json.loads(answer.stdout)))
        except subprocess.TimeoutExpired:
            return Missing(f"one replicate took longer than {_LIMIT_S:.0f} s")
        except subprocess.CalledProcessError as error:
            last = error.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            return Missing(f"a replicate failed ({error.returncode}): {last}")
    return Noise(rounds=tuple(found), took_s=time.monotonic() - begun)


def measure_replicate(seconds: float, *, rng: random.Random) -> tuple[float, ...]:
    """ln(first/second) of each round: both twins once, in random order, for about that many seconds."""
    work = _work()
    twins = [_Twin(work), _Twin(work)]
    try:
        for _ in range(_WARM_UP_TURNS):
            for twin in twins:
                twin.turn_ps()
        rounds: list[float] = []
        ends = time.monotonic() + seconds
        while not rounds or time.monotonic() < ends:
            took_ps = [0, 0]
            for which in rng.sample((0, 1), 2):
                took_ps[which] = twins[which].turn_ps()
            rounds.append(math.log(took_ps[0] / took_ps[1]))
        return tuple(rounds)
    finally:
        for twin in twins:
            twin.end()


def _work() -> Callable[[], object]:
    import numpy as np

    rng = np.random.default_rng(0)
    square = rng.standard_normal((192, 192), dtype=np.float32)
    activations = rng.standard_normal(400_000, dtype=np.float32)

    def infer() -> object:
        product = square
        for _ in range(4):
            product = np.tanh(product @ square)
        return product, np.maximum(activations * 0.5 + 1.0, 0.0)

    return infer


class _Twin:
    """A forked process that does the work on request."""

    def __init__(self, work: Callable[[], object]) -> None:
        order, self._order = os.pipe()
        self._answer, answer = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                os.close(self._order)
                while os.read(order, 1) == _TURN:
                    os.write(answer, struct.pack("=q", _timed_ps(work)))
            finally:
                os._exit(0)
        os.close(order)
        os.close(answer)

    def turn_ps(self) -> int:
        """The time of one run of the work in a turn, in ps."""
        os.write(self._order, _TURN)
        (took_ps,) = struct.unpack("=q", os.read(self._answer, 8))
        return int(took_ps)

    def end(self) -> None:
        """End the process by an exit request: closing the pipe is not enough, since its twin also holds it open."""
        os.write(self._order, _END)
        os.close(self._order)
        os.close(self._answer)
        os.waitpid(self._pid, 0)


def _timed_ps(work: Callable[[], object]) -> int:
    """The time per run over a turn, in ps so that rounding is negligible."""
    done = 0
    begun_ns = time.perf_counter_ns()
    until_ns = begun_ns + round(_TURN_S * 1e9)
    while (now_ns := time.perf_counter_ns()) < until_ns:
        work()
        done += 1
    return (now_ns - begun_ns) * 1000 // done


def main() -> None:
    """Answer for one replicate."""
    seconds, seed, cpu = sys.argv[1:]
    os.sched_setaffinity(0, {int(cpu)})
    ratios = measure_replicate(float(seconds), rng=random.Random(int(seed)))
    sys.stdout.write(json.dumps(ratios))


if __name__ == "__main__":
    main()
