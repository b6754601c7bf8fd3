"""fusion: fewer kernels run, and intermediate results are not stored."""

from __future__ import annotations

from ironlaw.cause import Cause, Guess, Part
from ironlaw.causes.train_mode import CAUSE as TRAIN_MODE
from ironlaw.experiment import Switch
from ironlaw.observed import Observed

_COMPILER = "inductor.fusion"


class Fusion(Cause):
    """Fewer kernels run, and intermediate results are not stored."""

    slug = "fusion"
    title = "fusion"
    mechanism = "fewer kernels run, and intermediate results are not stored"
    part = Part.FASTER
    order = 220
    example = (
        "`ironlaw run --arms fp32,fp32+fused,int8,int8+fused`: all four are needed to separate fusion from precision"
    )
    count = "norm_operators"
    if_none = "it executes no BatchNorm in float"
    counted_in = "BatchNorm operators in float"
    switches = (
        Switch(cause=slug, factor="fusion", level="fused"),
        Switch(cause=slug, factor=_COMPILER, level="off", adds=True),
    )
    other_levels = (
        Switch(cause=slug, factor="session.optimization", level="none", adds=True),
        Switch(cause=slug, factor="plugin.snippets", level="off", adds=True),
    )
    factors = ("fusion", "session.optimization", "plugin.snippets", _COMPILER)
    guesses = (
        Guess(
            place=3,
            text="fusion is plain graph reduction",
            level=("fusion", "fused"),
            # That fusing helps is shown; that it does so by there being fewer operators is the guess, and is not.
            beyond="The gain is shown; no experiment separates fewer calls from fewer stores.",
        ),
    )

    def shows(self, arm: Observed) -> bool:
        """A user's own program executes BatchNorm with fixed statistics, which can be folded away."""
        return arm.is_given and super().shows(arm) and not TRAIN_MODE.shows(arm)

    def suits(self, switch: Switch, arm: Observed) -> bool:
        """A compiler that fused something can be kept from it."""
        return switch.factor != _COMPILER or arm.census.get("fused_operators", 0.0) > 0

    def exempt(self, switch: Switch, arm: Observed) -> str:
        """Operators that Python calls are fused by no compiler."""
        is_called = switch.factor == _COMPILER and arm.checks.get("scripted") is False
        return "no compiler fuses its operators: Python calls each" if is_called else ""


CAUSE = Fusion()
