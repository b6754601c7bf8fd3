"""Python functions by CPython's perf trampolines: on a recorded perf map and stacks, and where there are none."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ironlaw.code import CodeSite, InstructionClass, LoopWork, SampleMode
from ironlaw.measure.sampling.perf_samples import Sample
from ironlaw.measure.sampling.python_functions import (
    InterpretersCode,
    functions_of,
    innermost,
    python_names,
    sample_functions,
    share_in,
    trampolines,
)
from ironlaw.missing import Missing
from ironlaw.program import Program

RECORDED = Path(__file__).with_name("perf_trampolines.txt").read_text()
NAMES = python_names(RECORDED)
STACKS = {
    name: b"".join(struct.pack("=Q", int(word, 16)) for word in words)
    for name, *words in (line.split()[1:] for line in RECORDED.splitlines() if line.startswith("stack "))
}


def site(name: str, count: int) -> CodeSite:
    kind = {"instructions": InstructionClass.INTEGER, "work": LoopWork.CONTROL, "mode": SampleMode.USER}
    return CodeSite(object=name, symbol="", offset=0, count=count, **kind)  # type: ignore[arg-type]  # of three types


def sample(stack: bytes) -> Sample:
    return Sample(1, 7, 0, in_kernel=False, stack=stack)


def test_the_innermost_trampoline_on_a_recorded_stack_names_the_function() -> None:
    files = {name: innermost(stack, NAMES) for name, stack in STACKS.items()}
    assert len(files) == 4
    assert files == {name: (name, "reading.py" if name == "run_read" else "net.py") for name in STACKS}


def test_where_a_trampoline_begins_is_no_return_address() -> None:
    """The interpreter keeps pointers to trampolines deeper in the stack than the one that returned."""
    begins = [0x7F2CFC2C5205, 0x7F2CFC2C5226, 0x7F2CFC2C5231, 0x7F2CFC2C523C, 0x7F2CFC2C5247]
    kept = [name for name, stack in STACKS.items() if set(begins) & set(struct.unpack(f"={len(stack) // 8}Q", stack))]
    assert kept, "the recorded stacks hold one"
    assert innermost(b"".join(struct.pack("=Q", word) for word in begins), NAMES) == ("", "")


def test_samples_are_counted_by_function_and_those_without_one_have_no_name() -> None:
    found = functions_of([sample(STACKS["squares"]), sample(STACKS["squares"]), sample(b""), sample(b"\1" * 20)], NAMES)
    assert {(one.name, one.file, one.count) for one in found} == {("squares", "net.py", 2), ("", "", 2)}


def test_a_map_without_functions_of_python_names_nothing() -> None:
    assert innermost(STACKS["squares"], python_names("7f2cfc2c5247 b jit_gemm\n")) == ("", "")


def test_trampolines_are_missing_with_the_version_that_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delattr(sys, "activate_stack_trampoline", raising=False)
    with trampolines(tmp_path / "map") as names:
        assert isinstance(names, Missing)
        assert "3.12" in names.reason


def activated(monkeypatch: pytest.MonkeyPatch, activate: Callable[[str], Any]) -> list[str]:
    seen: list[str] = []

    def on(backend: str) -> None:
        activate(backend)
        seen.append("on")

    monkeypatch.setattr(sys, "activate_stack_trampoline", on, raising=False)
    monkeypatch.setattr(sys, "deactivate_stack_trampoline", lambda: seen.append("off"), raising=False)
    return seen


def test_trampolines_that_the_interpreter_refuses_are_missing_with_its_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(backend: str) -> None:
        raise RuntimeError("Trampoline cannot be initialized as a custom eval frame is already present")

    seen = activated(monkeypatch, refuse)
    with trampolines(tmp_path / "map") as names:
        assert isinstance(names, Missing)
        assert "custom eval frame" in names.reason
    assert seen == []


def test_trampolines_end_with_the_inferences_that_need_them_and_old_names_are_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    perf_map = tmp_path / "map"
    perf_map.write_text("7f2cfc2c5247 b py::of_the_last_turn:net.py\n")
    seen = activated(monkeypatch, lambda backend: None)
    with trampolines(perf_map) as names:
        assert not isinstance(names, Missing)
        perf_map.write_text(perf_map.read_text() + "7f2cfc2c5247 b py::squares:net.py\n")
        assert innermost(STACKS["squares"], names()) == ("squares", "net.py")
        assert seen == ["on"]
    assert seen == ["on", "off"]


def test_a_map_that_an_engine_has_begun_again_is_read_from_its_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    perf_map = tmp_path / "map"
    perf_map.write_text("7f2cfc2c5247 b jit_gemm\n" * 9)
    activated(monkeypatch, lambda backend: None)
    with trampolines(perf_map) as names:
        assert not isinstance(names, Missing)
        perf_map.write_text("7f2cfc2c5247 b py::squares:net.py\n")
        assert innermost(STACKS["squares"], names()) == ("squares", "net.py")


def test_trampolines_end_where_an_inference_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = activated(monkeypatch, lambda backend: None)
    with pytest.raises(ZeroDivisionError), trampolines(tmp_path / "map"):
        raise ZeroDivisionError
    assert seen == ["on", "off"]


def test_nothing_runs_where_the_interpreter_has_next_to_no_samples(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    activated(monkeypatch, lambda backend: None)
    ran: list[int] = []
    known = InterpretersCode.of_this_process()
    assert not isinstance(known, Missing)
    sites = [site("libtorch_cpu.so", 99), site(known.object, 1)]
    found = sample_functions(Program(infer=ran.append, inputs=[]), [(1,)], sites, tmp_path / "map")
    assert isinstance(found, Missing)
    assert ran == []


def test_a_share_is_of_all_samples() -> None:
    assert share_in("a", [site("a", 1), site("b", 3)]) == 0.25
    assert share_in("a", []) == 0.0


def test_this_interpreter_finds_its_own_code() -> None:
    import ctypes

    known = InterpretersCode.of_this_process()
    assert not isinstance(known, Missing)
    assert "python" in known.object
    assert known.has(ctypes.cast(ctypes.pythonapi.PyList_New, ctypes.c_void_p).value or 0)
    assert not known.has(0)
