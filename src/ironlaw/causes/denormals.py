"""denormals: one arm computes on subnormal numbers, which take assists."""

from __future__ import annotations

import math

from ironlaw.cause import Cause, Part
from ironlaw.code import InstructionClass, LoopWork
from ironlaw.experiment import Switch
from ironlaw.missing import Missing
from ironlaw.observed import Observed

LEAST_SUBNORMAL_SHARE = 1e-4
_VALUES = "input"  # the factor that changes nothing but values
_NORMAL = 1.96  # the 97.5 % point of the normal distribution, for the counting error of a share
_LEAST_RATIO = 1.5  # an assist takes some hundred cycles; noise of a few samples is less
_COMPUTES = (
    LoopWork.MULTIPLY_ADD,
    LoopWork.ARITHMETIC,
    LoopWork.CONVERSION,
    LoopWork.RUNNING_MEAN,
    LoopWork.BYTE_TABLE,
)
_NO_NUMBERS = (InstructionClass.INTEGER, InstructionClass.UNKNOWN)


class Denormals(Cause):
    """One arm computes on subnormal numbers, which take assists."""

    slug = "denormals"
    title = "denormals"
    mechanism = "one arm computes on subnormal numbers, which take assists"
    part = Part.FASTER
    order = 180
    example = (
        "`ironlaw run --arms fp32,fp32+denormals=flushed`: a net with tiny activations runs much faster flushed. Where "
        "the numbers cannot be looked at, a kernel that takes longer on other values is consistent with it"
    )
    count = "subnormal_share"
    counted_in = "share of the values computed that are subnormal"
    switches = (Switch(cause=slug, factor="denormals", level="flushed"),)
    factors = ("denormals",)

    def shows(self, arm: Observed) -> bool:
        """Some of what it computes is subnormal."""
        return arm.census.get(self.count, 0.0) >= LEAST_SUBNORMAL_SHARE

    def excludes(self, arm: Observed) -> str:
        """Nothing is."""
        return "it computes no subnormal numbers" if self.count in arm.census and not self.shows(arm) else ""

    def consistent_beside(self, slower: Observed, faster: Observed) -> str:
        """The same kernels take longer on other values: nothing else about the two arms differs."""
        if self.excludes(slower) or not _differ_in_values_only(slower, faster):
            return ""
        slow = _most_delayed(slower, faster)
        if slow is None:
            return ""
        name, times = slow
        return (
            f"{name} takes {times:.1f} times as long in {slower.arm.name} as in {faster.arm.name}, with the same "
            "instructions on inputs of the same shapes: its time depends on the values"
        )


def _differ_in_values_only(one: Observed, other: Observed) -> bool:
    """Whether two arms do the same work, as far as is recorded: levels, shapes, sizes and counted operators."""
    levels = [{**dict(arm.arm.variant.changed), _VALUES: ""} for arm in (one, other)]
    counted = [arm.census.get("operators") for arm in (one, other)]
    return (
        levels[0] == levels[1]
        and bool(one.shapes)
        and one.shapes == other.shapes
        and one.size_bytes == other.size_bytes
        and (counted[0] == counted[1] or None in counted)
    )


def _most_delayed(slower: Observed, faster: Observed) -> tuple[str, float] | None:
    """The kernel with most of the difference, and how many times as long it takes; None if none explains it.

    The kernels that both arms execute and that are slow in one must hold half of the difference.
    """
    if isinstance(slower.executed, Missing) or isinstance(faster.executed, Missing):
        return None
    before = faster.code_ns
    delayed: dict[str, tuple[float, float]] = {}
    for code, share in slower.executed.code:
        usual_ns = before.get((code.object, code.name, code.instructions), 0.0)
        taken_ns = share * slower.wall_ns
        computes = code.work in _COMPUTES and code.instructions not in _NO_NUMBERS
        least_ns = taken_ns - _error_ns(taken_ns, slower.wall_ns, slower.executed.samples)
        most_ns = usual_ns + _error_ns(usual_ns, faster.wall_ns, faster.executed.samples)
        if computes and usual_ns > 0 and least_ns >= _LEAST_RATIO * most_ns:
            delayed[code.name] = (taken_ns - usual_ns, taken_ns / usual_ns)
    if sum(more_ns for more_ns, _ in delayed.values()) < (slower.wall_ns - faster.wall_ns) / 2:
        return None
    name, (_, times) = max(delayed.items(), key=lambda item: item[1][0], default=("", (0.0, 0.0)))
    return (name, times) if name else None


def _error_ns(time_ns: float, wall_ns: float, samples: int) -> float:
    """Half of the 95 % interval of a time that is a share of the samples (binomial)."""
    share = min(1.0, time_ns / wall_ns)
    return _NORMAL * math.sqrt(share * (1 - share) / samples) * wall_ns


CAUSE = Denormals()
