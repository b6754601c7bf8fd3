"""Results of benchmark tools."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Callable
from typing import Any

import pytest

from ironlaw.analysis.attached.explain import explain_attached
from ironlaw.attachment import Repeated
from ironlaw.errors import BadInput
from ironlaw.explanation import Difference
from ironlaw.missing import Missing, is_known
from ironlaw.report.columns import CONTROL_CELL, arms_table

from .files import DATA, explained, file_of, fixture, one

HYPERFINE, PYTEST, GOOGLE = (f"{name}-written.json" for name in ("hyperfine", "pytest-benchmark", "google-benchmark"))
LLAMA_F16, LLAMA_Q4, LLAMA_TABLE = (f"llama-bench-written-{name}" for name in ("f16.json", "q4.json", "table.md"))
PYPERF = "pyperf-2.11.json"


def document(name: str) -> Any:
    return json.loads((DATA / name).read_text())


def test_repeats_in_processes_of_their_own_prove_a_difference() -> None:
    (comparison,) = explained(HYPERFINE).comparisons
    assert (comparison.control, comparison.changed) == ("python fp32.py", "python int8.py")
    assert comparison.difference is Difference.FASTER
    assert is_known(comparison.ln_ratio)
    # means of ln(1.00 ... 1.04) and of their halves: the ratio is 2
    assert math.exp(comparison.ln_ratio.value) == pytest.approx(2, rel=1e-9)
    assert comparison.ln_ratio.low < comparison.ln_ratio.value < comparison.ln_ratio.high


def test_the_interval_of_a_ratio_is_welchs() -> None:
    (comparison,) = explained(HYPERFINE).comparisons
    from scipy import stats

    first, second = ([math.log(value) for value in row["times"]] for row in document(HYPERFINE)["results"])
    expected = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert is_known(comparison.ln_ratio)
    assert (comparison.ln_ratio.low, comparison.ln_ratio.high) == pytest.approx((expected.low, expected.high))


def test_rounds_of_one_process_do_not() -> None:
    (comparison,) = explained(PYTEST).comparisons
    assert comparison.difference is Difference.UNPROVEN
    assert is_known(comparison.ln_ratio)


def test_results_without_their_rounds_have_the_interval_of_mean_and_spread() -> None:
    whole, summary = explained(PYTEST).comparisons[0], explained("pytest-benchmark-written-no-data.json").comparisons[0]
    assert is_known(whole.ln_ratio)
    assert is_known(summary.ln_ratio)
    assert summary.ln_ratio.value == pytest.approx(whole.ln_ratio.value, abs=1e-3)
    assert summary.ln_ratio.half_width == pytest.approx(whole.ln_ratio.half_width, rel=0.05)


def test_a_run_of_pyperf_is_a_process_and_its_warm_ups_are_left_out() -> None:
    read = one(PYPERF)
    runs = [run["values"] for run in document(PYPERF)["benchmarks"][0]["runs"] if "values" in run]
    assert is_known(read.times)
    assert read.times.repeated is Repeated.PROCESSES
    assert read.times.each_ns == pytest.approx([1e9 * sum(values) / len(values) for values in runs])


def test_memory_of_pyperf_is_no_time() -> None:
    made = document(PYPERF)
    made["benchmarks"][0].setdefault("metadata", {})["unit"] = "byte"
    with pytest.raises(BadInput, match="is in bytes, and not a time"):
        file_of(json.dumps(made), "a")


def test_repetitions_of_google_benchmark_and_their_aggregates_agree() -> None:
    whole = explained(GOOGLE).comparisons[0]
    summary = explained("google-benchmark-written-aggregates.json").comparisons[0]
    assert is_known(whole.ln_ratio)
    assert is_known(summary.ln_ratio)
    assert summary.ln_ratio.value == pytest.approx(whole.ln_ratio.value, abs=1e-4)
    assert is_known(whole.once)
    assert whole.once.control_ns == pytest.approx(101e3, rel=1e-4)


def test_a_benchmark_that_failed_is_left_out_and_named() -> None:
    made = document(GOOGLE)
    made["benchmarks"].append({"name": "BM_Broken", "error_occurred": True, "error_message": "no"})
    found = file_of(json.dumps(made)).found
    assert [attachment.label for attachment in found] == ["BM_Net/fp32", "BM_Net/int8"]
    assert found[0].notes == ("failed, and left out: BM_Broken",)


def test_llama_bench_is_compared_test_by_test() -> None:
    comparisons = explained(LLAMA_F16, LLAMA_Q4).comparisons
    assert [(one.control, one.changed) for one in comparisons] == [
        (f"{LLAMA_F16}: pp512", f"{LLAMA_Q4}: pp512"),
        (f"{LLAMA_F16}: tg128", f"{LLAMA_Q4}: tg128"),
    ]
    assert is_known(comparisons[1].once)
    assert comparisons[1].once.control_ns == pytest.approx(6.05e9, rel=1e-4)


def test_each_test_of_llama_bench_has_its_own_control_in_the_table_of_arms() -> None:
    table = arms_table(explained(LLAMA_F16, LLAMA_Q4))
    (speedups,) = (column.cells for column in table.columns if column.key == "speedup")
    assert [str(cell).partition(" [")[0] for cell in speedups] == [CONTROL_CELL, CONTROL_CELL, "1.331×", "2.95×"]


def test_the_run_behind_llama_bench_measures_gguf_files() -> None:
    explanation = explained(LLAMA_F16, LLAMA_Q4)
    assert is_known(explanation.next_run)
    assert explanation.next_run.command == (
        "ironlaw run --arm llama-bench-written-f16=CONTROL.gguf --arm llama-bench-written-q4=CHANGED.gguf --threads 2"
    )


@pytest.mark.parametrize(("place", "phase"), [(0, "prefill:512"), (1, "decode:64")])
def test_the_run_behind_one_test_of_llama_bench_is_in_its_phase(place: int, phase: str) -> None:
    made = (json.dumps([document(name)[place]]) for name in (LLAMA_F16, LLAMA_Q4))
    explanation = explain_attached([file_of(text, named) for text, named in zip(made, "ab", strict=True)])
    assert is_known(explanation.next_run)
    assert f"--arm a=CONTROL.gguf+phase={phase} --arm b=CHANGED.gguf+phase={phase} " in explanation.next_run.command


def test_text_behind_other_tokens_is_decoded_at_its_mean_depth_in_json_and_table() -> None:
    row = {**document(LLAMA_F16)[1], "n_depth": 1000}
    table = "| model | test | t/s |\n|---|---|---|\n| a | tg128 @ d1000 | 21.16 ± 0.10 |\n"
    for text in (json.dumps([row]), table):
        (found,) = file_of(text).found
        assert found.phase == "decode:1064"
        assert found.notes == ("21.16 tokens a second, by 128 in each test",)


def test_models_of_one_table_are_compared_test_by_test() -> None:
    comparisons = explained(LLAMA_TABLE).comparisons
    assert [(one.control, one.changed) for one in comparisons] == [
        ("llama 1B F16: pp512", "llama 1B Q4_0: pp512"),
        ("llama 1B F16: tg128", "llama 1B Q4_0: tg128"),
    ]
    assert is_known(comparisons[1].once)
    assert math.exp(comparisons[1].once.ln_ratio) == pytest.approx(40 / 16)
    assert isinstance(comparisons[1].ln_ratio, Missing)
    assert "does not report its repeats" in comparisons[1].ln_ratio.reason


def test_json_lines_are_read_as_the_array() -> None:
    lines = "\n".join(json.dumps(row) for row in document(LLAMA_F16))
    assert file_of(lines).found == fixture(LLAMA_F16).found


NAMES = (
    "build_commit",
    "cpu_info",
    "model_filename",
    "n_threads",
    "n_prompt",
    "n_gen",
    "n_depth",
    "avg_ns",
    "stddev_ns",
)


def csv_of(name: str) -> str:
    """As llama-bench -o csv writes results, with every value in quotes."""
    rows = [[str(row[field]) for field in NAMES] for row in document(name)]
    return "\n".join([",".join(NAMES), *(",".join(f'"{value}"' for value in row) for row in rows), ""])


def sql_of(name: str) -> str:
    """As llama-bench -o sql writes them."""
    rows = [[str(row[field]) for field in NAMES] for row in document(name)]
    return "CREATE TABLE IF NOT EXISTS llama_bench (\n  build_commit TEXT\n);\n\n" + "".join(
        f"INSERT INTO llama_bench ({', '.join(NAMES)}) VALUES ({', '.join(repr(value) for value in row)});\n"
        for row in rows
    )


@pytest.mark.parametrize("form", [csv_of, sql_of])
def test_csv_and_sql_of_llama_bench_hold_the_tests_of_its_json_without_their_repeats(
    form: Callable[[str], str],
) -> None:
    explanation = explain_attached([file_of(form(LLAMA_F16), "a"), file_of(form(LLAMA_Q4), "b")])
    assert [(one.control, one.changed) for one in explanation.comparisons] == [
        ("a: pp512", "b: pp512"),
        ("a: tg128", "b: tg128"),
    ]
    read = file_of(form(LLAMA_F16)).found
    assert [one.phase for one in read] == ["prefill:512", "decode:64"]
    assert (read[0].variant, read[0].stated["CPU"]) == ("f16.gguf", "Some CPU")
    assert is_known(read[1].times)
    assert read[1].times.mean_ns == 6.05e9
    assert read[1].times.error == pytest.approx(1e6 / 6.05e9)
    assert isinstance(explanation.comparisons[0].ln_ratio, Missing)


@pytest.mark.parametrize("form", [csv_of, sql_of])
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("6050000000", "soon", "not as this format has it"),
        ("6050000000", "-5", "a time is none"),
        ("1000000", "nan", "a time is none"),
    ],
)
def test_a_damaged_value_of_csv_or_sql_is_refused_with_its_place(
    form: Callable[[str], str], old: str, new: str, message: str
) -> None:
    text = form(LLAMA_F16).replace(old, new)
    line = next(place for place, one in enumerate(text.splitlines(), 1) if new in one)
    with pytest.raises(BadInput, match=message) as caught:
        file_of(text, "a")
    assert caught.value.message.startswith(f"a, line {line}, column ")
    column = int(caught.value.message.split("column ")[1].split(":")[0])
    assert text.splitlines()[line - 1][column - 1 :].startswith(new if new != "nan" else "8050000000")


@pytest.mark.parametrize("form", [csv_of, sql_of])
def test_a_row_of_csv_or_sql_that_is_cut_short_is_refused(form: Callable[[str], str]) -> None:
    cut = form(LLAMA_F16).replace('"Some CPU",', "").replace("'Some CPU', ", "")
    with pytest.raises(BadInput, match="8 values for 9 columns"):
        file_of(cut, "a")


def test_files_without_a_benchmark_in_common_are_refused_with_what_they_hold() -> None:
    made = document(GOOGLE)
    for row in made["benchmarks"]:
        row["run_name"] = row["name"] = "Other" + row["name"]
    with pytest.raises(BadInput, match="have no benchmark of one name") as caught:
        explain_attached([fixture(GOOGLE), file_of(json.dumps(made), "b")])
    assert "OtherBM_Net/fp32" in caught.value.hint


def test_times_of_different_things_are_refused() -> None:
    with pytest.raises(BadInput, match=r"times a whole process, and .* one iteration of a benchmark"):
        explain_attached([file_of(json.dumps({"results": document(HYPERFINE)["results"][:1]}), "a"), fixture(PYPERF)])


@pytest.mark.parametrize(
    ("name", "repeats"),
    [("hyperfine-1.15.json", 8), ("google-benchmark-1.7.json", 5), ("pytest-benchmark-5.3.json", 12)],
)
def test_results_that_the_tools_wrote_are_compared_with_an_interval(name: str, repeats: int) -> None:
    (comparison,) = explained(name).comparisons
    assert is_known(comparison.ln_ratio)
    assert comparison.ln_ratio.low < comparison.ln_ratio.value < comparison.ln_ratio.high
    for found in fixture(name).found:
        assert is_known(found.times)
        assert len(found.times.each_ns) == repeats


def test_the_run_line_names_its_arms_apart() -> None:
    """The names of benchmarks in one file have their file, or their parameter, in common."""
    for name in (HYPERFINE, GOOGLE, PYTEST, "google-benchmark-1.7.json", "pytest-benchmark-5.3.json", LLAMA_TABLE):
        explanation = explained(name)
        assert is_known(explanation.next_run)
        words = shlex.split(explanation.next_run.command)
        arms = [word.partition("=")[0] for place, word in enumerate(words) if words[place - 1] == "--arm"]
        assert len(set(arms)) == 2
        assert not any(arm.isdecimal() for arm in arms)


def test_arms_of_benchmarks_in_two_files_are_called_by_their_files() -> None:
    google = (DATA / GOOGLE).read_text()
    explanation = explain_attached([file_of(google, "runs/a.json"), file_of(google, "runs/b.json")])
    assert is_known(explanation.next_run)
    assert explanation.next_run.command.startswith("ironlaw run --arm a=CONTROL")


def test_outputs_of_several_runs_without_their_number_are_not_said_to_be_of_one() -> None:
    explanation = explained("perf-stat-6.1-separated-a.csv", "perf-stat-6.1-separated-b.csv")
    (comparison,) = explanation.comparisons
    assert isinstance(comparison.ln_ratio, Missing)
    assert "does not report its number of runs" in comparison.ln_ratio.reason
    assert not any("from one run" in concern.text for concern in explanation.concerns)
    (comparison,) = explained("perf-stat-6.1-text-a.txt", "perf-stat-6.1-text-b.txt").comparisons
    assert is_known(comparison.ln_ratio)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (HYPERFINE, '"times": [', '"times": [-1.0, ', "is none"),
        (PYTEST, '"mean": ', '"mean": "x", "was": ', "not as this format has it"),
        (GOOGLE, '"us"', '"fortnights"', "is in 'fortnights'"),
        (LLAMA_F16, "8000000000", "0", "a time is none"),
        (LLAMA_TABLE, "64.00 ± 0.50", "fast", "'fast' is no rate of tokens"),
        (PYPERF, '"values":[', '"values":[1e300,', "is no time"),
    ],
)
def test_damaged_results_are_refused_with_their_place(name: str, old: str, new: str, message: str) -> None:
    text = (DATA / name).read_text()
    assert old in text
    with pytest.raises(BadInput, match=r"^a, line \d+, column \d+: ") as caught:
        file_of(text.replace(old, new, 1), "a")
    assert message in caught.value.message
