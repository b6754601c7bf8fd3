from __future__ import annotations

import re
import shlex
from dataclasses import replace

import pytest

from ironlaw.arm import Arm
from ironlaw.explanation import Explanation
from ironlaw.fact import ArmStarted, Census, Failure
from ironlaw.missing import Missing
from ironlaw.recording import Recording
from ironlaw.report.bundle import reproduction, to_bundle
from ironlaw.report.markdown import code_block, escaped, table, to_markdown
from ironlaw.variant import Variant
from tests.report import explanations
from tests.report.published import published_table
from tests.report.recordings import recording
from tests.report.test_terminal import ALL


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mobilenet_v2", "mobilenet_v2"),
        ("_emphasis_", r"\_emphasis\_"),
        ("a|b", r"a\|b"),
        ("<script>", r"\<script\>"),
        ("[text](http://x)", r"\[text\](http://x)"),
        ("thanks @user", "thanks &#64;user"),
        ("int8@onnxruntime", "int8@onnxruntime"),
        ("fixes #12", r"fixes \#12"),
        ("# title", r"\# title"),
        ("2.70× [2.60, 2.80]", "2.70× [2.60, 2.80]"),
        ("two\nlines", r"two\\nlines"),
    ],
)
def test_nothing_in_a_name_is_markup(text: str, expected: str) -> None:
    assert escaped(text) == expected


def test_table_has_as_many_cells_in_each_line() -> None:
    assert table(["arm", "ms"], [["a|b", "1"]]) == "| arm | ms |\n| --- | ---: |\n| a\\|b | 1 |"


def test_code_cannot_close_its_fence() -> None:
    assert code_block("```\nx").splitlines() == ["````", "```", "x", "````"]


@pytest.mark.parametrize("name", ALL)
def test_every_table_line_has_the_same_number_of_cells(name: str) -> None:
    blocks = to_markdown(ALL[name]()).split("\n\n")
    tables = [block.splitlines() for block in blocks if block.startswith("| ")]
    assert tables
    for lines in tables:
        assert len({line.replace("\\|", "").count("|") for line in lines}) == 1


def test_markdown_holds_the_answer_and_the_arms() -> None:
    text = to_markdown(explanations.with_pmu()).replace("\N{NO-BREAK SPACE}", " ")
    assert "| int8+fused | 10.70 | 2.70× [2.60, 2.80] |" in text
    assert "int8+fused is 2.70× [2.60, 2.80] faster than fp32" in text
    assert "| ✓ confirmed | page faults | fp32+malloc=retain faster than fp32 | 1.500× [1.485, 1.515] |" in text


def with_facts(explanation: Explanation) -> Recording:
    return replace(
        recording(explanation),
        started=(
            ArmStarted(
                arm="int8", replicate=0, load_ns=1, warm_up_ns=(1,), steady_at=0, threads=3, cpus=(0,),
                read_back={"quantized_engine": "x86", "isa": Missing("cannot be read back")},
            ),
        ),
        censuses=(Census(arm="int8", counts={"quantized::conv2d": 52.0}),),
        failures=(Failure(arm="int8", replicate=1, stage="turn", reason="signal 11"),),
    )  # fmt: skip


def test_bundle_holds_what_a_maintainer_asks_for() -> None:
    explanation = explanations.with_pmu()
    text = to_bundle(explanation, with_facts(explanation))
    assert "torch 2.14.1" in text
    assert "avx2, fma" in text
    assert "| int8 | quantized\\_engine | x86 |" in text or "| int8 | quantized_engine | x86 |" in text
    assert "| int8 | isa | not known: cannot be read back |" in text
    assert "| int8 | threads of the process | 3 |" in text
    assert "| int8 | quantized::conv2d | 52.0 |" in text
    assert "| instructions | 8.00" in text
    assert "page faults" in text
    assert "- int8, turn: signal 11" in text
    assert "ironlaw run mobilenet_v2 --arms fp32,fp32+fused,int8,int8+fused" in text


def test_reproduction_names_the_asked_arms_and_the_causes() -> None:
    plan = explanations.plan("fp32", "int8", added=("fp32+malloc=retain",))
    words = shlex.split(reproduction(plan, explanations.MACHINE, ironlaw="0.1.0").splitlines()[-2])
    assert words[:3] == ["ironlaw", "run", "mobilenet_v2"]
    assert words[words.index("--arms") + 1] == "fp32,int8"
    assert words[words.index("--experiments") + 1] == "page-faults"


def test_reproduction_of_ones_own_programs_names_their_files() -> None:
    own = Arm(name="mine; rm -rf /", variant=Variant(), factory="net.py:make")
    plan = replace(explanations.plan("fp32"), arms=(own, own.again()))
    text = reproduction(plan, Missing("a table does not say"), ironlaw="0.1.0")
    assert "# needs net.py:make" in text
    assert "--arm 'mine; rm -rf /=net.py:make'" in text
    assert "--arms" not in text.replace("--arm ", "")


def test_reproduction_pins_released_versions() -> None:
    machine = replace(explanations.MACHINE, versions={"torch": "2.14.1+cpu"})
    text = reproduction(explanations.plan("fp32", "int8"), machine, ironlaw="0.1.0")
    assert "pip install ironlaw==0.1.0 torch==2.14.1\n" in text


@pytest.mark.parametrize("name", sorted(set(ALL) - {"with_hostile_names"}))
def test_nothing_of_our_own_is_replaced(name: str) -> None:
    assert not re.search(r"\\\\(x|u|n)", to_markdown(ALL[name]()))


def test_arms_of_experiments_are_folded_below_those_asked_for() -> None:
    text = to_markdown(explanations.with_pmu())
    place = text.index("<summary>2 more arms, added by experiments</summary>")
    assert text.index("| fp32 (again) |") < place < text.index("| fp32+malloc=retain |") < text.index("</details>")
    assert "more arms" not in to_markdown(published_table())
