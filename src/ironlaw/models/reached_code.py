"""Whether a library's classes need the library: what their functions name, followed through it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any


def names_library(classes: Iterable[type], libraries: frozenset[str]) -> bool:
    """Whether code that the classes reach names one of these libraries, or a module of one, by itself.

    Functions do that call operators which the library registers (torch.ops.torchvision...), or import something of it.
    """
    waiting: list[Any] = [one for cls in classes for one in cls.__mro__]
    seen: set[int] = set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen or _root(value) not in libraries:
            continue
        seen.add(id(value))
        if isinstance(value, ModuleType):
            return True
        if isinstance(value, type):
            waiting += map(_plain, vars(value).values())
        elif isinstance(value, FunctionType):
            names = set(_names(value.__code__))
            if any(name.partition(".")[0] in libraries for name in names):
                return True
            waiting += (value.__globals__[name] for name in names if name in value.__globals__)
            waiting += (cell.cell_contents for cell in value.__closure__ or () if is_filled(cell))
    return False


def _plain(value: Any) -> Any:
    """The function behind a property, a static or a class method."""
    return getattr(value, "__func__", None) or getattr(value, "fget", None) or value


def is_filled(cell: Any) -> bool:
    """Whether a closure's cell holds something already."""
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _root(value: Any) -> str:
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
    return str(name).partition(".")[0]


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
