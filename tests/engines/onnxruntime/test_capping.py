"""A cap on the instructions of MLAS: what its library learns of the CPU while it is imported."""

from __future__ import annotations

import ctypes
import mmap
import platform
import subprocess
import sys
from collections.abc import Callable

import pytest

from ironlaw.arm import Arm
from ironlaw.engines import ENGINES
from ironlaw.engines.onnxruntime import capping
from ironlaw.engines.onnxruntime.declaration import CAP
from ironlaw.errors import ArmFailed
from ironlaw.measure import needs

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="hides features of x86 CPUs")

# push rbx; mov eax, edi; mov ecx, esi; cpuid; mov eax, ebx | ecx | edx (none: eax); pop rbx; ret, padded by nops
_REGISTERS = {"eax": b"\x89\xc0", "ebx": b"\x89\xd8", "ecx": b"\x89\xc8", "edx": b"\x89\xd0"}
AVX512F, AVX512_VNNI, AVX_VNNI = ("ebx", 0, 16), ("ecx", 0, 11), ("eax", 1, 4)


class Asking:
    """A function in machine code that executes cpuid."""

    def __init__(self, register: str) -> None:
        code = b"\x90" * 80 + b"\x53\x89\xf8\x89\xf1\x0f\xa2" + _REGISTERS[register] + b"\x5b\xc3"
        self._page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self._page[: len(code)] = code
        self.start = ctypes.addressof(ctypes.c_char.from_buffer(self._page))
        self.parts = [(self.start, len(code))]
        self.answer: Callable[[int, int], int] = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint32)(
            self.start + 80
        )

    def has(self, subleaf: int, bit: int) -> bool:
        return bool(self.answer(7, subleaf) >> bit & 1)

    def code(self) -> bytes:
        return ctypes.string_at(*self.parts[0])


@pytest.mark.parametrize(
    ("level", "hidden", "kept"),
    [
        ("avx2", (AVX512F, AVX512_VNNI, AVX_VNNI), ()),
        ("avx512", (AVX512_VNNI, AVX_VNNI), (AVX512F,)),
        ("avx512_vnni", (), (AVX512F, AVX512_VNNI, AVX_VNNI)),
    ],
)
def test_a_cap_hides_what_is_above_it_and_nothing_else(
    level: str, hidden: tuple[tuple[str, int, int], ...], kept: tuple[tuple[str, int, int], ...]
) -> None:
    for register, subleaf, bit in (*hidden, *kept):
        asking = Asking(register)
        before, code = asking.has(subleaf, bit), asking.code()
        with capping.answering(level, asking.parts) as answers:
            assert asking.has(subleaf, bit) == (before and (register, subleaf, bit) in kept)
            assert answers() == 1
        assert asking.has(subleaf, bit) == before
        assert asking.code() == code


@pytest.mark.parametrize("leaf", [0, 1, 7])
def test_what_no_cap_is_about_is_answered_as_the_cpu_does(leaf: int) -> None:
    for register, bits in (("eax", -1), ("ecx", 0xFF), ("edx", 0xFF)):  # of leaf 7, none of these bits is hidden
        asking = Asking(register)
        hidden = 0b1000010 if (leaf, register) == (7, "ecx") else 0b1100 if (leaf, register) == (7, "edx") else 0
        before = asking.answer(leaf, 0)
        with capping.answering("avx2", asking.parts):
            assert asking.answer(leaf, 0) & bits & ~hidden == before & bits & ~hidden


def test_the_bytes_of_a_cpuid_inside_another_instruction_are_left_alone() -> None:
    inside = b"\x90" * 70 + b"\x48\xb8\x0f\xa2\x0f\xa2\x0f\xa2\x0f\xa2"  # mov rax, 0xa20fa20fa20fa20f
    assert capping.cpuid_instructions(inside + b"\x90" * 70 + b"\x0f\xa2", 0x1000) == [0x1000 + len(inside) + 70]


def test_an_interpreter_knows_the_cap_before_it_imports_the_library_and_serves_no_other_arms() -> None:
    capped, plain = (Arm.of(f"fp32@onnxruntime{levels}") for levels in ("+isa=avx512", ""))
    assert needs.environment_of(capped) == ((CAP, "avx512"),)
    assert needs.environment_of(plain) == needs.environment_of(Arm.of("fp32+isa=avx512")) == ()
    assert ENGINES["onnxruntime"].imports("fp32") == (capping.__name__, "onnxruntime")


UNDER_A_CAP = """
import ctypes, os
os.environ["IRONLAW_ONNXRUNTIME_ISA"] = "avx2"
from ironlaw.engines.border.frames import code_ranges
from ironlaw.engines.onnxruntime import capping
from onnxruntime.capi import onnxruntime_pybind11_state as library
from pathlib import Path
print(capping.refuse_uncapped("avx2"))
path = Path(library.__file__)
held = path.read_bytes()
print(all(ctypes.string_at(start, size) in held for start, size in code_ranges(path)))
"""


def test_an_interpreter_imports_the_library_under_its_cap_and_leaves_its_code_as_it_was() -> None:
    pytest.importorskip("onnxruntime")
    ran = subprocess.run([sys.executable, "-c", UNDER_A_CAP], check=True, capture_output=True, text=True)
    said, is_as_before = ran.stdout.splitlines()
    assert "cpuid instructions answered for avx2" in said
    assert is_as_before == "True"


def test_an_arm_whose_interpreter_was_not_capped_is_refused() -> None:
    with pytest.raises(ArmFailed, match="isa=avx512 did not reach ONNX Runtime"):
        capping.refuse_uncapped("avx512")
