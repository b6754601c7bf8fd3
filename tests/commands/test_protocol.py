"""--protocol post: the arms, the count and the experiments that it stands for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw import protocol
from ironlaw.commands.run import Invocation, exit_code, run
from ironlaw.errors import BadInput, ExitCode
from ironlaw.measure.scripted import Burden, Script
from ironlaw.plan import Schedule
from ironlaw.running import Settings, plan_of
from ironlaw.running.planning import MOST_REPLICATES, experiments_of

from ..scripted import SOUND, burdened, own, recorded


def settings(*arguments: str) -> Settings:
    with run.make_context("run", list(arguments)) as context:
        return Invocation.of(context.params).settings


def schedule(*arguments: str) -> Schedule:
    return plan_of(settings(*arguments)).schedule


def test_the_protocol_runs_its_own_arms_over_five_thousand_images() -> None:
    made = settings("--protocol", "post")
    plan = plan_of(made)
    assert [arm.name for arm in plan.asked()] == list(protocol.NAMES)
    assert plan.schedule.inferences == 5000
    assert plan.schedule.budget_s is None
    assert experiments_of(made) == ()


def test_a_count_of_ones_own_or_a_budget_replaces_the_posts() -> None:
    assert schedule("--protocol", "post", "--n", "200").inferences == 200
    limited = schedule("--protocol", "post", "--budget", "60")
    assert (limited.inferences, limited.budget_s) == (None, 60.0)


def test_the_protocol_takes_no_other_arms() -> None:
    with pytest.raises(BadInput, match="arms of its own"):
        settings("--protocol", "post", "--arms", "fp32,int8")


def test_every_step_of_the_protocol_changes_one_thing_on_a_side() -> None:
    arms = {arm.name: arm.variant for arm in protocol.arms()}
    for step in (*protocol.FAULTS, *protocol.PARTS):
        for pair in (step.control, step.changed):
            if pair is not None:
                assert len(arms[pair[0]].differing(arms[pair[1]])) == 1


def test_an_experiment_that_cannot_run_does_not_make_the_run_incomplete() -> None:
    faults = Burden(factor="malloc", level="retain", kernel_instructions=25e6, page_faults=3000.0)
    laws = {"a": burdened(faults), "a+malloc=retain": replace(SOUND, fails_in=1), "b": SOUND}
    recording = recorded((own("a"), own("b")), Script(arms=laws), replicates=3)
    assert {failure.arm.partition("+")[1] for failure in recording.failures} == {"+"}
    assert exit_code(recording) is ExitCode.DONE
    asked = recorded((own("a"), own("b")), Script(arms={**laws, "b": replace(SOUND, fails_in=1)}), replicates=3)
    assert exit_code(asked) is ExitCode.INCOMPLETE


def test_experiments_get_more_replicates_than_comparisons_alone() -> None:
    by_count = schedule("--n", "100")
    assert by_count.replicates > schedule("--n", "100", "--experiments", "none").replicates


def test_a_budget_buys_as_many_replicates_as_it_can_start() -> None:
    for limit in ((), ("--budget", "300"), ("--experiments", "none")):
        assert schedule(*limit).replicates == MOST_REPLICATES
    assert schedule("--budget", "300", "--replicates", "5").replicates == 5
