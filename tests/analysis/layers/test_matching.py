"""Matching layers across arms: by path and flow of data, fused against what it replaced, nothing dropped."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ironlaw.analysis.layers.matching import Calls, Match, match
from ironlaw.layer import LayerCall


def module(path: str, operator: str, *fed_by: int, repeat: int = 0) -> LayerCall:
    return LayerCall(path=path, operator=operator, fed_by=fed_by, repeat=repeat)


def function(operator: str, *fed_by: int, path: str = "", repeat: int = 0) -> LayerCall:
    return LayerCall(path=path, operator=operator, fed_by=fed_by, repeat=repeat, is_functional=True)


def named(control: Calls, changed: Calls) -> list[tuple[list[str], list[str]]]:
    """The matches by the names of their calls."""
    return [
        ([control[at].name for at in one.control], [changed[at].name for at in one.changed])
        for one in match(control, changed)
    ]


FLOAT = (
    module("conv1", "Conv2d", -1),
    module("bn1", "BatchNorm2d", 0),
    module("relu", "ReLU", 1),
    module("conv2", "Conv2d", 2),
    module("bn2", "BatchNorm2d", 3),
    function("add", 4, 2),
    module("relu", "ReLU", 5, repeat=1),
    module("fc", "Linear", 6),
)
INT8 = (
    function("quantize_per_tensor", -1),
    module("conv1", "ConvReLU2d", 0),
    module("conv2", "Conv2d", 1),
    function("add_relu", 2, 1),
    module("fc", "Linear", 3),
    function("dequantize", 4),
)


def test_a_fused_layer_is_set_against_the_three_it_replaced() -> None:
    assert (["conv1", "bn1", "relu"], ["conv1"]) in named(FLOAT, INT8)


def test_a_batchnorm_that_no_operator_names_has_vanished() -> None:
    assert (["bn2"], []) in named(FLOAT, INT8)
    assert (["conv2"], ["conv2"]) in named(FLOAT, INT8)


def test_quantize_and_dequantize_have_appeared() -> None:
    assert ([], ["quantize_per_tensor"]) in named(FLOAT, INT8)
    assert ([], ["dequantize"]) in named(FLOAT, INT8)


def test_a_residual_addition_meets_the_one_that_took_its_relu_in() -> None:
    assert (["add", "relu #2"], ["add_relu"]) in named(FLOAT, INT8)


def test_a_shared_module_is_matched_call_by_call() -> None:
    twice = (
        module("a", "Linear", -1),
        module("s", "ReLU", 0),
        module("b", "Linear", 1),
        module("s", "ReLU", 2, repeat=1),
    )
    assert named(twice, twice) == [([call.name], [call.name]) for call in twice]


def test_functions_are_matched_by_what_feeds_them_and_not_by_their_number() -> None:
    # The changed arm has lost its first addition: the second one is now the first by number.
    control = (
        module("a", "Linear", -1),
        function("add", 0, -1),
        module("b", "Linear", 1),
        function("add", 2, 1, repeat=1),
    )
    changed = (module("a", "Linear", -1), module("b", "Linear", 0), function("add", 1, 0))
    assert (["add #2"], ["add"]) in named(control, changed)
    assert (["add"], []) in named(control, changed)


def test_functions_meet_although_one_arm_has_lost_the_module_around_them() -> None:
    control = (module("block.a", "Conv2d", -1), function("add", 0, -1, path="block"))
    changed = (module("block.a", "Conv2d", -1), function("add", 0, -1))
    assert named(control, changed)[1] == (["block add"], ["add"])


def test_a_module_that_an_engine_runs_as_several_nodes_is_set_against_all_of_them() -> None:
    control = (module("a", "Conv2d", -1), module("act", "Hardswish", 0))
    nodes = (module("a", "Conv", -1), module("act", "HardSigmoid", 0), module("act", "Mul", 1, 0))
    assert match(control, nodes)[1] == Match((1,), (1, 2))


def test_a_relu_that_others_read_before_too_is_not_taken_in() -> None:
    control = (module("a", "Conv2d", -1), module("r", "ReLU", 0), function("add", 1, 0))
    changed = (module("a", "ConvReLU2d", -1), function("add", 0, 0))
    assert (["r"], []) in named(control, changed)


OPERATORS = (
    "Conv2d",
    "ConvReLU2d",
    "BatchNorm2d",
    "ReLU",
    "Linear",
    "add",
    "add_relu",
    "Quantize",
    "dequantize",
    "mul",
)
PATHS = ("", "a", "b", "a.c", "a.d", "e")


@st.composite
def graphs(draw: st.DrawFn) -> Calls:
    """Any calls in any order, each fed by some before it."""
    calls: list[LayerCall] = []
    met: Counter[tuple[str, str]] = Counter()
    for place in range(draw(st.integers(0, 12))):
        path, operator = draw(st.sampled_from(PATHS)), draw(st.sampled_from(OPERATORS))
        feeders = draw(st.lists(st.integers(-1, place - 1), min_size=1, max_size=2, unique=True))
        is_functional = not path or draw(st.booleans())
        call = LayerCall(path=path, operator=operator, fed_by=tuple(feeders), is_functional=is_functional)
        calls.append(replace(call, repeat=met[path, operator]))
        met[path, operator] += 1
    return tuple(calls)


@given(graphs(), graphs())
def test_every_call_of_both_arms_is_in_exactly_one_match(control: Calls, changed: Calls) -> None:
    found = match(control, changed)
    assert sorted(at for one in found for at in one.control) == list(range(len(control)))
    assert sorted(at for one in found for at in one.changed) == list(range(len(changed)))
    assert all(one.control or one.changed for one in found)


@given(graphs(), graphs())
def test_swapping_the_arms_swaps_every_match(control: Calls, changed: Calls) -> None:
    swapped = {Match(one.changed, one.control) for one in match(changed, control)}
    assert set(match(control, changed)) == swapped


@given(graphs())
def test_an_arm_matches_itself_call_by_call(calls: Calls) -> None:
    assert match(calls, calls) == tuple(Match((at,), (at,)) for at in range(len(calls)))
