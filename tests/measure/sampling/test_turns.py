"""Sampling turns end in time, whatever an inference takes."""

from __future__ import annotations

from ironlaw.measure.sampling.turns import run_within
from ironlaw.program import Program


def test_a_turn_does_all_its_inferences_where_there_is_time() -> None:
    seen: list[int] = []
    wall_ns, done = run_within(Program(infer=seen.append, inputs=[]), [(number,) for number in range(35)], 10**12)
    assert (seen, done) == (list(range(35)), 35)
    assert wall_ns > 0


def test_a_turn_whose_time_is_over_ends_with_what_it_has() -> None:
    seen: list[int] = []
    _, done = run_within(Program(infer=seen.append, inputs=[]), [(number,) for number in range(160)], 1)
    assert done == len(seen) == 10
