"""Whole runs within a budget, on the scripted stage: when experiments join, rest, are given up, and come late."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw.analysis.assemble import explain
from ironlaw.analysis.run_time import run_time
from ironlaw.analysis.scheduling.components import components
from ironlaw.analysis.scheduling.dimension import FIRST_AT_LAST_S, components_of, switched_pairs
from ironlaw.analysis.scheduling.spending import LEAST_WORTH_JOINING
from ironlaw.analysis.statistics.paired import pair
from ironlaw.analysis.turns import times_of
from ironlaw.analysis.verdicts.planner import Wanted
from ironlaw.arm import Arm
from ironlaw.circumstance import ShortBudget, Supplement
from ironlaw.code import CodeSamples
from ironlaw.experiment import CauseState
from ironlaw.explanation import Outcome
from ironlaw.fact import Activity, Census, Ended, Outputs, Reading
from ironlaw.layer import LayerReading
from ironlaw.measure.scripted import ArmScript, Burden, Script, ScriptedStage
from ironlaw.missing import is_known
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.recording import Recording, assemble
from ironlaw.running.advice import advise_wanted
from ironlaw.situation import FIRST_INTERVAL, NextReplicate, Situation
from tests.scripted import SOUND, burdened, own, run_script

FAULTS = Burden(factor="malloc", level="retain", kernel_instructions=25e6, page_faults=3000.0)
TWO = {"a": burdened(FAULTS), "b": SOUND}


def run(script: Script, *, budget_s: float = 120.0, stage: type[ScriptedStage] = ScriptedStage) -> Recording:
    """Two programs of a user's own, with every experiment that they call for."""
    plan = Plan(model="scripted", arms=with_control((own("a"), own("b"))), schedule=Schedule(budget_s=budget_s))
    plan = replace(plan, schedule=replace(plan.schedule, replicates=200))
    return assemble(run_script(plan, stage(script), advise_wanted(Wanted())))


def ran_in(recording: Recording, *, serving: bool) -> list[int]:
    """The replicates in which arms of experiments took turns, or those that were asked for."""
    names = {arm.name for arm in recording.plan.arms if bool(arm.serves) is serving}
    return sorted({reading.replicate for reading in recording.readings if reading.arm in names})


def state_of(recording: Recording, cause: str) -> CauseState:
    return next(one.state for one in recording.plan.standings if one.cause == cause)


def outcome_of(recording: Recording, cause: str) -> Outcome:
    (comparison,) = [one for one in explain(recording).comparisons if one.changed == "b"]
    return next(verdict.outcome for verdict in comparison.causes if verdict.cause == cause)


def test_the_arms_asked_for_run_alone_until_there_are_three_replicates_of_them() -> None:
    recording = run(Script(arms=TWO, turn_noise=0.002))
    assert ran_in(recording, serving=False)[:4] == [0, 1, 2, 3]
    assert ran_in(recording, serving=True)[0] == 3


def test_an_experiment_that_is_confirmed_takes_no_more_turns_and_stays_confirmed() -> None:
    recording = run(Script(arms=TWO, turn_noise=0.002))
    served, asked = ran_in(recording, serving=True), ran_in(recording, serving=False)
    assert state_of(recording, "page-faults") is CauseState.CONFIRMED
    assert recording.plan.resting
    assert len(asked) > asked.index(served[-1]) + 1
    assert outcome_of(recording, "page-faults") is Outcome.CONFIRMED


def test_no_budget_between_two_others_is_too_short_for_an_experiment() -> None:
    for budget_s in (30.0, 40.0, 50.0, 60.0):
        for times in (1, 4):  # longer inferences, as of language models
            law = replace(SOUND, user_instructions=times * SOUND.user_instructions)
            faults = replace(FAULTS, kernel_instructions=times * FAULTS.kernel_instructions)
            recording = run(Script(arms={"a": burdened(faults, law=law), "b": law}), budget_s=budget_s)
            assert len(ran_in(recording, serving=True)) >= LEAST_WORTH_JOINING, (budget_s, times)


