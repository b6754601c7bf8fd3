"""Free memory and its fragmentation: small blocks are withheld from the arms, so that no arm gets better pages.

Linux allocates the smallest free blocks first. With many of them, an arm that starts early gets scattered physical
pages, and one that starts later gets contiguous ones. Of six equal arms (fp32 MobileNetV2, malloc=retain, a Zen 4 guest
with 2.3 GB in small blocks) the first was 4.8 % slower than the last. Memory is therefore compacted, and small blocks
that remain are held from the first replicate to the end of the run.
"""

from __future__ import annotations

import mmap
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ironlaw.fact import FreeMemory
from ironlaw.machine.cgroup import memory_left_bytes
from ironlaw.missing import Maybe, Missing, is_known

# A block of order n has 2**n pages; below this order it counts as scattered (64 KiB with pages of 4 KiB).
SCATTERED_BELOW_ORDER = 4
MOST_HELD = 1 / 16  # of the memory that is available; taking it costs 0.3 s a GB
# The kernel hands out single pages first, so a hold that ends here has taken what is worst.
MOST_HELD_BYTES = 512 * 1024 * 1024
COMPACTION_LIMIT_S = 10.0  # a first compaction of 24 GB took 3.2 s, later ones 0.07 s at most


def settle(root: Path = Path("/"), *, compacting: bool = True, held_bytes: int = 0) -> FreeMemory:
    """Compact memory unless that was done before, and return how much of the small blocks to hold in all.

    `held_bytes` are held already; they count as scattered.
    """
    began_ns = time.monotonic_ns()
    compacted = compact(root) if compacting else Missing("was done before the first replicate, or tried")
    took_ns = time.monotonic_ns() - began_ns if compacting else Missing("was not repeated")
    free = scattered_bytes(root)
    available = available_bytes(root)
    if not is_known(free) or not is_known(available):
        return FreeMemory(compacted=compacted, compaction_ns=took_ns, scattered_bytes=free, held_bytes=held_bytes)
    page, scattered = resource.getpagesize(), free + held_bytes
    hold = min(scattered, int((available + held_bytes) * MOST_HELD), MOST_HELD_BYTES) // page * page
    return FreeMemory(
        compacted=compacted, compaction_ns=took_ns, scattered_bytes=scattered, held_bytes=max(hold, held_bytes)
    )


class Hold:
    """Memory held for the length of a run, so that no replicate spends time on what an earlier one has taken."""

    def __init__(self) -> None:
        """Hold nothing."""
        self._parts: list[mmap.mmap] = []
        self.bytes = 0

    def grow(self, size: int) -> None:
        """Hold that many bytes in all, a multiple of the page size; never less than before.

        They are allocated in single pages, which come from the smallest free blocks.
        """
        more = size - self.bytes
        if more <= 0:
            return
        part = mmap.mmap(-1, more, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        with suppress(OSError):  # a kernel without huge pages does not know the advice, and needs none
            part.madvise(mmap.MADV_NOHUGEPAGE)
        part[:: resource.getpagesize()] = bytes(more // resource.getpagesize())
        self._parts.append(part)
        self.bytes = size

    def release(self) -> None:
        """Give everything back."""
        for part in self._parts:
            part.close()
        self._parts.clear()
        self.bytes = 0


def scattered_bytes(root: Path = Path("/")) -> Maybe[int]:
    """The free memory in blocks of less than 16 pages.

    Source: Documentation/filesystems/proc.rst of Linux, buddyinfo: free blocks by zone, one column per order.
    """
    try:
        lines = (root / "proc/buddyinfo").read_text().splitlines()
    except OSError as error:
        return Missing(f"/proc/buddyinfo cannot be read: {error.strerror}")
    pages = 0
    for line in lines:
        blocks = line.partition("zone")[2].split()[1:]
        pages += sum(int(count) << order for order, count in enumerate(blocks[:SCATTERED_BELOW_ORDER]))
    return pages * resource.getpagesize()


def available_bytes(root: Path = Path("/")) -> Maybe[int]:
    """The memory available without swapping, as the kernel estimates it."""
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
    except OSError as error:
        return Missing(f"/proc/meminfo cannot be read: {error.strerror}")
    found = next((line for line in lines if line.startswith("MemAvailable:")), None)
    return int(found.split()[1]) * 1024 if found else Missing("/proc/meminfo has no MemAvailable")


def peak_rss_bytes(process: int | str = "self") -> Maybe[int]:
    """The peak resident memory so far; Missing for a process that has ended."""
    for row in Path(f"/proc/{process}/status").read_text().splitlines():
        if row.startswith("VmHWM:"):
            return int(row.split()[1]) * 1024
    return Missing(f"/proc/{process}/status has no VmHWM")


def half_is_left(root: Path = Path("/")) -> Callable[[], bool]:
    """Return a function that checks whether at least half of the memory available now still is; False if it is unknown.

    Applies to the machine and to the groups of this process, which may have less.
    """
    before = _for_this_process(root)

    def is_left() -> bool:
        now = _for_this_process(root)
        return is_known(before) and is_known(now) and now >= before / 2

    return is_left


def _for_this_process(root: Path) -> Maybe[int]:
    machine, groups = available_bytes(root), memory_left_bytes(root)
    return min(machine, groups) if is_known(machine) and is_known(groups) else machine


def compact(root: Path = Path("/"), *, limit_s: float = COMPACTION_LIMIT_S) -> Maybe[bool]:
    """Make the kernel compact memory; needs root. A child process requests it, so that it can be terminated.

    Source: Documentation/admin-guide/sysctl/vm.rst of Linux, compact_memory.
    """
    switch = root / "proc/sys/vm/compact_memory"
    ask = "import sys\ntry:\n open(sys.argv[1], 'w').write('1')\nexcept OSError as error:\n sys.exit(error.strerror)"
    try:
        done = subprocess.run(
            [sys.executable, "-ISc", ask, str(switch)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Missing(f"compacting memory took more than {limit_s:g} s and was given up")
    if done.returncode:
        return Missing(f"/proc/sys/vm/compact_memory: {done.stderr.strip()}")
    return True
