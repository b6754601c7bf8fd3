"""The ceilings of this machine, measured in a process of their own.

Run as `python -m ironlaw.machine.ceilings REQUEST`, both the request and the answer being one JSON object.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ironlaw import child
from ironlaw.fact import Ceilings
from ironlaw.machine import Machine, numpy_kernels, torch_kernels
from ironlaw.machine.free_memory import available_bytes
from ironlaw.machine.peaks import Kernels, Streams, macs_peak, stream_peaks
from ironlaw.missing import Maybe, Missing

KINDS = ("fp32", "bf16", "int8")
LIMIT_S = 90.0
# What the BLAS below numpy reads when it is loaded: OpenBLAS, MKL, and whatever is built with OpenMP.
_POOL_SIZES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")

_CACHES_STREAMED = 2  # as large as the last cache twice over: less than half of what is streamed can have stayed in it
_LEAST_BYTES = 64 << 20
_MOST_BYTES = 2 << 30
_LARGEST_SHARE = 1 / 4  # of the memory that is available


@dataclass(frozen=True, slots=True, kw_only=True)
class CeilingRequest:
    """What the process shall measure, and where it may run."""

    threads: int
    cpus: tuple[int, ...]
    streamed_bytes: Maybe[int]


def measure_ceilings(machine: Machine, *, threads: int, cpus: tuple[int, ...]) -> Ceilings:
    """Measure the highest rates of this machine on these CPUs with that many threads; takes 5 to 15 s.

    Rates that cannot be measured are Missing with the reason, as are all if the process fails.
    """
    request = CeilingRequest(threads=threads, cpus=cpus, streamed_bytes=bytes_to_stream(machine))
    command = child.command("ironlaw.machine.ceilings", msgspec.json.encode(request).decode())
    try:
        environment = {**child.variables(), **dict.fromkeys(_POOL_SIZES, str(threads))}
        answer = subprocess.run(command, capture_output=True, check=True, timeout=LIMIT_S, env=environment)
        return msgspec.json.decode(answer.stdout.splitlines()[-1], type=Ceilings)
    except subprocess.TimeoutExpired:
        return no_ceilings(threads, f"measuring the ceilings took longer than {LIMIT_S:.0f} s")
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        return no_ceilings(threads, f"measuring the ceilings failed ({error.returncode}): {last}")
    except (msgspec.DecodeError, IndexError):
        return no_ceilings(threads, "measuring the ceilings gave no answer")


def no_ceilings(threads: int, reason: str) -> Ceilings:
    """Ceilings that are all Missing for one reason."""
    gap = Missing(reason)
    return Ceilings(
        threads=threads,
        macs_per_s=dict.fromkeys(KINDS, gap),
        read_bytes_per_s=gap,
        write_bytes_per_s=gap,
        copy_bytes_per_s=gap,
        streamed_bytes=gap,
        switch_ns=gap,
        page_fault_ns=gap,
    )


def bytes_to_stream(machine: Machine, root: Path = Path("/")) -> Maybe[int]:
    """The bytes to stream so that the last cache cannot hold them; Missing if there is too little memory."""
    if not machine.cache_bytes:
        return Missing("the size of the last cache is not known, so no buffer is known to be larger")
    wanted = max(_LEAST_BYTES, _CACHES_STREAMED * max(machine.cache_bytes.values()))
    available = available_bytes(root)
    if isinstance(available, Missing):
        return available
    most = min(_MOST_BYTES, int(available * _LARGEST_SHARE))
    if wanted > most:
        return Missing(
            f"the last cache is so large that {wanted >> 20} MiB would have to be streamed, and {most >> 20} MiB may be"
        )
    return wanted


def reach(request: CeilingRequest) -> Ceilings:
    """Measure all ceilings in this process; those of the system first, before any library has started a thread."""
    from ironlaw.machine.os_costs import page_fault_ns, switch_ns

    switching = _tried(lambda: switch_ns(request.cpus[0]), "switching")
    os.sched_setaffinity(0, request.cpus)
    faulting = _tried(page_fault_ns, "faulting")
    kernels = _kernels(request.threads)
    peaks = {kind: macs_peak(kernels, kind) for kind in KINDS}
    size = request.streamed_bytes
    streams: Maybe[Streams] = (
        size if isinstance(size, Missing) else stream_peaks(kernels.streaming(size, request.threads))
    )
    how = {kind: peak.how for kind, peak in peaks.items() if not isinstance(peak, Missing)}
    if not isinstance(streams, Missing):
        how |= {"read": streams.read.how, "write": streams.write.how, "copy": streams.copy.how}
    return Ceilings(
        threads=request.threads,
        macs_per_s={kind: peak if isinstance(peak, Missing) else peak.per_s for kind, peak in peaks.items()},
        read_bytes_per_s=streams if isinstance(streams, Missing) else streams.read.per_s,
        write_bytes_per_s=streams if isinstance(streams, Missing) else streams.write.per_s,
        copy_bytes_per_s=streams if isinstance(streams, Missing) else streams.copy.per_s,
        streamed_bytes=size,
        switch_ns=switching,
        page_fault_ns=faulting,
        how=how,
    )


def _kernels(threads: int) -> Kernels:
    """torch's kernels, which cover all number formats, or numpy's if torch is not installed."""
    if importlib.util.find_spec("torch") is None:
        return numpy_kernels
    import torch

    torch.set_num_threads(threads)
    return torch_kernels


def _tried(measure: Callable[[], float], doing: str) -> Maybe[float]:
    """The measured cost; Missing if noise made the difference negative, or if the system refused."""
    try:
        found = measure()
    except OSError as error:
        return Missing(f"{doing} cannot be measured here: {error.strerror}")
    return found if found > 0 else Missing(f"{doing} took less than the noise of its own measurement")


def main() -> None:
    """Answer the request in argv."""
    warnings.simplefilter("ignore")  # torch says at each call that its eager quantization is going to leave
    ceilings = reach(msgspec.json.decode(sys.argv[1], type=CeilingRequest))
    sys.stdout.write(msgspec.json.encode(ceilings).decode() + "\n")


if __name__ == "__main__":
    main()
