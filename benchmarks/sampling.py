"""What sampling adds to the CPU time of an inference. `python -m benchmarks.sampling`.

One process, which executes short turns of the same inferences, in groups of three in random order: two bare, one
sampled, at the rate of a run's sampling turns or another one, by what this process is allowed. A turn takes as long as
two samples lie apart, or one inference, so that its neighbours meet a host of the same speed. Events are opened once,
and switched and read outside the clock, as in a run. A sampled turn is compared with the mean of the two bare ones of
its group, and these with each other. Programs: the tiny network, and mobilenet_v2 in float and, by post-training
quantization, int8.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import time
from collections.abc import Callable
from typing import Any

from benchmarks.tiny import net
from ironlaw.analysis.statistics.interval import rank_interval
from ironlaw.estimate import Estimate
from ironlaw.measure.sampling.turns import PERIOD_NS, Sampler, open_sampler
from ironlaw.missing import Maybe, Missing

BLOCK = 8  # groups whose mean is one value of the interval: ranks of some thousand values take long
FIRST, SECOND, SAMPLED = range(3)
Infer = Callable[[], Any]


def turn(infer: Infer, count: int, sampler: Sampler | None) -> int:
    """The CPU time of a number of inferences, sampled or not: interrupts are in it, and other processes are not."""
    if sampler is not None:
        sampler.start()
    began_ns = time.process_time_ns()
    for _ in range(count):
        infer()
    took_ns = time.process_time_ns() - began_ns
    if sampler is not None:
        sampler.stop()
    return took_ns


def compare(name: str, infer: Infer, *, period_ns: int, seconds: float) -> None:
    """Print what sampling adds, and by what bare inferences differ among themselves."""
    for _ in range(5):
        infer()
    usual_ns = min(turn(infer, 1, None) for _ in range(9))
    count = max(1, math.ceil(2 * period_ns / usual_ns))
    opened = open_sampler(period_ns)
    if isinstance(opened, Missing):
        print(f"{name}: {opened.reason}")
        return
    sampler, by = opened
    rng, taken = random.Random(0), 0
    added: list[float] = []
    null: list[float] = []
    sampler.attach()
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        took = [0.0] * 3
        for kind in rng.sample(range(3), 3):
            took[kind] = math.log(turn(infer, count, sampler if kind == SAMPLED else None))
        taken += len(sampler.take())
        added.append(took[SAMPLED] - (took[FIRST] + took[SECOND]) / 2)
        null.append(took[SECOND] - took[FIRST])
    sampler.close()
    print(
        f"{name}, {len(added)} groups of turns of {count}, {taken / len(added):.1f} samples a sampled turn: "
        f"{1e9 / period_ns:.0f} a second by {by.value} add {_percent(_interval(added))}; "
        f"bare turns differ by {_percent(_interval(null))}",
        flush=True,
    )


def _interval(logs: list[float]) -> Maybe[Estimate]:
    """Of ranks: one turn in some hundred meets something else on the CPU, and would decide a mean."""
    blocks = [logs[start : start + BLOCK] for start in range(0, len(logs) - BLOCK + 1, BLOCK)]
    return rank_interval([math.fsum(block) / BLOCK for block in blocks])


def _percent(found: Maybe[Estimate]) -> str:
    if isinstance(found, Missing):
        return found.reason
    return f"{math.expm1(found.value):+.2%} [{math.expm1(found.low):+.2%}, {math.expm1(found.high):+.2%}]"


def programs() -> dict[str, Infer]:
    """What is sampled, by name."""
    import torch
    import torchvision

    model, inputs = net()
    image = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    plain = torchvision.models.mobilenet_v2().eval()
    quantized = torchvision.models.quantization.mobilenet_v2(quantize=False).eval()
    quantized.fuse_model(is_qat=False)
    quantization: Any = torch.ao.quantization
    quantized.qconfig = quantization.get_default_qconfig(torch.backends.quantized.engine)
    quantization.prepare(quantized, inplace=True)
    quantized(image)
    quantization.convert(quantized, inplace=True)
    return {
        "tiny net": lambda: model(*inputs),
        "mobilenet_v2 fp32": lambda: plain(image),
        "mobilenet_v2 int8+fused": lambda: quantized(image),
    }


def main() -> None:
    """Compare on one CPU."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=50.0, help="of each program")
    parser.add_argument("--period", type=int, default=PERIOD_NS, metavar="NS", help="CPU time between two samples")
    parser.add_argument("--only", help="of the programs, those whose name has this")
    given = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with torch.inference_mode():
        for name, infer in programs().items():
            if given.only is None or given.only in name:
                compare(name, infer, period_ns=given.period, seconds=given.seconds)


if __name__ == "__main__":
    main()
