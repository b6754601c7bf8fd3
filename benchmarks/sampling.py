"""What sampling adds to the CPU time of an inference, at several rates. `python -m benchmarks.sampling`.

One process, the same inferences with and without sampling, in random order within each block: two bare turns, two at
the rate of a run's sampling turns, one at that of its layer turns; sampled by what this process is allowed. Each rate
is compared with the mean of the block's bare turns. Programs: the tiny network, and mobilenet_v2 in float and, by
post-training quantization, int8.
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

LAYERS_PERIOD_NS = 1_000_003
BLOCKS = 200
TURN_S = 0.1  # short: the host changes its speed within seconds
Infer = Callable[[], Any]


def turn(infer: Infer, count: int, sampler: Sampler | None) -> float:
    """The CPU time of a number of inferences, sampled or not: interrupts are in it, and other processes are not."""
    if sampler is not None:
        sampler.attach()
        sampler.start()
    infer()  # opening events and buffers leaves caches cold: once in a turn, whatever the rate
    began_ns = time.process_time_ns()
    for _ in range(count):
        infer()
    took_ns = time.process_time_ns() - began_ns
    if sampler is not None:
        sampler.stop()
        sampler.take()
        sampler.close()
    return took_ns


def compare(name: str, infer: Infer, *, blocks: int) -> None:
    """Print what each rate adds, and what bare inferences differ by among themselves."""
    infer()
    count = max(1, round(TURN_S / min(turn(infer, 1, None) / 1e9 for _ in range(9))))
    kinds: dict[str, Sampler | None] = {"bare": None, "bare again": None}
    rates: dict[str, tuple[str, ...]] = {}
    for period_ns, turns in ((PERIOD_NS, ("", " again")), (LAYERS_PERIOD_NS, ("",))):
        opened = open_sampler(period_ns)
        if isinstance(opened, Missing):
            print(f"{name}: {opened.reason}")
            return
        rate = f"{1e9 / period_ns:.0f} a second by {opened[1].value}"
        rates[rate] = tuple(rate + turn for turn in turns)
        kinds |= dict.fromkeys(rates[rate], opened[0])
    rng = random.Random(0)
    seen: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(blocks):
        for kind in rng.sample(list(kinds), len(kinds)):
            seen[kind].append(math.log(turn(infer, count, kinds[kind])))
    plain = _means(seen["bare"], seen["bare again"])
    said = {
        rate: [one - bare for one, bare in zip(_means(*(seen[of] for of in turns)), plain, strict=True)]
        for rate, turns in rates.items()
    }
    said["no sampling"] = [one - other for one, other in zip(seen["bare again"], seen["bare"], strict=True)]
    for rate, logs in said.items():
        # Ranks: one turn in some hundred meets something else on the CPU, and would decide a mean.
        print(f"{name}, turns of {count}: {rate} adds {_percent(rank_interval(logs))}", flush=True)


def _means(*turns: list[float]) -> list[float]:
    return [math.fsum(logs) / len(logs) for logs in zip(*turns, strict=True)]


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
    """Compare the rates on one CPU."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=BLOCKS)
    parser.add_argument("--only", help="of the programs, those whose name has this")
    given = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with torch.inference_mode():
        for name, infer in programs().items():
            if given.only is None or given.only in name:
                compare(name, infer, blocks=given.blocks)


if __name__ == "__main__":
    main()
