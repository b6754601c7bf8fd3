"""The clock frequency of this thread's CPU without a PMU: chains of dependent instructions of known latency.

Out-of-order execution cannot shorten a chain in which each instruction needs the result of the one before. An addition
of two registers takes one cycle on every core; adding a constant does not on all: Golden Cove computes it during
register renaming. A chain of multiplications verifies it: each must take a whole number of cycles, and three on x86-64
(Intel since Nehalem, AMD since Zen; source: uops.info, IMUL r64, r64).
"""

from __future__ import annotations

import ctypes
import functools
import platform
import struct
import time
from collections.abc import Callable

from ironlaw.measure.pmu.known_loop import map_executable
from ironlaw.missing import Maybe, Missing, is_known

_LINKS = 100  # instructions in one turn of the loop, so that its own two do not count
_CYCLES = 60_000  # some 20 microseconds, of which the clock's own call is 0.2 %
_REPEATS = 3  # the shortest counts: an interrupt lengthens a time, nothing shortens it
_AGREE = 0.02
_ATTEMPTS = 3  # a host that changes its speed between the two chains makes them disagree
_MULTIPLICATION = {"x86_64": (3, 3), "aarch64": (2, 6)}  # fewest and most cycles

Chain = Callable[[int], object]


def _x86(link: str) -> bytes:
    body = bytes.fromhex(link) * _LINKS + bytes.fromhex("48ffcf")  # dec rdi
    return body + bytes.fromhex("0f85") + struct.pack("<i", -(len(body) + 6)) + b"\xc3"  # jnz back; ret


def _arm(link: int) -> bytes:
    back = 0x54000001 | ((-(_LINKS + 1) & 0x7FFFF) << 5)  # b.ne
    return struct.pack(f"<{_LINKS}I3I", *[link] * _LINKS, 0xF1000400, back, 0xD65F03C0)  # subs x0, x0, #1; b.ne; ret


# Of additions and of multiplications: add rax, rcx and imul rax, rax; add x1, x1, x2 and mul x1, x1, x1.
_CODE = {
    "x86_64": lambda: (_x86("4801c8"), _x86("480fafc0")),
    "aarch64": lambda: (_arm(0x8B020021), _arm(0x9B017C21)),
}


@functools.cache
def _chains() -> Maybe[tuple[Chain, Chain]]:
    made = _CODE.get(platform.machine())
    if made is None:
        return Missing(f"there is no chain of instructions for {platform.machine()}")
    try:
        adding, multiplying = (ctypes.CFUNCTYPE(None, ctypes.c_int64)(map_executable(code)) for code in made())
    except OSError as error:
        return Missing(f"a chain of instructions cannot be run: {error.strerror}")
    return adding, multiplying


def ns_per_link(chain: Chain, turns: int) -> float:
    """The time of one instruction of the chain in ns, without the cost of the call."""
    shortest = []
    for count in (1, turns):
        times = []
        for _ in range(_REPEATS):
            began_ns = time.perf_counter_ns()
            chain(count)
            times.append(time.perf_counter_ns() - began_ns)
        shortest.append(min(times))
    return (shortest[1] - shortest[0]) / (_LINKS * (turns - 1))


@functools.cache
def multiplication_cycles() -> Maybe[int]:
    """The latency of a multiplication in cycles, if both chains agree on the clock; determined once per process."""
    chains = _chains()
    if isinstance(chains, Missing):
        return chains
    adding, multiplying = chains
    fewest, most = _MULTIPLICATION[platform.machine()]
    cycles: Maybe[int] = Missing("the chains were not compared")
    for _ in range(_ATTEMPTS):
        ratio = ns_per_link(multiplying, _CYCLES // _LINKS // fewest) / ns_per_link(adding, _CYCLES // _LINKS)
        cycles = agreed(ratio, fewest=fewest, most=most)
        if is_known(cycles):
            break
    return cycles


def agreed(ratio: float, *, fewest: int, most: int) -> Maybe[int]:
    """The whole number of cycles that a ratio of latencies stands for."""
    cycles = round(ratio)
    if not fewest <= cycles <= most or abs(ratio / cycles - 1) > _AGREE:
        return Missing(
            f"the clock frequency is not known: a multiplication takes {ratio:.2f} times as long as an addition here"
        )
    return cycles


def clock_mhz() -> Maybe[int]:
    """The current clock by a chain of multiplications; Missing if the two chains do not agree."""
    cycles = multiplication_cycles()
    chains = _chains()
    if isinstance(cycles, Missing):
        return cycles
    if isinstance(chains, Missing):
        return chains
    return round(1e3 * cycles / ns_per_link(chains[1], _CYCLES // _LINKS // cycles))
