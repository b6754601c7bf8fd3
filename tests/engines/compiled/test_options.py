"""Levels of Inductor: what each is compiled with, and that one which changed nothing is no experiment."""

from __future__ import annotations

import pytest

from ironlaw.engines.compiled.census import census
from ironlaw.engines.compiled.lowering import Lowered
from ironlaw.engines.compiled.options import configuration, in_effect
from ironlaw.errors import ArmFailed
from ironlaw.missing import Maybe, Missing
from ironlaw.variant import Variant

PACKED = ("mkldnn._convolution_pointwise.default", "mkldnn._linear_pointwise.default")
FUSED = Lowered(loops=(1, 4, 2), calls=PACKED, instructions="avx512")


def effect(level: str, lowered: Maybe[Lowered], without: Maybe[Lowered] = FUSED) -> dict[str, str]:
    return in_effect(Variant.parse(f"fp32@compiled+{level}"), lowered, lambda variant: without)


def test_plain_is_frozen_and_otherwise_as_the_compiler_likes() -> None:
    assert configuration(Variant.parse("fp32@compiled")) == {"freezing": True}
    unfused = configuration(Variant.parse("fp32@compiled+inductor.fusion=off+inductor.vectors=256"))
    assert (unfused["max_fusion_size"], unfused["cpp.simdlen"]) == (1, 256)
    assert configuration(Variant.parse("fp32@compiled+inductor.vectors=off"))["cpp.simdlen"] == 1


def test_what_a_level_changed_is_said_in_loops_and_calls() -> None:
    unfused = Lowered(loops=(1,) * 7, calls=PACKED, instructions="avx512")
    assert effect("inductor.fusion=off", unfused) == {"inductor.fusion": "7 generated loops instead of 3"}
    unfrozen = Lowered(loops=(1, 4, 2), calls=("aten.convolution.default",) * 2, instructions="avx512")
    assert "now aten.convolution.default" in effect("inductor.freezing=off", unfrozen)["inductor.freezing"]
    narrow = Lowered(loops=(1, 4, 2), calls=PACKED, instructions="avx2")
    assert "written for avx2, not avx512" in effect("inductor.vectors=256", narrow)["inductor.vectors"]


@pytest.mark.parametrize("level", ["inductor.fusion=off", "inductor.freezing=off", "inductor.vectors=512"])
def test_a_level_that_changes_nothing_fails(level: str) -> None:
    with pytest.raises(ArmFailed, match=f"{level} changes nothing here"):
        effect(level, FUSED)


def test_weights_are_unpacked_only_where_no_call_takes_packed_ones() -> None:
    plain = Lowered(loops=(), calls=("aten.addmm.default",), instructions="")
    assert "1 products" in effect("inductor.prepacking=off", plain)["inductor.prepacking"]
    for other in (FUSED, Lowered(loops=(3,), calls=(), instructions="avx512")):
        with pytest.raises(ArmFailed, match="changes nothing here"):
            effect("inductor.prepacking=off", other)


def test_loops_above_a_cap_are_refused() -> None:
    with pytest.raises(ArmFailed, match="did not reach Inductor"):
        effect("isa=avx2", FUSED)
    assert effect("isa=avx2", Lowered(loops=(1,), calls=PACKED, instructions="avx2")) == {}


def test_a_level_that_cannot_be_read_back_is_no_experiment() -> None:
    with pytest.raises(ArmFailed, match="cannot be read back: too old"):
        effect("inductor.fusion=off", Missing("too old"))


def test_the_census_counts_loops_calls_and_those_in_int8() -> None:
    counts = census(FUSED).counts
    assert (counts["operators"], counts["fused_operators"], counts["packed_products"]) == (5.0, 6.0, 2.0)
    int8 = Lowered(loops=(2,), calls=("onednn.qconv_pointwise.tensor", "aten.addmm.out"), instructions="avx512")
    assert census(int8).counts["int8_operators"] == 1.0
    assert census(Missing("too old")).counts["int8_operators"] == Missing("too old")
