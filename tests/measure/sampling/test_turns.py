"""Sampling turns end in time, whatever an inference takes."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from types import FrameType

import pytest

from ironlaw.code import CodeSamples, SampledBy
from ironlaw.measure.layers.reading import Trace
from ironlaw.measure.messages import CodeTurn
from ironlaw.measure.sampling.perf_samples import Sample
from ironlaw.measure.sampling.turns import CodeReader, run_within
from ironlaw.program import Program


@dataclass
class Silent:
    """A sampler of some threads, which takes no samples."""

    threads: frozenset[int]
    inherits: bool
    kernel: bool = True
    lost: int = 0
    period_ns: int = 1_000_003

    def attach(self) -> None: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def take(self) -> list[Sample]:
        return []

    def close(self) -> None: ...


def turn_of(sampler: Silent) -> CodeSamples:
    program = Program(infer=lambda: sum(range(10_000)), inputs=[()])
    reader = CodeReader(program, "fp32", 0, sampler=(sampler, SampledBy.TIMER))
    return reader.turn(CodeTurn(round=0, inferences=3), [()] * 3)


def test_the_time_of_threads_that_no_sampler_reached_is_recorded() -> None:
    none = turn_of(Silent(threads=frozenset(), inherits=False))
    assert none.unsampled_ns == none.cpu_ns > 0
    own = turn_of(Silent(threads=frozenset({threading.get_native_id()}), inherits=False))
    assert own.unsampled_ns < own.cpu_ns


@pytest.mark.parametrize("threads", [frozenset[int](), frozenset({threading.get_native_id()})])
def test_a_sampler_that_threads_inherit_reaches_them_all(threads: frozenset[int]) -> None:
    assert turn_of(Silent(threads=threads, inherits=True)).unsampled_ns == 0


def test_a_thread_that_worked_and_gave_no_samples_was_not_reached() -> None:
    """Pinned to a CPU for which it has no event, for instance."""
    own = threading.get_native_id()
    fine = Silent(threads=frozenset({own}), inherits=True, period_ns=1000)
    turn = turn_of(fine)
    assert 0.5 * turn.cpu_ns < turn.unsampled_ns <= turn.cpu_ns
    coarse = Silent(threads=frozenset({own}), inherits=True, period_ns=10**12)
    user_alone = Silent(threads=frozenset({own}), inherits=True, period_ns=1000, kernel=False)
    assert [turn_of(one).unsampled_ns for one in (coarse, user_alone)] == [0, 0]


def test_a_turn_does_all_its_inferences_where_there_is_time() -> None:
    seen: list[int] = []
    noted = Trace()
    done = run_within(Program(infer=seen.append, inputs=[]), [(number,) for number in range(35)], 10**12, noted)
    assert (seen, done) == (list(range(35)), 35)
    assert noted.inferences_ns() > 0


def test_nothing_but_inferences_runs_between_the_first_and_the_last_of_a_sampled_turn() -> None:
    """No array is made, no figure computed, behind each part: 16 times that was 1 % of what a turn of 0.5 s sampled."""
    called: list[str] = []

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            called.append(frame.f_code.co_name)

    program = Program(infer=lambda number: None, inputs=[])
    inputs, noted = [(number,) for number in range(160)], Trace()
    run_within(program, inputs[:1], 10**12, noted)
    sys.setprofile(note)
    try:
        run_within(program, inputs, 10**12, noted)
    finally:
        sys.setprofile(None)
    assert called.count("<lambda>") == 160
    assert set(called) <= {"run_within", "run_read", "<listcomp>", "_as_they_are", "_nothing", "<lambda>"}


def test_a_turn_whose_time_is_over_ends_with_what_it_has() -> None:
    seen: list[int] = []
    done = run_within(Program(infer=seen.append, inputs=[]), [(number,) for number in range(160)], 1, Trace())
    assert done == len(seen) == 10
