"""What the loop around a sample computes with: its instruction class and kind of work, from the machine code.

A sampled pointer is the start of an instruction, and so is the target of a branch: from these two, code of variable
length is decoded without knowing where its function begins.
"""

from __future__ import annotations

import bisect
import platform
from collections.abc import Callable
from dataclasses import dataclass, field

from ironlaw.code import InstructionClass, LoopWork
from ironlaw.measure.sampling.arm import ARM
from ironlaw.measure.sampling.instruction_set import InstructionSet, Scan
from ironlaw.measure.sampling.x86 import X86
from ironlaw.missing import Maybe, Missing

# Unrolled loops of generated kernels reach some ten thousand bytes; what branches back from further away is not found.
LONGEST_LOOP_BYTES = 32 << 10
_CHUNK_BYTES = 512  # most functions and loops end within it
_STRAIGHT_BYTES = 80  # some 16 instructions: what is looked at where a pointer lies in no loop

Read = Callable[[int, int], Maybe[bytes]]


@dataclass(frozen=True, slots=True)
class Loop:
    """The code around a pointer: addresses of its first byte and after its last, and what it computes with."""

    start: int
    end: int
    instructions: InstructionClass
    work: LoopWork
    is_loop: bool = True


# From the most to the least specific: a loop is of the first class that one of its instructions has.
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
    InstructionClass.SCALAR,
    InstructionClass.NEON,
    InstructionClass.INTEGER,
)
_WORK = (
    LoopWork.RUNNING_MEAN,
    LoopWork.BYTE_TABLE,
    LoopWork.INTEGER_MULTIPLY_ADD,
    LoopWork.MULTIPLY_ADD,
    LoopWork.CONVERSION,
    LoopWork.ARITHMETIC,
    LoopWork.SPIN,
    LoopWork.MOVE,
    LoopWork.CONTROL,
)


@dataclass(slots=True)
class _Stretch:
    """Code that was scanned from a pointer on, as far as a search needed it."""

    start: int
    end: int
    is_over: bool = False
    ends: list[int] = field(default_factory=list)  # of its branches, ascending
    targets: list[int] = field(default_factory=list)

    def add(self, scan: Scan) -> None:
        self.is_over = scan.is_over or scan.end == self.end
        self.end = scan.end
        for end, target in scan.branches:
            self.ends.append(end)
            self.targets.append(target)


class LoopFinder:
    """Finds the loop around a pointer, and remembers what it scanned: many pointers lie in one function.

    One finder is for code that does not change while it is used.
    """

    def __init__(self, code: InstructionSet) -> None:
        """`code` is that of this machine."""
        self._code = code
        self._stretches: dict[int, _Stretch] = {}
        self._starts: list[int] = []
        self._loops: dict[tuple[int, int], Maybe[Loop]] = {}

    def around(self, pointer: int, read: Read) -> Maybe[Loop]:
        """The innermost loop around a pointer, or the instructions that follow it where it is in none.

        Right behind one that waits, that one is among them.

        `read` gives bytes from an address on, up to a number. The loop ends with the first direct branch behind the
        pointer that leads to it or before it.
        """
        back = self._branch_back(pointer, read)
        if isinstance(back, Missing):
            return back
        if back is None:
            stretch = self._stretch(pointer)
            return self._summed(
                self._from_pause(pointer, read), min(stretch.end, pointer + _STRAIGHT_BYTES), read, is_loop=False
            )
        if back not in self._loops:
            self._loops[back] = self._summed(*back, read, is_loop=True)
        return self._loops[back]

    def _from_pause(self, pointer: int, read: Read) -> int:
        """The pointer or, right behind an instruction that waits, where that begins: a function of a few instructions
        that a waiting loop calls is sampled when the wait is over.
        """
        for pause in self._code.pauses:
            if read(pointer - len(pause), len(pause)) == pause:
                return pointer - len(pause)
        return pointer

    def _branch_back(self, pointer: int, read: Read) -> Maybe[tuple[int, int]] | None:
        """Start and end of the loop; None where no branch leads back."""
        stretch = self._stretch(pointer)
        place = bisect.bisect_right(stretch.ends, pointer)
        while True:
            for place in range(place, len(stretch.ends)):  # noqa: B020  # continues where the last scan ended
                if pointer - LONGEST_LOOP_BYTES < stretch.targets[place] <= pointer:
                    return stretch.targets[place], stretch.ends[place]
            place = len(stretch.ends)
            if stretch.is_over or stretch.end - pointer >= LONGEST_LOOP_BYTES:
                return None
            ahead = read(stretch.end, _CHUNK_BYTES)
            if isinstance(ahead, Missing):
                if stretch.end == stretch.start:
                    return ahead
                stretch.is_over = True
            else:
                stretch.add(self._code.scan(ahead, stretch.end))

    def _stretch(self, pointer: int) -> _Stretch:
        place = bisect.bisect_right(self._starts, pointer) - 1
        if place >= 0:
            known = self._stretches[self._starts[place]]
            if pointer < known.end:
                return known
        bisect.insort(self._starts, pointer)
        self._stretches[pointer] = _Stretch(pointer, pointer)
        return self._stretches[pointer]

    def _summed(self, start: int, end: int, read: Read, *, is_loop: bool) -> Maybe[Loop]:
        code = read(start, end - start)
        if isinstance(code, Missing):
            return code
        kinds = self._code.kinds(code, start)
        if not kinds:
            return Missing(f"the bytes at {start:#x} are no instruction that the decoder knows")
        classes = {instructions for instructions, _ in kinds}
        works = {work for _, work in kinds}
        return Loop(
            start=start,
            end=end,
            instructions=next(one for one in PRECEDENCE if one in classes or one is InstructionClass.INTEGER),
            work=next(one for one in _WORK if one in works or one is LoopWork.CONTROL),
            is_loop=is_loop,
        )


def instruction_set() -> Maybe[InstructionSet]:
    """How the code of this machine is read."""
    known = {"x86_64": X86, "aarch64": ARM}.get(platform.machine())
    return known or Missing(f"code of {platform.machine()} is not decoded")
