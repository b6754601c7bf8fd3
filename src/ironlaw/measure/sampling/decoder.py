"""What the loop around a sample computes with: its instruction class and kind of work, from the machine code.

x86-64 is decoded by iced-x86, which knows AMX, VNNI in both encodings, AVX512-BF16 and FP16; 64-bit Arm by Capstone. A
sampled pointer is the start of an instruction, and so is the target of a branch: from these two, code of variable
length is decoded without knowing where its function begins.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ironlaw.code import InstructionClass, LoopWork
from ironlaw.missing import Maybe, Missing

# Unrolled loops of generated kernels reach some ten thousand bytes; what branches back from further away is not found.
LONGEST_LOOP_BYTES = 32 << 10
_NEAR_BYTES = 2 << 10  # where most loops end; further is looked only when nothing is found here
_STRAIGHT = 16  # instructions that are looked at where a pointer lies in no loop


class Instruction(Protocol):
    """One decoded instruction. Most are passed over on the way to a branch, so its kind is looked up when asked for."""

    @property
    def address(self) -> int:
        """Where it starts."""

    @property
    def length(self) -> int:
        """Its bytes."""

    @property
    def target(self) -> int:
        """Where a direct branch goes; 0 for every other instruction and for calls."""

    @property
    def ends_function(self) -> bool:
        """Whether nothing behind it belongs to the same function for certain: a return or a trap."""

    def kind(self) -> tuple[InstructionClass, LoopWork]:
        """Its instruction class and what it does."""


@dataclass(frozen=True, slots=True)
class Loop:
    """The code around a pointer: addresses of its first byte and behind its last, and what it computes with."""

    start: int
    end: int
    instructions: InstructionClass
    work: LoopWork
    is_loop: bool = True


# Decodes bytes that lie at an address, one instruction at a time, until they end or cannot be decoded.
Decode = Callable[[bytes, int], Iterator[Instruction]]
Read = Callable[[int, int], Maybe[bytes]]

# From the most to the least telling: a loop is of the first class that one of its instructions has.
PRECEDENCE = (
    InstructionClass.AMX,
    InstructionClass.VNNI,
    InstructionClass.I8MM,
    InstructionClass.DOT_PRODUCT,
    InstructionClass.AVX512_BF16,
    InstructionClass.BF16,
    InstructionClass.AVX512_FP16,
    InstructionClass.AVX512,
    InstructionClass.SVE,
    InstructionClass.AVX2,
    InstructionClass.SSE,
    InstructionClass.NEON,
    InstructionClass.INTEGER,
)
_WORK = (
    LoopWork.INTEGER_MULTIPLY_ADD,
    LoopWork.MULTIPLY_ADD,
    LoopWork.CONVERSION,
    LoopWork.ARITHMETIC,
    LoopWork.MOVE,
    LoopWork.CONTROL,
)


class LoopFinder:
    """Finds the loop around a pointer, and remembers loops: most samples fall into a few of them."""

    def __init__(self, decode: Decode) -> None:
        """`decode` is that of this machine's instruction set."""
        self._decode = decode
        self._innermost: list[Loop] = []

    def around(self, pointer: int, read: Read) -> Maybe[Loop]:
        """The innermost loop around a pointer, or the instructions that follow it where it lies in none.

        `read` gives bytes from an address on, at most so many. The loop ends with the first direct branch behind the
        pointer that leads to it or before it.
        """
        for loop in self._innermost:
            if loop.start <= pointer < loop.end:
                return loop
        found = self._search(pointer, read)
        # A loop is known to have no loop inside it only when none of its own branches leads back within it.
        if isinstance(found, Loop) and found.is_loop and self._holds_no_loop(found, read):
            self._innermost.append(found)
        return found

    def _search(self, pointer: int, read: Read) -> Maybe[Loop]:
        straight: list[Instruction] = []
        for length in (_NEAR_BYTES, LONGEST_LOOP_BYTES):
            ahead = read(pointer, length)
            if isinstance(ahead, Missing):
                return ahead
            straight = []
            for one in self._decode(ahead, pointer):
                if len(straight) < _STRAIGHT:
                    straight.append(one)
                if 0 < one.target <= pointer and pointer - one.target < LONGEST_LOOP_BYTES:
                    body = read(one.target, one.address + one.length - one.target)
                    if not isinstance(body, Missing):
                        return _summed(list(self._decode(body, one.target)), is_loop=True)
                if one.ends_function:
                    return _summed(straight, is_loop=False)
        if not straight:
            return Missing(f"the bytes at {pointer:#x} are no instruction that the decoder knows")
        return _summed(straight, is_loop=False)

    def _holds_no_loop(self, loop: Loop, read: Read) -> bool:
        body = read(loop.start, loop.end - loop.start)
        if isinstance(body, Missing):
            return False
        return not any(loop.start < one.target <= one.address for one in self._decode(body, loop.start))


