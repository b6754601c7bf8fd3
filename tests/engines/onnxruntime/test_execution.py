"""ONNX Runtime: every precision and way to quantize computes the same function, or is refused by name."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch

from ironlaw import models
from ironlaw.engines import ENGINES
from ironlaw.engines.onnxruntime import execution as engine
from ironlaw.errors import ArmFailed
from ironlaw.missing import is_known
from ironlaw.models import LoadedModel
from ironlaw.program import PreparedModel

from .. import small

pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings("ignore")  # exporters and quantizers warn of their own ways

CLEAR_DB = 20.0  # an int8 arm of these nets that computed something else would be near 0 dB


def nodes(prepared: PreparedModel) -> Counter[str]:
    import onnx

    return Counter(node.op_type for node in onnx.load(prepared.path).graph.node)


@pytest.fixture(scope="module")
def seeing() -> LoadedModel:
    return small.seeing()


def test_the_engine_is_here() -> None:
    assert is_known(ENGINES["onnxruntime"].installed())


def test_float_answers_as_the_module_does_with_batch_norm_folded(seeing: LoadedModel, tmp_path: Path) -> None:
    prepared, _, answers = small.run(engine, "fp32@onnxruntime", seeing, tmp_path)
    torch.testing.assert_close(answers, small.expected(seeing), rtol=1e-4, atol=1e-5)
    assert "BatchNormalization" not in nodes(prepared)
    assert {"export", "optimize"} <= set(prepared.phases_ns)


@pytest.mark.parametrize(
    ("text", "operator"),
    [
        ("int8@onnxruntime", "QuantizeLinear"),
        ("int8@onnxruntime+quantization.signs=s8s8", "QuantizeLinear"),
        ("int8@onnxruntime+quantization.granularity=tensor", "QuantizeLinear"),
        ("int8@onnxruntime+quantization.format=qoperator", "QLinearConv"),
        ("int8-dynamic@onnxruntime", "DynamicQuantizeLinear"),
    ],
)
def test_every_way_to_int8_gives_same_outputs_and_is_in_the_file(
    seeing: LoadedModel, tmp_path: Path, text: str, operator: str
) -> None:
    prepared, _, answers = small.run(engine, text, seeing, tmp_path)
    assert small.sqnr_db(answers, small.expected(seeing)) > CLEAR_DB
    assert nodes(prepared)[operator] > 0


def scales_and_types(prepared: PreparedModel) -> tuple[int, set[str]]:
    """The largest number of scales of one quantized weight, and the types of activations' zero points."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(prepared.path).graph
    arrays = {entry.name: numpy_helper.to_array(entry) for entry in graph.initializer}
    pairs = [node for node in graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    scales = max(arrays[node.input[1]].size for node in pairs)
    points = {str(arrays[node.input[2]].dtype) for node in pairs if node.op_type == "QuantizeLinear"}
    return scales, points


def test_granularity_and_signs_are_what_was_asked_for(seeing: LoadedModel, tmp_path: Path) -> None:
    def made(text: str) -> tuple[int, set[str]]:
        return scales_and_types(small.run(engine, f"int8@onnxruntime{text}", seeing, tmp_path / (text or "plain"))[0])

    assert made("") == (16, {"uint8"})
    assert made("+quantization.granularity=tensor") == (1, {"uint8"})
    assert made("+quantization.signs=s8s8") == (16, {"int8"})


def test_several_inputs_and_named_outputs_are_kept_in_order(tmp_path: Path) -> None:
    model = small.two()
    _, program, answers = small.run(engine, "fp32@onnxruntime", model, tmp_path)
    torch.testing.assert_close(answers, small.expected(model), rtol=1e-4, atol=1e-5)
    assert [output.shape for output in program.answer(*model.inputs[0])] == [(3, 8), (3,)]


def test_token_numbers_through_an_lstm(tmp_path: Path) -> None:
    model = small.reading()
    _, _, answers = small.run(engine, "fp32@onnxruntime", model, tmp_path)
    torch.testing.assert_close(answers, small.expected(model), rtol=1e-4, atol=1e-5)


def test_an_operator_without_an_export_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArmFailed, match=r"linalg_eigh|eigvalsh"):
        small.run(engine, "fp32@onnxruntime", small.eigenvalues(), tmp_path)


def test_bfloat16_is_refused_with_what_there_is(seeing: LoadedModel, tmp_path: Path) -> None:
    with pytest.raises(ArmFailed, match="onnxruntime cannot run bf16") as raised:
        small.run(engine, "bf16@onnxruntime", seeing, tmp_path)
    assert "int8-dynamic" in raised.value.hint


@pytest.mark.parametrize("level", ["fused", "quantized-engine=fbgemm"])
def test_a_level_it_does_not_read_is_refused(seeing: LoadedModel, tmp_path: Path, level: str) -> None:
    with pytest.raises(ArmFailed, match="changes nothing"):
        small.run(engine, f"fp32@onnxruntime+{level}", seeing, tmp_path)


def test_the_session_is_set_as_the_variant_says() -> None:
    from ironlaw.variant import Variant

    text = "fp32@onnxruntime+denormals=flushed+session.arena=off+session.optimization=none+session.spinning=off"
    options = engine._options(Variant.parse(text), 3)
    assert not options.enable_cpu_mem_arena
    assert options.graph_optimization_level.name == "ORT_DISABLE_ALL"
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert options.get_session_config_entry("session.set_denormal_as_zero") == "1"
    assert options.intra_op_num_threads == 3


def test_a_file_that_is_already_int8_is_run_as_it_is_and_not_quantized_again(
    seeing: LoadedModel, tmp_path: Path
) -> None:
    prepared, _, answers = small.run(engine, "int8@onnxruntime", seeing, tmp_path / "first")
    model = models.open_model(prepared.path)
    given, program, _ = small.run(engine, "given@onnxruntime", model, tmp_path / "given")
    assert nodes(given) == nodes(prepared)
    assert torch.equal(small.first_of(program.answer(*seeing.inputs[0])), answers[0])
    with pytest.raises(ArmFailed, match="already"):
        small.run(engine, "int8@onnxruntime", model, tmp_path / "again")
