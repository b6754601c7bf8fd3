"""The Python interface: what a notebook holds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ironlaw
from ironlaw import running
from ironlaw.analysis.assemble import explain
from ironlaw.errors import BadInput
from ironlaw.plan import Plan
from ironlaw.recording import Recording
from ironlaw.report.document import to_document

WHOLE = Path(__file__).parent / "golden" / "without-pmu.jsonl"


def test_the_package_describes_every_step_of_its_interface() -> None:
    described = ironlaw.__doc__ or ""
    assert [name for name in ironlaw.__all__ if f"ironlaw.{name}(" not in described] == []
    (plan,) = re.findall(r"plan = (.*?)  #", described)
    assert isinstance(eval(plan, {"running": running}), Plan)


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


def program(number: float) -> float:
    return number


@pytest.mark.parametrize(
    ("call", "said", "offered"),
    [
        (lambda: ironlaw.compare({"a": program}, inputs=1.0, threads=0), "threads is 0", "threads=1"),
        (lambda: ironlaw.compare("mobilenet_v2", ["fp32"], inputs=[1.0]), "inputs are given", "inputs=x"),
        (lambda: ironlaw.compare({"a": program}, ["fp32"]), "arms are given", "compare({"),
        (lambda: ironlaw.compare({"a": program}, inputs=1.0, seed="a"), "seed is 'a'", "seed=0"),  # type: ignore[arg-type]
        (lambda: ironlaw.compare(program), "the model is a function", "compare({"),  # type: ignore[arg-type]
        (lambda: ironlaw.compare("mobilenet_v2", [1]), "the arms are [1]", "fp32"),  # type: ignore[list-item]
        (lambda: ironlaw.compare("mobilenet_v2", []), "there is no arm", "fp32"),
        (lambda: ironlaw.compare({}, inputs=1.0), "programs need names", "compare({"),
        (lambda: ironlaw.compare("mobilenet_v2", verbose=True), "unknown option 'verbose'", "known: "),  # type: ignore[call-arg]
        (lambda: ironlaw.compare({"a": program}, inputs=1.0, search=True), "a search chooses", "name neither"),
    ],
)
def test_nothing_is_ignored_and_what_cannot_be_used_is_bad_input(
    planned: list[Plan], call: Callable[[], object], said: str, offered: str
) -> None:
    with pytest.raises(BadInput) as caught:
        call()
    assert said in caught.value.message
    assert offered in caught.value.hint
    assert planned == []


def test_arms_may_be_one_text_as_on_the_command_line(planned: list[Plan]) -> None:
    ironlaw.compare("mobilenet_v2", "fp32,int8", quiet=True)
    assert [arm.name for arm in planned[0].asked()] == ["fp32", "int8"]
