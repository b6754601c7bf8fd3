"""quantized-engine: another backend for quantized operators would suit this CPU."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.cause import Cause, Part
from ironlaw.causes.reference_kernel import CAUSE as REFERENCE_KERNEL
from ironlaw.experiment import Switch
from ironlaw.factor import Direction
from ironlaw.machine import Machine
from ironlaw.missing import Maybe, is_known
from ironlaw.observed import Observed

OTHER_LIBRARY = "onednn"  # what may have the kernel that the preferred library for int8 lacks


class QuantizedEngine(Cause):
    """Another backend for quantized operators would suit this CPU."""

    slug = "quantized-engine"
    title = "the quantized backend"
    mechanism = "another backend for quantized operators would suit this CPU"
    part = Part.SLOWER
    order = 190
    example = "`ironlaw run --arms fp32,int8,int8+quantized-engine=onednn`"
    switches = (Switch(cause=slug, factor="quantized-engine", level="x86"),)
    other_levels = (
        Switch(cause=slug, factor="quantized-engine", level="fbgemm"),
        Switch(cause=slug, factor="quantized-engine", level=OTHER_LIBRARY),
        Switch(cause=slug, factor="quantized-engine", level="qnnpack", predicts=Direction.SLOWER),
    )
    factors = ("quantized-engine",)

    def shows(self, arm: Observed) -> bool:
        """Its library is not the one preferred here, or lacks a kernel."""
        return arm.computes_int8 and (arm.runs_by_foreign_engine or REFERENCE_KERNEL.shows(arm))

    def excludes(self, arm: Observed) -> str:
        """It computes nothing in int8, or by the preferred library."""
        if not arm.computes_int8:
            return "it computes nothing in int8"
        is_preferred = arm.checks.get("foreign_quantized_engine") is False
        return "it runs on the library preferred here" if is_preferred else ""

    def sized(self, switch: Switch, control: Observed, machine: Maybe[Machine]) -> tuple[Switch, ...]:
        """The library preferred on this CPU, and on x86 the other one."""
        if not is_known(machine):
            return (switch,)
        if machine.architecture != "x86_64":
            return (replace(switch, level="qnnpack"),)
        return switch, replace(switch, level=OTHER_LIBRARY)

    def suits(self, switch: Switch, arm: Observed) -> bool:
        """An arm by a foreign library gets the preferred one, one by the preferred one that lacks a kernel the other.

        Given the one that it has, it would be its own twin, and refute a cause that nothing tested.
        """
        return arm.runs_by_foreign_engine is (switch.level != OTHER_LIBRARY)


CAUSE = QuantizedEngine()
