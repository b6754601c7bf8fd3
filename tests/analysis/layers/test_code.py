"""Which code ran in which layer: the pipeline names what the script states, and gaps stay gaps."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from ironlaw.analysis.assemble import explain
from ironlaw.analysis.layers.code import FEWEST_SAMPLES, executed_in, executed_together
from ironlaw.analysis.layers.views import By, viewed
from ironlaw.code import CodeSite, InstructionClass, LoopWork, SampleMode
from ironlaw.explanation.account import Category, Code
from ironlaw.explanation.split import LayerExecuted, Ledger
from ironlaw.layer import Probe
from ironlaw.missing import Missing, is_known
from ironlaw.recording import Recording
from tests.analysis.scripted_layers import FLOAT, FLOAT_ARM, INT8, INT8_ARM, recorded


def site(symbol: str, instructions: InstructionClass, count: int) -> CodeSite:
    return CodeSite(
        object="[generated]", symbol=symbol, offset=0, instructions=instructions, work=LoopWork.MULTIPLY_ADD,
        mode=SampleMode.USER, count=count,
    )  # fmt: skip


CONV = site("jit_brgemm_conv_kernel", InstructionClass.AVX512, 3)
PADDED = site("jit_pad_kernel_copy_", InstructionClass.AVX512, 1)
TILES = site("jit_brgemm_amx_uker_base_t", InstructionClass.AMX, 1)


def sampled() -> Recording:
    """The convolution of both arms has stated code, each kernel where it ran."""
    plain = replace(FLOAT_ARM, layers=(replace(FLOAT[0], code=(CONV, PADDED)), *FLOAT[1:]))
    quantized = replace(INT8_ARM, layers=(INT8[0], replace(INT8[1], code=(TILES,)), *INT8[2:]))
    return recorded(plain, quantized, code=True)


def ledger_of(recording: Recording) -> Ledger:
    (comparison,) = explain(recording, control="fp32", changed="int8").comparisons
    assert is_known(comparison.ledger)
    return comparison.ledger


def test_a_layer_shows_the_kernels_that_ran_in_it_in_either_arm() -> None:
    row = next(row for row in ledger_of(sampled()).rows if row.layer == "conv")
    assert is_known(row.control_code)
    assert is_known(row.changed_code)
    assert [(code.name, code.category) for code, _ in row.control_code.code] == [
        ("jit_brgemm_conv_kernel", Category.MATRIX),
        ("jit_pad_kernel_copy_", Category.REORDER),
    ]
    assert sum(share for _, share in row.control_code.code) == 1.0
    assert row.changed_code.code[0][0].instructions is InstructionClass.AMX


def test_a_layer_in_which_no_sample_fell_is_a_gap() -> None:
    row = next(row for row in ledger_of(sampled()).rows if row.layer == "fc")
    assert isinstance(row.control_code, Missing)
    assert "samples" in row.control_code.reason


def test_code_by_layer_leaves_every_time_as_it_is() -> None:
    with_code, without = ledger_of(sampled()), ledger_of(recorded())
    assert [row.saved_ns for row in with_code.rows] == pytest.approx([row.saved_ns for row in without.rows], abs=1e-3)
    assert all(one.probe is not Probe.CODE for one in sampled().layer_readings)


def test_recordings_without_it_say_so() -> None:
    assert all(isinstance(row.control_code, Missing) for row in ledger_of(recorded()).rows)


def test_few_samples_name_nothing() -> None:
    code = Code(
        object="a.so", name="f", category=Category.OTHER, instructions=InstructionClass.SSE, work=LoopWork.MOVE
    )  # fmt: skip
    assert isinstance(executed_in({0: Counter({code: FEWEST_SAMPLES - 1})}, [0]), Missing)
    found = executed_in({0: Counter({code: 4}), 1: Counter({code: 6}), 2: Counter({code: 9})}, [0, 1])
    assert found == LayerExecuted(samples=10, code=((code, 1.0),))


def test_rows_together_have_the_samples_of_each() -> None:
    ledger = ledger_of(sampled())
    (conv,) = (row for row in ledger.rows if row.layer == "conv")
    blocks = {row.layer: row for row in viewed(ledger, by=By.BLOCK)}
    assert blocks["conv"].control_code == conv.control_code
    assert is_known(conv.control_code)
    twice = executed_together([conv.control_code, Missing("few"), conv.control_code])
    assert is_known(twice)
    assert twice.samples == 2 * conv.control_code.samples
    assert twice.code == conv.control_code.code
