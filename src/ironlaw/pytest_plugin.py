"""The pytest plugin: a fixture that measures, explains and asserts inside a test suite.

def test_int8_pays(ironlaw):
    explanation = ironlaw.run("model.py:build", arms="fp32,int8", budget=60)
    ironlaw.check("time>-20%")  # int8 is not shown to take more than 80 % of fp32's time
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from ironlaw.explanation import Explanation
    from ironlaw.running.settings import Options

BUDGET_S = 60.0


class Ironlaw:
    """The fixture's interface. Recordings are kept in the test's temporary folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.recording: Path | None = None

    def run(self, model: str, *, arms: str | Sequence[str], **options: Unpack[Options]) -> Explanation:
        """Measure the model's arms as `ironlaw run` does, keep the recording for `check`, and explain it.

        `options` are those of `ironlaw.compare`; by default a run takes 60 s and makes no experiments.
        """
        from rich.console import Console

        import ironlaw
        from ironlaw.report.terminal import Verbosity, show

        self.recording = self._folder / "run.jsonl"
        given: Options = {"budget": BUDGET_S, "experiments": "none", **options}
        explanation = ironlaw.compare(model, arms, out=self.recording, force=True, quiet=True, **given)
        show(explanation, Console(), verbosity=Verbosity.QUIET)
        return explanation

    def check(
        self, *rules: str, recording: Path | str | None = None, old: Path | str | None = None, if_missing: str = "fail"
    ) -> None:
        """Fail the test if the last run, or the given recording, breaks a rule.

        Without `old`, arms are judged against their control. `if_missing` decides about a rule without a measurement:
        "fail", "skip" (the test), or "pass".
        """
        from ironlaw import load
        from ironlaw.gate import Rule, Ruling
        from ironlaw.report.gate import broken_sentence
        from ironlaw.running.gating import judge_recordings

        __tracebackhide__ = True
        if if_missing not in ("fail", "skip", "pass"):
            raise ValueError(f"if_missing is {if_missing!r}; it must be fail, skip or pass")
        named = recording or self.recording
        if named is None:
            raise ValueError("nothing was measured: call run() first, or name a recording")
        before = None if old is None else load(old)
        gate = judge_recordings(before, load(named), [Rule.parse(rule) for rule in rules])
        said = {
            ruling: [broken_sentence(gate, item) for item in gate.judgements if item.ruling is ruling]
            for ruling in (Ruling.BROKEN, Ruling.UNKNOWN)
        }
        failed = said[Ruling.BROKEN] + (said[Ruling.UNKNOWN] if if_missing == "fail" else [])
        if failed:
            pytest.fail("\n".join(failed), pytrace=False)
        if said[Ruling.UNKNOWN] and if_missing == "skip":
            pytest.skip("; ".join(said[Ruling.UNKNOWN]))


@pytest.fixture
def ironlaw(tmp_path: Path) -> Ironlaw:
    """Measure, explain and judge inside a test."""
    return Ironlaw(tmp_path)
