"""What the time left allows."""

from __future__ import annotations

from ironlaw.analysis.scheduling.costs import Costs
from ironlaw.analysis.scheduling.spending import LEAST_WORTH_JOINING, Affordable, _with_parts
from ironlaw.analysis.verdicts.planner import joint
from ironlaw.situation import ReplicateSpent

from ..verdicts.test_planner import three_causes


def affordable(*, rounds: int, counting_s: float) -> Affordable:
    """Three arms of a decoder that decodes a token in 0.1 s: 2.4 s to start them, 36 s left."""
    costs = Costs(
        inference_s={}, between_s={}, turn_s=0.001, start_s=2.4, arm_start_s=0.55, prepare_s=0.4, answer_s=0.0
    )
    last = ReplicateSpent(replicate=2, arms=("a", "b", "c"), starting_s=2.1, counting_s=counting_s)
    return Affordable(left_s=37.2, costs=costs, last=last, rounds=rounds)


def test_one_long_replicate_does_not_keep_experiments_out() -> None:
    assert affordable(rounds=35, counting_s=11.6).replicates(5, prepared=2) >= LEAST_WORTH_JOINING


def test_a_replicate_is_not_divided_below_half_where_few_rounds_would_be_left() -> None:
    found = affordable(rounds=6, counting_s=11.6)
    assert found.replicate_s(3) == 2.4 + 11.6 / 2
    assert found.replicates(5, prepared=2) < LEAST_WORTH_JOINING


def test_causes_removed_together_keep_the_arm_of_the_other_side_that_has_one_of_them_alone() -> None:
    """It rested once its own cause was confirmed, and shares had two replicates, with intervals beyond 100 %."""
    recorded = three_causes(0.0)
    needed = _with_parts(recorded.plan, joint(recorded))
    assert needed == {"fp32+isa=avx512+weights=aliased", "fp32+isa=avx512", "fp32+weights=aliased", "int8+isa=avx512"}
