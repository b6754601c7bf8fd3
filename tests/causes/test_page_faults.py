"""An arm with few page faults has none that a switch could remove."""

from __future__ import annotations

import pytest

from ironlaw.arm import Arm
from ironlaw.causes.page_faults import CAUSE
from ironlaw.missing import Missing
from ironlaw.observed import Observed


def observed(faults: float | Missing) -> Observed:
    """An arm of which nothing else matters."""
    return Observed(arm=Arm.of("fp32"), wall_ns=1e7, page_faults=faults, checks={}, census={}, cpus=1)


@pytest.mark.parametrize(
    ("faults", "said"),
    [(0.0, "0 page faults"), (0.97, "0.97 page faults"), (1.04, "1 page fault"), (2.3, "2.3 page faults")],
)
def test_few_faults_exclude_the_cause_with_their_number(faults: float, said: str) -> None:
    assert CAUSE.excludes(observed(faults)) == f"it has {said} an inference"


def test_many_faults_and_uncounted_ones_exclude_nothing() -> None:
    assert not CAUSE.excludes(observed(3000.0))
    assert not CAUSE.excludes(observed(Missing("were not counted")))
