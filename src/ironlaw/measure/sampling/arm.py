"""Machine code of 64-bit Arm, decoded by Capstone."""

from __future__ import annotations

from ironlaw.code import InstructionClass, LoopWork
from ironlaw.measure.sampling.instruction_set import InstructionSet, Kind, Scan

_BYTES = 4  # of every instruction
_ENDS = ("ret", "brk", "udf")
_DOTS = ("sdot", "udot", "usdot", "sudot")
_MATRIX = ("smmla", "ummla", "usmmla")
_BF16 = ("bfmmla", "bfdot", "bfmlalb", "bfmlalt")
_INTEGER_MULTIPLY_ADDS = ("mla", "mls", "smlal", "umlal", "smlsl", "umlsl")
_MULTIPLY_ADDS = ("fmla", "fmls", "fmadd", "fmsub", "fnmadd", "fmlal")
_CONVERSIONS = ("fcvt", "scvtf", "ucvtf", "sqxtn", "sqxtun", "uqxtn")
_MOVES = ("ld", "st", "mov", "fmov", "dup", "ins", "zip", "uzp", "trn", "ext", "tbl", "whilel")


def scan_arm(code: bytes, address: int) -> Scan:
    """The direct branches in bytes that lie at an address, until a return, a trap or what is no code."""
    import capstone

    machine = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
    branches: list[tuple[int, int]] = []
    end = address
    for at, length, mnemonic, operands in machine.disasm_lite(code, address):
        end = at + length
        if mnemonic in _ENDS:
            return Scan(branches=branches, end=end, is_over=True)
        if target := _target(mnemonic, operands):
            branches.append((end, target))
    return Scan(branches=branches, end=end, is_over=end + _BYTES <= address + len(code))


def kinds_arm(code: bytes, address: int) -> list[Kind]:
    """The kinds of the instructions from an address on."""
    import capstone

    machine = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
    return [_classify(mnemonic, operands) for _, _, mnemonic, operands in machine.disasm_lite(code, address)]


_YIELD, _WFE = b"\x3f\x20\x03\xd5", b"\x5f\x20\x03\xd5"
ARM = InstructionSet(scan_arm, kinds_arm, (_YIELD, _WFE))


def _target(mnemonic: str, operands: str) -> int:
    if mnemonic != "b" and not mnemonic.startswith(("b.", "cbz", "cbnz", "tbz", "tbnz")):
        return 0
    try:
        return int(operands.rpartition("#")[2], 0)
    except ValueError:
        return 0


def _classify(mnemonic: str, operands: str) -> Kind:
    if mnemonic in _MATRIX:
        return InstructionClass.I8MM, LoopWork.INTEGER_MULTIPLY_ADD
    if mnemonic in _DOTS:
        return InstructionClass.DOT_PRODUCT, LoopWork.INTEGER_MULTIPLY_ADD
    if mnemonic in _BF16:
        return InstructionClass.BF16, LoopWork.MULTIPLY_ADD
    if mnemonic in ("yield", "wfe"):
        return InstructionClass.INTEGER, LoopWork.SPIN
    registers = [part.strip("[]{} ,!") for part in operands.split(",")]
    scalable = any(part.startswith("z") and part[1:2].isdigit() for part in registers)
    vector = any(part[:1] in "vqds" and part[1:2].isdigit() for part in registers)
    if not (scalable or vector):
        return InstructionClass.INTEGER, LoopWork.CONTROL
    width = InstructionClass.SVE if scalable else InstructionClass.NEON
    if mnemonic.startswith(_INTEGER_MULTIPLY_ADDS):
        return width, LoopWork.INTEGER_MULTIPLY_ADD
    if mnemonic.startswith(_MULTIPLY_ADDS):
        return width, LoopWork.MULTIPLY_ADD
    if mnemonic.startswith(_CONVERSIONS):
        return width, LoopWork.CONVERSION
    return width, LoopWork.MOVE if mnemonic.startswith(_MOVES) else LoopWork.ARITHMETIC
