"""How torch sees this CPU, determined in a process of its own.

Run as `python -m ironlaw.machine.torch_probe`; the answer is one JSON object.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass

import msgspec

from ironlaw import child
from ironlaw.missing import Maybe, Missing

_LIMIT_S = 60.0
NO_ANSWER = child.no_answer("torch", _LIMIT_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchProbe:
    """The kernels torch chooses, the engines it can quantize for, and the threads it would start."""

    capability: str  # of ATen's own kernels: DEFAULT, AVX2, AVX512, SVE256 ...
    quantized_engines: tuple[str, ...]
    quantized_engine: str
    threads: int


def probe_torch() -> Maybe[TorchProbe]:
    """Probe torch; takes as long as importing it."""
    if importlib.util.find_spec("torch") is None:
        return Missing("torch is not installed")
    return child.ask("ironlaw.machine.torch_probe", answer=TorchProbe, library="torch", limit_s=_LIMIT_S)


def main() -> None:
    """Answer for this process."""
    import torch

    probe = TorchProbe(
        capability=torch.backends.cpu.get_cpu_capability(),
        quantized_engines=tuple(torch.backends.quantized.supported_engines),
        quantized_engine=torch.backends.quantized.engine,
        threads=torch.get_num_threads(),
    )
    sys.stdout.write(msgspec.json.encode(probe).decode() + "\n")


if __name__ == "__main__":
    main()
