"""Shares of a difference: the interval of a ratio of means, by hand, by law, and in words."""

from __future__ import annotations

import numpy as np
import pytest

from ironlaw.analysis.verdicts.judgement import share_of
from ironlaw.estimate import Estimate
from ironlaw.missing import Missing
from ironlaw.report.verdicts import share_text


def test_a_share_by_hand() -> None:
    # 2 of 3; residuals (1 - 2/3 x 2) / 3 = -1/9 and (3 - 2/3 x 4) / 3 = 1/9: s = 0.157, t(1) = 12.706, n = 2.
    share = share_of({0: 1.0, 1: 3.0}, {0: 2.0, 1: 4.0}, 3.0)
    assert isinstance(share, Estimate)
    assert share.value == pytest.approx(2 / 3)
    assert share.half_width == pytest.approx(12.7062 * (2**0.5 / 9) / 2**0.5, rel=1e-4)


def test_a_part_that_is_always_the_same_share_has_no_spread() -> None:
    total = {0: 1.0, 1: 2.0, 2: 4.0}
    share = share_of({key: value / 4 for key, value in total.items()}, total, 7 / 3)
    assert isinstance(share, Estimate)
    assert share.half_width == pytest.approx(0.0)


def test_one_replicate_gives_no_share() -> None:
    assert isinstance(share_of({0: 1.0}, {0: 2.0}, 2.0), Missing)


def test_the_interval_of_a_share_holds_the_true_one_in_nineteen_of_twenty() -> None:
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(400):
        part = rng.normal(0.3, 0.04, 8)
        rest = rng.normal(0.7, 0.04, 8)
        total = dict(enumerate(part + rest))
        share = share_of(dict(enumerate(part)), total, float(np.mean(part + rest)))
        assert isinstance(share, Estimate)
        held += share.low <= 0.3 <= share.high
    # 95 % of 400 are 380, with a standard deviation of 4.4.
    assert 380 - 3 * 4.4 <= held <= 380 + 3 * 4.4


def test_the_digits_of_a_share_follow_its_interval() -> None:
    assert share_text(Estimate(value=1.374, low=-0.41, high=3.12)) == "140\N{NO-BREAK SPACE}% [−40, 310]"
    assert share_text(Estimate(value=0.3629, low=0.351, high=0.3748)) == "36.3\N{NO-BREAK SPACE}% [35.1, 37.5]"
