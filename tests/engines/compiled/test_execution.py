"""Inductor: the package computes the same function, in the numbers asked for."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch

from ironlaw.engines import ENGINES
from ironlaw.engines.compiled import execution as engine
from ironlaw.engines.compiled.lowering import Lowered
from ironlaw.errors import ArmFailed
from ironlaw.missing import Missing
from ironlaw.variant import Variant

from .. import small

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(isinstance(ENGINES["compiled"].installed(), Missing), reason="no C++ compiler"),
]


@pytest.mark.hardware
def test_float_answers_as_the_module_does_and_compiling_is_a_phase(tmp_path: Path) -> None:
    model = small.two()
    prepared, _, answers = small.run(engine, "fp32@compiled", model, tmp_path)
    torch.testing.assert_close(answers, small.expected(model), rtol=1e-4, atol=1e-5)
    assert {"export", "compile"} <= set(prepared.phases_ns)
    assert zipfile.is_zipfile(prepared.path)


def test_int8_gives_same_outputs_and_calls_int8_kernels(tmp_path: Path) -> None:
    pytest.importorskip("torchao")
    model = small.seeing()
    prepared, _, answers = small.run(engine, "int8@compiled", model, tmp_path)
    assert 20 < small.sqnr_db(answers, small.expected(model)) < 70
    assert engine._holds_int8(Path(prepared.path))
    assert {"prepare", "calibrate", "convert", "compile"} <= set(prepared.phases_ns)


def test_weights_in_int8_are_widened_in_every_call_where_constants_are_not_folded(tmp_path: Path) -> None:
    pytest.importorskip("torchao")
    model = small.two()
    prepared, program, answers = small.run(engine, "int8-weights@compiled+inductor.freezing=off", model, tmp_path)
    assert 20 < small.sqnr_db(answers, small.expected(model)) < 70
    assert program.census is not None
    assert program.census().counts["widening_operators"] == 2
    assert "weights of 2 layers stored in int8; products computed in float" in prepared.notes


@pytest.mark.parametrize(("arm", "at_least"), [("bf16@compiled", 1), ("fp32@compiled", 0)])
def test_loops_that_read_numbers_of_16_bits_are_counted(arm: str, at_least: int, tmp_path: Path) -> None:
    _, program, _ = small.run(engine, arm, small.seeing(), tmp_path)
    assert program.census is not None
    casts = program.census().counts["half_casts"]
    assert not isinstance(casts, Missing)
    assert casts >= at_least if at_least else casts == 0


def test_what_it_does_not_offer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArmFailed, match="compiled cannot run a user's own program"):
        small.run(engine, "given@compiled", small.seeing(), tmp_path)


def test_a_callable_is_refused(tmp_path: Path) -> None:
    from dataclasses import replace

    with pytest.raises(ArmFailed, match="not a torch module"):
        small.run(engine, "fp32@compiled", replace(small.seeing(), module=lambda x: x), tmp_path)


def test_what_an_arm_prepared_before_shows_is_not_lowered_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, fresh = (Lowered(loops=loops, calls=(), instructions="avx512") for loops in ((1, 4), (9,)))
    monkeypatch.setattr(engine, "lower", lambda exported, package, config: fresh)
    about = engine._About(configuration={}, shown=shown, graph="a1", levels="fp32@compiled")
    (tmp_path / "model0").mkdir()
    engine._write(tmp_path / "model0" / engine._ABOUT, about)

    def lowered(graph: str, variant: str) -> object:
        return engine._lowered_for(None, graph, tmp_path / "model1", Variant.parse(variant))

    assert lowered("a1", "fp32@compiled+malloc=retain") == shown, "malloc= shapes no package"
    assert lowered("b2", "fp32@compiled") == fresh, "another graph"
    assert lowered("a1", "fp32@compiled+threads=2") == fresh, "other levels"
