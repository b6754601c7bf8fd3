"""prepacking: weights are reordered once instead of at each call."""

from __future__ import annotations

from collections.abc import Sequence

from ironlaw.cause import Cause, Part
from ironlaw.experiment import Switch
from ironlaw.observed import Observed

_COMPILER = "inductor.prepacking"
_FREEZING = "inductor.freezing"
_REPACK = "llama.repack"


class Prepacking(Cause):
    """Weights are reordered once instead of at each call."""

    slug = "prepacking"
    title = "prepacking"
    mechanism = "weights are reordered once instead of at each call"
    part = Part.FASTER
    order = 330
    example = (
        "`ironlaw run --arms fp32@onnxruntime,fp32@onnxruntime+session.prepacking=off`, or `fp32,fp32@compiled`, of "
        "which the compiled arm is also run with weights as they are stored (`inductor.prepacking=off`). llama.cpp "
        "reorders weights of some types when it loads them, and not with `llama.repack=off`"
    )
    switches = (
        Switch(cause=slug, factor=_COMPILER, level="off", adds=True),
        Switch(cause=slug, factor=_REPACK, level="off", adds=True),
    )
    other_levels = (
        Switch(cause=slug, factor="session.prepacking", level="off", adds=True),
        Switch(cause=slug, factor=_FREEZING, level="off", adds=True),
    )
    factors = ("session.prepacking", _COMPILER, _FREEZING, _REPACK)

    def suits(self, switch: Switch, arm: Observed) -> bool:
        """Float products that a compiler gave packed weights can be given them as they are stored; so can all those of
        llama.cpp whose weights it reordered.
        """
        if switch.factor == _REPACK:
            return arm.census.get("repacked_bytes", 0.0) > 0
        return arm.census.get("packed_products", 0.0) > 0 and not arm.computes_int8

    def is_between(self, factor: str, levels: tuple[str, str], arms: Sequence[Observed]) -> bool:
        """Freezing also widens weights of few bits, where there are some."""
        return factor != _FREEZING or not any(arm.census.get("widening_operators") for arm in arms)

    def exempt(self, switch: Switch, arm: Observed) -> str:
        """Operators that Python calls take weights as they are stored."""
        is_called = arm.checks.get("scripted") is False and not arm.computes_int8
        return "Python calls its operators, with weights as they are stored" if is_called else ""


CAUSE = Prepacking()
