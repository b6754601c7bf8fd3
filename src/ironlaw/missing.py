"""The absence of a value, with its reason. A gap is never a number."""

from __future__ import annotations

from enum import Enum
from typing import Any, TypeAlias, TypeGuard, TypeVar

import msgspec

T = TypeVar("T")


class Remedy(Enum):
    """What brings back a count that is missing; the report has the command for each."""

    COUNT = "count"  # counting was switched off
    ALLOW_COUNTING = "allow-counting"  # perf_event_paranoid forbids it
    GRANT_COUNTING = "grant-counting"  # the process lacks a capability, or a seccomp filter forbids it
    EXPOSE_PMU = "expose-pmu"  # neither CPU nor hypervisor counts it
    FREE_PMU = "free-pmu"  # something else holds the counters


class Missing(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename={"reason": "missing"}):
    """A value that is not available, why, and what brings it back where that is known.

    In JSON: {"missing": reason}, and "remedy" where there is one.
    """

    reason: str
    remedy: Remedy | None = None


Maybe: TypeAlias = T | Missing


def is_known(value: Maybe[T]) -> TypeGuard[T]:
    """Whether the value is there."""
    return not isinstance(value, Missing)


def first_missing(*values: Any) -> Missing | None:
    """The first gap among the values, or None when all are known."""
    return next((value for value in values if isinstance(value, Missing)), None)
