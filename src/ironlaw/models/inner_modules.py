"""The torch modules that a callable of the user's own works with: what it is bound to, closes over or names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

from ironlaw.models.reached_code import is_filled

_MOST_LOOKED_AT = 1000  # values: a callable that holds a data set is not searched through


def inner_modules(call: Any) -> tuple[Any, ...]:
    """The outermost modules within reach of a callable, each once; empty where torch is not loaded."""
    torch = sys.modules.get("torch")
    if torch is None:
        return ()
    found: dict[int, Any] = {}
    waiting, seen = [call], set[int]()
    while waiting and len(seen) < _MOST_LOOKED_AT:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, torch.nn.Module):
            found[id(value)] = value
        else:
            waiting += _within(value)
    return tuple(found.values())


def _within(value: Any) -> Iterator[Any]:
    """What a value holds, as far as it is code, a plain container, or an object of a class written in Python."""
    match value:
        case partial():
            yield from (value.func, *value.args, *value.keywords.values())
        case MethodType():
            yield from (value.__self__, value.__func__)
        case FunctionType():
            yield from (cell.cell_contents for cell in value.__closure__ or () if is_filled(cell))
            yield from (value.__globals__[name] for name in value.__code__.co_names if name in value.__globals__)
            yield from vars(value).values()
        case list() | tuple():
            yield from value
        case dict():
            yield from value.values()
        case type() | ModuleType():
            return
        case _ if not type(value).__module__.startswith("torch") and isinstance(getattr(value, "__dict__", None), dict):
            call = getattr(type(value), "__call__", None)  # noqa: B004  # the function is looked into
            yield from (*vars(value).values(), *([call] if isinstance(call, FunctionType) else ()))
