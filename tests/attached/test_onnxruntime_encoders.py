"""Profiles of a transformer's layer in ONNX Runtime: float, and with its matrix products quantized dynamically.

Names, types and shapes of the nodes as version 1.32 writes them of such a file; times by hand.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from ironlaw.analysis.attached.explain import explain_attached
from ironlaw.explanation.split import LedgerRow
from ironlaw.missing import is_known

from .files import file_of

Node = tuple[str, str, Sequence[Any], Sequence[Any], int, int]  # name, type, inputs, outputs, bytes of constants, us
TOKENS, WIDE, FLAT, FLAT_WIDE = [1, 8, 16], [1, 8, 64], [8, 16], [8, 64]


def form(shape: Sequence[int], dtype: str = "float") -> dict[str, list[int]]:
    return {dtype: list(shape)}


def reshape(name: str, before: Sequence[int], behind: Sequence[int]) -> Node:
    return name, "Reshape", [form(before), form([len(behind)], "int64")], [form(behind)], 8 * len(behind), 2


FLOAT: tuple[Node, ...] = (
    reshape("gemm_input_reshape_token_84", TOKENS, FLAT),
    ("node_MatMul_53/MatMulAddFusion", "Gemm", [form(FLAT), form([16])], [form(FLAT)], 64, 100),
    reshape("gemm_output_reshape_token_87", FLAT, TOKENS),
    ("node_MatMul_90/MatMulScaleFusion/", "FusedMatMul", [form(TOKENS), form([1, 16, 8])], [form([1, 8, 8])], 0, 50),
    ("node_Softmax_92", "Softmax", [form([1, 8, 8])], [form([1, 8, 8])], 0, 30),
    reshape("gemm_input_reshape", TOKENS, FLAT),
    ("node_MatMul_109/MatMulAddFusion", "Gemm", [form(FLAT), form([64])], [form(FLAT_WIDE)], 256, 400),
    reshape("gemm_output_reshape", FLAT_WIDE, WIDE),
)  # fmt: skip
DYNAMIC: tuple[Node, ...] = (
    ("layer_norm_QuantizeLinear", "DynamicQuantizeLinear",
     [form(TOKENS)], [form(TOKENS, "uint8"), form([]), form([], "uint8")], 0, 5),
    ("node_MatMul_53_quant", "MatMulIntegerToFloat",
     [form(TOKENS, "uint8"), form([]), form([]), form([], "uint8"), form([], "int8"), form([16])],
     [form(TOKENS)], 69, 20),
    ("node_MatMul_90/MatMulScaleFusion/", "FusedMatMul", [form(TOKENS), form([1, 16, 8])], [form([1, 8, 8])], 0, 50),
    ("node_Softmax_92", "Softmax", [form([1, 8, 8])], [form([1, 8, 8])], 0, 30),
    reshape("gemm_input_reshape", TOKENS, FLAT),
    ("node_MatMul_109/MatMulAddFusion_MatMul_quant", "DynamicQuantizeMatMul",
     [form(FLAT), form([]), form([], "int8"), form([64])], [form(FLAT_WIDE)], 261, 80),
    reshape("gemm_output_reshape", FLAT_WIDE, WIDE),
)  # fmt: skip


def profile(nodes: Sequence[Node]) -> str:
    """Three runs of these nodes, as enable_profiling writes them."""
    events, at = [], 0
    for _ in range(3):
        began = at
        for name, kind, inputs, outputs, constants, took in nodes:
            stated = {"op_name": kind, "provider": "CPUExecutionProvider", "parameter_size": str(constants),
                      "input_type_shape": inputs, "output_type_shape": outputs}  # fmt: skip
            events.append({"cat": "Node", "name": f"{name}_kernel_time", "ts": at, "dur": took, "args": stated})
            at += took
        events.append({"cat": "Session", "name": "model_run", "ts": began, "dur": at - began + 10, "args": {}})
        at += 10
    return json.dumps(events)


def rows(control: Sequence[Node], changed: Sequence[Node]) -> dict[str, LedgerRow]:
    files = [file_of(profile(nodes), name) for nodes, name in ((control, "fp32.json"), (changed, "int8.json"))]
    (comparison,) = explain_attached(files).comparisons
    assert is_known(comparison.ledger)
    return {row.layer: row for row in comparison.ledger.rows}


@pytest.mark.parametrize("is_swapped", [False, True])
def test_a_gemm_meets_the_product_of_integers_that_was_made_of_the_same_layer(is_swapped: bool) -> None:
    found = rows(DYNAMIC, FLOAT) if is_swapped else rows(FLOAT, DYNAMIC)
    assert set(found) == {
        "layer_norm_QuantizeLinear",
        "MatMul_53",
        "MatMul_90",
        "Softmax_92",
        "MatMul_109",
        "framework",
    }
    first, second = found["MatMul_53"], found["MatMul_109"]
    # The reshapes that the session inserted to compute a Gemm belong to its layer.
    for row, gemm_ns, product_ns in ((first, 104e3, 20e3), (second, 404e3, 84e3)):
        assert row.control_ns == pytest.approx(product_ns if is_swapped else gemm_ns)
        assert row.changed_ns == pytest.approx(gemm_ns if is_swapped else product_ns)
    assert first.kind == second.kind
    assert {first.fate, second.fate} == {"both"}


def test_a_packed_weight_follows_from_what_the_product_reads_and_writes() -> None:
    row = rows(FLOAT, DYNAMIC)["MatMul_109"]
    for work in (row.control_work, row.changed_work):
        assert work["macs"] == 8 * 16 * 64
    assert row.executed == ("fp32, Reshape; fp32, Gemm", "fp32, Reshape; int8, DynamicQuantizeMatMul")


def test_the_addend_of_a_gemm_is_not_taken_for_its_packed_weight() -> None:
    added = tuple(
        (name, kind, [inputs[0], form([1, 64])] if kind == "Gemm" and inputs[1] == form([64]) else inputs, *rest)
        for name, kind, inputs, *rest in FLOAT
    )
    assert rows(added, DYNAMIC)["MatMul_109"].control_work["macs"] == 8 * 16 * 64  # type: ignore[arg-type]


def test_a_reshape_away_from_its_gemm_stands_alone() -> None:
    moved = (*FLOAT[1:5], FLOAT[0], *FLOAT[5:])
    found = rows(moved, DYNAMIC)
    assert found["MatMul_53"].control_ns == pytest.approx(102e3)
    assert [row.fate for name, row in found.items() if name.startswith("Reshape")] == ["vanished"]
