"""Loops of known instructions, as bytes: each must be read as its class, wherever the sample fell."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ironlaw.code import InstructionClass, LoopWork
from ironlaw.measure.sampling.arm import ARM as ARM_64
from ironlaw.measure.sampling.decoder import Loop, LoopFinder
from ironlaw.measure.sampling.instruction_set import InstructionSet
from ironlaw.measure.sampling.x86 import X86 as X86_64
from ironlaw.missing import Maybe, Missing

START = 0x7F00_0000_1000
DEC_JNZ = "48ffcf 75"  # dec rdi; jnz back; the displacement follows


def x86_loop(body: str) -> bytes:
    """The instructions, then dec rdi; jnz to their start; ret."""
    code = bytes.fromhex(body + DEC_JNZ)
    return code + struct.pack("b", -(len(code) + 1)) + b"\xc3"


X86 = {
    "tdpbusd": ("c4e268 5ec1", InstructionClass.AMX, LoopWork.INTEGER_MULTIPLY_ADD),  # tdpbusd tmm0,tmm1,tmm2
    "tdpbf16ps": ("c4e26a 5cc1", InstructionClass.AMX, LoopWork.MULTIPLY_ADD),  # tdpbf16ps tmm0,tmm1,tmm2
    "vpmaddubsw ymm": ("c4e27504c2", InstructionClass.AVX2, LoopWork.INTEGER_MULTIPLY_ADD),
    "vpdpbusd zmm": ("62f2754850c2 62f2754850da", InstructionClass.VNNI, LoopWork.INTEGER_MULTIPLY_ADD),
    "vpdpbusd vex": ("c4e27550c2", InstructionClass.VNNI, LoopWork.INTEGER_MULTIPLY_ADD),
    "vdpbf16ps": ("62f2764852c2", InstructionClass.AVX512_BF16, LoopWork.MULTIPLY_ADD),
    "vfmadd231ph": ("62f67548b8c2", InstructionClass.AVX512_FP16, LoopWork.MULTIPLY_ADD),
    "vfmadd231ps zmm": ("62f27548b8c2", InstructionClass.AVX512, LoopWork.MULTIPLY_ADD),
    "vfmadd231ps ymm": ("c4e275b8c2", InstructionClass.AVX2, LoopWork.MULTIPLY_ADD),
    # Products that are summed, without fused multiply-adds; squares, a scaled number, and a sum that is overwritten.
    "mulss addss": ("f30f59c1 f30f58d0", InstructionClass.SCALAR, LoopWork.MULTIPLY_ADD),
    "mulps addps": ("0f59c1 0f58d0", InstructionClass.SSE, LoopWork.MULTIPLY_ADD),
    "vmulss vaddss": ("c5fa5906 c5ea58d0", InstructionClass.SCALAR, LoopWork.MULTIPLY_ADD),
    "mulps, its elements summed": (
        "0f280c08 0f590c10 4883c010 f30f58c1 0f28d1 0fc6d155 f30f58c2", InstructionClass.SSE, LoopWork.MULTIPLY_ADD,
    ),
    "mulss addss of squares": ("f30f59c0 f30f58d0", InstructionClass.SCALAR, LoopWork.ARITHMETIC),
    "mulss addss to the product": ("f30f59c1 f30f58c2", InstructionClass.SCALAR, LoopWork.ARITHMETIC),
    "movss mulss addss": ("f30f1016 f30f59c1 f30f58d0", InstructionClass.SCALAR, LoopWork.ARITHMETIC),
    "pause": ("f390 8b07", InstructionClass.INTEGER, LoopWork.SPIN),
    "movss pxor addss": ("f30f1006 660fefc9 f30f58c1", InstructionClass.SCALAR, LoopWork.ARITHMETIC),
    "movss": ("f30f1006 f30f1107", InstructionClass.SSE, LoopWork.MOVE),
    "cvtsi2ss divss mulss": ("f30f2af2 f30f5eee f30f59cc", InstructionClass.SCALAR, LoopWork.RUNNING_MEAN),
    "cvtsi2ss divss mulss cvttss2si": (
        "f30f2af2 f30f5eee f30f59cc f30f2cc1", InstructionClass.SCALAR, LoopWork.CONVERSION,
    ),
    "vmovups ymm": ("c5fc1006 c5fc1107", InstructionClass.AVX2, LoopWork.MOVE),
    "vcvtps2dq zmm": ("62f17d485bc1", InstructionClass.AVX512, LoopWork.CONVERSION),
    "add": ("4801f8", InstructionClass.INTEGER, LoopWork.CONTROL),
    # Numbers that bytes select in a table: summed, divided, and neither; by words, the table is no table of bytes.
    "movzx addss": ("0fb608 4883c001 f3410f58048f", InstructionClass.SCALAR, LoopWork.BYTE_TABLE),
    "movzx movss addss": ("0fb608 f3410f100c8f f30f58c1", InstructionClass.SCALAR, LoopWork.BYTE_TABLE),
    "movzx cvtss2sd mulsd divsd": (
        "0fb65500 660fefc0 f3410f5a0497 f20f59442408 f20f5e442410", InstructionClass.SCALAR, LoopWork.BYTE_TABLE,
    ),
    "movzx movss mulss": ("0fb65500 f3410f100497 f30f59c1", InstructionClass.SCALAR, LoopWork.ARITHMETIC),
    "movzx addss of bytes": ("0fb608 4883c001 f3410f58040f", InstructionClass.SCALAR, LoopWork.ARITHMETIC),
    "movzx of words addss": ("0fb708 4883c002 f3410f58048f", InstructionClass.SCALAR, LoopWork.ARITHMETIC),
    "mov addss": ("8b08 4883c004 f3410f58048f", InstructionClass.SCALAR, LoopWork.ARITHMETIC),
    "movzx, then another number": ("0fb608 4889f9 f3410f58048f", InstructionClass.SCALAR, LoopWork.ARITHMETIC),
    "movzx movss, then another number": (
        "0fb608 f3410f100c8f 0f57c9 f30f58c1", InstructionClass.SCALAR, LoopWork.ARITHMETIC,
    ),
    "movzx movss, then one from memory": (
        "0fb608 f3410f100c8f f30f100e f30f58c1", InstructionClass.SCALAR, LoopWork.ARITHMETIC,
    ),
    # Elements from array to array; by QLinearWhere under a condition; pointers; always the same element; without a
    # write; without a read.
    "movzx mov": ("410fb63c00 40883c01 4883c001", InstructionClass.INTEGER, LoopWork.MOVE),
    "cmp mov": ("403a3402 7404 c6040100 4883c001", InstructionClass.INTEGER, LoopWork.MOVE),
    "mov mov of 8 bytes": ("498b3c00 48893c01 4883c008", InstructionClass.INTEGER, LoopWork.CONTROL),
    "movzx mov in place": ("410fb63c00 40883c01", InstructionClass.INTEGER, LoopWork.CONTROL),
    "movzx": ("410fb63c00 4883c001", InstructionClass.INTEGER, LoopWork.CONTROL),
    "mov 0": ("c6040100 4883c001", InstructionClass.INTEGER, LoopWork.CONTROL),
    "movzx call mov": ("410fb63c00 e800000000 40883c01 4883c001", InstructionClass.INTEGER, LoopWork.CONTROL),
}  # fmt: skip
ARM_BACK = 0x54FFFFC1  # b.ne two instructions back
ARM = {
    "sdot": (0x4E829420, InstructionClass.DOT_PRODUCT, LoopWork.INTEGER_MULTIPLY_ADD),
    "smmla": (0x4E82A420, InstructionClass.I8MM, LoopWork.INTEGER_MULTIPLY_ADD),
    "bfmmla": (0x6E42EC20, InstructionClass.BF16, LoopWork.MULTIPLY_ADD),
    "fmla v": (0x4E22CC20, InstructionClass.NEON, LoopWork.MULTIPLY_ADD),
    "fmla z": (0x65A20020, InstructionClass.SVE, LoopWork.MULTIPLY_ADD),
    "add x": (0x8B020020, InstructionClass.INTEGER, LoopWork.CONTROL),
}


def reader(code: bytes, start: int = START):  # type: ignore[no-untyped-def]
    """Bytes of one mapping."""

    def read(address: int, length: int) -> Maybe[bytes]:
        at = address - start
        return code[at : at + length] if 0 <= at < len(code) else Missing("outside")

    return read


def around(code: bytes, offset: int, code_of: InstructionSet = X86_64) -> Loop:
    found = LoopFinder(code_of).around(START + offset, reader(code))
    assert isinstance(found, Loop), found
    return found


@pytest.mark.parametrize(("body", "expected", "work"), X86.values(), ids=X86)
def test_a_loop_is_of_the_class_of_its_arithmetic(body: str, expected: InstructionClass, work: LoopWork) -> None:
    code = x86_loop(body)
    for offset in (0, len(code) - 6):  # at its first instruction, and at the decrement, which is integer by itself
        loop = around(code, offset)
        assert (loop.instructions, loop.work, loop.is_loop) == (expected, work, True)
        assert (loop.start, loop.end) == (START, START + len(code) - 1)


@pytest.mark.parametrize(("word", "expected", "work"), ARM.values(), ids=ARM)
def test_arm_loops_are_read_equally(word: int, expected: InstructionClass, work: LoopWork) -> None:
    code = struct.pack("<IIII", word, 0xF1000400, ARM_BACK, 0xD65F03C0)  # ...; subs x0, x0, #1; b.ne; ret
    for offset in (0, 4, 8):
        loop = around(code, offset, ARM_64)
        assert (loop.instructions, loop.work, loop.is_loop) == (expected, work, True)


def test_the_inner_of_two_loops_is_found_and_not_taken_for_the_outer_one() -> None:
    inner = x86_loop(X86["vpdpbusd zmm"][0])[:-1]
    outer_body = bytes.fromhex("f30f59c1") + inner  # mulss, then the inner loop
    back = len(outer_body) + 3 + 2
    code = outer_body + bytes.fromhex("48ffce 75") + struct.pack("b", -back) + b"\xc3"  # dec rsi; jnz; ret
    finder = LoopFinder(X86_64)
    outer = finder.around(START, reader(code))
    found = finder.around(START + 4, reader(code))
    assert isinstance(outer, Loop)
    assert isinstance(found, Loop)
    assert (found.start, found.instructions) == (START + 4, InstructionClass.VNNI)
    assert outer.start == START
    assert outer.end > found.end


def test_code_in_no_loop_is_judged_by_what_follows_it() -> None:
    loop = around(bytes.fromhex("f30f59c1 f30f58d0 c3"), 0)
    assert (loop.instructions, loop.is_loop) == (InstructionClass.SCALAR, False)


def test_an_element_that_is_moved_once_makes_no_loop_that_moves_elements() -> None:
    loop = around(bytes.fromhex("410fb63c00 40883c01 4883c001 c3"), 0)
    assert (loop.is_loop, loop.work) == (False, LoopWork.CONTROL)


def test_a_branch_that_leads_behind_the_pointer_makes_no_loop() -> None:
    code = bytes.fromhex("f30f59c1") + x86_loop(X86["vfmadd231ps zmm"][0])
    assert around(code, 0).is_loop is False


def test_bytes_that_are_no_code_are_missing() -> None:
    found = LoopFinder(X86_64).around(START, reader(b"\x06"))  # push es does not exist in 64-bit mode
    assert isinstance(found, Missing)
    assert isinstance(LoopFinder(X86_64).around(START - 1, reader(b"\x90")), Missing)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(code=st.binary(min_size=1, max_size=200), offset=st.integers(0, 199))
def test_any_bytes_are_a_loop_around_the_pointer_or_missing(code: bytes, offset: int) -> None:
    found = LoopFinder(X86_64).around(START + offset, reader(code))
    assert isinstance(found, Missing) or not found.is_loop or found.start <= START + offset < found.end


@pytest.mark.parametrize(
    ("code", "code_of"),
    [
        (bytes.fromhex("f390 5b 5d c3"), X86_64),  # pause, pop rbx, pop rbp, ret: ONNX Runtime's SpinPause
        (bytes.fromhex("660faef1 5b c3"), X86_64),  # tpause ecx
        (bytes.fromhex("3f2003d5 c0035fd6"), ARM_64),  # yield, ret
    ],
    ids=["pause", "tpause", "yield"],
)
def test_a_pointer_right_behind_an_instruction_that_waits_is_in_a_wait(code: bytes, code_of: InstructionSet) -> None:
    behind = next(len(pause) for pause in code_of.pauses if code.startswith(pause))
    for offset in (0, behind):
        assert around(code, offset, code_of).work is LoopWork.SPIN
    assert around(b"\x5b\x5d\xc3", 1).work is LoopWork.CONTROL
