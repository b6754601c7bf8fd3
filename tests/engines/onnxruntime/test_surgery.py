"""Graph surgery: one thing changes in the file and in what runs, the answers stay, and what does nothing is refused."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy
import pytest

from ironlaw.engines.onnxruntime import execution as engine
from ironlaw.errors import ArmFailed
from ironlaw.measure.census import take_census
from ironlaw.missing import Missing
from ironlaw.models import open_model
from ironlaw.program import OperatorCensus
from ironlaw.variant import Variant

if TYPE_CHECKING:
    import onnx
else:
    onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings("ignore")  # quantizers warn of their own ways

CHANNELS, SIDE = 8, 12


def _values(seed: int, *shape: int) -> numpy.ndarray:
    return (numpy.random.default_rng(seed).standard_normal(shape) * 0.2).astype(numpy.float32)


def _graph(
    nodes: list[onnx.NodeProto], weights: dict[str, numpy.ndarray], takes: list[int], gives: list[int]
) -> onnx.ModelProto:
    make = onnx.helper
    ends = [make.make_tensor_value_info(name, 1, shape) for name, shape in (("x", takes), ("y", gives))]
    held = [onnx.numpy_helper.from_array(values, name) for name, values in weights.items()]
    return make.make_model(
        make.make_graph(nodes, "net", ends[:1], ends[1:], held),
        opset_imports=[make.make_opsetid("", 21)],
        ir_version=10,
    )


def convolving() -> onnx.ModelProto:
    node = onnx.helper.make_node
    nodes = [
        node("Conv", ["x", "w0"], ["c0"], name="first", pads=[1, 1, 1, 1]),
        node("Relu", ["c0"], ["r0"], name="relu"),
        node("Conv", ["r0", "w1"], ["c1"], name="second", pads=[1, 1, 1, 1], group=CHANNELS),
        node("GlobalAveragePool", ["c1"], ["p"], name="pool"),
        node("Flatten", ["p"], ["f"], name="flat"),
        node("MatMul", ["f", "head"], ["y"], name="product"),
    ]
    weights = {
        "w0": _values(0, CHANNELS, CHANNELS, 3, 3),
        "w1": _values(1, CHANNELS, 1, 3, 3),
        "head": _values(2, CHANNELS, 6),
    }
    return _graph(nodes, weights, [1, CHANNELS, SIDE, SIDE], [1, 6])


def dynamic(folder: Path) -> Path:
    from onnxruntime import quantization

    source, target = folder / "float.onnx", folder / "dynamic.onnx"
    onnx.save(convolving(), source)
    quantization.quantize_dynamic(source, target, weight_type=quantization.QuantType.QInt8)
    return target


def few_bits(folder: Path, *, symmetric: bool) -> Path:
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"], name="product")
    made = MatMulNBitsQuantizer(
        _graph([node], {"w": _values(3, 96, 40)}, [1, 4, 96], [1, 4, 40]), bits=4, block_size=32, is_symmetric=symmetric
    )
    made.process()
    onnx.save(made.model.model, folder / "bits.onnx")
    return folder / "bits.onnx"


def ran(source: Path, levels: str) -> tuple[OperatorCensus, list[numpy.ndarray], dict[str, str]]:
    """The census of an arm on a file, its answers, and what surgery did."""
    model = open_model(str(source), images=None, batch=1, seed=1)
    variant = Variant.parse(f"given@onnxruntime{levels}")
    with tempfile.TemporaryDirectory() as folder:
        prepared = engine.prepare(variant, model, Path(folder))
        program = engine.load(variant, prepared, model)
        answers = [program.answer(*arguments)[0] for arguments in model.inputs[:4]]
        return take_census(program), answers, program.applied


def count(census: OperatorCensus, name: str) -> float:
    found = census.counts[name]
    assert not isinstance(found, Missing)
    return found


def test_constant_ranges_keep_the_integer_operators_and_the_answers(tmp_path: Path) -> None:
    source = dynamic(tmp_path)
    before, answers, _ = ran(source, "")
    after, others, applied = ran(source, "+activation-ranges=fixed")
    assert count(before, "range_finders") == count(before, "dynamic_operators") == 3
    assert count(after, "dynamic_operators") == 0
    assert count(after, "int8_operators") == count(before, "int8_operators") == 3
    assert applied["activation-ranges"].startswith("3 ranges made constant")
    numpy.testing.assert_allclose(others, answers, atol=0.05)


def test_an_operator_type_left_in_float_takes_its_conversions_along(tmp_path: Path) -> None:
    source = dynamic(tmp_path)
    before, answers, _ = ran(source, "")
    after, others, _ = ran(source, "+float-ops=ConvInteger")
    assert count(before, "reference_operators") == 2
    assert before.nodes["reference_operators"] == ("first_quant (ConvInteger)", "second_quant (ConvInteger)")
    assert count(after, "reference_operators") == 0
    assert count(after, "int8_operators") == 1
    numpy.testing.assert_allclose(others, answers, atol=0.05)


def test_one_node_left_in_float_leaves_the_other_as_it_was(tmp_path: Path) -> None:
    after, _, _ = ran(dynamic(tmp_path), "+float-nodes=second")
    assert after.nodes["reference_operators"] == ("first_quant (ConvInteger)",)


@pytest.mark.parametrize("symmetric", [True, False])
def test_weights_of_four_bits_are_widened_to_what_the_engine_multiplies_by(tmp_path: Path, symmetric: bool) -> None:
    source = few_bits(tmp_path, symmetric=symmetric)
    before, answers, _ = ran(source, "")
    after, others, _ = ran(source, "+float-ops=MatMulNBits")
    assert count(before, "widening_operators") == 1
    assert count(after, "widening_operators") == 0
    numpy.testing.assert_allclose(others, answers, atol=1e-4)


def test_an_accuracy_level_of_4_multiplies_in_int8(tmp_path: Path) -> None:
    after, _, _ = ran(few_bits(tmp_path, symmetric=True), "+accuracy-level=4")
    assert count(after, "int8_operators") == 1
    assert count(after, "widening_operators") == 0


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ("+float-ops=MatMulNBits", "no such operator"),
        ("+float-nodes=nowhere", "no node called nowhere"),
        ("+accuracy-level=4", "no MatMulNBits"),
        ("+half=widened", "no float16"),
        ("+float-nodes=pool", "no float form"),
    ],
)
def test_a_level_that_would_do_nothing_is_a_failed_experiment(tmp_path: Path, levels: str, said: str) -> None:
    with pytest.raises(ArmFailed, match=said):
        ran(dynamic(tmp_path), levels)


def test_surgery_that_the_engine_undoes_is_a_failed_experiment(tmp_path: Path) -> None:
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(convolving(), keep_io_types=False), tmp_path / "half.onnx")
    # Without kernels for float16 the session has widened this file itself.
    with pytest.raises(ArmFailed, match="still runs the same operators"):
        ran(tmp_path / "half.onnx", "+half=widened")
