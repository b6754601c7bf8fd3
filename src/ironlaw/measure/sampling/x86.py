"""Machine code of x86-64, decoded by iced-x86, which knows AMX, VNNI in both encodings, AVX512-BF16 and FP16."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Any

from ironlaw.code import InstructionClass, LoopWork
from ironlaw.measure.sampling.instruction_set import InstructionSet, Kind, Scan
from ironlaw.measure.sampling.x86_loops import moves_elements, sums_products, uses_byte_table


def scan_x86(code: bytes, address: int) -> Scan:
    """The direct branches in bytes that lie at an address, until a return, a trap, bytes that are no code, or the end.

    Half a million instructions are passed in a turn on the way to a few thousand branches: the loop asks each one
    thing only.
    """
    from iced_x86 import Decoder, DecoderError, FlowControl

    straight_on, returns = FlowControl.NEXT, (FlowControl.RETURN, FlowControl.INTERRUPT, FlowControl.EXCEPTION)
    jumps = (FlowControl.CONDITIONAL_BRANCH, FlowControl.UNCONDITIONAL_BRANCH)
    branches: list[tuple[int, int]] = []
    decoder = Decoder(64, code, ip=address)
    for one in decoder:
        flow = one.flow_control
        if flow == straight_on:
            continue
        if flow in jumps:
            branches.append((one.ip + one.len, one.near_branch_target))
        elif flow in returns:
            is_cut = one.is_invalid and decoder.last_error == DecoderError.NO_MORE_BYTES and one.ip > address
            return Scan(branches=branches, end=one.ip if one.is_invalid else one.ip + one.len, is_over=not is_cut)
    return Scan(branches=branches, end=decoder.ip, is_over=False)


def kinds_x86(code: bytes, address: int) -> list[Kind]:
    """The kinds of the instructions from an address on, each encoding once."""
    from iced_x86 import Decoder

    seen: dict[int, Any] = {}
    for one in Decoder(64, code, ip=address):
        if one.is_invalid:
            break
        seen[one.code] = one
    kinds = [_KINDS[number] if number in _KINDS else _learned(number, one) for number, one in seen.items()]
    if (InstructionClass.SCALAR, LoopWork.CONVERSION) in kinds and _is_running_mean(map(_mnemonic, seen.values())):
        kinds.append((InstructionClass.SCALAR, LoopWork.RUNNING_MEAN))
    computes = [width for width, work in kinds if work is LoopWork.ARITHMETIC]
    if computes and all(work is not LoopWork.MULTIPLY_ADD for _, work in kinds) and sums_products(code, address):
        kinds.append((computes[0], LoopWork.MULTIPLY_ADD))
    is_scalar = any(width is InstructionClass.SCALAR for width, _ in kinds)
    if is_scalar and uses_byte_table(code, address):
        kinds.append((InstructionClass.SCALAR, LoopWork.BYTE_TABLE))
    if all(kind == (InstructionClass.INTEGER, LoopWork.CONTROL) for kind in kinds) and moves_elements(code, address):
        kinds.append((InstructionClass.INTEGER, LoopWork.MOVE))
    # Scalars are loaded, copied and zeroed in vector registers: that makes no loop a vector loop.
    return [kind for kind in kinds if not (is_scalar and kind == (InstructionClass.SSE, LoopWork.MOVE))]


def _is_running_mean(mnemonics: Iterable[str]) -> bool:
    """Whether a loop converts a counter, divides by it and multiplies, and makes no integers of what it computes."""
    bare = {name.removeprefix("V") for name in mnemonics}
    return {"CVTSI2SS", "DIVSS", "MULSS"} <= bare and not {"CVTSS2SI", "CVTTSS2SI"} & bare


_PAUSE, _TPAUSE_ECX = b"\xf3\x90", b"\x66\x0f\xae\xf1"
X86 = InstructionSet(scan_x86, kinds_x86, (_PAUSE, _TPAUSE_ECX))

# By iced's number of an instruction with its encoding and operand size; each is classified once.
_KINDS: dict[int, Kind] = {}


def _learned(number: int, one: Any) -> Kind:
    _KINDS[number] = kind = _classify(one)
    return kind


def _classify(one: Any) -> Kind:
    features = {_feature_names().get(number, "") for number in one.cpuid_features()}
    mnemonic = _mnemonic(one)
    if any(name.startswith("AMX") for name in features):
        return InstructionClass.AMX, _tile_work(mnemonic)
    if features & _VNNI_FEATURES or mnemonic.startswith(("VPDPB", "VPDPW")):
        return InstructionClass.VNNI, LoopWork.INTEGER_MULTIPLY_ADD
    if mnemonic in ("PAUSE", "TPAUSE"):
        return InstructionClass.INTEGER, LoopWork.SPIN
    if any(name.startswith("FPU") for name in features):
        return InstructionClass.SCALAR, LoopWork.ARITHMETIC  # x87
    work = _work(mnemonic)
    if mnemonic.startswith("VDPBF16PS"):
        return InstructionClass.AVX512_BF16, LoopWork.MULTIPLY_ADD
    if "AVX512_FP16" in features and work is not LoopWork.CONVERSION:
        return InstructionClass.AVX512_FP16, work
    width = _width(one)
    if width is InstructionClass.SSE and _SCALAR.search(mnemonic):
        return InstructionClass.SCALAR, work
    return width, work if width is not InstructionClass.INTEGER else LoopWork.CONTROL


# ADDSS, CVTSI2SD, VFMADD231SS, and names that go on after the type (CVTSS2SI): of one number. Moves load for either.
_SCALAR = re.compile(r"^(?!V?MOV).*S[SD](2|$)")


def _tile_work(mnemonic: str) -> LoopWork:
    """TDPBSSD and its family multiply bytes; TDPBF16PS, TDPFP16PS and the complex ones floating point."""
    if not mnemonic.startswith(_TILE_PRODUCTS):
        return LoopWork.MOVE
    of_bytes = mnemonic.startswith("TDPB") and "PS" not in mnemonic
    return LoopWork.INTEGER_MULTIPLY_ADD if of_bytes else LoopWork.MULTIPLY_ADD


_TILE_PRODUCTS = ("TDP", "TCMM", "TMMUL", "TTDP", "TTCMM", "TCONJTCMM")
_VNNI_FEATURES = {"AVX512_VNNI", "AVX_VNNI", "AVX_VNNI_INT8", "AVX_VNNI_INT16"}


def _width(one: Any) -> InstructionClass:
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


_MOVES = (
    "MOV", "LDDQU", "BROADCAST", "PBROADCAST", "INSERT", "EXTRACT", "PINS", "PEXTR", "PERM", "PUNPCK", "UNPCK", "SHUF",
    "PSHUF", "PALIGN", "GATHER", "PGATHER", "SCATTER", "MASKMOV", "ZERO", "PMOV", "BLEND", "PBLEND", "COMPRESS",
    "EXPAND", "PXOR", "XORP",
)  # fmt: skip


def _work(mnemonic: str) -> LoopWork:
    bare = mnemonic.removeprefix("V")
    if bare.startswith("PMADD"):
        return LoopWork.INTEGER_MULTIPLY_ADD
    if bare.startswith(("FMADD", "FMSUB", "FNMADD", "FNMSUB", "DPPS", "DPPD")):
        return LoopWork.MULTIPLY_ADD
    if bare.startswith("CVT"):
        return LoopWork.CONVERSION
    if bare.startswith(_MOVES):
        return LoopWork.MOVE
    return LoopWork.ARITHMETIC


@functools.cache
def _feature_names() -> dict[int, str]:
    from iced_x86 import CpuidFeature

    return {value: name for name, value in vars(CpuidFeature).items() if isinstance(value, int)}


def _mnemonic(one: Any) -> str:
    return str(one.op_code().instruction_string).split(maxsplit=1)[0].upper()
