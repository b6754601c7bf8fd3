"""pinning: threads that work get a CPU of their own."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ironlaw.errors import ArmFailed
from ironlaw.factors import FACTORS
from ironlaw.missing import is_known
from ironlaw.program import Program

PINNING = FACTORS["pinning"]
PROGRAM = Program(infer=lambda: None, inputs=[()])


def pinned() -> int:
    """As read back: a library of another test can have pinned threads of its own."""
    read = PINNING.read_back("each", PROGRAM)
    assert is_known(read)
    found = re.fullmatch(r"(\d+) of (\d+) threads on one CPU each: (.*)", read)
    assert found
    assert int(found[1]) <= int(found[2])
    assert found[3] == "none" or len(found[3].split(", ")) == int(found[1])
    return int(found[1])


@contextmanager
def waiting(count: int) -> Iterator[tuple[int, ...]]:
    """The ids of threads that wait, `count` of them."""
    done = threading.Event()
    threads = [threading.Thread(target=done.wait) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield tuple(thread.native_id or 0 for thread in threads)
    finally:
        done.set()
        for thread in threads:
            thread.join()


def test_each_thread_that_works_may_run_on_a_cpu_of_its_own_and_no_other_thread_is_moved() -> None:
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        pytest.skip("one CPU: nothing to choose between")
    with waiting(4) as threads:
        before = pinned()
        PINNING.once_warm("each", lambda: threads[:3])
        allowed = [os.sched_getaffinity(thread) for thread in threads]
        after = pinned()
    assert allowed[:2] == [{cpus[0]}, {cpus[1]}]
    assert len(allowed[2]) == 1
    assert allowed[3] == os.sched_getaffinity(0) == set(cpus)
    assert after - before == 3


def test_a_thread_that_has_ended_since_is_passed_over() -> None:
    with waiting(1) as ended:
        pass
    with waiting(2) as threads:
        PINNING.once_warm("each", lambda: (*ended, *threads))
        assert [len(os.sched_getaffinity(thread)) for thread in threads] == [1, 1]


def test_threads_stay_where_they_are_at_the_plain_level() -> None:
    with waiting(1) as threads:
        PINNING.once_warm(PINNING.plain, lambda: threads)
        assert os.sched_getaffinity(threads[0]) == os.sched_getaffinity(0)


def test_an_arm_whose_work_one_thread_does_fails_with_its_reason() -> None:
    with pytest.raises(ArmFailed, match="no pool to pin"):
        PINNING.once_warm("each", lambda: (os.getpid(),))