def _summed(body: Sequence[Instruction], *, is_loop: bool) -> Maybe[Loop]:
    if not body:
        return Missing("the loop's own bytes could not be decoded")
    kinds = [one.kind() for one in body]
    classes = {instructions for instructions, _ in kinds}
    works = {work for _, work in kinds}
    return Loop(
        start=body[0].address,
        end=body[-1].address + body[-1].length,
        instructions=next(one for one in PRECEDENCE if one in classes or one is InstructionClass.INTEGER),
        work=next(one for one in _WORK if one in works or one is LoopWork.CONTROL),
        is_loop=is_loop,
    )


def decoder() -> Maybe[Decode]:
    """The decoder for this machine's instruction set."""
    match platform.machine():
        case "x86_64":
            return decode_x86
        case "aarch64":
            return decode_arm
        case other:
            return Missing(f"code of {other} is not decoded")


class _X86:
    """An instruction as iced-x86 decoded it."""

    __slots__ = ("_one", "address", "ends_function", "length", "target")

    def __init__(self, one: Any, target: int, ends_function: bool) -> None:
        self._one = one
        self.address: int = one.ip
        self.length: int = one.len
        self.target = target
        self.ends_function = ends_function

    def kind(self) -> tuple[InstructionClass, LoopWork]:
        """By its code: mnemonic, encoding and operand size; each is looked at once."""
        known = _X86_KINDS.get(self._one.code)
        if known is None:
            known = _X86_KINDS[self._one.code] = _classify_x86(self._one)
        return known


def decode_x86(code: bytes, address: int) -> Iterator[Instruction]:
    """Instructions of x86-64."""
    from iced_x86 import Decoder, FlowControl

    ends = (FlowControl.RETURN, FlowControl.INTERRUPT, FlowControl.EXCEPTION)
    branches = (FlowControl.CONDITIONAL_BRANCH, FlowControl.UNCONDITIONAL_BRANCH)
    for one in Decoder(64, code, ip=address):
        if one.is_invalid:
            return
        flow = one.flow_control
        yield _X86(one, one.near_branch_target if flow in branches else 0, flow in ends)


_X86_KINDS: dict[int, tuple[InstructionClass, LoopWork]] = {}


def _classify_x86(one: Any) -> tuple[InstructionClass, LoopWork]:
    from iced_x86 import Code, CpuidFeature

    features = {_feature_name(CpuidFeature, number) for number in one.cpuid_features()}
    mnemonic = _code_name(Code, one.code).removeprefix("EVEX_").removeprefix("VEX_")
    if any(name.startswith("AMX") for name in features):
        return InstructionClass.AMX, _tile_work(mnemonic)
    if features & _VNNI_FEATURES or mnemonic.startswith(("VPDPB", "VPDPW")):
        return InstructionClass.VNNI, LoopWork.INTEGER_MULTIPLY_ADD
    work = _x86_work(mnemonic)
    if mnemonic.startswith("VDPBF16PS"):
        return InstructionClass.AVX512_BF16, LoopWork.MULTIPLY_ADD
    if "AVX512_FP16" in features and work is not LoopWork.CONVERSION:
        return InstructionClass.AVX512_FP16, work
    width = _x86_width(one)
    return width, work if width is not InstructionClass.INTEGER else LoopWork.CONTROL


def _tile_work(mnemonic: str) -> LoopWork:
    """TDPBSSD and its family multiply bytes; TDPBF16PS, TDPFP16PS and the complex ones floating point."""
    if not mnemonic.startswith(("TDP", "TCMM")):
        return LoopWork.MOVE
    return (
        LoopWork.INTEGER_MULTIPLY_ADD if mnemonic.startswith("TDPB") and "PS" not in mnemonic else LoopWork.MULTIPLY_ADD
    )


_VNNI_FEATURES = {"AVX512_VNNI", "AVX_VNNI", "AVX_VNNI_INT8", "AVX_VNNI_INT16"}


def _x86_width(one: Any) -> InstructionClass:
    """By the widest vector register of its operands; general-purpose code has none."""
    from iced_x86 import OpKind, Register, RegisterExt

    widest = 0
    for place in range(one.op_count):
        if one.op_kind(place) != OpKind.REGISTER:
            continue
        register = one.op_register(place)
        if RegisterExt.is_zmm(register):
            widest = max(widest, 512)
        elif RegisterExt.is_ymm(register):
            widest = max(widest, 256)
        elif RegisterExt.is_xmm(register):
            widest = max(widest, 128)
        elif Register.K0 <= register <= Register.K7:
            widest = max(widest, 512)
    return {512: InstructionClass.AVX512, 256: InstructionClass.AVX2, 128: InstructionClass.SSE}.get(
        widest, InstructionClass.INTEGER
    )


