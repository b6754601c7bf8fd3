"""One table of settings: the command line, Python and a sweep's plan file read the same options."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironlaw.arm import Arm
from ironlaw.causes import TESTED
from ironlaw.commands.run import Invocation, run
from ironlaw.errors import BadInput
from ironlaw.running import Options, Settings, plan_of
from ironlaw.running.planning import parse_own_arm
from ironlaw.running.settings import options
from ironlaw.sweep.plan_file import read_plan

CASES: dict[str, tuple[list[str], str, dict[str, Any]]] = {
    "a budget": (["--budget", "60"], "budget = 60", {"budget": 60}),
    "a count": (["--n", "200"], "n = 200", {"n": 200}),
    "a count and a budget": (["--n", "200", "--budget", "9.5"], "n = 200\nbudget = 9.5", {"n": 200, "budget": 9.5}),
    "a precision": (
        ["--budget", "60", "--precision", "2%"],
        'budget = 60\nprecision = "2%"',
        {"budget": 60, "precision": 0.02},
    ),
    "replicates": (
        ["--budget", "60", "--replicates", "5"],
        "budget = 60\nreplicates = 5",
        {"budget": 60, "replicates": 5},
    ),
    "experiments": (
        ["--budget", "60", "--experiments", "page-faults,fusion"],
        'budget = 60\nexperiments = ["page-faults", "fusion"]',
        {"budget": 60, "experiments": ["page-faults", "fusion"]},
    ),
    "a seed without counters": (
        ["--budget", "60", "--seed", "7", "--no-counters"],
        "budget = 60\nseed = 7\ncounters = false",
        {"budget": 60, "seed": 7, "no_counters": True},
    ),
}  # fmt: skip
# What a plan file leaves out has other defaults there: no experiments, and never layers or code.
SAID = ["--no-layers", "--no-code"]


@pytest.mark.parametrize("case", CASES)
def test_run_sweep_and_python_make_equal_plans_of_equal_settings(case: str, tmp_path: Path) -> None:
    typed, written, passed = CASES[case]
    none = [] if "experiments" in passed else ["--experiments", "none"]
    words = ["resnet18", "--arms", "fp32,int8", "--threads", "2", "--batch", "8", *typed, *SAID, *none]
    ran = Invocation.of(run.make_context("run", words).params).settings
    file = tmp_path / "plan.toml"
    file.write_text(f'models = ["resnet18"]\narms = ["fp32", "int8"]\nthreads = [2]\nbatch = [8]\n{written}\n')
    [cell] = read_plan(file).cells()
    given = {"experiments": "none", "no_layers": True, "no_code": True, "threads": 2, "batch": 8, **passed}
    called = Settings.of(given, model="resnet18", arms=(Arm.of("fp32"), Arm.of("int8")))
    assert ran == cell.settings() == called
    assert plan_of(ran) == plan_of(cell.settings()) == plan_of(called)


def test_type_checkers_know_every_keyword_of_the_table_and_no_other() -> None:
    assert list(Options.__annotations__) == [option.keyword for option in options().values()]


def test_every_option_of_the_table_is_one_of_the_command_line_with_its_help() -> None:
    shown = {flag: parameter for parameter in run.params for flag in parameter.opts}
    for option in options().values():
        assert getattr(shown[option.flag], "help", None) == option.help


def test_what_is_not_given_is_the_default_on_both_sides() -> None:
    assert Invocation.of(run.make_context("run", []).params).settings == Settings() == Settings.of({})
    assert Settings().experiments == TESTED


WRONG = [
    ("threads", 0, "threads is 0", "threads=1"),
    ("threads", 1.5, "threads is 1.5", "threads=1"),
    ("threads", True, "threads is True", "threads=1"),
    ("seed", "a", "seed is 'a'", "seed=0"),
    ("n", -1, "n is -1", "n=5000"),
    ("budget", float("nan"), "budget is nan", "budget=100"),
    ("budget", "60", "budget is '60'", "budget=100"),
    ("precision", 7, "precision 7", "precision='7%'"),
    ("agreement", "most", "'most' is not a percentage", "agreement='99%'"),
    ("no_counters", 1, "no_counters is 1", "no_counters=True"),
    ("images", 3, "images is 3", "images='photos'"),
    ("experiments", 3, "experiments is 3", "experiments='none'"),
    ("experiments", ["page-fault"], "'page-fault'", "page-faults"),
    ("protocol", "past", "protocol is 'past'", "post"),
    ("bugdet", 60, "unknown option 'bugdet'", "did you mean budget?"),
]


@pytest.mark.parametrize(("keyword", "value", "said", "offered"), WRONG, ids=lambda part: str(part)[:20])
def test_a_wrong_value_is_refused_under_its_keyword(keyword: str, value: object, said: str, offered: str) -> None:
    with pytest.raises(BadInput) as caught:
        Settings.of({keyword: value})
    assert said in caught.value.message
    assert offered in caught.value.hint
    assert "--" not in caught.value.message + caught.value.hint


ANYTHING = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.lists(st.text() | st.integers()),
    st.complex_numbers(),
)


@given(keyword=st.sampled_from([option.keyword for option in options().values()]), value=ANYTHING)
def test_any_value_is_taken_or_refused_with_bad_input(keyword: str, value: object) -> None:
    with contextlib.suppress(BadInput):
        plan_of(Settings.of({keyword: value}))


def test_numbers_of_numpy_are_numbers() -> None:
    import numpy as np

    settings = Settings.of({"threads": np.int64(2), "budget": np.float32(1.5)})
    assert (settings.threads, settings.budget_s) == (2, 1.5)
    assert (type(settings.threads), type(settings.budget_s)) == (int, float)


def test_a_protocol_chooses_its_arms_itself() -> None:
    with pytest.raises(BadInput):
        Settings.of({"protocol": "post"}, arms=(Arm.of("fp32"),))
    with pytest.raises(BadInput):
        Settings.of({"search": True, "protocol": "post"})


def test_a_search_begins_with_the_arms_that_are_requested_and_else_with_those_of_all_engines() -> None:
    arms = (Arm.of("fp32@onnxruntime"), Arm.of("int8@onnxruntime"))
    assert [arm for arm in plan_of(Settings.of({"search": True}, arms=arms)).arms if not arm.repeats] == list(arms)
    assert len(plan_of(Settings.of({"search": True})).arms) > len(arms)


@pytest.mark.parametrize(
    ("source", "factory", "variant"),
    [
        ("net.py:build+grad=on", "net.py:build", "given+grad=on"),
        ("net.py:build+fused+grad=on", "net.py:build", "given+fused+grad=on"),
        ("a+b/net.py:build", "a+b/net.py:build", "given"),
        ("package.net:build+grad=off", "package.net:build", "given+grad=off"),
        ("net.onnx@openvino+threads=2", "net.onnx", "given@openvino+threads=2"),
        ("a+b.onnx", "a+b.onnx", "given@onnxruntime"),
        ("a+b/program.cloudpickle", "a+b/program.cloudpickle", "given"),
    ],
)
def test_levels_may_follow_a_program_of_ones_own(source: str, factory: str, variant: str) -> None:
    arm = parse_own_arm(f"mine={source}")
    assert (arm.name, arm.factory, str(arm.variant)) == ("mine", factory, variant)


@pytest.mark.parametrize(
    ("text", "source", "variant"),
    [
        ("net.onnx+threads=2", "net.onnx", "given@onnxruntime+threads=2"),
        ("net.onnx@openvino+threads=2", "net.onnx", "given@openvino+threads=2"),
        ("a+b.onnx+session.optimization=basic", "a+b.onnx", "given@onnxruntime+session.optimization=basic"),
        ("net.xml+malloc=retain+threads=2", "net.xml", "given@openvino+malloc=retain+threads=2"),
        ("a+b/net.py:build+grad=on", "a+b/net.py:build", "given+grad=on"),
        ("net.py:build+phase=decode:8", "net.py:build", "given+phase=decode:8"),
        ("net.onnx", "net.onnx", "given@onnxruntime"),
    ],
)
def test_levels_behind_a_file_are_those_of_its_arm(text: str, source: str, variant: str) -> None:
    arm = parse_own_arm(f"a={text}")
    assert (arm.factory, str(arm.variant)) == (source, variant)


def test_a_file_without_the_name_of_an_engine_runs_in_the_first_that_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    absent = {"onnxruntime"}
    monkeypatch.setattr(
        "ironlaw.engine.Declaration.lacks", lambda self, precision: tuple(absent & {*self.loads, self.extra})
    )
    assert str(parse_own_arm("a=net.onnx").variant) == "given@openvino"
    absent.add("openvino")  # none is: the first is named in what is refused later
    assert str(parse_own_arm("a=net.onnx").variant) == "given@onnxruntime"
