"""The highest rates of arithmetic and memory traffic that a library's kernels reach on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from ironlaw.missing import Maybe, Missing, first_missing, is_known

_SIDES = (512, 1024, 2048)  # of square matrices: large enough to hide calls, small enough to stay in the caches
_TRY_S = 0.1
_STREAM_TRIES = 3

Work = Callable[[], object]
Routine = tuple[str, Callable[[], Work]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """The highest rate per second, and the routine that reached it."""

    per_s: float
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """The highest rates of streaming through memory, in bytes per second."""

    read: Peak
    write: Peak
    copy: Peak


@dataclass(frozen=True, slots=True, kw_only=True)
class Streaming:
    """Routines that stream through `size` bytes, by name; a copy reads half of them and writes the other half."""

    size: int
    read: Mapping[str, Work]
    write: Mapping[str, Work]
    copy: Mapping[str, Work]


class Kernels(Protocol):
    """A library whose kernels are measured; modules implement this protocol."""

    def routines(self, kind: str, side: int) -> Maybe[Iterable[Routine]]:
        """Routines that multiply square matrices of a number format (fp32, bf16, int8), each with its preparation."""

    def streaming(self, size: int, threads: int) -> Streaming:
        """Routines that stream through memory with this number of threads."""


def macs_peak(kernels: Kernels, kind: str) -> Maybe[Peak]:
    """The highest rate of multiply-adds in a number format (fp32, bf16, int8) that a library reaches here.

    The fastest routine on small matrices is then measured on larger ones.
    """
    small = kernels.routines(kind, _SIDES[0])
    if isinstance(small, Missing):
        return small
    first = [_rate(name, prepare, _SIDES[0]) for name, prepare in small]
    fastest = max((found for found in first if is_known(found)), key=lambda peak: peak.per_s, default=None)
    if fastest is None:
        return first_missing(*first) or Missing(f"nothing multiplies {kind} matrices here")
    for side in _SIDES[1:]:
        larger = kernels.routines(kind, side)
        for name, prepare in () if isinstance(larger, Missing) else larger:
            found = _rate(name, prepare, side) if fastest.how.startswith(f"{name},") else Missing("a slower routine")
            if is_known(found) and found.per_s > fastest.per_s:
                fastest = found
    return fastest


def _rate(name: str, prepare: Callable[[], Work], side: int) -> Maybe[Peak]:
    try:
        taken_s = _least_s(prepare())
    except (RuntimeError, NotImplementedError, AttributeError) as error:
        return Missing(f"{name}: {error}".splitlines()[0])
    return Peak(per_s=side**3 / taken_s, how=f"{name}, {side}x{side}x{side}")


def stream_peaks(streaming: Streaming) -> Streams:
    """The highest rate of each; a copy counts the bytes read and written."""

    def fastest(work: Mapping[str, Work]) -> Peak:
        taken_s = {name: _least_s(one, tries=_STREAM_TRIES) for name, one in work.items()}
        how = min(taken_s, key=lambda name: taken_s[name])
        return Peak(per_s=streaming.size / taken_s[how], how=how)

    return Streams(read=fastest(streaming.read), write=fastest(streaming.write), copy=fastest(streaming.copy))


def _least_s(work: Work, *, tries: int | None = None) -> float:
    """The shortest of `tries` runs, or of as many as fit into a tenth of a second, after an uncounted first one."""
    work()
    least, ends = float("inf"), time.perf_counter() + _TRY_S
    done = 0
    while done < tries if tries else done == 0 or time.perf_counter() < ends:
        begun = time.perf_counter()
        work()
        least = min(least, time.perf_counter() - begun)
        done += 1
    return least
