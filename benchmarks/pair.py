"""The pair of the user's own programs that a run has to call right in 20 s: six Linear layers of 4096, float and int8.

    python -m benchmarks.pair [--budget 20] [--out FILE]

Prints the speed-up of dynamic int8 with its half-width as a share, which should be at most 10 %, and what the wall
time went into. Both programs run in PyTorch as they are, without experiments on causes.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.figures import machine, measured, share_of, speed_up

PROGRAMS = """
import torch

def net():
    torch.manual_seed(0)
    return torch.nn.Sequential(*(torch.nn.Linear(4096, 4096) for _ in range(6))).eval()

def inputs():
    return [(torch.randn(1, 4096, generator=torch.Generator().manual_seed(number)),) for number in range(8)]

def fp32():
    return net(), inputs()

def int8():
    return torch.ao.quantization.quantize_dynamic(net(), {torch.nn.Linear}, dtype=torch.qint8), inputs()
"""
WANTED_HALF_WIDTH = 0.10


def main() -> None:
    """Run the pair and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, default=20.0)
    parser.add_argument("--out", type=Path, help="keep the recording here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        programs = Path(folder) / "programs.py"
        programs.write_text(PROGRAMS)
        out = given.out or Path(folder) / "pair.jsonl"
        arms = [part for name in ("fp32", "int8") for part in ("--arm", f"{name}={programs}:{name}")]
        document = measured([*arms, "--experiments", "none", "--budget", f"{given.budget:g}"], out)
    print(machine(document))
    run = document["run"]
    print(f"{run['wall_s']:.1f} s of {given.budget:g}, {run['replicates']} replicates; {share_of(run)}")
    print(f"int8 against float: {speed_up(document, 'int8')}; wanted at most ±{WANTED_HALF_WIDTH:.0%}")


if __name__ == "__main__":
    main()
