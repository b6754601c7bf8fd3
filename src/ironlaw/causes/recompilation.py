"""recompilation: torch.compile compiles again while a program infers."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.experiment import Switch
from ironlaw.machine import Machine
from ironlaw.missing import Maybe, Missing
from ironlaw.observed import Observed


class Recompilation(Cause):
    """torch.compile compiles again for a shape or a value that it has not compiled for."""

    slug = "recompilation"
    title = "recompilation"
    mechanism = "torch.compile compiles again for each shape or value that it has not compiled for"
    part = Part.SLOWER
    order = 205
    example = (
        "a program of one's own that calls torch.compile: compilations inside of counted inferences are counted, and "
        "left out by `compilation=eager-on-recompile`, which runs in eager PyTorch what was not compiled for. "
        "`--arm given=FILE.py:FACTORY --arm dynamic=FILE.py:FACTORY+compilation=dynamic-shapes` leaves sizes open"
    )
    counted_in = "compilations an inference"
    switches = (Switch(cause=slug, factor="compilation", level="eager-on-recompile"),)
    other_levels = (Switch(cause=slug, factor="compilation", level="dynamic-shapes"),)
    factors = ("compilation",)

    def shows(self, arm: Observed) -> bool:
        """Something was compiled in counted inferences."""
        return not isinstance(arm.compilations, Missing) and arm.compilations > 0

    def burden(self, arm: Observed) -> Maybe[float]:
        """Compilations per counted inference."""
        return arm.compilations

    def excludes(self, arm: Observed) -> str:
        """Nothing was."""
        return "nothing is compiled in its counted inferences" if arm.compilations == 0 else ""

    def consistent(self, arm: Observed, machine: Maybe[Machine]) -> str:
        """Something was."""
        if isinstance(arm.compilations, Missing) or arm.compilations == 0:
            return ""
        return f"torch.compile compiles {arm.compilations:.2g} times in each counted inference of {arm.arm.name}"


CAUSE = Recompilation()
