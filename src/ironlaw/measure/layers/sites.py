"""Where the layers of a torch module are: which of its parts are timed as a whole, and which only hold others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# Written by the authors of torch: what such a module does inside is its kernel's business. Its own checks for hooks and
# modes decide between kernels (TransformerEncoderLayer), so nothing may be placed inside of it.
_LIBRARIES = ("torch.nn.", "torch.ao.", "torchao.")
# Modules of torch that only hold others and call them as a user's module would.
_CONTAINERS = (
    "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict", "Transformer", "TransformerEncoder",
    "TransformerDecoder", "TransformerDecoderLayer", "DataParallel", "QuantWrapper", "Module",
)  # fmt: skip
# They return what they are given.
_SILENT = ("Identity", "QuantStub", "DeQuantStub", "NoopObserver")


@dataclass(frozen=True, slots=True)
class Site:
    """A module that is timed as a whole, at its dotted path."""

    path: str
    module: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Sites:
    """The parts of a module: those timed as a whole, those that only hold others, and those that do nothing.

    A module that is reached by several paths stands once, under the first.
    """

    timed: tuple[Site, ...]
    holding: tuple[Site, ...]
    silent: tuple[str, ...]


def find_sites(root: Any) -> Sites:
    """The sites of a torch module; none of anything else."""
    import torch

    timed: list[Site] = []
    holding: list[Site] = []
    silent: list[str] = []
    seen: set[int] = set()

    def visit(path: str, module: Any) -> None:
        if id(module) in seen:
            return
        seen.add(id(module))
        if type(module).__name__ in _SILENT and _is_from_library(type(module)):
            silent.append(path)
        elif is_one_layer(module):
            timed.append(Site(path, module))
        else:
            holding.append(Site(path, module))
            for name, child in module.named_children():
                visit(f"{path}.{name}" if path else name, child)

    if isinstance(root, torch.nn.Module):
        visit("", root)
    return Sites(timed=tuple(timed), holding=tuple(holding), silent=tuple(silent))


def is_one_layer(module: Any) -> bool:
    """Whether a module is timed as a whole: one of torch's own layers, or a compiled or scripted one."""
    import torch

    if isinstance(module, torch.jit.ScriptModule) or type(module).__name__ == "OptimizedModule":
        return True
    return any(_is_from_library(kind) and kind.__name__ not in _CONTAINERS for kind in type(module).__mro__)


def _is_from_library(kind: type) -> bool:
    return kind.__module__.startswith(_LIBRARIES)


def plain_name(function: Any) -> str:
    """The name of a torch function without underscores: add for __iadd__ and add_, add_relu for quantized::add_relu."""
    name = str(getattr(function, "__name__", type(function).__name__))
    bare = name.strip("_")
    if name.startswith("__") and bare[0] in "ir" and bare[1:] in _DUNDERS:
        return bare[1:]
    return bare


_DUNDERS = ("add", "sub", "mul", "matmul", "truediv", "floordiv", "pow", "and", "or", "xor", "mod")
