"""Failed arms as every report says them: a root cause once, whatever it stopped."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from ironlaw.analysis.assemble import explain
from ironlaw.arm import Arm
from ironlaw.explanation import Explanation
from ironlaw.fact import Failure
from ironlaw.measure.scripted import Script
from ironlaw.report import html, markdown, notebook, terminal
from ironlaw.report.failures import stopped_arms
from tests.scripted import SOUND, recorded

WHY = "net.py:build raised RuntimeError: no weights at model.pt"
NAMES = ("fp32", "int8", "int8+fused", "fp32 (again)")


def failed(*names: str, hint: str = "check that it works when called") -> Explanation:
    """What a run says in which these arms failed for one reason while they were prepared."""
    arms = dict.fromkeys(NAMES[:3], SOUND)
    whole = recorded(tuple(map(Arm.of, arms)), Script(arms=arms), replicates=2)
    failures = tuple(Failure(arm=name, replicate=-1, stage="prepare", reason=WHY, hint=hint) for name in names)
    return explain(
        replace(
            whole,
            failures=failures,
            readings=tuple(one for one in whole.readings if one.arm in set(NAMES) - set(names)),
            prepared=tuple(one for one in whole.prepared if one.arm not in names),
            started=tuple(one for one in whole.started if one.arm not in names),
        )
    )


def on_terminal(explanation: Explanation) -> str:
    out = io.StringIO()
    terminal.show(explanation, Console(file=out, width=2000))
    return out.getvalue()


SHOWN: dict[str, Callable[[Explanation], str]] = {
    "terminal": on_terminal,
    "markdown": lambda explanation: markdown.to_markdown(explanation, None).replace("\\", ""),
    "html": lambda explanation: html.render(explanation, None).partition("application/json")[0],
    "notebook": lambda explanation: notebook.to_fragment(explanation, None),
}


@pytest.mark.parametrize("how", SHOWN)
@pytest.mark.parametrize("names", [NAMES, ("int8", "int8+fused")], ids=["all", "two"])
def test_one_root_cause_is_printed_once_whatever_it_stopped(how: str, names: tuple[str, ...]) -> None:
    text = SHOWN[how](failed(*names))
    assert text.count(WHY) == 1
    assert text.count("check that it works when called") == 1


def test_the_arms_that_it_stopped_are_named_together_with_what_to_do() -> None:
    (stopped,) = stopped_arms(failed(*NAMES))
    assert stopped.sentence == f"fp32, int8, int8+fused and fp32 (again) failed: prepare: {WHY}."
    assert stopped.fix == "check that it works when called"


def test_a_failure_without_a_hint_has_a_step_all_the_same() -> None:
    (stopped,) = stopped_arms(failed("int8", hint=""))
    assert stopped.fix == "run this arm alone to see its output"


def test_a_comparison_names_the_arm_that_failed_and_not_again_why() -> None:
    assert "int8 cannot be compared with fp32: int8 failed (prepare)." in on_terminal(failed("int8"))


def test_where_nothing_was_measured_few_replicates_are_no_doubt() -> None:
    assert {"few-replicates", "short-recording"}.isdisjoint({one.slug for one in failed(*NAMES).concerns})
