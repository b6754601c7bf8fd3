"""Arms that could not continue: each reason once, with every arm it stopped and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ironlaw.concern import Concern
from ironlaw.explanation import Explanation
from ironlaw.report.words import ended, joined
from ironlaw.text import plain

ARM_FAILED = "arm-failed"  # the concern that is beside each failure in the JSON document


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Arms that failed for one reason, and the step that fixes it; empty where none is known."""

    arms: tuple[str, ...]
    reason: str
    fix: str

    @property
    def sentence(self) -> str:
        """Which arms failed, and why."""
        return f"{joined([plain(arm) for arm in self.arms])} failed: {ended(plain(self.reason))}"


def stopped_arms(explanation: Explanation) -> list[Stopped]:
    """Every reason that an arm failed for, in the order of the arms."""
    fixes = {concern.arm: concern.fix for concern in explanation.concerns if concern.slug == ARM_FAILED}
    by_reason: dict[tuple[str, str], list[str]] = {}
    for arm in explanation.arms:
        if arm.failure:
            by_reason.setdefault((arm.failure, fixes.get(arm.arm, "")), []).append(arm.arm)
    return [Stopped(arms=tuple(arms), reason=reason, fix=fix) for (reason, fix), arms in by_reason.items()]


def without_failures(concerns: Iterable[Concern], explanation: Explanation) -> list[Concern]:
    """The concerns without those that `stopped_arms` reports."""
    reported = {arm.arm for arm in explanation.arms if arm.failure}
    return [concern for concern in concerns if concern.slug != ARM_FAILED or concern.arm not in reported]
