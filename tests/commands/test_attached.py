"""ironlaw explain and bundle as typed, with files of other tools."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest

from ironlaw import cli
from ironlaw.commands.attaching import shown_names
from ironlaw.report.arm_names import broken_name

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


@pytest.mark.parametrize(
    ("names", "what"),
    [
        (("perf-report-6.1-a.txt", "perf-report-6.1-b.txt"), "s of CPU time instead of"),
        (("onednn-3.12-level-1.txt", "onednn-3.12-level-2.txt"), ", by time in oneDNN, but"),
    ],
)
def test_the_answer_names_what_its_times_are(
    names: tuple[str, str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert what in said(capsys, "explain", *(DATA / name for name in names))


def test_results_of_llama_bench_can_be_named_as_such_and_nothing_else_can(capsys: pytest.CaptureFixture[str]) -> None:
    results, other = [DATA / f"llama-bench-written-{name}.json" for name in ("f16", "q4")], DATA / "pyperf-2.11.json"
    assert said(capsys, "explain", "--llama-bench", *results) == said(capsys, "explain", *results)
    recording = Path(__file__).parents[1] / "golden" / "cut-short.jsonl"
    for files, why, hint in (
        (
            [other, *results],
            f"{other} is results of pyperf, not results of llama-bench",
            f"ironlaw explain {other} OTHER",
        ),
        ([recording], f"{recording} is a recording, which --llama-bench does not take", f"ironlaw explain {recording}"),
        ([], "no file is named", "--llama-bench A.json B.json"),
    ):
        assert cli.run(["explain", "--llama-bench", *map(str, files)]) == 2
        assert capsys.readouterr().err.splitlines() == [f"ironlaw: {why}", f"   hint: {hint}"]


def test_an_invalid_file_is_named_before_the_answer(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    files = []
    for name in ("fp32.csv", "int8.csv"):
        files.append(tmp_path / name)
        shutil.copy(DATA / "openvino-2026.4-counters.csv", files[-1])
    assert "Invalid comparison (int8.csv): is called int8 and executed" in said(capsys, "explain", *files)


PAIRS = [
    *(
        (f"{stem}{first}", f"{stem}{second}")
        for stem, first, second in (
            ("onnxruntime-1.32-", "fp32.json", "qdq.json"),
            ("torch-2.14-", "contiguous.json", "channels-last.json"),
            ("torch-2.14-key-averages-", "a.txt", "b.txt"),
            ("openvino-2026.4-", "counters.csv", "log.txt"),
            ("onednn-3.12-level-", "1.txt", "2.txt"),
            ("perf-stat-6.1-", "a.json", "b.json"),
            ("perf-stat-6.1-separated-", "a.csv", "b.csv"),
            ("perf-stat-6.1-text-", "a.txt", "b.txt"),
            ("perf-script-6.1-", "a.txt", "b.txt"),
            ("perf-report-6.1-", "a.txt", "b.txt"),
            ("llama-bench-written-", "f16.json", "q4.json"),
        )
    ),
    ("llama-bench-written-table.md",),
    ("hyperfine-1.15.json",),
    ("pytest-benchmark-5.3.json",),
    ("google-benchmark-1.7.json",),
]


@pytest.mark.parametrize("names", PAIRS, ids=lambda names: names[0])
def test_no_line_is_wider_than_80_columns_but_the_command_which_is_one(
    names: tuple[str, ...], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.run(["explain", *(str(DATA / name) for name in names)]) == 0
    *lines, command = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    monkeypatch.chdir(tmp_path)
    assert cli.run(shlex.split(command)[1:]) == 2  # all is understood; the placeholders are no files
    assert "cannot read CONTROL." in capsys.readouterr().err


def test_files_of_one_name_are_called_by_the_folders_that_distinguish_them() -> None:
    assert shown_names([Path("a/x.csv"), Path("a/y.csv")]) == ["x.csv", "y.csv"]
    assert shown_names([Path("/r/fp32/out/x.csv"), Path("/r/int8/out/x.csv")]) == ["fp32", "int8"]
    assert shown_names([Path("x.csv"), Path("int8/x.csv")]) == ["x.csv", "int8/x.csv"]


def test_a_file_s_name_is_broken_behind_its_separators() -> None:
    assert broken_name("keyavg-shapes-fp32.txt", 16) == "keyavg-shapes-\nfp32.txt"
    assert broken_name("short.txt", 16) == "short.txt"
    assert broken_name("a" * 20, 16) == "a" * 20


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


def test_one_file_with_several_benchmarks_is_bundled_as_it_is_explained(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "issue.md"
    said(capsys, "bundle", DATA / "hyperfine-1.15.json", "-o", out)
    assert "ironlaw run --arm python-work.py-fp32=CONTROL.py:FACTORY" in out.read_text(encoding="utf-8")


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
