"""ONNX Runtime runs decoder graphs phase by phase: given tokens, keys and values of earlier ones, named refusals."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest

from ironlaw.engines.onnxruntime import execution
from ironlaw.errors import ArmFailed, BadInput
from ironlaw.missing import Missing, is_known
from ironlaw.models import open_model
from ironlaw.program import Program
from ironlaw.variant import Variant
from tests.decoder_graphs import VOCABULARY, Sizes, decoder_graph, in_four_bits, logits_of_both

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

LAYER = 4 * 64 * 64 + 2 * 64 * 128
PRODUCTS = 2 * LAYER + 64 * VOCABULARY


def loaded(source: Path, levels: str, folder: Path) -> Program:
    model, variant = open_model(str(source)), Variant.parse(f"given@onnxruntime{levels}")
    return execution.load(variant, execution.prepare(variant, model, folder), model)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return decoder_graph(tmp_path_factory.mktemp("decoder") / "decoder.onnx")


def test_tokens_given_together_and_one_by_one_have_the_same_logits(graph: Path, tmp_path: Path) -> None:
    together = loaded(graph, "+phase=prefill:16", tmp_path / "a")
    apart = loaded(graph, "+phase=decode:16", tmp_path / "b")
    first = logits_of_both(together, apart)
    assert float(numpy.abs(first[0] - first[5]).max()) > 0.1


@pytest.mark.parametrize(("phase", "tokens", "depth"), [("prefill:16", 16, 0), ("decode:40", 1, 40)])
def test_an_inference_takes_the_tokens_of_its_phase_and_knows_those_before(
    graph: Path, tmp_path: Path, phase: str, tokens: int, depth: int
) -> None:
    program = loaded(graph, f"+phase={phase}", tmp_path / "a")
    gives, given = program.feed(*program.inputs[0])
    assert given["input_ids"].shape() == [1, tokens]
    assert given["attention_mask"].shape() == [1, depth + tokens]
    assert given["position_ids"].numpy().tolist() == [list(range(depth, depth + tokens))]
    assert given["past_key_values.1.key"].shape() == [1, 4, depth, 16]
    made = dict(zip(gives, program.infer(gives, given), strict=True))
    assert made["present.1.value"].shape() == [1, 4, depth + tokens, 16]


def test_the_last_token_of_a_prompt_is_predicted_as_decoding_behind_the_others_does(
    graph: Path, tmp_path: Path
) -> None:
    prompt, one = (loaded(graph, f"+phase={phase}", tmp_path / phase[0]) for phase in ("prefill:17", "decode:16"))
    last = []
    for program in (prompt, one):
        gives, given = program.feed(*program.inputs[0])
        last.append(program.infer(gives, given)[gives.index("logits")].numpy()[0, -1])
    assert float(numpy.abs(last[0] - last[1]).max()) < 1e-4


def test_bytes_and_products_of_a_token_follow_from_the_sizes(graph: Path, tmp_path: Path) -> None:
    four = in_four_bits(graph, tmp_path / "four.onnx")
    wide, packed = (loaded(one, "+phase=decode:8", tmp_path / one.stem).work() for one in (graph, four))
    assert wide["macs_per_token"] == packed["macs_per_token"] == PRODUCTS
    rows = 2 * 64 * 4  # of the tables of tokens and positions
    assert wide["weight_bytes_float"] == pytest.approx(PRODUCTS * 4 + rows, abs=64)
    assert packed["weight_bytes_int4"] == PRODUCTS // 2
    assert packed["weight_bytes_float"] == pytest.approx(PRODUCTS * 4 / 32 + rows, abs=64)  # a scale for 32 weights
    assert wide["cache_bytes"] == 2 * 2 * 64 * 4 * 8
    assert (wide["aliasable_bytes"], packed["aliasable_bytes"]) == (PRODUCTS * 4, 0)
    total = wide["weight_bytes"]
    assert is_known(total)
    assert total == pytest.approx(PRODUCTS * 4 + rows, abs=200)


def test_the_accuracy_level_of_a_decoder_is_changed_and_read_back(graph: Path, tmp_path: Path) -> None:
    four = in_four_bits(graph, tmp_path / "four.onnx")
    program = loaded(four, "+phase=prefill:8+accuracy-level=4", tmp_path / "a")
    assert program.applied["accuracy-level"].startswith("accuracy level 4 on 13 MatMulNBits")
    assert program.census is not None
    assert program.census().counts["int8_operators"] == 13


def test_weights_of_a_decoder_are_aliased_and_it_then_answers_otherwise(graph: Path, tmp_path: Path) -> None:
    own, aliased = (loaded(graph, f"+phase=decode:8{more}", tmp_path / (more or "own")) for more in ("", _ALIASED))
    assert aliased.applied["weights"].endswith("over 0.26 MB of memory")
    tokens = own.inputs[0][0][:, :4]
    assert not numpy.allclose(own.compared(tokens), aliased.compared(tokens))


_ALIASED = "+weights=aliased"


@pytest.mark.parametrize("phase", ["prefill:8", "decode:8"])
def test_layers_are_read_in_each_phase(graph: Path, tmp_path: Path, phase: str) -> None:
    program = loaded(graph, f"+phase={phase}", tmp_path / "a")
    assert program.profile is not None
    found = program.profile(program.inputs[:2])
    assert sum(found.calls_ns) <= found.wall_ns
    assert len(found.calls) > 20


def test_a_text_is_predicted_about_as_badly_as_random_weights_do(graph: Path, tmp_path: Path) -> None:
    nats = loaded(graph, "+phase=decode:8", tmp_path / "a").text()["text_nats"]
    assert is_known(nats)
    assert 4 < nats < 12  # ln 300 is 5.7


def test_a_decoder_without_a_phase_and_another_graph_in_one_are_refused(graph: Path, tmp_path: Path) -> None:
    with pytest.raises(ArmFailed, match="runs in one phase"):
        loaded(graph, "", tmp_path / "a")
    import onnx

    make = onnx.helper
    ends = [make.make_tensor_value_info(name, 1, [1, 4]) for name in "xy"]
    plain = make.make_graph([make.make_node("Relu", ["x"], ["y"])], "plain", ends[:1], ends[1:])
    onnx.save(make.make_model(plain, opset_imports=[make.make_opsetid("", 21)], ir_version=10), tmp_path / "p.onnx")
    with pytest.raises(ArmFailed, match="takes none"):
        loaded(tmp_path / "p.onnx", "+phase=decode:8", tmp_path / "b")


def test_an_open_size_of_heads_is_read_from_the_configuration_beside_it(tmp_path: Path) -> None:
    source = decoder_graph(tmp_path / "open.onnx", Sizes(head_size="kv_cache_dim"))
    with pytest.raises(BadInput, match=r"leaves size 3 of past_key_values\.0\.key open"):
        loaded(source, "+phase=decode:8", tmp_path / "a")
    (tmp_path / "genai_config.json").write_text('{"model": {"decoder": {"head_size": 16}}}')
    assert loaded(source, "+phase=decode:8", tmp_path / "b").work()["depth"] == 8


def test_a_graph_that_names_its_outputs_otherwise_is_refused(graph: Path, tmp_path: Path) -> None:
    import onnx

    model = onnx.load(str(graph))
    for node in model.graph.node:
        node.input[:] = [name.replace("present.1.key", "kept") for name in node.input]
        node.output[:] = [name.replace("present.1.key", "kept") for name in node.output]
    next(one for one in model.graph.output if one.name == "present.1.key").name = "kept"
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ArmFailed, match=r"no output called present\.1\.key"):
        loaded(tmp_path / "other.onnx", "+phase=decode:8", tmp_path / "a")


def test_weights_are_a_gap_where_onnx_is_not_installed(
    graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = loaded(graph, "+phase=decode:8", tmp_path / "a")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert isinstance(program.work()["weight_bytes"], Missing)
