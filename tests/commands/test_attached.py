"""ironlaw explain and bundle as typed, with files of other tools."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ironlaw import cli

DATA = Path(__file__).parents[1] / "attached" / "data"
FLOAT, DYNAMIC = DATA / "onnxruntime-1.32-fp32.json", DATA / "onnxruntime-1.32-dynamic.json"
SCRIPTS = DATA / "perf-script-6.1-a.txt", DATA / "perf-script-6.1-b.txt"


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def said(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    assert cli.run([*map(str, argv)]) == 0
    return " ".join(capsys.readouterr().out.replace("\N{NO-BREAK SPACE}", " ").split())


def test_two_profiles_print_operators_suspicions_lacks_and_the_next_run(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "explain", FLOAT, DYNAMIC)
    assert "By operator and kernel (6 of 12):" in text
    assert "ConvInteger 0 → 3" in text
    assert "~ Consistent with a reference kernel: 3 operators of onnxruntime-1.32-dynamic.json" in text
    assert "Doubt: the files do not show - which file, settings and version the session had" in text
    assert text.endswith(
        "ironlaw run --arm onnxruntime-1.32-fp32=CONTROL.onnx --arm onnxruntime-1.32-dynamic=CHANGED.onnx "
        "--experiments reference-kernel"
    )


def test_the_document_has_operators_ledger_and_next_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["explain", str(FLOAT), str(DYNAMIC), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (comparison,) = found["comparisons"]
    assert comparison["operators"][0]["operator"] == "ConvInteger"
    assert comparison["operators"][0]["kernel"] is None
    assert comparison["ledger"]
    assert found["next_run"]["cause"] == "reference-kernel"
    assert found["arms"][0]["ipc"] == {"missing": "a profile of ONNX Runtime holds times only"}


@pytest.mark.parametrize("suffix", ["html", "md"])
def test_a_report_holds_the_operators_and_the_command(
    suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"report.{suffix}"
    said(capsys, "explain", FLOAT, DYNAMIC, "--report", out)
    text = out.read_text()
    for part in ("DynamicQuantizeLinear", "By operator and kernel", "--experiments reference-kernel", "saved"):
        assert part in text


def test_the_page_draws_what_each_layer_saves_without_terms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "report.html"
    said(capsys, "explain", FLOAT, DYNAMIC, "--report", out)
    assert "lost (below 0) by each layer. The last is the framework." in out.read_text()


def test_a_report_overwrites_no_file_that_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(FLOAT.read_bytes())
    assert cli.run(["explain", str(file), str(DYNAMIC), "--report", str(file)]) == 2
    assert "would overwrite" in capsys.readouterr().err
    assert file.read_bytes() == FLOAT.read_bytes()


def test_a_bundle_of_files_holds_what_they_state_and_the_next_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "issue.md"
    said(capsys, "bundle", FLOAT, DYNAMIC, "-o", out)
    text = out.read_text()
    for part in ("## Attached files", "execution providers", "dynamic\\_operators", "To run next", '"comparisons"'):
        assert part in text or part.replace("\\", "") in text, part


def test_the_code_of_an_arm_is_listed_from_samples(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "explain", *SCRIPTS, "--code-of", SCRIPTS[0].name)
    assert "_PyEval_EvalFrameDefault" in text


def test_what_only_a_recording_has_is_refused_of_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["explain", str(FLOAT), str(DYNAMIC), "--correlate"]) == 2
    assert "are about recordings" in capsys.readouterr().err


def test_a_recording_beside_another_file_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    recording = Path(__file__).parents[1] / "golden" / "with-pmu.jsonl"
    assert cli.run(["explain", str(FLOAT), str(recording)]) == 2
    assert "one recording at a time" in capsys.readouterr().err


def test_the_help_groups_commands_by_what_they_are_for(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "--help")
    places = [text.index(title) for title in ("Measure: run", "Explain: explain", "Share: report", "Machine: doctor")]
    assert places == sorted(places)
