"""How machine code is read: what every decoder of an instruction set gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ironlaw.code import InstructionClass, LoopWork

Kind = tuple[InstructionClass, LoopWork]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """The direct branches in some bytes of code: where each ends, and where it leads; calls are none.

    `end` lies after the last instruction; `is_over`: the code that belongs together ends there, by a return, a trap
    or bytes that are no instruction.
    """

    branches: list[tuple[int, int]]
    end: int
    is_over: bool


@dataclass(frozen=True, slots=True)
class InstructionSet:
    """How one kind of machine code is read; see x86 and arm."""

    scan: Callable[[bytes, int], Scan]
    kinds: Callable[[bytes, int], list[Kind]]  # of the instructions in bytes that lie at an address
    pauses: tuple[bytes, ...] = ()  # the instructions of waiting loops, behind which samples of such loops fall
