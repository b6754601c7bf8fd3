"""isa=LEVEL in ONNX Runtime: what its library learns of the CPU while it is imported.

MLAS chooses its kernels once, by the instruction `cpuid`, and reads no setting. In an arm with a cap, a signal handler
answers each cpuid of the library while it is imported, without the features above the cap. Afterwards its code is as
the file has it. An interpreter learns the level by an environment variable and imports this module first.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import itertools
import mmap
import os
import platform
import signal
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ironlaw.engines.border.frames import code_ranges
from ironlaw.engines.onnxruntime.declaration import CAP
from ironlaw.errors import ArmFailed
from ironlaw.missing import Maybe, Missing
from ironlaw.signal_action import SA_SIGINFO, SignalAction

_CPUID, _PATCH = b"\x0f\xa2", b"\x0f\x0b"  # cpuid, and ud2, which raises SIGILL
_PAGE = mmap.PAGESIZE
_READ_WRITE_EXECUTE = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
_READ_EXECUTE = mmap.PROT_READ | mmap.PROT_EXEC
# Decoding x86 from a wrong place falls into step within a few instructions: of the places to begin at before two bytes
# that may be a cpuid, nearly all meet it at its beginning if it is one.
_BEFORE, _STARTS, _LEAST = 64, 16, 12

# Features above a cap, as bits of a register: Intel's and AMD's manuals on cpuid, leaf 7 (subleaf 0: EBX, ECX, EDX;
# subleaf 1: EAX, EDX).
_EBX_AVX512 = (16, 17, 21, 26, 27, 28, 30, 31)  # F, DQ, IFMA, PF, ER, CD, BW, VL
_ECX_AVX512, _ECX_VNNI = (1, 6, 12, 14), (11,)  # VBMI, VBMI2, BITALG, VPOPCNTDQ; AVX512_VNNI
_EDX_AVX512 = (2, 3, 8)  # 4VNNIW, 4FMAPS, VP2INTERSECT
_EDX_HALF_OR_TILES = (22, 23, 24, 25)  # AMX-BF16, AVX512-FP16, AMX-TILE, AMX-INT8
_EAX1_HALF, _EAX1_VNNI = (5, 21), (4, 23)  # AVX512_BF16, AMX-FP16; AVX-VNNI, AVX-IFMA
_EDX1_TILES, _EDX1_VNNI = (8, 19), (4, 5, 10)  # AMX-COMPLEX, AVX10; AVX-VNNI-INT8, AVX-NE-CONVERT, AVX-VNNI-INT16


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hidden:
    """The features that a cap hides, by bit: of subleaf 0 in EBX, ECX and EDX, of subleaf 1 in EAX and EDX."""

    ebx: tuple[int, ...] = ()
    ecx: tuple[int, ...] = ()
    edx: tuple[int, ...] = _EDX_HALF_OR_TILES
    eax1: tuple[int, ...] = _EAX1_HALF
    edx1: tuple[int, ...] = _EDX1_TILES


_HIDDEN: Mapping[str, _Hidden] = {
    "avx512_vnni": _Hidden(),
    "avx512": _Hidden(ecx=_ECX_VNNI, eax1=_EAX1_HALF + _EAX1_VNNI, edx1=_EDX1_TILES + _EDX1_VNNI),
    "avx2": _Hidden(
        ebx=_EBX_AVX512,
        ecx=_ECX_AVX512 + _ECX_VNNI,
        edx=_EDX_AVX512 + _EDX_HALF_OR_TILES,
        eax1=_EAX1_HALF + _EAX1_VNNI,
        edx1=_EDX1_TILES + _EDX1_VNNI,
    ),
}

# What became of the cap of this process, for the arms that are forked from it: level and number of answers.
_applied: Maybe[tuple[str, int]] = Missing("its interpreter was started without a cap")


def refuse_uncapped(level: str) -> str:
    """Read back the cap that is in effect in this process.

    Raises:
        ArmFailed: the library was imported without it.
    """
    if isinstance(_applied, Missing):
        raise ArmFailed(f"isa={level} did not reach ONNX Runtime: {_applied.reason}", hint="leave isa= out")
    applied, answers = _applied
    if applied != level:
        raise ArmFailed(f"isa={level} came too late: ONNX Runtime was imported with {applied}", hint="leave isa= out")
    return f"{answers} cpuid instructions answered for {applied} while the library was imported"


def import_capped(level: str) -> Maybe[tuple[str, int]]:
    """Import onnxruntime under a cap; the level, and how many cpuid instructions were answered for it."""
    if platform.machine() != "x86_64":
        return Missing(f"on {platform.machine()} no instruction can be hidden from it")
    if level not in _HIDDEN:
        return Missing(f"no cap is called {level}")
    found = importlib.util.find_spec("onnxruntime")
    package = Path(found.origin or "").parent if found is not None else Path()
    libraries = sorted(package.glob("capi/onnxruntime_pybind11_state*.so"))
    if not libraries:
        return Missing("its library was not found")
    # Loaded, and not yet initialised as a module of Python: MLAS has not asked yet.
    ctypes.CDLL(str(libraries[0]))
    try:
        with answering(level, code_ranges(libraries[0])) as answers:
            importlib.import_module("onnxruntime")
            count = answers()
    except OSError as error:
        return Missing(f"its code could not be changed: {error.strerror}")
    return (level, count) if count else Missing("it asked for no features of the CPU while it was imported")


def cpuid_instructions(code: bytes, address: int) -> list[int]:
    """The addresses of the cpuid instructions in code that begins at an address."""
    from iced_x86 import Decoder, Mnemonic

    found, place = [], code.find(_CPUID)
    while place >= 0:
        begins = range(max(place - _BEFORE, 0), max(place - _BEFORE, 0) + _STARTS)
        met = sum(
            any(one.ip == place and one.mnemonic == Mnemonic.CPUID for one in _until(Decoder, code, begin, place))
            for begin in begins
        )
        if met >= _LEAST:
            found.append(address + place)
        place = code.find(_CPUID, place + 1)
    return found


def _until(decoder: Any, code: bytes, begin: int, end: int) -> Iterator[Any]:
    """Instructions from one place to another, both offsets in the code."""
    return itertools.takewhile(lambda one: one.ip <= end, decoder(64, code[begin : end + len(_CPUID)], ip=begin))


@contextmanager
def answering(level: str, parts: Sequence[tuple[int, int]]) -> Iterator[Callable[[], int]]:
    """Answer the cpuid instructions in code (address and bytes of each part) for a level; gives what counts them.

    Raises:
        OSError: the kernel refuses to let the code be changed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    handler = mmap.mmap(-1, _PAGE, prot=_READ_WRITE_EXECUTE)
    address, counter = ctypes.addressof(ctypes.c_char.from_buffer(handler)), _PAGE // 2
    machine_code = handler_code(_HIDDEN[level], counter_at=address + counter)
    handler[: len(machine_code)] = machine_code
    places = [place for start, size in parts for place in cpuid_instructions(ctypes.string_at(start, size), start)]
    before, during = SignalAction(), SignalAction(handler=address, flags=SA_SIGINFO)
    _checked(libc.sigaction(signal.SIGILL, ctypes.byref(during), ctypes.byref(before)))
    try:
        _write(libc, places, _PATCH)
        yield lambda: struct.unpack_from("<Q", handler, counter)[0]
    finally:
        _write(libc, places, _CPUID)
        _checked(libc.sigaction(signal.SIGILL, ctypes.byref(before), None))


