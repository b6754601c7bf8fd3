"""Loops of x86-64 that no single instruction shows: their instructions use each other's results."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

_BYTE = 1
_LONGEST_ELEMENT_BYTES = 4  # of tensors; pointers and sizes, which other code moves, have 8
_MEMORY = 0  # where an operand is no register
_PRODUCTS, _SUMS = ("MULSS", "MULSD", "MULPS", "MULPD"), ("ADDSS", "ADDSD", "ADDPS", "ADDPD")
_SHUFFLES = ("MOV", "SHUFP", "UNPCK", "PERM", "EXTRACT")
_MOST_INSTRUCTIONS = 64  # of a loop over single elements, which compilers unroll a few times at most


def uses_byte_table(code: bytes, address: int) -> bool:
    """Whether scalar code sums, or divides, floating-point numbers that bytes select in a table.

    A byte is loaded into a register that then indexes numbers of 4 or 8 bytes.
    """
    from iced_x86 import Decoder, OpKind, RegisterExt

    bytes_in: set[int] = set()  # registers that hold a loaded byte
    selected: set[int] = set()  # those that hold a number of the table, or what was computed of it
    for one in Decoder(64, code, ip=address):
        if one.is_invalid:
            break
        name = _bare(one)
        registers = [RegisterExt.full_register(one.op_register(place)) for place in range(one.op_count)]
        # Of two operands the first is written: moves and conversions read the other one alone, arithmetic both.
        sources = registers[1:] if name.startswith(("MOV", "CVT")) else registers
        is_selected = not _makes_zero(name, registers) and (
            (RegisterExt.full_register(one.memory_index) in bytes_in and one.memory_index_scale in (4, 8))
            or any(source in selected for source in sources)
        )
        if is_selected and name in ("ADDSS", "ADDSD", "DIVSS", "DIVSD"):
            return True
        if one.op_count == 0 or one.op_kind(0) != OpKind.REGISTER:
            continue
        for held, holds in (
            (bytes_in, name == "MOVZX" and _bytes_of_memory(one) == _BYTE),
            (selected, is_selected and RegisterExt.is_vector_register(registers[0])),
        ):
            held.discard(registers[0])
            if holds:
                held.add(registers[0])
    return False


def _makes_zero(name: str, registers: Sequence[int]) -> bool:
    return name in ("PXOR", "XORPS", "XORPD") and len(set(registers[-2:])) == 1


def sums_products(code: bytes, address: int) -> bool:
    """Whether a loop adds products of two numbers to registers that nothing else in it writes: a dot product without
    fused multiply-adds, as compilers make it for any x86-64.

    Squares are none: a variance sums them.
    """
    from iced_x86 import Decoder, OpKind, RegisterExt

    products: set[int] = set()  # registers that hold one
    sums: set[int] = set()
    others: set[int] = set()  # registers that are also written otherwise
    instructions = list(itertools.takewhile(lambda one: not one.is_invalid, Decoder(64, code, ip=address)))
    for one in (*instructions, *instructions):  # a product may be summed in the next pass of the loop
        if one.op_count == 0 or one.op_kind(0) != OpKind.REGISTER:
            continue
        # A scalar and the vector that it is part of are one register; memory is none.
        operands = [
            int(RegisterExt.full_register(one.op_register(place))) if one.op_kind(place) == OpKind.REGISTER else _MEMORY
            for place in range(one.op_count)
        ]
        name, written, read = _bare(one), operands[0], operands[-2:]
        if name in _SUMS and written in read:
            if any(register in products - {written} for register in read):
                sums.add(written)
            continue
        makes_product = name in _PRODUCTS and read[0] != read[1]
        keeps_product = name.startswith(_SHUFFLES) and any(register in products for register in read)
        products.discard(written)
        others.add(written)
        if makes_product or keeps_product:
            products.add(written)
    return bool(sums - others)


def moves_elements(code: bytes, address: int) -> bool:
    """Whether a loop in general-purpose registers walks through arrays of elements, reading some and writing others.

    It calls nothing, and the address of what it reads, and of what it writes, has a register that it counts up or down.
    """
    from iced_x86 import Decoder, FlowControl, OpKind, RegisterExt

    read: set[int] = set()  # registers in addresses
    written: set[int] = set()
    stepped: set[int] = set()
    is_loop = False
    for place, one in enumerate(Decoder(64, code, ip=address)):
        if one.is_invalid or place >= _MOST_INSTRUCTIONS or one.flow_control in (
            FlowControl.CALL, FlowControl.INDIRECT_CALL, FlowControl.INDIRECT_BRANCH
        ):  # fmt: skip
            return False
        if one.flow_control == FlowControl.CONDITIONAL_BRANCH:
            is_loop = is_loop or one.near_branch_target == address
            continue
        name = _bare(one)
        if name in ("ADD", "SUB", "INC", "DEC", "LEA") and one.op_kind(0) == OpKind.REGISTER:
            stepped.add(RegisterExt.full_register(one.op_register(0)))
        places = [at for at in range(one.op_count) if one.op_kind(at) == OpKind.MEMORY]
        if places and name != "LEA" and _bytes_of_memory(one) <= _LONGEST_ELEMENT_BYTES:
            parts = {RegisterExt.full_register(one.memory_base), RegisterExt.full_register(one.memory_index)}
            (written if places == [0] and name == "MOV" else read).update(parts)
    return is_loop and bool(read & stepped) and bool(written & stepped)


def _bare(one: Any) -> str:
    name = str(one.op_code().instruction_string).split(maxsplit=1)[0].upper()
    return name.removeprefix("V")


def _bytes_of_memory(one: Any) -> int:
    from iced_x86 import MemorySizeExt

    return int(MemorySizeExt.size(one.memory_size))
