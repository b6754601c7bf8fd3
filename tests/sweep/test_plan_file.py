"""The plan file: understood whole, or refused with the line that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from ironlaw.errors import BadInput
from ironlaw.running import plan_of
from ironlaw.sweep.hosts import Host
from ironlaw.sweep.plan_file import SweepPlan, read_plan

GOOD = """
# two models
models = [
  "resnet18",
  {source = "net.py:build", name = "net", shape = "64x64"},
]
arms = ["fp32", "int8+fused"]
threads = [1, 2]
batch = [1, 8, 32]
hosts = ["isa:avx512_vnni", "arch:aarch64"]
budget = 60
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text("def build(): ...\n")
    return tmp_path


def understood(folder: Path, text: str) -> SweepPlan:
    (folder / "plan.toml").write_text(text)
    return read_plan(folder / "plan.toml")


def test_a_plan_is_the_product_of_its_lists(folder: Path) -> None:
    plan = understood(folder, GOOD)
    cells = list(plan.cells())
    assert plan.count == len(cells) == 2 * 2 * 3 * 2
    assert len({cell.id for cell in cells}) == len(cells)
    assert plan.hosts == (Host(key="isa", value="avx512_vnni"), Host(key="arch", value="aarch64"))
    assert [arm.name for arm in plan_of(cells[0].settings()).arms] == ["fp32", "int8+fused", "fp32 (again)"]
    plans = [plan_of(cell.settings()) for cell in cells]
    assert {(plan.threads, plan.batch) for plan in plans} == {
        (threads, batch) for threads in (1, 2) for batch in (1, 8, 32)
    }


@pytest.mark.parametrize(
    ("wrong", "right", "line", "said"),
    [
        ("thread = [1, 2]", "threads = [1, 2]", 8, "there is no key 'thread'"),
        ('sauce = "net.py:build"', 'source = "net.py:build"', 5, "there is no key 'sauce'"),
        ('shap = "64x64"', 'shape = "64x64"', 5, "there is no key 'shap'"),
        ('"resnet81"', '"resnet18"', 4, "there is no model 'resnet81'"),
        ('"int8+fuzed"', '"int8+fused"', 7, "'fuzed' in 'int8+fuzed' is not a level"),
        ("[1, 0]", "[1, 2]", 8, "threads 0 is not above 0"),
        ("[1, 8, 8]", "[1, 8, 32]", 9, "8 occurs twice"),
        ("[1, 8, true]", "[1, 8, 32]", 9, "True is not a whole number"),
        ('"isa=avx2"', '"arch:aarch64"', 10, "'isa=avx2' is not a host"),
        ("budget = -1", "budget = 60", 11, "budget is -1"),
        ('budget = "long"', "budget = 60", 11, "budget is 'long', which is not a number"),
        ('"fp32", "fp32"', '"fp32", "int8+fused"', 7, "occurs twice"),
        ("net.py:built", "net.py:build", 5, "defines no 'built'"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(folder: Path, wrong: str, right: str, line: int, said: str) -> None:
    assert right in GOOD
    with pytest.raises(BadInput) as caught:
        understood(folder, GOOD.replace(right, wrong))
    assert f"plan.toml line {line}: " in caught.value.message
    assert said in caught.value.message


def test_an_unknown_key_is_answered_with_the_closest(folder: Path) -> None:
    with pytest.raises(BadInput) as caught:
        understood(folder, GOOD.replace("budget", "bugdet"))
    assert caught.value.hint == "did you mean budget?"


def test_the_line_of_a_key_is_found_below_a_text_that_looks_like_it(folder: Path) -> None:
    text = 'out = """\nbugdet = 3\nthread = 4\n"""\n' + GOOD.replace("budget", "bugdet")
    with pytest.raises(BadInput, match=r"line 15: there is no key 'bugdet'"):
        understood(folder, text)


def test_a_key_in_a_table_of_its_own_is_found(folder: Path) -> None:
    text = GOOD.replace("models = [", "other = [").replace("other = [", "models = [") + "\n[programs]\nmine = 3\n"
    with pytest.raises(BadInput, match=r"line 14: 3 is not a source"):
        understood(folder, text)


def test_text_that_is_not_toml_is_refused_with_its_line(folder: Path) -> None:
    with pytest.raises(BadInput, match="at line 2, column"):
        understood(folder, 'models = ["resnet18"]\narms = [fp32]\n')


@pytest.mark.parametrize("missing", ["models", "arms", "budget"])
def test_what_a_plan_cannot_do_without_is_named(folder: Path, missing: str) -> None:
    text = "\n".join(line for line in GOOD.replace("\n  ", " ").splitlines() if not line.startswith(missing))
    text = text if missing != "models" else text.replace("]\narms", "\narms").lstrip("] \n")
    lines = [line for line in text.splitlines() if line != "]"]
    with pytest.raises(BadInput, match=missing):
        understood(folder, "\n".join(lines) if missing == "models" else text)


def test_a_precision_is_a_percentage(folder: Path) -> None:
    assert understood(folder, GOOD + 'precision = "2%"\n').shared.precision == pytest.approx(0.02)


def test_a_cell_is_named_after_what_is_measured_and_not_after_how_it_is_shown(folder: Path) -> None:
    before = {cell.id for cell in understood(folder, GOOD).cells()}
    renamed = GOOD.replace('name = "net"', 'name = "other"').replace('"64x64"', '"small"')
    assert {cell.id for cell in understood(folder, renamed).cells()} == before
    assert not {cell.id for cell in understood(folder, GOOD.replace("60", "61")).cells()} & before


def test_a_changed_program_makes_other_cells(folder: Path) -> None:
    before = {cell.id for cell in understood(folder, GOOD).cells()}
    (folder / "net.py").write_text("def build(): return None\n")
    assert not {cell.id for cell in understood(folder, GOOD).cells()} & before
