"""The command of a bundle measures the same arms: read back, it is the same plan."""

from __future__ import annotations

import itertools

import pytest

from ironlaw.plan import Plan
from ironlaw.report.bundle import _command
from ironlaw.running import Settings, plan_of
from ironlaw.running.planning import parse_own_arm, variants_named


def read_back(words: list[str]) -> Plan:
    """The plan of the command line, by the options that a bundle gives."""
    given: dict[str, object] = {"vary": []}
    arms, programs = "", []
    flags = {"--arms": "arms", "--arm": "arm", "--vary": "vary", "--inputs": "inputs_file", "--threads": "threads"}
    for flag, value in itertools.pairwise(words):
        if flag not in flags:
            continue
        if flag == "--arms":
            arms = value
        elif flag == "--arm":
            programs.append(parse_own_arm(value))
        elif flag == "--vary":
            given["vary"] = [*given["vary"], value]  # type: ignore[misc]  # a list, as set above
        else:
            given[flags[flag]] = int(value) if flag == "--threads" else value
    named = variants_named(arms) if arms else ()
    return plan_of(Settings.of({**given, "vary": given["vary"] or None}, arms=(*named, *programs)))


@pytest.mark.parametrize(
    ("vary", "arms", "programs"),
    [
        (None, "fp32,int8+fused", []),
        (["batch=1,4", "threads=1,2"], "fp32,int8@openvino+malloc=retain", []),
        (None, "", ["a=net.onnx", "b=net.onnx@openvino+threads=2", "c=m.py:build+grad=on"]),
        (["length=16,128"], "", ["a=net.onnx+session.optimization=basic"]),
    ],
)
def test_the_command_gives_the_same_arms(vary: list[str] | None, arms: str, programs: list[str]) -> None:
    named = variants_named(arms) if arms else ()
    settings = Settings.of({"vary": vary, "inputs_file": "i.npz"}, arms=(*named, *map(parse_own_arm, programs)))
    plan = plan_of(settings)
    again = read_back(_command(plan))
    assert again.arms == plan.arms
    assert again.inputs == plan.inputs == "i.npz"
