"""Each rule takes the example it was made from, and nothing that an earlier rule should have."""

from __future__ import annotations

import pytest

from ironlaw.analysis.account.categories import RULES, CategoryRule, category_of
from ironlaw.code import CodeSite, InstructionClass, LoopWork, SampleMode
from ironlaw.explanation.account import Category


def example(rule: CategoryRule) -> CodeSite:
    """The site a rule was made from; `near` rules are about sites without a symbol of their own."""
    name, symbol = rule.example
    return CodeSite(
        object=name,
        symbol="" if rule.near else symbol,
        near=symbol if rule.near else "",
        offset=0,
        instructions=rule.instructions[0] if rule.instructions else InstructionClass.AVX2,
        work=rule.work[0] if rule.work else LoopWork.UNKNOWN,
        mode=rule.mode,
        count=1,
    )


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.category.value}: {rule.example[1]}")
def test_a_rule_takes_its_example_before_any_other_rule_does(rule: CategoryRule) -> None:
    taken_by = next(one for one in RULES if one.takes(example(rule)))
    assert taken_by is rule


def test_what_no_rule_takes_is_other() -> None:
    site = CodeSite(
        object="libmine.so", symbol="work", offset=0, instructions=InstructionClass.INTEGER, work=LoopWork.CONTROL,
        mode=SampleMode.USER, count=1,
    )  # fmt: skip
    assert category_of(site) is Category.OTHER


@pytest.mark.parametrize(
    ("symbol", "category"),
    [
        ("ggml_vec_dot_q4_1_q8_1", Category.MATRIX),
        ("ggml_compute_forward_mul_mat", Category.MATRIX),
        ("ggml_compute_forward_flash_attn_ext", Category.ATTENTION),
        ("ggml_compute_forward_rms_norm(ggml_compute_params const*, ggml_tensor*)", Category.NORMALIZATION),
        ("ggml_vec_soft_max_f32", Category.NORMALIZATION),
        ("quantize_row_q8_1", Category.QUANTIZE),
        ("dequantize_row_q8_0", Category.QUANTIZE),
        ("ggml_cpu_fp16_to_fp32", Category.QUANTIZE),
        ("ggml_vec_swiglu_f32", Category.ELEMENTWISE),
        ("ggml_compute_forward_rope", Category.ELEMENTWISE),
        ("ggml_compute_forward_get_rows", Category.REORDER),
        ("ggml_barrier", Category.WAITING),
        ("ggml_graph_compute_thread", Category.FRAMEWORK),
        ("ggml_is_contiguous_0", Category.FRAMEWORK),
        ("llama_context::decode(llama_batch const&)", Category.FRAMEWORK),
    ],
)
@pytest.mark.parametrize("name", ["xllamacpp.abi3.so", "libggml-cpu.so"])
def test_code_of_llama_cpp_has_its_category_in_any_package(name: str, symbol: str, category: Category) -> None:
    site = CodeSite(
        object=name, symbol=symbol, near="", offset=0, instructions=InstructionClass.AVX2, work=LoopWork.ARITHMETIC,
        mode=SampleMode.USER, count=1,
    )  # fmt: skip
    assert category_of(site) is category


@pytest.mark.parametrize(
    ("name", "symbol", "category"),
    [
        ("[generated]", "jit_amx_tilerelease_t", Category.MATRIX),
        ("[generated]", "jit_uni_reduce_kernel_f32", Category.ELEMENTWISE),
        ("libhwloc.so.15", "hwloc_bitmap_isincluded", Category.FRAMEWORK),
    ],
)
def test_what_an_engine_runs_beside_its_kernels_has_a_category(name: str, symbol: str, category: Category) -> None:
    site = CodeSite(
        object=name, symbol=symbol, offset=0, instructions=InstructionClass.AMX, work=LoopWork.MOVE,
        mode=SampleMode.USER, count=1,
    )  # fmt: skip
    assert category_of(site) is category
