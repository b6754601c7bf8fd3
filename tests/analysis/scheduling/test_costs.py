"""What a replicate costs to start, where interpreters are started ahead."""

from __future__ import annotations

import pytest

from ironlaw.analysis.scheduling.costs import costs_of
from ironlaw.arm import Arm
from ironlaw.fact import InterpreterStarted
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
        ((5.0, 9.0, 6.0), 6.0),
        ((1.0,), 5.0),  # the next one has to import
        ((1.0, 5.0), 3.0),
        ((1.0, 5.0, 2.0, 5.0, 1.0), 3.0),
        ((1.0, 2.0, 2.0), 2.0),  # each imports for the next while its arms warm up
    ],
)
def test_a_start_costs_what_those_that_import_and_those_that_need_not_take_on_average(
    starting_s: tuple[float, ...], expected_s: float
) -> None:
    assert costs_of(situation(*starting_s)).start_s == pytest.approx(expected_s + 0.5)


def test_an_arm_adds_its_part_of_what_the_interpreter_leaves() -> None:
    assert costs_of(situation(5.0)).arm_start_s == pytest.approx(1.0)
    assert costs_of(situation(1.5)).arm_start_s == pytest.approx(1.5)
