"""Phases of a causal model of transformers: given tokens, a cache that is cropped back, bytes that a token reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ironlaw.engines.eager import execution
from ironlaw.errors import ArmFailed
from ironlaw.factors import FACTORS
from ironlaw.missing import is_known
from ironlaw.models import open_model
from ironlaw.program import Program
from ironlaw.variant import Variant
from tests.language_models import HIDDEN, LAYERS, WIDTH, decoder_folder

pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore")
A_LAYER = 2 * WIDTH * WIDTH + 2 * (WIDTH // 2) * WIDTH + 3 * WIDTH * HIDDEN


def loaded(folder: Path, text: str) -> Program:
    model = open_model(str(decoder_folder(folder / "model")))
    variant = Variant.parse(text)
    made = folder / text.replace(":", "-")
    return execution.load(variant, execution.prepare(variant, model, made), model)


def run(program: Program, number: int = 0) -> Any:
    fed = program.feed(*program.inputs[number])
    for before in program.before_each:
        before()
    with program.guard():
        return program.infer(*fed)


def test_decoding_behind_the_cache_gives_what_the_whole_text_gives_at_its_end(tmp_path: Path) -> None:
    whole, behind = loaded(tmp_path, "fp32+phase=prefill:9"), loaded(tmp_path, "fp32+phase=decode:8")
    assert run(whole).shape == run(behind).shape == (1, 1, 128)
    assert float((run(whole) - run(behind)).abs().max()) < 1e-4


def test_every_inference_starts_at_the_same_depth(tmp_path: Path) -> None:
    program = loaded(tmp_path, "fp32+phase=decode:8")
    first = run(program)
    assert all(bool((run(program) == first).all()) for _ in range(3))


def test_answers_of_both_phases_are_the_same_logits(tmp_path: Path) -> None:
    whole, behind = loaded(tmp_path, "fp32+phase=prefill:9"), loaded(tmp_path, "fp32+phase=decode:8")
    first, second = (program.compared(*program.inputs[0]) for program in (whole, behind))
    assert first.shape == (1, 128)
    assert float((first - second).abs().max()) < 1e-4


def test_a_text_is_predicted_equally_in_both_phases_and_the_cache_stays_as_it_was(tmp_path: Path) -> None:
    whole, behind = loaded(tmp_path, "fp32+phase=prefill:9"), loaded(tmp_path, "fp32+phase=decode:8")
    first = run(behind)
    nats = behind.text()["text_nats"]
    assert is_known(nats)
    assert nats == pytest.approx(whole.text()["text_nats"], rel=1e-4)
    assert 4.0 < nats < 7.0  # ln(128) is 4.9: its weights are random
    assert bool((run(behind) == first).all())


def test_an_inference_reads_the_weights_and_the_cache(tmp_path: Path) -> None:
    program = loaded(tmp_path, "fp32+phase=decode:8")
    run(program)
    counts = program.work()
    norms = (2 * LAYERS + 1) * WIDTH
    assert counts["macs_per_token"] == LAYERS * A_LAYER + 128 * WIDTH
    assert counts["weight_bytes"] == 4 * (LAYERS * A_LAYER + 128 * WIDTH + norms + WIDTH)  # and one row looked up
    assert counts["cache_bytes"] == 4 * 8 * LAYERS * 2 * WIDTH // 2
    assert counts["tokens"] == 1


def test_bytes_of_bfloat16_are_half(tmp_path: Path) -> None:
    try:
        program = loaded(tmp_path, "bf16+phase=prefill:4")
    except ArmFailed as failed:
        pytest.skip(failed.message)
    run(program)
    counts = program.work()
    assert counts["weight_bytes"] == counts["weight_bytes_bfloat16"]
    assert counts["weight_bytes"] == 2 * (LAYERS * A_LAYER + 128 * WIDTH + (2 * LAYERS + 2) * WIDTH)


def test_what_cannot_be_traced_or_aliased_of_a_decoder_is_refused_in_words_and_counted(tmp_path: Path) -> None:
    pytest.importorskip("torchao")
    program = loaded(tmp_path, "int8-weights+phase=decode:8")
    run(program)
    assert program.work()["aliasable_bytes"] == 0
    known = loaded(tmp_path, "fp32+phase=prefill:8").work()
    assert known["aliasable_bytes"] == known["weight_bytes"] != 0
    with pytest.raises(ArmFailed, match="weights of few bits cannot be aliased"):
        FACTORS["weights"].change("aliased", program)
    with pytest.raises(ArmFailed, match="a trace keeps no keys and values"):
        FACTORS["dispatch"].change("traced", program)


def test_packed_weights_of_int8_are_not_counted_as_aliasable(tmp_path: Path) -> None:
    program = loaded(tmp_path, "int8-dynamic+phase=prefill:8")
    run(program)
    assert "aliasable_bytes" not in program.work()


def test_decoding_beyond_a_layer_s_window_is_refused_with_the_depth_that_it_allows(tmp_path: Path) -> None:
    window = {"sliding_window": 10, "layer_types": ["sliding_attention"] * LAYERS, "model_type": "mistral"}
    kinds = {"architectures": ["MistralForCausalLM"]}

    def at(depth: int) -> Program:
        folder = decoder_folder(tmp_path / f"model{depth}")
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, **window, **kinds}))
        model, variant = open_model(str(folder)), Variant.parse(f"fp32+phase=decode:{depth}")
        return execution.load(variant, execution.prepare(variant, model, tmp_path / f"a{depth}"), model)

    program = at(8)
    first = run(program)
    assert bool((run(program) == first).all())
    with pytest.raises(ArmFailed, match="reaches a layer's window of 10 tokens") as refused:
        run(at(9))
    assert "8 tokens at most" in (refused.value.hint or "")


def test_a_model_without_a_cache_is_refused() -> None:
    import torch

    from ironlaw.engines.torch_modules.generation import in_phase
    from ironlaw.missing import is_known
    from ironlaw.phase import Phase

    phase = Phase.read("decode:4")
    assert is_known(phase)
    with pytest.raises(ArmFailed, match="takes none"):
        in_phase(Program(infer=torch.nn.Linear(2, 2), inputs=[], module=torch.nn.Linear(2, 2)), phase)


def test_several_sequences_at_once_are_refused(tmp_path: Path) -> None:
    model = open_model(str(decoder_folder(tmp_path / "model")), batch=2)
    variant = Variant.parse("fp32+phase=decode:8")
    with pytest.raises(ArmFailed, match="one sequence at a time, not 2") as refused:
        execution.load(variant, execution.prepare(variant, model, tmp_path / "made"), model)
    assert "--vary batch" in (refused.value.hint or "")


@pytest.mark.parametrize("phase", ["decode:8", "prefill:9"])
def test_layers_of_several_inferences_are_those_of_the_survey_without_what_is_outside_of_an_inference(
    phase: str, tmp_path: Path
) -> None:
    from ironlaw.measure.layers.reading import check_course, run_read
    from ironlaw.measure.layers.survey import survey

    program = loaded(tmp_path, f"fp32+phase={phase}")
    with program.guard():
        run(program)
        course = survey(program, "a").course
        with course.standing() as trace:
            run_read(program, trace, None, program.inputs[:3])
    check_course(trace, course, 3)
    assert len(course.order) > 20
    assert "repeat" not in {function.__name__ for function in course.functions}
