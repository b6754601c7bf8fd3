"""What executed, as typed: by comparison, by arm, as text, CSV, JSON and HTML."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from ironlaw import cli
from ironlaw.analysis.verdicts.planner import Wanted
from ironlaw.code import InstructionClass, LoopWork
from ironlaw.explanation.account import Category, Code
from ironlaw.measure.recorder import record
from ironlaw.measure.scripted import Script, ScriptedStage
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.recording import RecordingWriter
from ironlaw.report.account import code_name
from ironlaw.running.advice import advise_wanted
from ironlaw.watcher import Unwatched
from tests.scripted import own
from tests.test_known_code import GEMM, PLANTED, law


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of two arms, of which one unwinds exceptions."""
    path = tmp_path_factory.mktemp("code") / "run.jsonl"
    plan = Plan(
        model="scripted",
        arms=with_control((own("a"), own("b"))),
        schedule=Schedule(replicates=4, rounds=4, inferences=320, budget_s=None),
        ceilings=False,
        code=True,
    )
    script = Script(arms={"a": law(GEMM), "b": law(GEMM, PLANTED["exceptions"], slower=1.5)}, turn_noise=0.002)
    sink = RecordingWriter(path, force=True)
    record(plan, ScriptedStage(script), sink, watcher=Unwatched(), advice=advise_wanted(Wanted(causes=())))
    sink.close()
    return path


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.run(list(arguments)) == 0
    return capsys.readouterr().out


def test_the_account_fits_80_columns_and_names_every_kind(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "layers", str(file), "--code")
    assert "matrix kernels, AVX-512" in text
    assert "exceptions" in text
    assert max(map(len, text.splitlines())) <= 80


def test_rows_of_the_account_add_up_in_csv_and_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(said(capsys, "layers", str(file), "--code", "--csv"))))
    document = json.loads(said(capsys, "layers", str(file), "--code", "--json"))
    whole = json.loads(said(capsys, "explain", str(file), "--json"))
    assert document["account"] == whole["comparisons"][0]["account"]
    times = {arm["arm"]: arm["time_ms"] for arm in whole["arms"]}
    assert sum(float(row["control_ms"]) for row in rows) == pytest.approx(times["a"])
    assert sum(row["changed_ms"] for row in document["account"]) == pytest.approx(times["b"])
    assert sum(row["saved_ms"]["value"] for row in document["account"]) == pytest.approx(times["a"] - times["b"])


def test_the_code_of_an_arm_is_listed_by_its_share(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "explain", str(file), "--code-of", "b")
    assert text.index("mkl_blas_avx512_sgemm_kernel") < text.index("_Unwind_Find_FDE")
    assert max(map(len, text.splitlines())) <= 80
    document = json.loads(said(capsys, "explain", str(file), "--code-of", "b", "--json"))
    assert sum(one["share"] for one in document["executed"]["code"]) == pytest.approx(1.0)
    rows = list(csv.DictReader(io.StringIO(said(capsys, "explain", str(file), "--code-of", "b", "--csv"))))
    assert [row["symbol"] for row in rows] == [one["symbol"] for one in document["executed"]["code"]]


def test_an_arm_that_is_not_there_is_bad_input(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["explain", str(file), "--code-of", "bb"]) == 2
    assert "did you mean b" in capsys.readouterr().err


def test_pages_hold_bars_a_sortable_table_and_an_icicle_of_each_arm(file: Path, tmp_path: Path) -> None:
    for ending in ("html", "md"):
        assert cli.run(["report", str(file), "-o", str(tmp_path / f"page.{ending}")]) == 0
    page = (tmp_path / "page.html").read_text()
    assert "by executed code" in page
    assert '<table class="account">' in page
    assert "What a executed" in page
    assert "What b executed" in page
    assert "_Unwind_Find_FDE" in page
    assert "| exceptions |" in (tmp_path / "page.md").read_text()


def test_a_library_s_name_leaves_room_for_the_function_in_80_columns() -> None:
    code = Code(
        object="onnxruntime_pybind11_state.cpython-311-x86_64-linux-gnu.so", name="function at 0xeaad40",
        category=Category.NORMALIZATION, instructions=InstructionClass.SCALAR, work=LoopWork.ARITHMETIC,
    )  # fmt: skip
    assert code_name(code) == "onnxruntime_pybind11_state: function at 0xeaad40"
