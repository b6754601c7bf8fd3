"""Sampling turns end in time, whatever an inference takes."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest

from ironlaw.code import CodeSamples, SampledBy
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


def test_a_turn_does_all_its_inferences_where_there_is_time() -> None:
    seen: list[int] = []
    wall_ns, done = run_within(Program(infer=seen.append, inputs=[]), [(number,) for number in range(35)], 10**12)
    assert (seen, done) == (list(range(35)), 35)
    assert wall_ns > 0


def test_a_turn_whose_time_is_over_ends_with_what_it_has() -> None:
    seen: list[int] = []
    _, done = run_within(Program(infer=seen.append, inputs=[]), [(number,) for number in range(160)], 1)
    assert done == len(seen) == 10
