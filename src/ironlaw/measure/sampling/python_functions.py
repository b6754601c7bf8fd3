"""The Python functions in which an arm's interpreter spends its time, by CPython's perf trampolines (3.12 and later).

While they are active, each function is called through a piece of code of its own, which CPython lists in the perf map.
Its return address lies on the stack, so that the innermost one on a sample's stack is of the function that ran.
Trampolines slow calls: they are active in inferences of their own, which give no times.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ironlaw.code import CodeSite, PythonFunction
from ironlaw.measure.layers.reading import run_plain
from ironlaw.measure.sampling.address_space import AddressSpace
from ironlaw.measure.sampling.perf_samples import PerfSampler, Sample, SamplingRefused
from ironlaw.measure.sampling.symbols import SymbolTable, parse_perf_map
from ironlaw.missing import Maybe, Missing
from ironlaw.program import Program

PERIOD_NS = 1_000_003  # the times of these inferences are not used
MOST_NS = 3_000_000_000
# Of the stack, with each sample. Between a pointer in the interpreter's own library and the trampoline lay at most
# 1.1 KB (Python 3.12, 95 % of samples 0.8 KB); sorting a list keeps 4 KB there.
STACK_BYTES = 8192
_LEAST_SHARE = 0.02  # of the samples, below which the functions of the interpreter would say little
_PARTS = 16  # of the inferences: the buffers are emptied after each
_PREFIX = "py::"  # of a trampoline's name: py::QUALIFIED_NAME:FILE (Objects/perf_trampoline.c)


@dataclass(frozen=True, slots=True, kw_only=True)
class InterpretersCode:
    """The interpreter's own code in this process: of its shared library, or of the executable."""

    object: str
    parts: tuple[range, ...]  # addresses

    @classmethod
    def of_this_process(cls) -> Maybe[InterpretersCode]:
        """As it is mapped now."""
        address = ctypes.cast(ctypes.pythonapi.PyObject_Call, ctypes.c_void_p).value
        space = AddressSpace.of_this_process()
        try:
            region = None if address is None else space.region(address)
            if region is None or not region.is_file:
                return Missing("where the interpreter's own code lies is not known")
            parts = tuple(range(one.start, one.end) for one in space.regions if one.path == region.path)
            return cls(object=region.name, parts=parts)
        finally:
            space.close()

    def has(self, pointer: int) -> bool:
        """Whether an instruction pointer is in it."""
        return any(pointer in part for part in self.parts)


def sample_functions(
    program: Program, inputs: Sequence[tuple[Any, ...]], sites: Sequence[CodeSite], perf_map: Path
) -> Maybe[tuple[PythonFunction, ...]]:
    """Run inferences and count the samples in the interpreter's own code by the Python function that ran.

    `sites` are those of inferences without trampolines, which show whether the interpreter matters.
    """
    with trampolines(perf_map) as names:
        if isinstance(names, Missing):
            return names
        code = InterpretersCode.of_this_process()
        if isinstance(code, Missing):
            return code
        if share_in(code.object, sites) < _LEAST_SHARE:
            return Missing(f"less than {100 * _LEAST_SHARE:.0f} % of the samples are in the interpreter's own code")
        sampler = PerfSampler(period_ns=PERIOD_NS, kernel=False, stack_bytes=STACK_BYTES)
        try:
            run_plain(program, list(inputs[:1]))  # each function gets its trampoline when it is called first
            sampler.attach()
            samples = _sampled(program, inputs, sampler)
        except SamplingRefused as refused:
            return Missing(refused.message)
        finally:
            sampler.close()
        return functions_of((one for one in samples if code.has(one.pointer)), names())


def share_in(name: str, sites: Sequence[CodeSite]) -> float:
    """The share of samples in an object."""
    whole = sum(site.count for site in sites)
    return sum(site.count for site in sites if site.object == name) / whole if whole else 0.0


def _sampled(program: Program, inputs: Sequence[tuple[Any, ...]], sampler: PerfSampler) -> list[Sample]:
    taken: list[Sample] = []
    size = -(-len(inputs) // _PARTS)
    ran_ns = 0
    for begin in range(0, len(inputs), size):
        if ran_ns >= MOST_NS:
            break
        sampler.start()
        try:
            ran_ns += run_plain(program, list(inputs[begin : begin + size]))
        finally:
            sampler.stop()
        taken += sampler.take()
    return taken


@contextlib.contextmanager
def trampolines(perf_map: Path) -> Iterator[Maybe[Callable[[], SymbolTable]]]:
    """Call Python functions through trampolines meanwhile. Gives what reads their names so far, or why there are none.

    CPython gives each function another trampoline whenever they are activated, and can be asked some 250 times.
    """
    activate, deactivate = (getattr(sys, f"{what}_stack_trampoline", None) for what in ("activate", "deactivate"))
    if activate is None or deactivate is None:
        yield Missing(f"Python {platform.python_version()} names its functions for no profiler; 3.12 and later do")
        return
    known = _size(perf_map)
    try:
        activate("perf")
    except (ValueError, RuntimeError, SystemError, OSError) as error:
        yield Missing(f"Python's perf trampolines cannot be used: {error}")
        return
    try:
        yield lambda: python_names(_text(perf_map, known))
    finally:
        deactivate()


def python_names(perf_map: str) -> SymbolTable:
    """The trampolines in a perf map, in which engines list what they generate as well."""
    return parse_perf_map("\n".join(line for line in perf_map.splitlines() if f" {_PREFIX}" in line))


def functions_of(samples: Iterable[Sample], names: SymbolTable) -> tuple[PythonFunction, ...]:
    """The Python functions that samples are of, by their stacks, the most frequent first.

    Those on whose stack no trampoline is found are of a function without a name.
    """
    counts = Counter(innermost(one.stack, names) for one in samples)
    return tuple(PythonFunction(name=name, file=file, count=count) for (name, file), count in counts.most_common())


def innermost(stack: bytes, names: SymbolTable) -> tuple[str, str]:
    """Name and file of the function whose trampoline returned to lies deepest in a stack; empty where none does.

    The stack begins with the word that was pushed last. Where a trampoline begins is no return address: the interpreter
    keeps such pointers on the stack as well.
    """
    import numpy as np

    words = np.frombuffer(stack[: len(stack) // 8 * 8], dtype=np.uint64)
    found = names.first_inside(words)
    if found is None:
        return "", ""
    name, _, path = found.name.removeprefix(_PREFIX).partition(":")
    return name, os.path.basename(path)


def _size(perf_map: Path) -> int:
    try:
        return perf_map.stat().st_size
    except OSError:
        return 0


def _text(perf_map: Path, begin: int) -> str:
    """What was written since; all of it where an engine has begun the file again."""
    try:
        written = perf_map.read_bytes()
    except OSError:
        return ""
    return (written[begin:] if begin <= len(written) else written).decode(errors="replace")
