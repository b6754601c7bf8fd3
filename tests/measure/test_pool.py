"""Threads as the kernel sees them."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

from ironlaw.measure.pool import observe_pool


def spin() -> int:
    return sum(number * number for number in range(200_000))


def test_the_thread_that_works_is_counted_and_one_that_waits_is_not() -> None:
    done = threading.Event()
    waiting = threading.Thread(target=done.wait)
    waiting.start()
    try:
        seen = observe_pool(spin)
    finally:
        done.set()
        waiting.join()
    assert seen.working == 1
    assert seen.cpus == tuple(sorted(os.sched_getaffinity(0)))


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
        assert observe_pool(both).working == 2
