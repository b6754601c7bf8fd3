"""The absence of a value, with its reason. A gap is never a number."""

from __future__ import annotations

from typing import Any, TypeAlias, TypeGuard, TypeVar

import msgspec

T = TypeVar("T")


class Missing(msgspec.Struct, frozen=True, rename={"reason": "missing"}):
    """A value that is not available, and why. In JSON: {"missing": reason}."""

    reason: str


Maybe: TypeAlias = T | Missing


def is_known(value: Maybe[T]) -> TypeGuard[T]:
    """Whether the value is there."""
    return not isinstance(value, Missing)


def first_missing(*values: Any) -> Missing | None:
    """The first gap among the values, or None when all are known."""
    return next((value for value in values if isinstance(value, Missing)), None)
