"""The Python interface: what a notebook holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import ironlaw
from ironlaw.analysis.assemble import explain
from ironlaw.errors import BadInput
from ironlaw.plan import Plan
from ironlaw.recording import Recording
from ironlaw.report.document import to_document

WHOLE = Path(__file__).parent / "golden" / "without-pmu.jsonl"


def test_answer_is_the_explanation() -> None:
    recording = ironlaw.load(WHOLE)
    assert to_document(ironlaw.explain(recording)) == to_document(explain(recording))


def test_notebook_is_shown_a_fragment_and_print_the_text() -> None:
    answer = ironlaw.explain(ironlaw.load(WHOLE))
    assert "<svg" in answer._repr_html_()
    assert "faster than fp32" in " ".join(str(answer).split())
    assert max(map(len, str(answer).splitlines())) <= 80
    assert json.loads(answer.to_json())["schema"] == 1


def test_frame_has_a_row_per_arm() -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    answer = ironlaw.explain(ironlaw.load(WHOLE))
    assert list(answer.to_frame().index) == [arm.arm for arm in answer.arms]


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """What would have been measured; the golden recording is what comes back."""
    plans: list[Plan] = []

    def record(plan: Plan, *_: Any, **__: Any) -> Recording:
        plans.append(plan)
        return ironlaw.load(WHOLE)

    monkeypatch.setattr(ironlaw, "record", record)
    return plans


def test_compare_measures_what_it_is_asked_for_and_explains_it(planned: list[Plan], tmp_path: Path) -> None:
    answer = ironlaw.compare(
        "mobilenet_v2", ["fp32", "int8"], out=tmp_path / "r.jsonl", budget=30, threads=2, experiments="none"
    )
    [plan] = planned
    assert [arm.name for arm in plan.arms] == ["fp32", "int8", "fp32 (again)"]
    assert (plan.threads, plan.schedule.budget_s, plan.ceilings) == (2, 30.0, False)
    assert answer.comparisons


def test_flags_are_true_or_left_out(planned: list[Plan]) -> None:
    ironlaw.compare("mobilenet_v2", ["fp32", "int8"], no_counters=True, quiet=True)
    ironlaw.compare("mobilenet_v2", ["fp32", "int8"], no_counters=False, quiet=True)
    assert [plan.counters for plan in planned] == [False, True]


def test_what_does_not_exist_is_refused_before_anything_is_measured(planned: list[Plan]) -> None:
    with pytest.raises(BadInput):
        ironlaw.compare("mobilenet_v2", ["int9"])
    with pytest.raises(BadInput) as caught:
        ironlaw.compare("mobilenet_v2", ["fp32"], bugdet=30)  # type: ignore[call-arg]
    assert "budget" in caught.value.hint
    assert planned == []