_X86_MOVES = (
    "MOV", "LDDQU", "BROADCAST", "PBROADCAST", "INSERT", "EXTRACT", "PINS", "PEXTR", "PERM", "PUNPCK", "UNPCK", "SHUF",
    "PSHUF", "PALIGN", "GATHER", "PGATHER", "SCATTER", "MASKMOV", "ZERO", "PMOV", "BLEND", "PBLEND", "COMPRESS",
    "EXPAND",
)  # fmt: skip


def _x86_work(mnemonic: str) -> LoopWork:
    bare = mnemonic.removeprefix("V")
    if bare.startswith("PMADD"):
        return LoopWork.INTEGER_MULTIPLY_ADD
    if bare.startswith(("FMADD", "FMSUB", "FNMADD", "FNMSUB", "DPPS", "DPPD")):
        return LoopWork.MULTIPLY_ADD
    if bare.startswith("CVT"):
        return LoopWork.CONVERSION
    if bare.startswith(_X86_MOVES):
        return LoopWork.MOVE
    return LoopWork.ARITHMETIC


def _feature_name(table: Any, number: int) -> str:
    if not _FEATURES:
        _FEATURES.update({value: name for name, value in vars(table).items() if isinstance(value, int)})
    return _FEATURES.get(number, "")


def _code_name(table: Any, number: int) -> str:
    if not _CODES:
        _CODES.update({value: name for name, value in vars(table).items() if isinstance(value, int)})
    return _CODES.get(number, "")


_FEATURES: dict[int, str] = {}
_CODES: dict[int, str] = {}


@dataclass(frozen=True, slots=True)
class _Arm:
    """An instruction as Capstone decoded it."""

    address: int
    length: int
    mnemonic: str
    operands: str

    @property
    def target(self) -> int:
        return _arm_target(self.mnemonic, self.operands)

    @property
    def ends_function(self) -> bool:
        return self.mnemonic in ("ret", "brk", "udf")

    def kind(self) -> tuple[InstructionClass, LoopWork]:
        """By its mnemonic and the registers it names."""
        return _classify_arm(self.mnemonic, self.operands)


def decode_arm(code: bytes, address: int) -> Iterator[Instruction]:
    """Instructions of 64-bit Arm."""
    import capstone

    machine = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
    for at, length, mnemonic, operands in machine.disasm_lite(code, address):
        yield _Arm(at, length, mnemonic, operands)


_ARM_DOTS = ("sdot", "udot", "usdot", "sudot")
_ARM_MATRIX = ("smmla", "ummla", "usmmla")
_ARM_BF16 = ("bfmmla", "bfdot", "bfmlalb", "bfmlalt")


def _arm_target(mnemonic: str, operands: str) -> int:
    if mnemonic != "b" and not mnemonic.startswith(("b.", "cbz", "cbnz", "tbz", "tbnz")):
        return 0
    last = operands.rpartition("#")[2]
    try:
        return int(last, 0)
    except ValueError:
        return 0


def _classify_arm(mnemonic: str, operands: str) -> tuple[InstructionClass, LoopWork]:
    if mnemonic in _ARM_MATRIX:
        return InstructionClass.I8MM, LoopWork.INTEGER_MULTIPLY_ADD
    if mnemonic in _ARM_DOTS:
        return InstructionClass.DOT_PRODUCT, LoopWork.INTEGER_MULTIPLY_ADD
    if mnemonic in _ARM_BF16:
        return InstructionClass.BF16, LoopWork.MULTIPLY_ADD
    registers = [part.strip("[]{} ,!") for part in operands.split(",")]
    scalable = any(part.startswith("z") and part[1:2].isdigit() for part in registers)
    vector = any(part[:1] in "vqds" and part[1:2].isdigit() for part in registers)
    if not (scalable or vector):
        return InstructionClass.INTEGER, LoopWork.CONTROL
    width = InstructionClass.SVE if scalable else InstructionClass.NEON
    if mnemonic.startswith(("mla", "mls", "smlal", "umlal", "smlsl", "umlsl")):
        return width, LoopWork.INTEGER_MULTIPLY_ADD
    if mnemonic.startswith(("fmla", "fmls", "fmadd", "fmsub", "fnmadd", "fmlal")):
        return width, LoopWork.MULTIPLY_ADD
    if mnemonic.startswith(("fcvt", "scvtf", "ucvtf", "sqxtn", "sqxtun", "uqxtn")):
        return width, LoopWork.CONVERSION
    if mnemonic.startswith(("ld", "st", "mov", "fmov", "dup", "ins", "zip", "uzp", "trn", "ext", "tbl", "whilel")):
        return width, LoopWork.MOVE
    return width, LoopWork.ARITHMETIC
