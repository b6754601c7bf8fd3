"""From recordings to a gate's judgements, for the command line and for test suites."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ironlaw.gate import Gate, Rule
    from ironlaw.recording import Recording


def judge_recordings(
    old: Recording | None, new: Recording, rules: Sequence[Rule], *, arm: str | None = None, raw_clock: bool = False
) -> Gate:
    """Judge every rule on every arm of the new recording, against the old one or, without it, against its control.

    Raises:
        BadInput: the recordings cannot be compared, or the arm is in neither.
    """
    from ironlaw import explain
    from ironlaw.analysis.gate import check_comparable, judge_rules, side_of

    if old is not None:
        check_comparable(old, new)
    sides = [None if recording is None else side_of(recording, explain(recording)) for recording in (old, new)]
    before, after = sides
    assert after is not None
    return judge_rules(before, after, rules, arm=arm, raw_clock=raw_clock)
