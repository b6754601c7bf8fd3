"""Effects too small to matter, alone and beside the difference that they would explain."""

from __future__ import annotations

import pytest

from ironlaw.analysis.verdicts.judgement import Judge
from ironlaw.explanation import Outcome

from .test_judgement import ARMS, LIKELY, around, bench, item


def test_an_effect_that_is_shown_but_too_small_to_matter_is_refuted() -> None:
    """Eight replicates of 0.5 ± 0.05 %: significant, and within ±1.5 %."""
    verdict = Judge(on=bench(), arms=ARMS, among=LIKELY).verdict(item(around(0.005, 0.0005)))
    assert verdict.outcome is Outcome.REFUTED
    assert verdict.reason == "the whole interval is within ±1.5 %"


@pytest.mark.parametrize(("spread", "outcome"), [(0.01, Outcome.REFUTED), (0.9, Outcome.UNDECIDED)])
def test_the_share_is_of_the_smallest_difference_in_the_interval(spread: float, outcome: Outcome) -> None:
    """5 % of 0.99 are more than ±0.027, 5 % of the 0.2 that 1.0 ± 0.8 may be are less; of the 1.8 they were not."""
    ln_wall = {"a": around(17.0, spread), "b": dict.fromkeys(range(8), 16.0)}
    verdict = Judge(on=bench(ln_wall=ln_wall), arms=ARMS, among=LIKELY).verdict(item(around(0.0, 0.03)))
    assert verdict.outcome is outcome
