"""What Inductor makes of a graph before a C++ compiler sees it: loops that it generates, and calls of libraries."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ironlaw.missing import Maybe, Missing

# A hook of Inductor's scheduler (torch._inductor.config), which not every version has.
_HOOK = "_post_fusion_custom_pass"
# Instruction sets are taken from the CPU's flags, without compiling a trial for each: 16 of 27 s of CPU time for a
# small network, g++ 13. A compiler that is too old for one fails, and then they are tried.
_UNTRIED = {"cpp.vec_isa_ok": True}
# A process compiles one package or two, and torch does not find the header that another process compiled: its
# key holds the name of a temporary folder. Compiling it took 12 of 22 s of CPU time for a small network.
_HEADERS = "precompile_headers"
_SOURCE_ALONE = {"aot_inductor.package_cpp_only": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowered:
    """The loops that Inductor generates, each by how many operators it computes, and the calls of libraries by name.

    `instructions` are those that the loops are written for, as Inductor calls them. `halves` is how many loops read
    numbers of 16 bits, which they widen to compute.
    """

    loops: tuple[int, ...]
    calls: tuple[str, ...]
    instructions: str
    halves: int = 0

    @property
    def fused(self) -> int:
        """How many operators share a loop with others."""
        return sum(count for count in self.loops if count > 1)


def compile_package(exported: Any, package: Path, config: Mapping[str, Any]) -> Maybe[Lowered]:
    """Compile an exported graph into a package, and return what Inductor made of it."""
    seen = _Seen()
    options = {**config, **seen.config}
    try:
        _compile(exported, package, {**options, **_UNTRIED})
    except Exception:  # noqa: BLE001  # the border to a compiler: one that is too old is asked what it can do
        seen.forget()
        _compile(exported, package, options)
    return seen.lowered(_instructions(package))


def lower(exported: Any, package: Path, config: Mapping[str, Any]) -> Maybe[Lowered]:
    """What Inductor would make of an exported graph; no C++ compiler runs."""
    seen = _Seen()
    _compile(exported, package, {**config, **seen.config, **_UNTRIED, **_SOURCE_ALONE})
    found = seen.lowered(_instructions(package))
    package.unlink(missing_ok=True)
    return found


def _compile(exported: Any, package: Path, config: Mapping[str, Any]) -> None:
    import torch

    # A cache shared with earlier runs would make the phase `compile` depend on them.
    cache = package.with_suffix(".cache")
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(cache)
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
    headers = {f"aot_inductor.{_HEADERS}": False} if hasattr(torch._inductor.config.aot_inductor, _HEADERS) else {}
    settings = {**headers, **config}
    try:
        torch._inductor.aoti_compile_and_package(exported, package_path=str(package), inductor_configs=settings)
    finally:
        shutil.rmtree(cache, ignore_errors=True)


def _instructions(package: Path) -> str:
    """The instruction set that a package was generated for, as it states itself; empty where it does not."""
    with zipfile.ZipFile(package) as archive:
        for name in archive.namelist():
            if name.endswith("_metadata.json"):
                stated = str(json.loads(archive.read(name)).get("AOTI_CPU_ISA", ""))
                return "" if stated == "INVALID_VEC_ISA" else stated.lower()
    return ""


class _Seen:
    """The scheduler's nodes after fusion, collected by its own hook."""

    def __init__(self) -> None:
        self._loops: list[int] = []
        self._calls: list[str] = []
        self._halves = 0

    @property
    def config(self) -> dict[str, Callable[[list[Any]], list[Any]]]:
        import torch

        def look(nodes: list[Any]) -> list[Any]:  # settings are copied, and a method's object with them
            self._look(nodes)
            return nodes

        return {_HOOK: look} if hasattr(torch._inductor.config, _HOOK) else {}

    def forget(self) -> None:
        self._loops.clear()
        self._calls.clear()
        self._halves = 0

    def _look(self, nodes: list[Any]) -> None:
        for node in nodes:
            if node.is_extern():
                self._calls += _called(node.node)
            elif not node.is_template() and type(node).__name__ != "NopKernelSchedulerNode":
                self._loops.append(len(node.get_nodes()))
                self._halves += _reads_half(node)

    def lowered(self, instructions: str) -> Maybe[Lowered]:
        if not self.config:
            return Missing("this version of torch does not show what its compiler fused")
        return Lowered(
            loops=tuple(self._loops), calls=tuple(self._calls), instructions=instructions, halves=self._halves
        )


def _called(kernel: Any) -> Iterable[str]:
    """The operator of a library call; None for nodes that only unpack its outputs."""
    if type(kernel).__name__ == "MultiOutput":
        return ()
    named = getattr(kernel, "op_overload", None) or getattr(kernel, "cpp_kernel_name", None)
    return (str(named or type(kernel).__name__),)


def _reads_half(node: Any) -> bool:
    """Whether a generated loop reads numbers of 16 bits."""
    import torch
    from torch._inductor.virtualized import V

    names = {one.name for one in node.read_writes.reads if V.graph.try_get_buffer(one.name) is not None}
    return any(V.graph.get_dtype(name) in (torch.bfloat16, torch.float16) for name in names)
