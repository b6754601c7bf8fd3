"""Functions without a name are of the operators they ran in, and of none where several kinds call them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw.analysis.account.operators import category_of_operator, functions_by_operator, judged
from ironlaw.code import CodeSite, InstructionClass, LoopWork, SampledBy, SampleMode
from ironlaw.explanation.account import Category
from ironlaw.layer import LayerCall, LayerCode, LayerGraph
from ironlaw.missing import Missing
from ironlaw.recording import Recording
from tests.analysis.stated import Law, Noise, recording

SITE = CodeSite(
    object="onnxruntime_pybind11_state.cpython-311-x86_64-linux-gnu.so",
    symbol="",
    offset=0xEAAD80,
    function=0xEAAD40,
    instructions=InstructionClass.SCALAR,
    work=LoopWork.CONVERSION,
    mode=SampleMode.USER,
    count=40,
)


def recorded(*within: tuple[int, int, int]) -> Recording:
    """One arm of a softmax and an addition, whose samples in the function fell as stated."""
    calls = (LayerCall(path="", operator="QLinearSoftmax"), LayerCall(path="", operator="QLinearAdd"))
    code = LayerCode(
        arm="a", replicate=0, round=0, inferences=1, period_ns=1_000_003, by=SampledBy.CPU_CLOCK, sites=(SITE,),
        within=within,
    )  # fmt: skip
    whole = recording({"a": Law()}, Noise())
    return replace(whole, layer_graphs=(LayerGraph(arm="a", calls=calls),), layer_codes=(code,))


def test_a_function_that_ran_in_one_kind_of_operator_is_of_it() -> None:
    functions = functions_by_operator(recorded((0, 0, 39), (1, 0, 1)), "a")
    assert functions == {(SITE.object, SITE.function): Category.NORMALIZATION}
    assert judged([(SITE, Category.OTHER)], functions) == [(SITE, Category.NORMALIZATION)]
    assert judged([(SITE, Category.ALLOCATOR)], functions) == [(SITE, Category.ALLOCATOR)]


def test_a_function_of_several_kinds_stays_unclassified() -> None:
    assert functions_by_operator(recorded((0, 0, 20), (1, 0, 20)), "a") == {}


def test_few_samples_classify_nothing() -> None:
    assert functions_by_operator(recorded((0, 0, 9)), "a") == {}


def test_without_layers_nothing_is_known() -> None:
    lost = replace(recorded((0, 0, 40)), layer_graphs=(LayerGraph(arm="a", calls=Missing("lost")),))
    assert functions_by_operator(lost, "a") == {}


@pytest.mark.parametrize(
    ("operator", "category"),
    [
        ("QLinearSoftmax", Category.NORMALIZATION),
        ("SkipLayerNormalization", Category.NORMALIZATION),
        ("DynamicQuantizeLinear", Category.QUANTIZE),
        ("DynamicQuantizeMatMul", Category.KERNELS),
        ("QLinearWhere", Category.REORDER),
        ("QLinearAdd", Category.ELEMENTWISE),
        ("NonMaxSuppression", Category.OTHER),
    ],
)
def test_operators_are_known_by_their_names(operator: str, category: Category) -> None:
    assert category_of_operator(operator) is category
