"""Values as the JSON document has them: gaps with their reasons, numbers with their intervals."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from ironlaw.estimate import Estimate
from ironlaw.missing import Maybe, Missing
from ironlaw.report.quantity import MILLISECONDS

SCHEMA = 1
_NO_INTERVAL = {"missing": "read once, so there is no interval"}


def plain_value(value: Any) -> Any:
    """A dataclass, or a structure of them, as dicts, lists, strings, numbers and booleans."""
    return msgspec.json.decode(msgspec.json.encode(value))


def gap(missing: Missing) -> dict[str, str]:
    """A gap: its reason under the key "missing"."""
    return {"missing": missing.reason}


def number_value(value: Maybe[float], *, unit: float = 1.0) -> Any:
    """A number divided by `unit`, or its gap."""
    return gap(value) if isinstance(value, Missing) else finite(value / unit)


def finite(value: float) -> Any:
    """A number, or a gap where it is infinite or NaN, which JSON cannot hold."""
    return value if math.isfinite(value) else {"missing": "unbounded: too few replicates for an interval"}


def estimate_value(estimate: Estimate | float | Missing, *, unit: float = 1.0) -> Any:
    """An estimate as value, low and high, each divided by `unit`; a plain number has gaps for both ends."""
    if isinstance(estimate, Missing):
        return gap(estimate)
    if not isinstance(estimate, Estimate):
        return {"value": estimate / unit, "low": _NO_INTERVAL, "high": _NO_INTERVAL}
    return {
        "value": finite(estimate.value / unit),
        "low": finite(estimate.low / unit),
        "high": finite(estimate.high / unit),
    }


def value_and_interval(name: str, estimate: Estimate | float | Missing, *, unit: float = 1.0) -> dict[str, Any]:
    """An estimate as two fields: `name` for the value, and `name`_interval for its ends, each divided by `unit`."""
    if isinstance(estimate, Missing):
        return {name: gap(estimate)}
    if not isinstance(estimate, Estimate):
        return {name: finite(estimate / unit), f"{name}_interval": _NO_INTERVAL}
    ends = [finite(estimate.low / unit), finite(estimate.high / unit)]
    return {name: finite(estimate.value / unit), f"{name}_interval": ends}


def interval(estimate: Maybe[Estimate]) -> Any:
    """The ends of an interval of ns, in ms."""
    if isinstance(estimate, Missing):
        return gap(estimate)
    return [finite(end / MILLISECONDS.size) for end in (estimate.low, estimate.high)]
