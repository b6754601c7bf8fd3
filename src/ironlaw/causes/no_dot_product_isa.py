"""no-dot-product-isa: this CPU has no int8 dot product, so it is emulated in three instructions."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.machine import Machine
from ironlaw.missing import Maybe, is_known
from ironlaw.observed import Observed

DOT_PRODUCTS = ("avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm")


class NoDotProductIsa(Cause):
    """This CPU has no int8 dot product, so it is emulated in three instructions."""

    slug = "no-dot-product-isa"
    title = "no dot-product instructions"
    mechanism = "this CPU has no int8 dot product, so it is emulated in three instructions"
    part = Part.SLOWER
    order = 290
    example = "`ironlaw doctor` shows which int8 instructions the CPU has"

    def consistent(self, arm: Observed, machine: Maybe[Machine]) -> str:
        """It computes in int8 on a CPU that shows no such instruction."""
        if not (arm.computes_int8 and "int8_operators" in arm.census):
            return ""
        if not is_known(machine) or not machine.isa or any(map(machine.has_isa, DOT_PRODUCTS)):
            return ""
        return f"{arm.arm.name} computes in int8, and this CPU shows none of {', '.join(DOT_PRODUCTS)}"


CAUSE = NoDotProductIsa()
