"""ironlaw layers, as typed; recordings from scripted layers."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from ironlaw import cli
from ironlaw.circumstance import ShortBudget, Supplement
from ironlaw.lines import encode
from ironlaw.missing import Missing
from ironlaw.recording import Recording
from tests.analysis.layers.test_flips import flipped
from tests.analysis.scripted_layers import recorded


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording with layers."""
    return with_layers(tmp_path_factory.mktemp("layers") / "run.jsonl")


def with_layers(path: Path) -> Path:
    """The path, where a recording with layers was written."""
    recording = recorded(turn_noise=0.001, pmu=False)
    assert recording.plans
    facts = [
        recording.header,
        recording.machine,
        *recording.plans,
        recording.counters,
        *recording.prepared,
        *recording.started,
        *recording.readings,
        *recording.layer_graphs,
        *recording.layer_readings,
        recording.ended,
    ]
    path.write_bytes(b"".join(encode(fact) + b"\n" for fact in facts))  # type: ignore[arg-type]  # all are known
    return path


def test_the_table_fits_80_columns_and_ends_in_the_total(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.run(["layers", str(file), "--work"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    names = [line.split()[0] for line in lines if line.strip()]
    assert names.index("conv") < names.index("framework") < names.index("unattributed") < names.index("total")
    assert any("quant" in line and "appeared" in line for line in lines)


def test_top_and_by_kind_keep_the_total(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    totals = set()
    for options in ([], ["--top", "1"], ["--by", "kind"], ["--depth", "1"], ["--order", "execution"], ["--all"]):
        assert cli.run(["layers", str(file), *options]) == 0
        (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("total")]
        totals.add(" ".join(line.split()))
    assert len(totals) == 1


def test_csv_holds_every_row(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["layers", str(file), "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["layer"] for row in rows} == {"quant", "conv", "add", "dequant", "fc", "framework", "unattributed"}
    saved = sum(float(row["control_ms"]) - float(row["changed_ms"]) for row in rows)
    assert saved == pytest.approx(sum(float(row["saved_ms"]) for row in rows))


def test_json_rows_add_up_to_the_split(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["layers", str(file), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    saved = sum(row["saved_ms"] for row in document["ledger"])
    assert saved == pytest.approx(document["split"]["total"]["ms"])
    assert document["ledger"][1]["control_layers"] == ["conv", "bn", "relu"]


def test_the_explanation_holds_the_same_ledger(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["layers", str(file), "--json"]) == 0
    alone = json.loads(capsys.readouterr().out)
    assert cli.run(["explain", str(file), "--json"]) == 0
    (comparison,) = json.loads(capsys.readouterr().out)["comparisons"]
    assert comparison["ledger"] == alone["ledger"]


def test_the_trace_shows_both_arms_side_by_side(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "trace.json"
    assert cli.run(["layers", str(file), "--trace", str(out)]) == 0
    events = json.loads(out.read_text())["traceEvents"]
    names = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    assert names == {0: "fp32", 1: "int8"}
    assert {event["name"] for event in events if event["ph"] == "X" and event["pid"] == 1} >= {"quant", "conv", "fc"}


def test_a_recording_without_layers_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    golden = Path(__file__).parents[1] / "golden" / "without-pmu.jsonl"
    assert cli.run(["layers", str(golden)]) == 2
    assert "--no-layers" in capsys.readouterr().err


def test_a_trace_that_cannot_be_written_is_reported_before_anything_else(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["layers", str(file), "--trace", str(tmp_path / "no" / "folder.json")]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_a_recording_of_flips_is_shown_without_measuring_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = flipped(turn_noise=0.001, shared_spread=0.0)
    path = tmp_path / "flips.jsonl"
    facts = [
        recording.header,
        *recording.plans,
        recording.counters,
        *recording.started,
        *recording.readings,
        recording.ended,
    ]
    path.write_bytes(b"".join(encode(fact) + b"\n" for fact in facts))  # type: ignore[arg-type]  # all are known
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.run(["layers", str(path), "--flip"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines if line.startswith(("a ", "b "))] == ["a", "b"]
    assert cli.run(["layers", str(path), "--flip", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["sum_alone_ms"] == pytest.approx(5.0, rel=0.01)
    assert document["whole_ms"]["value"] == pytest.approx(6.0, rel=0.01)


def test_flipping_an_arm_that_cannot_be_mixed_is_reported_before_measuring(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["layers", str(file), "--flip", "--control", "int8", "--changed", "fp32"]) == 2
    assert "cannot be flipped" in capsys.readouterr().err


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The two lines of a command that is refused."""
    assert cli.run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 2
    return err


def written(path: Path, recording: Recording) -> Path:
    """The path, where a recording without layers was written."""
    facts: list[object] = [recording.header, recording.machine, *recording.plans, recording.counters]
    facts += [*recording.prepared]
    facts += [*recording.started, *recording.readings, *recording.circumstances, recording.ended]
    path.write_bytes(b"".join(encode(fact) + b"\n" for fact in facts))  # type: ignore[arg-type]  # all are known
    return path


def test_without_layers_the_reason_and_the_command_that_reads_them_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = recorded(turn_noise=0.001, pmu=False)
    (plan,) = recording.plans
    again = f"ironlaw run {plan.model} --arms {','.join(arm.name for arm in plan.asked())} --threads {plan.threads}"
    left_out = replace(recording, plans=(replace(plan, layers=False),), layer_graphs=(), layer_readings=())
    said = refused(["layers", str(written(tmp_path / "no.jsonl", left_out))], capsys)
    assert "no.jsonl has no layers to compare: the run left them out, as --no-layers does" in said
    assert said.endswith(f"{again}\n")
    short = ShortBudget(budget_s=40.0, left_s=0.0, left_out=(Supplement.LAYERS,))
    cut = replace(recording, layer_graphs=(), layer_readings=(), circumstances=(short,))
    said = refused(["layers", str(written(tmp_path / "short.jsonl", cut))], capsys)
    assert "the budget of 40 s left no time to read them" in said
    assert said.endswith(f"{again} --budget 80\n")


def test_layers_that_could_not_be_read_are_not_read_by_a_longer_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = recorded(turn_noise=0.001, pmu=False)
    lost = tuple(replace(graph, calls=Missing("onnx is not installed here")) for graph in recording.layer_graphs)
    path = written(tmp_path / "lost.jsonl", replace(recording, layer_graphs=()))
    path.write_bytes(path.read_bytes() + b"".join(encode(graph) + b"\n" for graph in lost))
    said = refused(["layers", str(path)], capsys)
    assert "onnx is not installed here" in said
    assert "hint: change that, then: ironlaw run" in said
    assert "--budget" not in said


def test_a_file_of_another_tool_is_named_as_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    file = Path(__file__).parents[1] / "attached" / "data" / "onnxruntime-1.32-fp32.json"
    for arguments in (["layers", str(file)], ["report", str(file), "-o", "x.html"]):
        said = refused(arguments, capsys)
        assert "is a profile of ONNX Runtime, not a recording" in said
        assert f"ironlaw explain {file} OTHER" in said
    assert "ironlaw explain A B --verbose" in refused(["layers", str(file), str(file)], capsys)
