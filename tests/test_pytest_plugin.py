"""The pytest plugin inside a test suite of its own."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from ironlaw.lines import encode
from ironlaw.plan import Plan
from ironlaw.recording import Recording
from tests.analysis.stated import Law, Noise, recording
from tests.golden.make import facts

pytest_plugins = ["pytester"]


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with recordings in which int8 takes half of fp32's time, and in new.jsonl a fifth more than that."""
    for name, cpi in (("old.jsonl", 0.5), ("new.jsonl", 0.6)):
        fact = recording({"fp32": Law(), "int8": Law(instructions=10e6, cpi=cpi)}, Noise(own=0.005), groups=())
        (pytester.path / name).write_bytes(b"".join(encode(one) + b"\n" for one in facts(fact)))
    return pytester


def outcomes(suite: pytest.Pytester, body: str) -> tuple[dict[str, int], str]:
    suite.makepyfile(f"def test_it(ironlaw):\n    {body}\n")
    result = suite.runpytest_inprocess("-p", "no:cacheprovider")
    return result.parseoutcomes(), result.stdout.str()


def test_rule_that_holds_passes(suite: pytest.Pytester) -> None:
    assert outcomes(suite, "ironlaw.check('time>-20%', recording='new.jsonl')")[0] == {"passed": 1}


def test_broken_rule_fails_with_its_reason(suite: pytest.Pytester) -> None:
    found, said = outcomes(suite, "ironlaw.check('time>+3%', recording='new.jsonl', old='old.jsonl')")
    assert found == {"failed": 1}
    assert "time>+3% is broken by int8: time +" in said


@pytest.mark.parametrize(("choice", "outcome"), [("fail", "failed"), ("skip", "skipped"), ("pass", "passed")])
def test_gap_does_what_is_asked_for(suite: pytest.Pytester, choice: str, outcome: str) -> None:
    rule = f"ironlaw.check('instructions>+1%', recording='new.jsonl', if_missing='{choice}')"
    assert outcomes(suite, rule)[0] == {outcome: 1}


def test_nothing_measured_is_an_error_not_a_pass(suite: pytest.Pytester) -> None:
    found, said = outcomes(suite, "ironlaw.check('time>+3%')")
    assert found == {"failed": 1}
    assert "nothing was measured" in said


def test_run_measures_and_check_judges_what_it_measured(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ironlaw

    plans: list[Plan] = []

    def record(plan: Plan, out: Path, **_: object) -> Recording:
        plans.append(plan)
        shutil.copy(suite.path / "new.jsonl", out)
        return ironlaw.load(out)

    monkeypatch.setattr(ironlaw, "record", record)
    body = (
        "explanation = ironlaw.run('mobilenet_v2', arms='fp32,int8', budget=30, threads=2)\n"
        "    assert [item.changed for item in explanation.comparisons] == ['int8']\n"
        "    ironlaw.check('time>-60%')"
    )
    found, said = outcomes(suite, body)
    assert found == {"failed": 1}
    assert "time>-60% is broken by int8" in said
    [plan] = plans
    assert (plan.threads, plan.schedule.budget_s, [arm.name for arm in plan.asked()]) == (2, 30.0, ["fp32", "int8"])


def test_the_plugin_is_declared_to_pytest() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"ironlaw": "ironlaw.pytest_plugin"}
