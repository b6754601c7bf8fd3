"""What benchmark_app of OpenVINO writes."""

from __future__ import annotations

import math

import pytest

from ironlaw.errors import BadInput
from ironlaw.missing import Missing, is_known

from .files import DATA, explained, file_of, one

COUNTERS, LOG = "openvino-2026.4-counters.csv", "openvino-2026.4-log.txt"

# As benchmark_app in C++ writes them, of two infer requests.
OLDER = """layerName;execStatus;layerType;execType;realTime (ms);cpuTime (ms);
conv1;EXECUTED;Convolution;jit_avx512_I8;0.400;0.400;
relu1;OPTIMIZED_OUT;Relu;undef;0.000;0.000;
prob;EXECUTED;SoftMax;ref_any_FP32;0.100;0.100;
Total;;;;0.500;0.500;

layerName;execStatus;layerType;execType;realTime (ms);cpuTime (ms);
conv1;EXECUTED;Convolution;jit_avx512_I8;0.600;0.600;
relu1;OPTIMIZED_OUT;Relu;undef;0.000;0.000;
prob;EXECUTED;SoftMax;ref_any_FP32;0.200;0.200;
Total;;;;0.800;0.800;

"""


def test_layers_that_ran_add_up_to_the_total() -> None:
    read = one(COUNTERS)
    assert is_known(read.nodes)
    assert is_known(read.times)
    assert read.times.mean_ns == 411e3
    assert math.fsum(node.ns for node in read.nodes) == pytest.approx(411e3, rel=1e-9)
    assert [node.call.operator for node in read.nodes] == [
        "Reorder", "Convolution", "GroupConvolution", "Convolution", "ReduceMean", "Reorder", "FullyConnected",
    ]  # fmt: skip
    assert read.nodes[1].call.kernels == ("brgconv_avx512_amx_bf16",)


def test_tables_of_several_requests_are_averaged() -> None:
    (read,) = file_of(OLDER).found
    assert is_known(read.nodes)
    assert is_known(read.times)
    assert read.times.mean_ns == pytest.approx(650e3)
    assert [node.ns for node in read.nodes] == pytest.approx([500e3, 150e3])
    assert read.census["int8_operators"] == 1
    assert read.named["reference_operators"] == ("prob (ref_any_FP32)",)


def test_a_log_has_the_latency_its_settings_and_the_layers() -> None:
    read = one(LOG)
    assert is_known(read.times)
    assert read.times.mean_ns == pytest.approx(59120)
    assert read.stated["threads"] == "1"
    assert read.stated["version of OpenVINO"] == "2026.4.1"
    assert "the first inference" in read.left_out
    assert is_known(read.nodes)
    assert [node.call.operator for node in read.nodes][:2] == ["Reorder", "Convolution"]


# As benchmark_app in Python lists the layers of two requests: it cuts names after 17 letters.
CUT = """[Step 1/11] Parsing and validating input arguments
[ INFO ] Parsing input parameters
[ INFO ] Performance counts for 0-th infer request
linear_1_MatMul_q... Status.EXECUTED layerType: Subgraph execType: jit_avx512_f32 realTime (ms): 0.010 cpuTime (ms): 0.010
linear_1_MatMul_q... Status.EXECUTED layerType: FullyConnected execType: brgemm_avx512_f32 realTime (ms): 4.000 cpuTime (ms): 4.000
linear_1_MatMul_q... Status.EXECUTED layerType: FullyConnected execType: brgemm_avx512_f32 realTime (ms): 1.000 cpuTime (ms): 1.000
Total time:     5.010 milliseconds
[ INFO ] Performance counts for 1-th infer request
linear_1_MatMul_q... Status.EXECUTED layerType: Subgraph execType: jit_avx512_f32 realTime (ms): 0.030 cpuTime (ms): 0.030
linear_1_MatMul_q... Status.EXECUTED layerType: FullyConnected execType: brgemm_avx512_f32 realTime (ms): 6.000 cpuTime (ms): 6.000
linear_1_MatMul_q... Status.EXECUTED layerType: FullyConnected execType: brgemm_avx512_f32 realTime (ms): 3.000 cpuTime (ms): 3.000
Total time:     9.030 milliseconds
[ INFO ] Latency:
[ INFO ]    Average:       8.00 ms
"""  # noqa: E501  the lines of the log


def test_layers_whose_names_the_log_cuts_to_one_stay_apart_and_requests_are_averaged() -> None:
    (read,) = file_of(CUT).found
    assert is_known(read.nodes)
    assert [node.call.operator for node in read.nodes] == ["Subgraph", "FullyConnected", "FullyConnected"]
    assert [node.ns for node in read.nodes] == pytest.approx([20e3, 5e6, 2e6])
    assert [node.times for node in read.nodes] == [1, 1, 1]


def test_a_log_has_no_interval_and_says_why() -> None:
    (comparison,) = explained(COUNTERS, LOG).comparisons
    assert isinstance(comparison.ln_ratio, Missing)


def test_layers_longer_than_the_whole_are_not_called_framework() -> None:
    (comparison,) = explained(COUNTERS, LOG).comparisons
    assert is_known(comparison.ledger)
    assert comparison.ledger.rows[-1].fate == "unattributed"
    assert any("take longer together than the whole" in note for note in comparison.ledger.notes)


def test_the_run_that_is_offered_names_the_engine_and_its_kind_of_file() -> None:
    explanation = explained(COUNTERS, LOG)
    assert is_known(explanation.next_run)
    assert "=CONTROL.xml" in explanation.next_run.command


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.024;0.024", "x;0.024", r"^a, line 4, column \d+: 'x' is not a time in ms"),
        ("Total;;;;0.411;0.411", "Total;;;;;", "the row of the total holds no time"),
        ("Total;", "Sum;", "before the row of their total"),
        ("node_relu;Status.NOT_RUN;Relu;undef;0.000;0.000", "node_relu", "^a, line 5, column 1: 1 cells"),
    ],
)
def test_damaged_counters_are_refused_with_their_place(old: str, new: str, message: str) -> None:
    text = (DATA / COUNTERS).read_text()
    assert old in text
    with pytest.raises(BadInput, match=message):
        file_of(text.replace(old, new, 1), "a")


def test_a_log_that_ended_before_its_latency_is_refused() -> None:
    text = (DATA / LOG).read_text()
    with pytest.raises(BadInput, match="ends here without a latency"):
        file_of(text[: text.index("[Step 11")], "a")


def test_a_log_of_a_failed_run_is_refused_with_its_error() -> None:
    log = "[Step 1/11] Parsing and validating input arguments\n[ INFO ] Parsing input parameters\n"
    with pytest.raises(BadInput, match=r"line 4, column 1: .* failed \(no such device\)"):
        file_of(f"{log}[ ERROR ] no such device\n")
