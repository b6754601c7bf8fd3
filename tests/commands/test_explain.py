"""ironlaw explain as typed: recordings, published tables, outputs of perf stat, and what is none of these."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from ironlaw import cli

HERE = Path(__file__).parent
POST = HERE / "data" / "post.csv"
GOLDEN = HERE.parent / "golden"
PERF = HERE.parent / "analysis" / "data"
MMAP, RETAIN = PERF / "real-6.1-mmap.txt", PERF / "real-6.1-retain.txt"
WITH_PMU, WITHOUT_PMU = GOLDEN / "with-pmu.jsonl", GOLDEN / "without-pmu.jsonl"


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def said(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    """What a command that works prints, on one line."""
    assert cli.run(["explain", *map(str, argv)]) == 0
    return " ".join(capsys.readouterr().out.replace("\N{NO-BREAK SPACE}", " ").split())


def document(capsys: pytest.CaptureFixture[str], *argv: object) -> Any:
    assert cli.run(["explain", *map(str, argv), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[str, str]:
    """Message and hint of a command that ends with exit code 2 and prints nothing else."""
    assert cli.run(["explain", *map(str, argv)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    message, hint = captured.err.splitlines()
    assert message.startswith("ironlaw: ")
    return message.removeprefix("ironlaw: "), hint.removeprefix("   hint: ")


def test_the_posts_table_prints_its_shares_and_the_time_at_the_other_cpi(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "--table", POST)
    first, _, rest = text.partition("+ layer fusion took")
    second = rest.partition("+ layer fusion took")[0]
    assert "instructions 24.1 s 68 % cycles per instruction 11.2 s 32 %" in first
    assert "instructions 8.4 s 36 % cycles per instruction 14.8 s 64 %" in second
    assert "With + quantization's cycles per instruction and all else equal, MobileNetV2 would take 76.60 s" in first
    assert "105.29" not in text
    assert "Assumed: clock frequency and CPU utilisation are equal in all arms" in text


def test_the_posts_table_names_what_its_miss_rates_cannot_carry_and_what_it_lacks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = said(capsys, "--table", POST)
    assert "Without the counts it is no evidence that the cache made the difference" in text
    _, _, lacks = text.partition("Doubt: the table lacks - ")
    for lack in (
        "repeats:",
        "a control:",
        "counts of",
        "clock frequency",
        "page faults:",
        "what was counted:",
        "outputs",
    ):
        assert lack in lacks
    assert "No interval (it was read once), so nothing is proven" in text


def test_the_posts_table_as_json_keeps_every_digit(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "--table", POST)
    first = found["comparisons"][0]
    assert first["split"]["instructions"]["share_percent"] == pytest.approx(68.21, abs=0.01)
    assert first["split"]["cpi"]["ln"] == pytest.approx(math.log(0.68 / 0.58), rel=1e-12)
    times = {item["term"]: item["time_ms"] for item in first["counterfactuals"]}
    assert times["cpi"]["value"] == pytest.approx(89806.3 * 0.58 / 0.68, rel=1e-12)
    assert first["difference"] == "unproven"
    assert first["split"]["frequency"] == {"missing": "the table does not hold it"}
    assert {concern["concern"] for concern in found["concerns"]} == {"misleading-metric", "table-lacks"}


def test_two_outputs_of_perf_stat_are_split_by_user_and_kernel_time(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "--perf-stat", MMAP, RETAIN)
    assert "real-6.1-retain.txt took 126.4 ms instead of 327.2 ms per run, 2.59× faster" in text
    assert "kernel time 198 ms 99 %" in text  # L(219.8 ms, 25.0 ms) x ln(215.7 ms / 22.9 ms), of 200.8 ms
    assert "(real-6.1-mmap.txt, real-6.1-retain.txt): not known: cycles, instructions, branches, branch-misses" in text
    assert "perf stat counts the whole process" in text
    assert str(PERF) not in text


def test_repeated_outputs_of_perf_stat_have_an_interval(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "--perf-stat", PERF / "real-6.1-mmap-r5.txt", PERF / "real-6.1-retain-r5.txt")
    assert "is 2.55× [2.44, 2.65] faster" in text


def test_repeats_of_an_unknown_number_have_no_interval_and_are_not_called_one_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = said(capsys, "--perf-stat", PERF / "real-6.1-mmap-r5.ssv", PERF / "real-6.1-retain-r5.ssv")
    assert "No interval (output of perf stat -r with -x or -j does not report its number of runs)" in text
    assert "of one run" not in text


def test_files_of_one_name_in_two_folders_are_distinguished_by_these(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, source in (("before", MMAP), ("after", RETAIN)):
        (tmp_path / folder).mkdir()
        shutil.copy(source, tmp_path / folder / "stat.txt")
    found = document(capsys, "--perf-stat", tmp_path / "before" / "stat.txt", tmp_path / "after" / "stat.txt")
    assert [arm["arm"] for arm in found["arms"]] == ["before", "after"]


def test_a_recording_is_explained_with_or_without_a_pmu(capsys: pytest.CaptureFixture[str]) -> None:
    assert "cycles per instruction −0.94 ms [−1.04, −0.84] −9 %" in said(capsys, WITH_PMU)
    text = said(capsys, WITHOUT_PMU)
    assert "user time" in text
    assert "kernel time 4.81 ms [4.63, 4.99]" in text
    assert "in the splits, instructions, cycles per instruction and clock frequency. Reason: " in text


def test_another_control_is_what_the_table_and_every_comparison_refer_to(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, WITH_PMU, "--control", "int8")
    assert "int8 6.03 1 (control)" in text
    assert "fp32 is 2.718× [2.687, 2.750] slower than int8" in text
    assert "Same answers as fp32?" in text
    found = document(capsys, WITH_PMU, "--control", "int8", "--changed", "fp32")
    (comparison,) = found["comparisons"]
    assert (comparison["control"], comparison["changed"], comparison["difference"]) == ("int8", "fp32", "slower")


def test_correlations_are_a_table_and_called_association(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, WITH_PMU, "--correlate")
    assert "association, not cause" in text
    assert "cycles" in text
    assert "ironlaw run --experiments" in text


def test_a_cut_recording_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert "This recording was cut short" in said(capsys, GOLDEN / "cut-short.jsonl")


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        ("arm,time_s,ipc\na,0,1\nb,1,1\n", "row 2, column time_s: '0' must be above 0", "numbers like"),
        ("arm,time_s,ipc\na,1,1\nb,-3,1\n", "row 3, column time_s: '-3' must be above 0", "numbers like"),
        ("arm,time_s,ipc\na,1,1\nb,1,0\n", "row 3, column ipc: '0' must be above 0", "numbers like"),
        ("arm,time_s,ipc\na,1,1\nb,fast,1\n", "row 3, column time_s: 'fast' is not a number", "numbers like"),
        ("arm,time_s,ipc\na,1,1\na,2,1\n", "row 3, column arm: 'a' names an arm that row 2 has", ""),
        ("arm,time_s\na,1\nb,1\n", "row 1: there is no column 'ipc'", "arm,time_s,ipc"),
        ("arm,time,ipc\na,1,1\nb,1,1\n", "row 1: there is no column 'time_s'", "did you mean time?"),
        ("arm,time_s,ipc\na,1,1\n", "has 1 arm; a comparison needs two", "add the arm"),
        ("arm,time_s,ipc\n", "has no arm; a comparison needs two", "add the arm"),
        ("", "is empty", "for example: arm,time_s,ipc"),
    ],
)
def test_a_wrong_table_is_refused_with_row_and_column(
    content: str, message: str, hint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "table.csv"
    file.write_text(content)
    found = refused(capsys, "--table", file)
    assert message in found[0]
    assert str(file) in found[0]
    assert hint in found[1]


def test_what_is_named_as_something_else_gets_the_command_that_explains_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, "--table", WITH_PMU) == (
        f"{WITH_PMU} is a recording, not a table",
        f"ironlaw explain {WITH_PMU}",
    )
    assert refused(capsys, "--table", MMAP)[0] == f"{MMAP} is an output of perf stat, not a table"
    assert refused(capsys, "--perf-stat", MMAP, POST)[0] == f"{POST} is a table, not an output of perf stat"
    assert refused(capsys, "--perf-stat", WITH_PMU, MMAP)[1] == f"ironlaw explain {WITH_PMU}"


@pytest.mark.parametrize("option", [(), ("--table",)])
def test_folders_binaries_and_absent_files_are_refused(
    option: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    binary = tmp_path / "model.pt"
    binary.write_bytes(bytes(range(256)) * 20)
    wanted = f"{binary} is no text, not a table" if option else f"{binary}, line 1, column 1: no reader knows this file"
    assert refused(capsys, *option, binary)[0].startswith(wanted)
    assert refused(capsys, *option, tmp_path)[0] == f"cannot read {tmp_path}: Is a directory"
    assert refused(capsys, *option, tmp_path / "no")[0] == f"cannot read {tmp_path / 'no'}: No such file or directory"


def test_text_that_is_nothing_known_is_refused_with_what_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("fp32 is slow\n")
    message, hint = refused(capsys, file)
    assert message == f"{file}, line 1, column 1: no reader knows this file; it begins with 'fp32 is slow'"
    assert hint.startswith("known are a recording of ironlaw run, a table, ")
    file.write_text("")
    assert refused(capsys, file)[0].endswith("no reader knows this file; it is empty")


def test_a_perf_data_file_is_refused_with_the_commands_that_make_text_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "perf.data"
    file.write_bytes(b"PERFILE2" + bytes(range(256)) * 20)
    message, hint = refused(capsys, file, file)
    assert message == f"{file} is a binary file, and ironlaw reads an output of perf script"
    assert hint.startswith(f"perf script -i {file} > ")
    assert f"perf report --stdio --no-children -i {file} > " in hint


def test_a_table_and_outputs_of_perf_stat_need_no_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert document(capsys, POST) == document(capsys, "--table", POST)
    found, named = document(capsys, MMAP, RETAIN), document(capsys, "--perf-stat", MMAP, RETAIN)
    del found["next_run"], named["next_run"]
    assert found == named
    assert "of one arm; a comparison needs two" in refused(capsys, MMAP)[0]
    assert "are about recordings, and this is a table" in refused(capsys, POST, "--control", "a")[0]


def test_the_number_of_files_must_fit(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys)[0] == "no file is named"
    assert refused(capsys, WITH_PMU, WITHOUT_PMU)[0] == "2 files are named"
    assert refused(capsys, "--table", POST, POST)[0] == "2 files are named"
    assert refused(capsys, "--perf-stat", MMAP)[0] == "one file is named; two or more can be compared"
    assert "two arms called" in refused(capsys, "--perf-stat", MMAP, MMAP)[0]


def test_options_that_do_not_fit_together_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "exclude each other" in refused(capsys, "--table", "--perf-stat", POST)[0]
    assert "exclude each other" in refused(capsys, "--llama-bench", "--perf-stat", POST)[0]
    assert "choose arms of a recording" in refused(capsys, "--table", POST, "--control", "MobileNetV2")[0]
    assert "choose arms of a recording" in refused(capsys, "--llama-bench", POST, "--control", "MobileNetV2")[0]
    assert "only a recording has" in refused(capsys, "--table", POST, "--correlate")[0]


def test_arms_that_are_not_there_are_refused_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, WITH_PMU, "--control", "fp23") == (
        "no arm of this recording is called 'fp23'",
        "did you mean fp32?",
    )
    assert "cannot be compared with itself" in refused(capsys, WITH_PMU, "--changed", "fp32")[0]