def test_experiments_vary_as_their_arms_do_against_the_same_ones_without_the_last_switch() -> None:
    plan = Plan(model="scripted", arms=with_control((own("a"), own("b"))), schedule=Schedule(budget_s=120.0))
    plan = replace(plan, schedule=replace(plan.schedule, replicates=200))
    script = Script(arms=TWO, turn_noise=0.01)
    facts = run_script(plan, ScriptedStage(script), advise_wanted(Wanted()))
    turns = times_of(assemble(facts))
    joined = next(one for one in assemble(facts).plans if one.standings)
    held = "a+malloc=retain"
    compared = [
        ("a", held),
        *((arm, f"{arm}+{one}") for one in ("cache=cold", "weights=aliased") for arm in (held, "b")),
    ]
    found = switched_pairs(joined, {"page-faults", "cache-fit", "weight-traffic"})
    assert found == set(compared)
    known = components_of(Situation(plan=joined, facts=facts, elapsed_s=0.0), found)
    assert known == components([pair(turns[base], turns[switched]) for base, switched in compared])


class FaultsLate(ScriptedStage):
    """The first program has no page faults in its first five processes."""

    def _law(self, arm: Arm) -> ArmScript:
        law = super()._law(arm)
        return law if self._replicate >= 5 else replace(law, page_faults=0.0, kernel_instructions=0.0)


def test_a_cause_that_shows_in_a_later_process_is_tested_from_then_on() -> None:
    recording = run(Script(arms=TWO, turn_noise=0.002), stage=FaultsLate)
    retained = [arm.name for arm in recording.plan.arms if "page-faults" in arm.serves]
    assert retained
    first = min(reading.replicate for reading in recording.readings if reading.arm in retained)
    assert first > 5
    assert outcome_of(recording, "page-faults") is Outcome.CONFIRMED


class FaultsVary(ScriptedStage):
    """The second program has a few page faults, another number of them in each process."""

    def _law(self, arm: Arm) -> ArmScript:
        law = super()._law(arm)
        return law if arm.name != "b" else replace(law, page_faults=1.0 + self._replicate)


def test_an_experiment_goes_on_while_an_arm_that_is_not_switched_reads_another_number_in_each_replicate() -> None:
    recording = run(Script(arms=TWO, turn_noise=0.002), stage=FaultsVary, budget_s=75.0)
    (excluded,) = [one for one in recording.plan.experiments if one.excluded]
    assert excluded.arm == "b"
    known = [
        (one.state, plan.resting) for plan in recording.plans for one in plan.standings if one.cause == "page-faults"
    ]
    joined = [state for state, _ in known].index(CauseState.OPEN)
    assert CauseState.WAITING not in [state for state, _ in known[joined:]]
    assert not any(resting for state, resting in known[joined:] if state is CauseState.OPEN)
    assert outcome_of(recording, "page-faults") is Outcome.CONFIRMED


def test_an_experiment_that_the_budget_cannot_decide_is_given_up_with_the_time_it_would_take() -> None:
    noisy = replace(burdened(replace(FAULTS, kernel_instructions=1e6)), replicate_spread=0.2)
    recording = run(Script(arms={"a": noisy, "b": replace(SOUND, replicate_spread=0.2)}), budget_s=150.0)
    assert state_of(recording, "page-faults") is CauseState.HOPELESS
    assert any(one.seconds for one in recording.plan.standings if one.state is CauseState.HOPELESS)
    (doubt,) = [one for one in explain(recording).concerns if one.slug == "hopeless-causes"]
    assert "min" in doubt.text
    assert ran_in(recording, serving=True)[-1] < ran_in(recording, serving=False)[-1]


