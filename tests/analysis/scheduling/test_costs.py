"""What a replicate costs to start, where interpreters are started ahead."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw.analysis.scheduling.costs import costs_of
from ironlaw.arm import Arm
from ironlaw.fact import ArmStarted, FreeMemory, InterpreterStarted
from ironlaw.measure.scripted import Script, ScriptedStage
from ironlaw.plan import Plan, Schedule
from ironlaw.situation import ReplicateSpent, Situation

IMPORTING_S = 4.0


def situation(*starting_s: float) -> Situation:
    """Replicates that took that long to start, whose interpreters took four seconds, ahead or not."""
    facts = [
        InterpreterStarted(
            replicate=number, arms=("fp32",), environment={}, padding_bytes=0, start_ns=round(IMPORTING_S * 1e9)
        )
        for number in range(len(starting_s))
    ]
    spent = tuple(
        ReplicateSpent(replicate=number, arms=("fp32",), starting_s=one, counting_s=1.0, stopping_s=0.5)
        for number, one in enumerate(starting_s)
    )
    return Situation(
        plan=Plan(model="", arms=(Arm.of("fp32"),), schedule=Schedule()), facts=facts, elapsed_s=0.0, spent=spent
    )


@pytest.mark.parametrize(
    ("starting_s", "expected_s"),
    [
        ((5.0,), 5.0),  # without an idle CPU each imports for itself
        ((5.0, 9.0, 6.0), 7.5),
        ((1.0,), 5.0),  # the next one has to import
        ((1.0, 5.0), 5.0),
        ((1.0, 5.0, 2.0, 5.0, 1.0), 3.25),
        ((1.0, 2.0, 2.0), 2.0),  # each imports for the next while its arms warm up
    ],
)
def test_a_start_costs_what_those_that_import_and_those_that_need_not_take_on_average(
    starting_s: tuple[float, ...], expected_s: float
) -> None:
    assert costs_of(situation(*starting_s)).start_s == pytest.approx(expected_s + 0.5)


@pytest.mark.parametrize(("cpus", "expected_s"), [((0, 1), 4.5), ((1,), 4.5)])
def test_the_second_start_is_expected_without_what_only_the_first_does(
    cpus: tuple[int, ...], expected_s: float
) -> None:
    # 7 s, of which 1 s compacted memory and 3 s were a warm-up until steady; half as long is expected again.
    assert costs_of(first_of(7.0, cpus)).start_s == pytest.approx(expected_s + 0.5)


def test_the_second_start_waits_for_an_interpreter_that_imports_beside_a_short_first_one() -> None:
    assert costs_of(first_of(3.0, (0, 1))).start_s == pytest.approx(IMPORTING_S + 0.5)
    assert costs_of(first_of(3.0, (1,))).start_s == pytest.approx(3.0 - 1.0 - 1.5 + IMPORTING_S + 0.5)


def first_of(starting_s: float, cpus: tuple[int, ...]) -> Situation:
    """After one replicate on CPU 1 of these."""
    now = situation(starting_s)
    machine = replace(ScriptedStage(Script(arms={})).inspect(), cpus_allowed=cpus)
    memory = FreeMemory(compaction_ns=1_000_000_000)
    interpreters = [replace(fact, memory=memory) for fact in now.facts if isinstance(fact, InterpreterStarted)]
    started = ArmStarted(
        arm="fp32", replicate=0, load_ns=0, warm_up_ns=(3_000_000_000,), steady_at=0, threads=1, cpus=(1,)
    )  # fmt: skip
    return replace(now, facts=[machine, *interpreters, started])


def test_an_arm_adds_its_part_of_what_the_interpreter_leaves() -> None:
    assert costs_of(situation(5.0)).arm_start_s == pytest.approx(1.0)
    assert costs_of(situation(1.5)).arm_start_s == pytest.approx(1.5)
