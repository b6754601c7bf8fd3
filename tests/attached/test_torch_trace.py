"""Chrome traces of torch.profiler."""

from __future__ import annotations

import gzip
import json
import math
from typing import Any

import pytest

from ironlaw.attachment import Attachment, TimedWhole
from ironlaw.errors import BadInput
from ironlaw.missing import is_known

from .files import DATA, explained, file_of, one

PLAIN, LAST, NO_STEPS = (f"torch-2.14-{name}.json" for name in ("contiguous", "channels-last", "no-steps"))


def trace(name: str) -> Any:
    return json.loads((DATA / name).read_text())


def made(
    *events: tuple[str, float, float], cat: str = "cpu_op", steps: tuple[tuple[float, float], ...] = ()
) -> Attachment:
    """A trace of operators, each a name, a start and a length in us."""
    found = [{"ph": "X", "cat": cat, "name": name, "ts": ts, "dur": dur, "tid": 1} for name, ts, dur in events]
    found += [
        {"ph": "X", "cat": "user_annotation", "name": f"ProfilerStep#{place}", "ts": ts, "dur": dur, "tid": 1}
        for place, (ts, dur) in enumerate(steps)
    ]
    (read,) = file_of(json.dumps({"schemaVersion": 1, "traceEvents": found})).found
    return read


def test_steps_of_the_profiler_are_the_repeats() -> None:
    read = one(PLAIN)
    steps = [event["dur"] for event in trace(PLAIN)["traceEvents"] if event["name"].startswith("ProfilerStep#")]
    assert is_known(read.times)
    assert read.times.each_ns == tuple(1e3 * dur for dur in steps)
    assert read.timed is TimedWhole.INFERENCE
    assert "2 steps before the first" in read.left_out


def test_the_outermost_operators_and_the_time_between_them_are_the_step() -> None:
    read = one(PLAIN)
    assert is_known(read.nodes)
    assert is_known(read.times)
    mean = sum(read.times.each_ns) / len(read.times.each_ns)
    assert 0 < math.fsum(node.ns for node in read.nodes) < mean
    assert [node.call.operator for node in read.nodes] == [
        "conv2d", "batch_norm", "relu", "conv2d", "relu", "conv2d", "add", "mean", "linear",
    ]  # fmt: skip


def test_an_operator_is_named_with_what_takes_most_of_its_time() -> None:
    read = one(PLAIN)
    assert is_known(read.nodes)
    kernels = [node.call.kernels[0] for node in read.nodes if node.call.operator == "conv2d"]
    assert kernels == ["aten::_slow_conv2d_forward", "aten::mkldnn_convolution", "aten::_slow_conv2d_forward"]


def test_times_of_their_own_are_what_operators_do_not_pass_on() -> None:
    read = made(("aten::linear", 0, 100), ("aten::t", 5, 10), ("aten::addmm", 20, 70), ("aten::mm", 30, 65 - 10))
    assert is_known(read.nodes)
    (node,) = read.nodes
    assert node.ns == 100e3
    assert node.call.kernels == ("aten::mm",)  # 55 of 100: addmm itself 15, linear 20, t 10


def test_shapes_give_kinds_and_work() -> None:
    (comparison,) = explained(PLAIN, LAST).comparisons
    assert is_known(comparison.ledger)
    kinds = [row.kind for row in comparison.ledger.rows if row.layer.startswith("conv2d")]
    assert kinds == ["3x3", "depth-wise", "1x1"]
    assert all(row.fate in ("both", "framework") for row in comparison.ledger.rows)


def test_without_steps_the_sequence_that_repeats_is_an_inference() -> None:
    read = one(NO_STEPS)
    assert is_known(read.times)
    assert len(read.times.each_ns) == 4
    assert any("4 repeats of 9 operators" in note for note in read.notes)
    assert any(lack.what == "the shapes of operators" for lack in read.lacks)


def test_a_trace_in_which_nothing_repeats_is_of_an_unknown_number_of_inferences() -> None:
    read = made(("aten::conv2d", 0, 10), ("aten::relu", 12, 5), ("aten::linear", 20, 5))
    assert read.timed is TimedWhole.UNKNOWN
    assert is_known(read.times)
    assert read.times.each_ns == (25e3,)
    assert "warming up as well" in read.included


def test_a_conversion_that_copies_nothing_is_no_operator() -> None:
    read = made(("aten::to", 0, 2), ("aten::linear", 4, 10), ("aten::to", 20, 5), ("aten::_to_copy", 21, 3))
    assert is_known(read.nodes)
    assert [node.call.operator for node in read.nodes] == ["to", "linear", "to"]  # one of them copies
    read = made(("aten::to", 0, 2), ("aten::linear", 4, 10))
    assert is_known(read.nodes)
    assert [node.call.operator for node in read.nodes] == ["linear"]


def test_regions_that_the_user_named_are_no_operators() -> None:
    read = made(("my model", 0, 100), ("aten::relu", 10, 20))
    assert is_known(read.nodes)
    assert [node.call.operator for node in read.nodes] == ["relu"]


def test_traces_of_torch_1_8_are_read() -> None:
    read = made(("aten::relu", 0, 10), ("aten::mul", 20, 10), cat="Operator")
    assert is_known(read.nodes)
    assert [node.call.operator for node in read.nodes] == ["relu", "mul"]


def test_quantized_operators_are_counted() -> None:
    read = made(("aten::quantize_per_tensor", 0, 1), ("quantized::conv2d_relu", 2, 3), ("aten::dequantize", 6, 1))
    assert read.census["int8_operators"] == 1
    assert read.census["quantize_operators"] == 2


def test_a_compressed_trace_is_read_as_it_is() -> None:
    (read,) = file_of(gzip.compress((DATA / PLAIN).read_bytes()), "t.json.gz").found
    assert read == one(PLAIN)


def test_a_damaged_compressed_trace_is_refused() -> None:
    with pytest.raises(BadInput, match=r"^t\.json\.gz, line 1, column 1: the compression is damaged there"):
        file_of(gzip.compress((DATA / PLAIN).read_bytes())[:900], "t.json.gz")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"traceEvents": [{"ph": "X", "cat": "cpu_op", "name": "aten::a", "ts": 1, "dur": -5}]}', "takes -5 us"),
        ('{"traceEvents": [{"ph": "X"}]}', "no operator of torch ran"),
        ('{"traceEvents": [{"ph": "X"}, ', "this is not JSON"),
        ('{"traceEvents": {}}', "there is no array 'traceEvents'"),
        ('{"traceEvents": ' + "[" * 100000, "it is nested deeper"),
        ('{"traceEvents": [{"ph": "X", "ts": "a"}]}', "not as this format has it"),
    ],
)
def test_a_damaged_trace_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(BadInput, match=r"^a\.json, line \d+, column \d+: ") as caught:
        file_of(text, "a.json")
    assert message in caught.value.message


def test_a_trace_without_int8_operators_does_not_claim_that_there_are_none() -> None:
    assert "int8_operators" not in one(PLAIN).census
    assert made(("aten::_int_mm", 0, 5)).census["int8_operators"] == 1