def _write(libc: ctypes.CDLL, places: Sequence[int], instruction: bytes) -> None:
    for place in places:
        first = place - place % _PAGE
        size = (place + len(instruction) - 1) // _PAGE * _PAGE - first + _PAGE
        _checked(libc.mprotect(first, size, _READ_WRITE_EXECUTE))
        ctypes.memmove(place, instruction, len(instruction))
        _checked(libc.mprotect(first, size, _READ_EXECUTE))


def _checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def handler_code(hidden: _Hidden, *, counter_at: int) -> bytes:
    """A signal handler that executes cpuid for the instruction it was raised at, and hides features from the answer.

    handler(int, siginfo_t *, ucontext_t *rdx); the offsets are those of uc_mcontext.gregs (sys/ucontext.h).
    """
    keep = {name: struct.pack("<I", 0xFFFFFFFF & ~sum(1 << bit for bit in getattr(hidden, name))) for name in _FIELDS}
    second = (
        b"\x25" + keep["eax1"]  # and eax, ...
        + b"\x81\xe2" + keep["edx1"]  # and edx, ...
    )  # fmt: skip
    second = b"\x41\x83\xfa\x01" + _jump_unless_equal(second)  # cmp r10d, 1
    first = (
        b"\x81\xe3" + keep["ebx"]  # and ebx, ...
        + b"\x81\xe1" + keep["ecx"]  # and ecx, ...
        + b"\x81\xe2" + keep["edx"]  # and edx, ...
        + b"\xeb" + bytes([len(second)])  # jmp behind the second
    )  # fmt: skip
    masks = b"\x45\x85\xd2" + _jump_unless_equal(first) + second  # test r10d, r10d
    return (
        b"\x53"  # push rbx
        b"\x49\x89\xd0"  # mov r8, rdx
        b"\x49\x8b\x80\x90\x00\x00\x00"  # mov rax, [r8 + 144]
        b"\x49\x8b\x88\x98\x00\x00\x00"  # mov rcx, [r8 + 152]
        b"\x41\x89\xc1"  # mov r9d, eax: the leaf
        b"\x41\x89\xca"  # mov r10d, ecx: the subleaf
        b"\x49\xbb" + struct.pack("<Q", counter_at)  # mov r11, counter
        + b"\x49\xff\x03"  # inc qword [r11]
        + _CPUID
        + b"\x41\x83\xf9\x07" + _jump_unless_equal(masks)  # cmp r9d, 7
        + b"\x49\x89\x80\x90\x00\x00\x00"  # mov [r8 + 144], rax
        b"\x49\x89\x98\x80\x00\x00\x00"  # mov [r8 + 128], rbx
        b"\x49\x89\x88\x98\x00\x00\x00"  # mov [r8 + 152], rcx
        b"\x49\x89\x90\x88\x00\x00\x00"  # mov [r8 + 136], rdx
        b"\x49\x83\x80\xa8\x00\x00\x00\x02"  # add qword [r8 + 168], 2: behind the instruction
        b"\x5b"  # pop rbx
        b"\xc3"  # ret
    )  # fmt: skip


_FIELDS = ("ebx", "ecx", "edx", "eax1", "edx1")


def _jump_unless_equal(over: bytes) -> bytes:
    return b"\x75" + bytes([len(over)]) + over


if _level := os.environ.get(CAP):
    _applied = import_capped(_level)
