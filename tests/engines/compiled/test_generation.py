"""Phases in compiled packages: the same logits as eager PyTorch, and the bytes of what a package holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ironlaw.engines import ENGINES
from ironlaw.engines.compiled import execution as compiled
from ironlaw.engines.compiled.aliasing import PackedConstant
from ironlaw.engines.compiled.generation import Table, bytes_read
from ironlaw.engines.eager import execution as eager
from ironlaw.errors import ArmFailed
from ironlaw.missing import Missing
from ironlaw.models import open_model, saved
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
