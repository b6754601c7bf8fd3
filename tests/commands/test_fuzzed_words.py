"""Rules of gates, arms and labels of any wording: understood, or refused as bad input."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironlaw.errors import BadInput
from ironlaw.gate import Rule
from ironlaw.models.labels import read_labels
from ironlaw.running.planning import parse_own_arm, variants_named
from ironlaw.variant import Variant
from tests.commands.test_bad_input import PIECES
from tests.fuzzing import fuzzed

FUZZED = fuzzed(200)
WORDS = [
    "time",
    "instructions",
    "cause:",
    "page-faults",
    ">",
    "+",
    "3",
    "%",
    "9" * 400,
    "inf",
    "nan",
    "\u202e",
    " ",
    "-",
]
PARTS = ["fp32", "int8", "given", "@", "eager", "onnxruntime", "+", "=", "threads=", "grad=on", "fused", "x.onnx", ":",
         "net.py", "build", ",", ".xml", "9" * 40]  # fmt: skip
LINES = ["a.png,", ",", "-", "7", "-1", "\n", "9" * 5000, "\0", "\u202e", " ", "1e3", "²"]


def _text(*lists: list[str]) -> st.SearchStrategy[str]:
    pieces = [piece for one in lists for piece in one]
    return st.lists(st.one_of(st.sampled_from(pieces), st.text(max_size=3)), max_size=8).map("".join)


@FUZZED
@given(text=_text(WORDS, PIECES))
def test_any_rule_is_understood_or_refused(text: str) -> None:
    try:
        rule = Rule.parse(text)
    except BadInput:
        return
    assert math.isfinite(rule.limit_ln)


@FUZZED
@given(text=_text(PARTS, PIECES))
def test_any_variant_is_understood_and_printed_as_it_is_read_or_refused(text: str) -> None:
    try:
        variant = Variant.parse(text)
        variants_named(text)
    except BadInput:
        return
    assert Variant.parse(str(variant)) == variant


@FUZZED
@given(text=_text(PARTS, PIECES))
def test_any_arm_of_ones_own_is_understood_or_refused(text: str) -> None:
    try:
        arm = parse_own_arm(f"a={text}")
    except BadInput:
        return
    assert arm.name == "a"
    assert arm.factory


@FUZZED
@given(text=_text(LINES, PIECES))
def test_any_labels_are_understood_or_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        found = read_labels(str(tmp_path / "labels.csv"), images=None)
    except BadInput:
        return
    assert all(label.number >= 0 for label in found)


@pytest.mark.parametrize("percent", ["9" * 400, "1" + "0" * 309])
def test_a_limit_beyond_numbers_is_no_rule(percent: str) -> None:
    with pytest.raises(BadInput, match="is not a rule"):
        Rule.parse(f"time>+{percent}%")


def test_a_class_of_5000_digits_is_no_class(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("9" * 5000)
    with pytest.raises(BadInput, match="ends in no class number"):
        read_labels(str(tmp_path / "labels.csv"), images=None)