def test_a_budget_that_allows_two_replicates_is_never_spent_on_one() -> None:
    for budget_s in (14.0, 20.0, 45.0):
        recording = run(Script(arms={"a": SOUND, "b": SOUND}), budget_s=budget_s)
        assert isinstance(recording.ended, Ended)
        assert len(ran_in(recording, serving=False)) >= 2, budget_s
        assert recording.ended.elapsed_s <= 1.05 * budget_s


def counted_share(recording: Recording) -> float:
    """What inferences are of the wall time after preparing."""
    took = run_time(recording)
    assert is_known(took.wall_s)
    assert is_known(took.spent)
    return took.counted_s / (took.wall_s - took.spent.get(Activity.PREPARING, 0.0))


def test_at_least_half_of_the_time_behind_preparing_is_counted_in_eight_replicates_or_more() -> None:
    for noise in (0.002, 0.05):
        recording = run(Script(arms=TWO, turn_noise=noise), budget_s=240.0)
        assert counted_share(recording) >= 0.5
        assert len(ran_in(recording, serving=False)) >= 8


def test_a_first_interval_comes_before_code_and_answers_and_these_before_experiments() -> None:
    plan = Plan(model="scripted", arms=with_control((own("a"), own("b"))), schedule=Schedule(budget_s=240.0), code=True)
    kept = run_script(plan, Script(arms=TWO), advise_wanted(Wanted()))
    places = [at for at, fact in enumerate(kept) if isinstance(fact, CodeSamples | Outputs | Census)]
    before = {fact.replicate for fact in kept[: places[0]] if isinstance(fact, Reading)}
    assert before == {0, 1, 2}
    assert ran_in(assemble(kept), serving=True)[0] == 3


def test_code_is_sampled_where_reading_layers_as_well_would_take_too_long() -> None:
    names = [f"arm{place}" for place in range(12)]
    script = Script(arms=dict.fromkeys(names, SOUND))
    plan = Plan(
        model="scripted",
        arms=with_control(tuple(own(name) for name in names)),
        schedule=Schedule(budget_s=75.0),
        layers=True,
        code=True,
    )
    kept = run_script(plan, script, advise_wanted(Wanted(causes=())))
    assert {fact.arm for fact in kept if isinstance(fact, CodeSamples)} == set(names)
    assert not any(isinstance(fact, LayerReading) for fact in kept)
    (short,) = [fact for fact in kept if isinstance(fact, ShortBudget)]
    assert Supplement.LAYERS in short.left_out
    assert Supplement.CODE not in short.left_out


@pytest.mark.parametrize(("start_s", "is_hastened"), [(0.5, True), (1.5, True), (4.0, False)])
def test_a_first_interval_is_known_early_where_replicates_start_quickly(start_s: float, is_hastened: bool) -> None:
    plan = Plan(model="scripted", arms=with_control((own("a"), own("b"))), schedule=Schedule(budget_s=120.0))
    advice, begins_s = advise_wanted(Wanted()), list[float]()

    def next_replicate(situation: Situation) -> NextReplicate:
        begins_s.append(situation.elapsed_s)
        return advice.next_replicate(situation)

    kept = run_script(plan, Script(arms=TWO, start_s=start_s), replace(advice, next_replicate=next_replicate))
    assert (begins_s[FIRST_INTERVAL] < FIRST_AT_LAST_S) is is_hastened
    assert any(isinstance(fact, Reading) and fact.replicate == FIRST_INTERVAL for fact in kept)


def test_where_few_replicates_fit_answers_come_with_the_first() -> None:
    plan = Plan(model="scripted", arms=with_control((own("a"), own("b"))), schedule=Schedule(budget_s=40.0))
    kept = run_script(plan, Script(arms=TWO), advise_wanted(Wanted(causes=())))
    place = next(at for at, fact in enumerate(kept) if isinstance(fact, Outputs | Census))
    assert {fact.replicate for fact in kept[:place] if isinstance(fact, Reading)} == {0}
