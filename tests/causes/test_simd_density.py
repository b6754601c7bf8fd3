"""Which instructions are withheld where two arms may differ in SIMD density."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw.cause import SUSPECTED
from ironlaw.causes.simd_density import CAUSE
from ironlaw.missing import Missing
from tests.causes.test_weight_traffic import observed
from tests.doctor.test_diagnosis import machine


@pytest.mark.parametrize(
    ("isa", "level"),
    [
        (("avx2", "avx512f", "avx512_vnni"), "avx512"),
        (("avx2", "avx512f"), "avx2"),
        (("avx2", "avx_vnni"), "avx2"),
    ],
)
def test_dot_products_alone_are_withheld_where_the_width_of_vectors_can_stay(isa: tuple[str, ...], level: str) -> None:
    (sized,) = CAUSE.sized(CAUSE.switches[0], observed("fp32", 1), machine(isa=isa))
    assert sized == replace(CAUSE.switches[0], level=level)


def test_of_an_unknown_machine_the_widest_cap_is_tested() -> None:
    unknown: Missing = Missing("not read")
    assert CAUSE.sized(CAUSE.switches[0], observed("fp32", 1), unknown) == CAUSE.switches


def test_all_that_int8_gains_may_be_density_and_a_loss_is_a_suspicion() -> None:
    control, faster = observed("fp32", 8 << 20), replace(observed("int8", 2 << 20), wall_ns=5e4)
    assert CAUSE.unlikeness(control, faster) == 1.0
    assert CAUSE.unlikeness(control, replace(faster, wall_ns=2e5)) == SUSPECTED
