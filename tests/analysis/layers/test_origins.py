"""Calls whose engine says which layers they compute: set against all of these, and nothing twice."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ironlaw.analysis.layers.matching import Calls, Match, match
from ironlaw.layer import LayerCall, Origin

from .test_matching import function, graphs, module, named


def kernel(operator: str, *fed_by: int, origins: tuple[Origin, ...]) -> LayerCall:
    return replace(function(operator, *fed_by), origins=origins)


def layer(path: str, repeat: int = 0) -> Origin:
    return Origin(path=path, operator="Module", repeat=repeat)


def operator(name: str, path: str = "", repeat: int = 0) -> Origin:
    return Origin(path=path, operator=name, is_functional=True, repeat=repeat)


EAGER = (
    module("conv", "Conv2d", -1),
    module("bn", "BatchNorm2d", 0),
    module("act", "ReLU", 1),
    function("add", 2, -1),
    function("mean", 3),
    module("fc", "Linear", 4),
)


def test_a_kernel_stands_against_every_layer_that_it_computes() -> None:
    kernels = (
        kernel("conv_relu", -1, origins=(layer("conv"), layer("bn"), layer("act"))),
        kernel("add_mean_linear", 0, origins=(operator("add"), operator("mean"), layer("fc"))),
    )
    assert match(EAGER, kernels) == (Match((0, 1, 2), (0,)), Match((3, 4, 5), (1,)))


def test_several_kernels_of_one_layer_stand_against_it_together() -> None:
    kernels = (kernel("reorder", -1, origins=(layer("conv"),)), kernel("conv", 0, origins=(layer("conv"),)))
    assert match((EAGER[0],), kernels) == (Match((0,), (0, 1)),)


def test_kernels_of_two_arms_that_cut_the_layers_otherwise_stand_together() -> None:
    early = (kernel("a", -1, origins=(layer("x"), layer("y"))), kernel("b", 0, origins=(layer("z"),)))
    late = (kernel("a", -1, origins=(layer("x"),)), kernel("b", 0, origins=(layer("y"), layer("z"))))
    assert match(early, late) == (Match((0, 1), (0, 1)),)


def test_a_batchnorm_that_was_folded_between_two_layers_of_a_kernel_is_part_of_it() -> None:
    kernels = (kernel("conv_relu", -1, origins=(layer("conv"), layer("act"))),)
    assert match(EAGER[:3], kernels) == (Match((0, 1, 2), (0,)),)


def test_operators_meet_by_what_they_do_and_by_their_number() -> None:
    eager = (function("add", -1), function("add", 0, repeat=1), function("softmax", 1))
    kernels = (
        kernel("add", -1, origins=(operator("add"),)),
        kernel("softmax", 0, origins=(operator("add", repeat=1), operator("_softmax"))),
    )
    assert match(eager, kernels) == (Match((0,), (0,)), Match((1, 2), (1,)))


def test_operators_of_different_numbers_are_left_to_what_feeds_them() -> None:
    eager = (module("a", "Linear", -1), function("add", -1), module("b", "Linear", 0), function("add", 2, repeat=1))
    kernels = (
        kernel("linear", -1, origins=(layer("a"),)),
        kernel("linear", 0, origins=(layer("b"),)),
        kernel("add", 1, origins=(operator("add"),)),
    )
    assert (["add #2"], ["add"]) in named(eager, kernels)
    assert (["add"], []) in named(eager, kernels)


def test_what_ran_inside_of_a_module_that_is_one_layer_belongs_to_it() -> None:
    eager = (module("attention", "MultiheadAttention", -1),)
    kernels = (
        kernel("bmm", -1, origins=(operator("bmm", path="attention"),)),
        kernel("linear", 0, origins=(layer("attention.out_proj"),)),
    )
    assert match(eager, kernels) == (Match((0,), (0, 1)),)


def test_calls_of_a_shared_module_are_distinguished_where_the_engine_counts_them() -> None:
    eager = (module("s", "Linear", -1), module("s", "Linear", 0, repeat=1))
    counted = tuple(kernel("linear", at - 1, origins=(layer("s", at),)) for at in (0, 1))
    assert match(eager, counted) == (Match((0,), (0,)), Match((1,), (1,)))
    uncounted = tuple(kernel("linear", at - 1, origins=(layer("s"),)) for at in (0, 1))
    assert match(eager, uncounted) == (Match((0, 1), (0, 1)),)


ORIGINS = st.lists(
    st.one_of(
        st.builds(layer, st.sampled_from(("a", "b", "a.c", "e")), st.integers(0, 1)),
        st.builds(operator, st.sampled_from(("add", "mul", "mean")), st.sampled_from(("", "a")), st.integers(0, 1)),
    ),
    max_size=3,
    unique=True,
)


@st.composite
def compiled(draw: st.DrawFn) -> Calls:
    return tuple(replace(call, origins=tuple(draw(ORIGINS))) for call in draw(graphs()))


@given(graphs(), compiled())
def test_every_call_is_in_exactly_one_match(eager: Calls, kernels: Calls) -> None:
    found = match(eager, kernels)
    assert sorted(at for one in found for at in one.control) == list(range(len(eager)))
    assert sorted(at for one in found for at in one.changed) == list(range(len(kernels)))


@given(compiled(), compiled())
def test_swapping_the_arms_swaps_every_match(control: Calls, changed: Calls) -> None:
    assert set(match(control, changed)) == {Match(one.changed, one.control) for one in match(changed, control)}
