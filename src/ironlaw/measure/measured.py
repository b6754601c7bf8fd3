"""The cost of one turn, in a form common to all meters."""

from __future__ import annotations

from dataclasses import dataclass

from ironlaw.event import Count
from ironlaw.machine.process_clock import ProcessClock, list_threads, migrations_so_far
from ironlaw.missing import Maybe, Missing, is_known


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one turn cost, all threads of the process together; times in ns.

    `threads` is the number of threads when the turn ended.
    """

    cpu_ns: int
    user_ns: Maybe[int]
    kernel_ns: Maybe[int]
    minor_faults: int
    major_faults: int
    context_switches: int
    migrations: Maybe[int]
    counts: tuple[Count, ...]
    threads: int


def migrations_since(before: Maybe[int], threads: tuple[int, ...]) -> Maybe[int]:
    """Moves to another CPU since `before` was read for the same threads."""
    after = migrations_so_far(threads)
    if not is_known(before):
        return before
    if not is_known(after):
        return after
    if after < before:
        return Missing("migrations are not known: a thread ended during the turn, and its count with it")
    return after - before


def measured_turn(clock: ProcessClock, *, migrations: Maybe[int], counts: tuple[Count, ...]) -> Measured:
    """One turn, from the process clock and the counts."""
    return Measured(
        cpu_ns=clock.cpu_ns,
        user_ns=clock.user_ns,
        kernel_ns=clock.kernel_ns,
        minor_faults=clock.minor_faults,
        major_faults=clock.major_faults,
        context_switches=clock.context_switches,
        migrations=migrations,
        counts=counts,
        threads=len(list_threads()),
    )


def elapsed(before: Maybe[int], after: Maybe[int]) -> Maybe[int]:
    """The growth of a kernel counter during a turn."""
    if is_known(before) and is_known(after):
        if after < before:
            return Missing("went backwards while the turn ran: a thread that ended took its count with it")
        return after - before
    return before if isinstance(before, Missing) else after
