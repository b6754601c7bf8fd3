"""Runs that end when nothing is open, on the scripted stage."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw.analysis.assemble import explain
from ironlaw.analysis.scheduling.settled import is_settled
from ironlaw.analysis.verdicts.planner import Wanted
from ironlaw.errors import BadInput
from ironlaw.experiment import CauseStanding, CauseState
from ironlaw.explanation import Difference, Outcome
from ironlaw.fact import Ending, has_ended_by
from ironlaw.measure.scripted import ArmScript, Burden, Script
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.recording import Recording, assemble
from ironlaw.report.doubts import stopped_sentence
from ironlaw.running.advice import advise_wanted
from ironlaw.running.settings import Settings
from tests.scripted import SOUND, burdened, own, run_script

FAULTY = burdened(Burden(factor="malloc", level="retain", kernel_instructions=25e6, page_faults=3000.0))
NOISE = 0.002  # of a turn


def run(
    control: ArmScript, changed: ArmScript, *, noise: float = NOISE, until_settled: bool = True, seed: int = 0
) -> Recording:
    schedule = Schedule(budget_s=200.0, replicates=200, until_settled=until_settled)
    plan = Plan(model="scripted", arms=with_control((own("a"), own("b"))), schedule=schedule)
    script = Script(arms={"a": control, "b": changed}, turn_noise=noise, seed=seed)
    return assemble(run_script(plan, script, advise_wanted(Wanted())))


def test_a_run_ends_when_its_difference_is_shown_and_its_cause_confirmed() -> None:
    recording, whole = run(FAULTY, SOUND), run(FAULTY, SOUND, until_settled=False)
    assert has_ended_by(recording.ended, Ending.SETTLED)
    assert has_ended_by(whole.ended, Ending.BUDGET)
    explanation = explain(recording)
    (comparison,) = explanation.comparisons
    assert comparison.difference is Difference.FASTER
    assert {one.cause for one in comparison.causes if one.outcome is Outcome.CONFIRMED} == {"page-faults"}
    count = len(comparison.replicates)
    assert count < len(explain(whole).comparisons[0].replicates)
    assert recording.plan.looks > 0
    said = f"Stopped early, after {count} replicates: every difference and every experiment is decided."
    assert stopped_sentence(explanation) == said
    assert stopped_sentence(explain(whole)) == ""


@pytest.mark.parametrize("state", [CauseState.WAITING, CauseState.HOPELESS, CauseState.STUCK])
def test_a_run_that_ends_before_an_experiment_does_not_call_it_decided(state: CauseState) -> None:
    recording = run(FAULTY, SOUND)
    plan = recording.plan
    open_still = replace(plan, standings=(*plan.standings, CauseStanding(cause="layout", state=state)))
    said = stopped_sentence(explain(replace(recording, plans=(*recording.plans, open_still))))
    assert said.endswith("every difference is decided, and no experiment left would be within the budget.")


def test_equal_arms_end_it_once_they_are_shown_to_be_equal() -> None:
    recording = run(SOUND, SOUND, seed=1)  # of equal arms, one seed in twenty shows a difference
    assert has_ended_by(recording.ended, Ending.SETTLED)
    assert [one.difference for one in explain(recording).comparisons] == [Difference.NONE_SHOWN]


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (1.0, 1.02)])
def test_a_difference_that_noise_hides_keeps_it_running_to_its_budget(low: float, high: float) -> None:
    sides = (replace(SOUND, user_instructions=SOUND.user_instructions * size) for size in (high, low))
    assert has_ended_by(run(*sides, noise=0.5).ended, Ending.BUDGET)


def test_what_is_open_or_measured_together_is_not_settled() -> None:
    recording = run(FAULTY, SOUND)
    plan = recording.plan
    assert is_settled(plan, recording)
    opened = tuple(replace(one, state=CauseState.OPEN) for one in plan.standings)
    assert not is_settled(replace(plan, standings=opened), recording)
    assert not is_settled(replace(plan, resting=()), recording)


def test_five_replicates_are_needed() -> None:
    recording = run(FAULTY, SOUND)
    few = tuple(one for one in recording.readings if one.replicate < 4)
    assert not is_settled(recording.plan, replace(recording, readings=few))


def state_of_cache_fit(
    *, stall_cycles: float, other: ArmScript, noise: float, is_shared: bool, seed: int = 1
) -> CauseState:
    cold = Burden(factor="cache", level="cold", is_brought=True, stall_cycles=stall_cycles)
    recording = run(burdened(cold, law=other) if is_shared else other, burdened(cold), noise=noise, seed=seed)
    assert has_ended_by(recording.ended, Ending.SETTLED)
    (state,) = {one.state for one in recording.plan.standings if one.cause == "cache-fit"}
    return state


def test_an_experiment_that_cannot_be_confirmed_leaves_however_wide_its_interval() -> None:
    # Both keep as much in the caches: what the cold costs one of them more is another cause's.
    other = replace(SOUND, user_instructions=150e6)
    # By other noise it leaves because it needs more replicates than there is time for.
    assert state_of_cache_fit(stall_cycles=5e6, other=other, noise=0.1, is_shared=False) is CauseState.STUCK


def test_one_that_costs_both_the_same_time_is_not_awaited_since_it_changes_their_ratio() -> None:
    other = replace(SOUND, user_instructions=300e6)
    assert state_of_cache_fit(stall_cycles=25e6, other=other, noise=0.1, is_shared=True) is CauseState.HOPELESS


@pytest.mark.parametrize("fails_in", [3, 5])
def test_an_experiment_whose_arm_failed_leaves(fails_in: int) -> None:
    schedule = Schedule(budget_s=200.0, replicates=200, until_settled=True)
    plan = Plan(model="scripted", arms=with_control((own("a"), own("b"))), schedule=schedule)
    failing = {"a": FAULTY, "b": SOUND, "a+malloc=retain": replace(FAULTY, fails_in=fails_in)}
    recording = assemble(run_script(plan, Script(arms=failing, turn_noise=NOISE), advise_wanted(Wanted())))
    assert "a+malloc=retain" in {failure.arm for failure in recording.failures}
    assert {standing.state for standing in recording.plan.standings} == {CauseState.STUCK}
    assert has_ended_by(recording.ended, Ending.SETTLED)


def test_a_run_with_nothing_left_to_compare_is_not_settled() -> None:
    plan = Plan(
        model="scripted",
        arms=with_control((own("a"), own("b"))),
        schedule=Schedule(budget_s=60.0, replicates=200, until_settled=True),
    )
    failing = {"a": SOUND, "b": replace(SOUND, fails_in=1)}
    recording = assemble(run_script(plan, Script(arms=failing, turn_noise=NOISE), advise_wanted(Wanted())))
    assert has_ended_by(recording.ended, Ending.BUDGET)
    assert not is_settled(recording.plan, recording)


def test_a_search_is_not_ended_by_what_is_settled() -> None:
    with pytest.raises(BadInput, match="as long as its budget lasts"):
        Settings(model="mobilenet_v2", search=True, until_settled=True)
