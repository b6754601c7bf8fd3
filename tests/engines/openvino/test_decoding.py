"""OpenVINO runs decoders phase by phase: keys and values are a state, set back before each inference."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest

from ironlaw.engines.openvino import decoding, execution
from ironlaw.errors import ArmFailed
from ironlaw.missing import is_known
from ironlaw.models import open_model
from ironlaw.models.decoder_graph import is_decoder
from ironlaw.program import Program
from ironlaw.variant import Variant
from tests.decoder_graphs import VOCABULARY, decoder_graph, logits_of_both

openvino = pytest.importorskip("openvino")
pytest.importorskip("onnx")

PRODUCTS = 2 * (4 * 64 * 64 + 2 * 64 * 128) + 64 * VOCABULARY


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return decoder_graph(tmp_path_factory.mktemp("decoder") / "decoder.onnx")


def loaded(source: Path, levels: str, folder: Path) -> Program:
    model, variant = open_model(str(source)), Variant.parse(f"given@openvino{levels}")
    return execution.load(variant, execution.prepare(variant, model, folder), model)


def once(program: Program, number: int = 0) -> numpy.ndarray:
    fed = program.feed(*program.inputs[number])
    for before in program.before_each:
        before()
    return numpy.array(program.infer(*fed)[0])


def test_tokens_given_together_and_one_by_one_have_the_same_logits(graph: Path, tmp_path: Path) -> None:
    together = loaded(graph, "+phase=prefill:16", tmp_path / "a")
    apart = loaded(graph, "+phase=decode:16", tmp_path / "b")
    logits_of_both(together, apart)


def test_every_inference_of_a_phase_begins_with_the_same_state(graph: Path, tmp_path: Path) -> None:
    one = loaded(graph, "+phase=decode:16", tmp_path / "a")
    prompt = loaded(graph, "+phase=prefill:17", tmp_path / "b")
    first = once(one)
    assert numpy.array_equal(first, once(one))
    assert float(numpy.abs(first[0, -1] - once(prompt)[0, -1]).max()) < 1e-4
    one.compared(one.inputs[1][0][:, :5])  # other tokens go through the state
    assert numpy.array_equal(first, once(one))


def test_answers_are_the_same_after_the_program_was_checked(graph: Path, tmp_path: Path) -> None:
    program = loaded(graph, "+phase=decode:16", tmp_path / "a")
    tokens = program.inputs[1][0][:, :5]
    first = numpy.array(program.compared(tokens))
    for _ in range(3):  # from one inference to the next, the state is not set back unless an answer does it
        program.answer(*program.inputs[0])
    assert float(numpy.abs(first - program.compared(tokens)).max()) < 1e-5


def test_bytes_and_products_of_a_token_follow_from_the_sizes(graph: Path, tmp_path: Path) -> None:
    program = loaded(graph, "+phase=decode:8", tmp_path / "a")
    once(program)
    work = program.work()
    assert work["macs_per_token"] == PRODUCTS
    assert work["weight_bytes_f32"] == pytest.approx(PRODUCTS * 4 + 2 * 64 * 4, abs=64)
    assert work["cache_bytes"] == 2 * 2 * 64 * 4 * 8
    assert work["aliasable_bytes"] == PRODUCTS * 4


def test_a_stateful_model_of_its_own_format_runs_as_the_graph_that_it_was_made_of(graph: Path, tmp_path: Path) -> None:
    made = loaded(graph, "+phase=decode:8", tmp_path / "a")
    kept = tmp_path / "a" / "prepared.xml"
    assert is_decoder(str(kept))
    again = loaded(kept, "+phase=decode:8", tmp_path / "b")
    tokens = made.inputs[0][0][:, :6]
    assert numpy.allclose(made.compared(tokens), again.compared(tokens), atol=1e-5)


def test_layers_are_read_and_a_text_is_predicted(graph: Path, tmp_path: Path) -> None:
    program = loaded(graph, "+phase=decode:8", tmp_path / "a")
    assert program.profile is not None
    assert len(program.profile(program.inputs[:2]).calls) > 20
    nats = program.text()["text_nats"]
    assert is_known(nats)
    assert 4 < nats < 12


def test_a_decoder_without_a_phase_and_surgery_on_one_are_refused(graph: Path, tmp_path: Path) -> None:
    with pytest.raises(ArmFailed, match="runs in one phase"):
        loaded(graph, "", tmp_path / "a")
    with pytest.raises(ArmFailed, match="cannot be left in float"):
        loaded(graph, "+phase=decode:8+float-ops=MatMul", tmp_path / "b")


@pytest.mark.parametrize(("count", "size"), [(4, 2), (5, 3)])
def test_an_odd_number_of_four_bit_weights_takes_a_whole_last_byte(count: int, size: int) -> None:
    weights = openvino.op.Constant(openvino.Type.u4, openvino.Shape([count]), [1] * count)
    assert decoding._read_of(weights) == (size, 0)


def test_compressed_weights_are_found_by_inferences_that_begin_with_an_empty_state(graph: Path, tmp_path: Path) -> None:
    nncf = pytest.importorskip("nncf")
    loaded(graph, "+phase=decode:8", tmp_path / "a")
    model = openvino.Core().read_model(str(tmp_path / "a" / "prepared.xml"))
    openvino.save_model(nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_ASYM), str(tmp_path / "c.xml"))
    program = loaded(tmp_path / "c.xml", "+phase=decode:8", tmp_path / "b")
    first = once(program)
    assert program.census is not None
    counts = program.census().counts
    assert counts["widening_operators"] or counts["dynamic_operators"]
    assert numpy.array_equal(first, once(program))


@pytest.mark.parametrize("phase", ["prefill:8", "decode:8"])
def test_a_state_of_no_sequence_is_refused_when_the_arm_is_prepared(phase: str, graph: Path, tmp_path: Path) -> None:
    from openvino._offline_transformations import apply_make_stateful_transformation

    model = openvino.Core().read_model(str(graph))
    named = (value.get_any_name() for value in model.inputs)
    past = {name: name.replace("past_key_values", "present") for name in named if name.startswith("past")}
    apply_make_stateful_transformation(model, past)
    openvino.save_model(model, str(tmp_path / "open.xml"))
    with pytest.raises(ArmFailed, match="begins with no sequence"):
        loaded(tmp_path / "open.xml", f"+phase={phase}", tmp_path / "a")
