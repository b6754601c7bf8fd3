"""Threads as the kernel sees them."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

from ironlaw.machine.process_clock import list_threads
from ironlaw.measure.pool import cpus_of, once_warm, threads_at_work, working_threads
from ironlaw.variant import Variant


def spin() -> int:
    return sum(number * number for number in range(200_000))


def test_the_thread_that_works_is_counted_and_one_that_waits_is_not() -> None:
    done = threading.Event()
    waiting = threading.Thread(target=done.wait)
    waiting.start()
    try:
        working, cpus = working_threads(spin), cpus_of(list_threads())
    finally:
        done.set()
        waiting.join()
    assert working == 1
    assert cpus == tuple(sorted(os.sched_getaffinity(0)))


def test_threads_of_a_pool_that_work_are_counted() -> None:
    import hashlib

    block = bytes(64_000_000)  # hashing it gives the interpreter's lock up
    meeting = threading.Barrier(2)  # so that no thread does the work of both

    def one(_: int) -> bytes:
        meeting.wait()
        return hashlib.sha256(block).digest()

    with ThreadPoolExecutor(2) as pool:

        def both() -> None:
            list(pool.map(one, range(2)))

        both()
        assert working_threads(both) == 2
        once_warm(Variant.parse("fp32"), both)
        threads = threads_at_work(both)
        assert [os.sched_getaffinity(thread) for thread in threads] == [os.sched_getaffinity(0)] * 2
        once_warm(Variant.parse("fp32+pinning=each"), both)
        pinned = [os.sched_getaffinity(thread) for thread in threads]
    cpus = sorted(os.sched_getaffinity(0))
    assert pinned == [{cpus[0]}, {cpus[1 % len(cpus)]}]
