"""Operators that one of two arms leaves in float, and whether a count of an arm's readings is of these operators."""

from __future__ import annotations

from collections.abc import Sequence

from ironlaw.experiment import Switch
from ironlaw.factors import FACTORS
from ironlaw.observed import Observed

_BY_TYPE, _BY_NAME = "float-ops", "float-nodes"
LEAVING = (_BY_TYPE, _BY_NAME)


def leaves_only(factor: str, levels: tuple[str, str], count: str, arms: Sequence[Observed]) -> bool:
    """Whether all operators in which two levels of a factor differ are among those that `count` is of, in one of the
    arms; False if the readings name none.
    """
    moved = frozenset.symmetric_difference(*(_names(factor, level) for level in levels))
    found = frozenset[str]().union(*(_counted(factor, count, arm) for arm in arms))
    return bool(moved) and moved <= found


def leaving(cause: str, factor: str, level: str) -> Switch | None:
    """The switch that a level which leaves operators in float is; None for any other level."""
    if factor not in LEAVING or level == FACTORS[factor].plain:
        return None
    return Switch(cause=cause, factor=factor, level=level)


def _names(factor: str, level: str) -> frozenset[str]:
    if level == FACTORS[factor].plain:
        return frozenset()
    return frozenset(level.split(":") if factor == _BY_TYPE else map(_as_in_float, FACTORS[factor].left_by(level)))


def _counted(factor: str, count: str, arm: Observed) -> frozenset[str]:
    return arm.kinds(count) if factor == _BY_TYPE else frozenset(map(_as_in_float, arm.without_kinds(count)))


def _as_in_float(name: str) -> str:
    """The name that a node has in the float file: ONNX Runtime's tools append _quant to what they quantize."""
    return name.removesuffix("_quant")
