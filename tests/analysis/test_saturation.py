"""What more threads add to tokens a second: known answers from scripted arms."""

from __future__ import annotations

import pytest

from ironlaw.analysis.assemble import explain
from ironlaw.arm import Arm
from ironlaw.explanation import Explanation
from ironlaw.explanation.generation import RateByThreads, ThreadStep
from ironlaw.measure.scripted import ArmScript, Script
from ironlaw.missing import Missing, is_known
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.point import points_of
from ironlaw.recording import assemble
from ironlaw.report.generation import generation_page, threads_document
from tests.scripted import run_script

DECODE, PREFILL = "given@llamacpp+phase=decode:8", "given@llamacpp+phase=prefill:8"


def explained(times: dict[str, dict[str, float]], *, replicates: int = 8) -> Explanation:
    """Every arm at every number of threads, with that many instructions, which cost one cycle each."""
    points = points_of({"threads": ("4", "1", "2")})  # in another order than that of their size
    arms = tuple(Arm.of(name).at(point) for point in points for name in times)
    laws = {
        f"{name} threads={threads}": ArmScript(user_instructions=1e7 * cost)
        for name, by_threads in times.items()
        for threads, cost in by_threads.items()
    }
    schedule = Schedule(replicates=replicates, rounds=4, inferences=4 * replicates, budget_s=None)
    plan = Plan(model="scripted", arms=with_control(arms), schedule=schedule, seed=2)
    script = Script(arms=laws, turn_noise=0.01, shared_spread=0.01, seed=2)
    return explain(assemble(run_script(plan, script)))


def test_prefill_gains_from_every_thread_and_decoding_stops() -> None:
    found = explained({PREFILL: {"1": 1.0, "2": 0.5, "4": 0.25}, DECODE: {"1": 1.0, "2": 0.8, "4": 0.82}})
    prefill, decode = found.rates_by_threads
    assert [(step.first, step.second) for step in prefill.steps] == [(1, 2), (2, 4)]
    for step in prefill.steps:
        assert is_known(step.gain)
        assert step.gain.value == pytest.approx(2.0, rel=0.03)
    assert prefill.stops_at is None
    assert decode.stops_at == 2
    page = generation_page(found)
    assert page is not None
    (said,) = (sentence for sentence in page.sentences if sentence.startswith(f"{DECODE}, "))
    assert said.endswith("More than 2 threads are not shown to gain.")
    assert [one["stops_at"] for one in threads_document(found)] == [None, 2]


def test_one_replicate_shows_no_end() -> None:
    (decode,) = explained({DECODE: {"1": 1.0, "2": 0.8, "4": 0.82}}, replicates=1).rates_by_threads
    assert all(isinstance(step.gain, Missing) for step in decode.steps)
    assert decode.stops_at is None


def test_an_unknown_step_leaves_the_end_unknown() -> None:
    step = ThreadStep(first=1, second=2, gain=Missing("one replicate"))
    assert RateByThreads(arm="a", steps=(step,)).stops_at is None
