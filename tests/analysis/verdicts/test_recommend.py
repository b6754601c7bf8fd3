"""Which arm is recommended: none that is no fair comparison, and by words that still hold tomorrow."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.measure.scripted import Script
from ironlaw.missing import Missing
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
