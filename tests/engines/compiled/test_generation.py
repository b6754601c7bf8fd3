"""Phases in compiled packages: the same logits as eager PyTorch, and the bytes of what a package holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ironlaw.engines import ENGINES
from ironlaw.engines.compiled import execution as compiled
from ironlaw.engines.compiled.aliasing import PackedConstant
from ironlaw.engines.compiled.generation import Table, bytes_read, in_phase, narrowed, phased
from ironlaw.engines.eager import execution as eager
from ironlaw.errors import ArmFailed
from ironlaw.layer import NodeProfile
from ironlaw.missing import Missing, is_known
from ironlaw.models import open_model, saved
from ironlaw.phase import Phase
from ironlaw.program import Program
from ironlaw.variant import Variant
from tests.language_models import HIDDEN, LAYERS, WIDTH, decoder_folder

from .. import small

pytest.importorskip("transformers")
pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(isinstance(ENGINES["compiled"].installed(), Missing), reason="no C++ compiler"),
]
WEIGHTS = LAYERS * (2 * WIDTH * WIDTH + 2 * (WIDTH // 2) * WIDTH + 3 * WIDTH * HIDDEN) + 128 * WIDTH
VECTORS = (2 * LAYERS + 2) * WIDTH  # norms, and one row looked up


def loaded(folder: Path, text: str) -> Program:
    """A program as a replicate loads it: with inputs that were written and read back."""
    model, variant = open_model(str(decoder_folder(folder / "model"))), Variant.parse(text)
    engine = compiled if "compiled" in text else eager
    prepared = engine.prepare(variant, model, folder / text.replace(":", "-"))
    saved.save(model, folder / "saved")
    program: Program = engine.load(variant, prepared, saved.load(folder / "saved"))
    return program


def compared(program: Program, number: int) -> Any:
    fed = program.feed(*program.inputs[0])
    with program.guard():
        program.infer(*fed)
        return program.compared(*program.inputs[number])


def test_decoding_answers_as_eager_pytorch_does_and_reads_the_cache(tmp_path: Path) -> None:
    package, module = loaded(tmp_path, "fp32@compiled+phase=decode:8"), loaded(tmp_path, "fp32+phase=decode:8")
    for number in (0, 3):
        answers = [compared(program, number) for program in (package, module)]
        assert answers[0].shape == answers[1].shape == (1, 128)
        assert float((answers[0] - answers[1]).abs().max()) < 1e-4
    counts = package.work()
    assert counts["macs_per_token"] == WEIGHTS
    assert counts["cache_bytes"] == 4 * 8 * LAYERS * 2 * WIDTH // 2
    assert 4 * (WEIGHTS + VECTORS) <= float(str(counts["weight_bytes"])) < 4.2 * (WEIGHTS + VECTORS)
    assert package.applied["phase"] == "decode:8"


@pytest.mark.hardware
def test_a_prompt_answers_as_eager_pytorch_does(tmp_path: Path) -> None:
    package, module = loaded(tmp_path, "fp32@compiled+phase=prefill:9"), loaded(tmp_path, "fp32+phase=prefill:9")
    answers = [compared(program, 2) for program in (package, module)]
    assert float((answers[0] - answers[1]).abs().max()) < 1e-4
    assert package.work()["cache_bytes"] == 0


@pytest.mark.hardware
@pytest.mark.parametrize("precision", ["bf16", "int8", "int8-weights", "int4-weights", "int8-dynamic"])
def test_other_number_formats_decode_nearly_the_same(precision: str, tmp_path: Path) -> None:
    pytest.importorskip("torchao")
    try:
        package = loaded(tmp_path, f"{precision}@compiled+phase=decode:8")
    except ArmFailed as failed:
        pytest.skip(failed.message)
    reference = compared(loaded(tmp_path, "fp32+phase=decode:8"), 1)
    assert small.sqnr_db([compared(package, 1)], [reference]) > 15


def test_a_model_without_a_cache_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArmFailed, match="takes none"):
        small.run(compiled, "fp32@compiled+phase=decode:8", small.two(), tmp_path)


def constants(*sizes: int) -> tuple[PackedConstant, ...]:
    return tuple(PackedConstant(kind="float32", bytes=size, from_start=0, in_block=0) for size in sizes)


def test_of_a_table_that_is_looked_up_one_row_is_read() -> None:
    table = Table(bytes=400, rows=100, is_shared=False)
    assert bytes_read(constants(400, 36, 400), table) == {"float32": 4 + 36 + 400}


def test_a_table_that_is_the_output_as_well_is_read_whole_once() -> None:
    table = Table(bytes=400, rows=100, is_shared=True)
    assert bytes_read(constants(400, 36), table) == {"float32": 436}
    assert bytes_read(constants(400, 36, 400), table) == {"float32": 4 + 36 + 400}


def asked(folder: Path, text: str, **changed: Any) -> tuple[Any, Any, Any, Phase]:
    """A model, what would be exported of it for a phase, what lies before its tokens, and the phase."""
    phase = Phase.read(text)
    assert is_known(phase)
    model = open_model(str(decoder_folder(folder, **changed)))
    return model, *in_phase(model, phase), phase


SLIDING = {"model_type": "mistral", "architectures": ["MistralForCausalLM"], "sliding_window": 4}


@pytest.mark.parametrize("kind", [{}, SLIDING], ids=["whole", "sliding"])
@pytest.mark.parametrize("text", ["decode:3", "decode:9", "prefill:9"])
def test_what_is_exported_answers_as_the_model_does_for_all_tokens_at_once(
    text: str, kind: dict[str, Any], tmp_path: Path
) -> None:
    """Behind keys and values that a window of four positions cuts off as well."""
    import torch

    model, made, behind, phase = asked(tmp_path, text, **kind)
    tokens = model.inputs[0][0][:, : phase.depth + phase.processed]
    with torch.no_grad():
        found = made.form(*behind.fed(model.inputs[0][0]))
        wanted = model.form(input_ids=tokens, use_cache=False)[0][:, -1:]
    assert found.shape == (1, 1, 128)
    assert float((found - wanted).abs().max()) < 1e-4


def test_calibration_and_probes_are_given_behind_the_same_tokens(tmp_path: Path) -> None:
    model, made, behind, phase = asked(tmp_path, "decode:9")
    for before, after in ((model.inputs, made.inputs), (model.probes, made.probes)):
        assert [one[0].shape for one in after] == [(1, 1)] * len(before)
        assert [int(one[0]) for one in after] == [int(one[0][0, phase.depth]) for one in before]
        assert all(one[1:] == behind.tensors for one in after)
    assert [part.shape for part in behind.tensors] == [(1, 2, 9, 16)] * 2 * LAYERS
    assert all(part.is_contiguous() for part in behind.tensors)


def test_what_lies_before_a_token_is_narrowed_with_the_model(tmp_path: Path) -> None:
    import torch

    *_, behind, phase = asked(tmp_path, "decode:3")
    narrow = narrowed(behind)
    assert narrow.phase == phase
    assert [part.dtype for part in narrow.tensors] == [torch.bfloat16] * 2 * LAYERS
    assert float((narrow.tensors[0].float() - behind.tensors[0]).abs().max()) < 0.05


def test_a_package_is_called_and_profiled_as_its_phase_calls_it(tmp_path: Path) -> None:
    model, made, behind, _ = asked(tmp_path, "prefill:9")
    given: list[Any] = []

    def profile(inputs: list[tuple[Any, ...]]) -> NodeProfile:
        given.extend(inputs)
        return NodeProfile(calls=(), calls_ns=(), wall_ns=1)

    program = Program(infer=made.form, inputs=model.inputs, boundary="", profile=profile)
    called = phased(program, behind, tmp_path)
    answer = called.compared(*model.inputs[1])
    assert answer.shape == (1, 128)
    assert called.profile is not None
    called.profile(model.inputs[:2])
    assert [one[0].shape for one in given] == [(1, 9), (1, 9)]
