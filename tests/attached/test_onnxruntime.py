"""Profiles of ONNX Runtime as users attach them."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from ironlaw.analysis.attached.explain import explain_attached
from ironlaw.attachment import TimedWhole
from ironlaw.errors import BadInput
from ironlaw.explanation import Difference, Outcome
from ironlaw.missing import Missing, is_known

from .files import DATA, explained, file_of, fixture, one

FLOAT, DYNAMIC, QDQ = (f"onnxruntime-1.32-{name}.json" for name in ("fp32", "dynamic", "qdq"))


def events(name: str) -> list[Any]:
    found: list[Any] = json.loads((DATA / name).read_text())
    return found


@pytest.mark.parametrize("name", [FLOAT, DYNAMIC, QDQ])
def test_a_nodes_time_is_its_mean_over_the_runs_behind_the_first(name: str) -> None:
    read = one(name)
    runs: list[list[Any]] = [[]]
    for event in events(name):
        if event["name"] == "model_run":
            runs[-1].append(event)
            runs.append([])
        elif event["cat"] == "Node":
            runs[-1].append(event)
    counted = runs[1:-1]
    assert is_known(read.times)
    assert read.times.each_ns == tuple(1e3 * run[-1]["dur"] for run in counted)
    assert is_known(read.nodes)
    assert len(read.nodes) == len(counted[0]) - 1
    for node, *ran in zip(read.nodes, *(run[:-1] for run in counted), strict=True):
        assert node.ns == pytest.approx(1e3 * sum(event["dur"] for event in ran) / len(ran))
        assert node.call.kernels == (ran[0]["args"]["op_name"],)
    assert read.timed is TimedWhole.INFERENCE
    assert "1 of 3 runs" in read.left_out


def test_runs_in_which_the_arena_grew_are_left_out_as_warm_up() -> None:
    made = events(FLOAT)
    runs = [place for place, event in enumerate(made) if event["name"] == "model_run"]
    made[runs[0] + 1]["args"]["mem_arena_held_delta"] = "4096"
    (read,) = file_of(json.dumps(made)).found
    assert "2 of 3 runs (the arena of memory grew in them)" in read.left_out
    assert is_known(read.times)
    assert len(read.times.each_ns) == 1


def test_a_single_run_is_said_to_include_its_warm_up() -> None:
    made = events(FLOAT)
    first = next(place for place, event in enumerate(made) if event["name"] == "model_run")
    (read,) = file_of(json.dumps(made[: first + 1])).found
    assert not read.left_out
    assert "memory is allocated" in read.included


def test_the_rows_of_the_ledger_are_the_difference_of_the_times() -> None:
    (comparison,) = explained(FLOAT, DYNAMIC).comparisons
    assert is_known(comparison.ledger)
    assert is_known(comparison.once)
    saved = math.fsum(row.saved_ns for row in comparison.ledger.rows)
    assert saved == pytest.approx(comparison.once.control_ns - comparison.once.changed_ns)
    assert is_known(comparison.operators)
    layers = math.fsum(row.saved_ns for row in comparison.ledger.rows if row.fate != "framework")
    assert math.fsum(row.saved_ns for row in comparison.operators) == pytest.approx(layers)


def test_every_node_stands_in_one_row() -> None:
    (comparison,) = explained(FLOAT, QDQ).comparisons
    assert is_known(comparison.ledger)
    for which, name in (("control_layers", FLOAT), ("changed_layers", QDQ)):
        read = one(name)
        assert is_known(read.nodes)
        assert sum(len(getattr(row, which)) for row in comparison.ledger.rows) == len(read.nodes)


def test_convolutions_are_matched_across_formats() -> None:
    (comparison,) = explained(FLOAT, DYNAMIC).comparisons
    assert is_known(comparison.ledger)
    kernels = {row.executed for row in comparison.ledger.rows if row.fate == "both"}
    assert any("Conv" in before and "ConvInteger" in after for before, after in kernels)


def test_a_convolution_with_its_activation_is_named_after_the_convolution_that_the_other_arm_names() -> None:
    for names in ((FLOAT, DYNAMIC), (DYNAMIC, FLOAT)):
        (comparison,) = explained(*names).comparisons
        assert is_known(comparison.ledger)
        multiplying = [row for row in comparison.ledger.rows if any("ConvInteger" in one for one in row.executed)]
        assert multiplying
        assert all("relu" not in row.layer.lower() for row in multiplying)


def test_dynamic_quantization_is_suspected_and_its_experiment_is_what_to_run_next() -> None:
    explanation = explained(FLOAT, DYNAMIC)
    (comparison,) = explanation.comparisons
    found = {verdict.cause: verdict for verdict in comparison.causes}
    assert {"reference-kernel", "dynamic-quantization"} <= found.keys()
    assert all(verdict.outcome is Outcome.CONSISTENT for verdict in found.values())
    assert "ConvInteger" in found["reference-kernel"].reason
    assert is_known(explanation.next_run)
    assert explanation.next_run.cause == "reference-kernel"
    assert explanation.next_run.command == (
        "ironlaw run --arm onnxruntime-1.32-fp32=CONTROL.onnx --arm onnxruntime-1.32-dynamic=CHANGED.onnx "
        "--experiments reference-kernel"
    )


def test_kept_pairs_are_suspected_of_a_profile_with_quantize_and_dequantize() -> None:
    (comparison,) = explained(FLOAT, QDQ).comparisons
    assert {"unfused-qdq", "quantize-dequantize"} <= {verdict.cause for verdict in comparison.causes}


def test_repeats_of_one_process_have_an_interval_and_prove_nothing() -> None:
    explanation = explained(FLOAT, DYNAMIC)
    assert is_known(explanation.comparisons[0].ln_ratio)
    assert explanation.comparisons[0].difference is Difference.UNPROVEN
    assert {"one-process", "no-control", "profiling-distorts"} <= {one.slug for one in explanation.concerns}


def test_what_a_profile_cannot_show_is_missing_with_its_reason() -> None:
    row = explained(FLOAT, DYNAMIC).arms[0]
    for gap in (row.instructions, row.ipc, row.cache_misses, row.page_faults, row.user_ns):
        assert isinstance(gap, Missing)
        assert gap.reason == "a profile of ONNX Runtime holds times only"


def test_whether_few_bits_are_widened_is_not_claimed_of_a_profile() -> None:
    made = events(FLOAT)
    for event in made:
        if event["args"].get("op_name") == "Gemm":
            event["args"]["op_name"] = "MatMulNBits"
    (read,) = file_of(json.dumps(made)).found
    assert "widening_operators" not in read.census
    assert "int8_operators" not in read.census
    assert any("MatMulNBits" in lack.what for lack in read.lacks)


def test_overlapping_runs_have_no_ledger() -> None:
    made = events(FLOAT)
    runs = [event for event in made if event["name"] == "model_run"]
    runs[2]["ts"] = runs[1]["ts"]
    (read,) = file_of(json.dumps(made)).found
    assert isinstance(read.nodes, Missing)
    assert "overlap" in read.nodes.reason


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[: len(text) // 2], "this is not JSON"),
        (lambda text: text.replace('"dur": ', '"dur": -', 1), "an event takes -"),
        (lambda text: text.replace('"dur": ', '"dur": "x', 1).replace('", "ts"', ' "ts"', 1), "this is not JSON"),
        (lambda text: text.replace("model_run", "model_ran"), "before any run of the session ended"),
        (lambda text: text.replace('"args": {', '"args": 3, "x": {', 1), "not as this format has it"),
        (lambda text: text + "x", "something follows the end"),
        (lambda text: text.replace('"dur": ', '"dur": NaN', 1), "NaN is no number of JSON"),
    ],
)
def test_a_damaged_profile_is_refused_with_its_place(change: Any, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        file_of(change((DATA / FLOAT).read_text()), named="a.json")
    assert caught.value.message.startswith("a.json, line ")
    assert ", column " in caught.value.message
    assert message in caught.value.message


def test_the_place_of_an_error_is_that_of_the_field() -> None:
    lines = (DATA / FLOAT).read_text().splitlines()
    lines[4] = lines[4].replace('"cat": "Node"', '"cat": 7')
    column = lines[4].index('"cat": 7') + len('"cat": ') + 1
    with pytest.raises(BadInput, match=rf"^a.json, line 5, column {column}: not as this format has it: .*\$\.cat"):
        file_of("\n".join(lines), named="a.json")


def test_the_name_of_a_file_does_not_matter() -> None:
    assert fixture(FLOAT).found == file_of((DATA / FLOAT).read_bytes(), named="whatever.txt").found


def test_a_profile_that_is_called_int8_and_has_no_int8_operator_is_a_concern() -> None:
    first, second = file_of((DATA / FLOAT).read_bytes(), "fp32.json"), file_of((DATA / FLOAT).read_bytes(), "int8.json")
    found = [concern for concern in explain_attached([first, second]).concerns if concern.slug == "not-quantized"]
    assert [concern.arm for concern in found] == ["int8.json"]
