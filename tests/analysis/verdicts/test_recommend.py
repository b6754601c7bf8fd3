"""Which arm is recommended: none that is no fair comparison, and by words that still hold tomorrow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw.analysis.verdicts.bench import Bench
from ironlaw.analysis.verdicts.recommend import recommend
from ironlaw.arm import Arm
from ironlaw.estimate import Estimate
from ironlaw.explanation import ArmSummary
from ironlaw.measure.scripted import Script
from ironlaw.missing import Missing
from ironlaw.plan import Plan, Schedule
from ironlaw.report.recommendation import recommendation_sentence
from tests.scripted import SOUND, explained, own


def test_a_program_that_python_gave_is_recommended_by_its_name_not_by_a_file_that_has_ended() -> None:
    slow, fast = (replace(own(name), factory=f"/tmp/ironlaw-x/{name}.cloudpickle") for name in ("slow", "fast"))
    laws = {"slow": SOUND, "fast": replace(SOUND, user_instructions=SOUND.user_instructions / 2)}
    recommended = explained((slow, fast), Script(arms=laws)).recommendation
    assert not isinstance(recommended, Missing)
    assert recommended.how.startswith("use the program given as 'fast'")
    assert "cloudpickle" not in recommended.how


def test_an_arm_that_is_no_fair_comparison_is_not_recommended_however_fast() -> None:
    ones = replace(SOUND, user_instructions=50e6, checks={**SOUND.checks, "constant_input": True})
    laws = {"slow": SOUND, "fast": ones, "some": replace(SOUND, user_instructions=80e6)}
    recommended = explained(tuple(map(own, laws)), Script(arms=laws)).recommendation
    assert not isinstance(recommended, Missing)
    assert recommended.arm.startswith("some")


def test_no_gain_over_an_unfair_control_is_recommended() -> None:
    training = replace(SOUND, checks={**SOUND.checks, "training": True})
    laws = {"slow": training, "fast": replace(SOUND, user_instructions=50e6)}
    assert explained(tuple(map(own, laws)), Script(arms=laws, turn_noise=0.002, seed=2)).recommendation == Missing(
        "slow is not a fair control, so no gain over it counts"
    )


def test_a_gain_within_a_phase_of_generation_names_the_control_of_that_phase() -> None:
    names = [
        f"given@llamacpp+phase={phase}{more}" for phase in ("prefill:8", "decode:4") for more in ("", "+threads=2")
    ]
    plan = Plan(model="a.gguf", arms=tuple(map(Arm.of, names)), schedule=Schedule())
    # Only decoding is faster with two threads.
    walls = dict(zip(names, (9.0, 9.0, 8.0, 7.0), strict=True))
    ln_wall = {name: {number: wall + 0.001 * (number % 3) for number in range(6)} for name, wall in walls.items()}
    rows = [ArmSummary(arm=name, inferences=10, wall_ns=Estimate(value=1e6, low=1e6, high=1e6)) for name in names]
    found = recommend(Bench(plan=plan, ln_wall=ln_wall), rows, moved_by=0.0, trained=False, invalid=())
    assert not isinstance(found, Missing)
    assert (found.arm, found.over) == (names[3], names[2])
    assert f" the speed of {names[2]}." in recommendation_sentence(found)


@pytest.mark.parametrize(("changed", "trained", "is_judged"), [("int8", False, False), ("int8", True, True),
                                                               ("fp32+fused", False, True)])  # fmt: skip
def test_an_arm_of_another_precision_is_not_recommended_by_the_answers_of_untrained_weights(
    changed: str, trained: bool, is_judged: bool
) -> None:
    walls = {"fp32": 9.0, changed: 8.0}
    plan = Plan(model="net", arms=tuple(map(Arm.of, walls)), schedule=Schedule())
    ln_wall = {name: {number: wall + 0.001 * (number % 3) for number in range(6)} for name, wall in walls.items()}
    time = Estimate(value=1e6, low=1e6, high=1e6)
    rows = [ArmSummary(arm=name, inferences=10, wall_ns=time, top1_agreement=1.0) for name in walls]
    found = recommend(Bench(plan=plan, ln_wall=ln_wall), rows, moved_by=0.0, trained=trained, invalid=())
    assert not isinstance(found, Missing)
    assert found.is_judged is is_judged
    said = recommendation_sentence(found)
    assert said.startswith(f"Use {changed}:" if is_judged else f"The fastest is {changed}:")
    assert ("judged with trained weights" in said) is not is_judged
