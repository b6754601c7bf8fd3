"""From instruction pointers to code sites: object, symbol, instruction class and kind of work, and how often."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from ironlaw.code import CodeSite, InstructionClass, LoopWork, SampleMode
from ironlaw.measure.sampling.address_space import GENERATED, AddressSpace, Region
from ironlaw.measure.sampling.decoder import Loop, LoopFinder, instruction_set
from ironlaw.measure.sampling.elf import ElfFile
from ironlaw.measure.sampling.kept_tables import KeptTables
from ironlaw.measure.sampling.perf_samples import Sample
from ironlaw.measure.sampling.symbols import SymbolTable, kernel_symbols, parse_perf_map
from ironlaw.missing import Maybe, Missing

KERNEL = "[kernel]"
UNMAPPED = "[unmapped]"  # what was mapped when the sample was taken, and is not when it is resolved
_FINGERPRINT_BYTES = 64  # of a generated loop, by which it is known in another process


@dataclass(frozen=True, slots=True)
class _Place:
    """What samples are counted by; all but the offset of a CodeSite."""

    object: str
    symbol: str
    near: str
    instructions: InstructionClass
    work: LoopWork
    mode: SampleMode
    is_callers: bool
    function: int = 0


class _Pointer(NamedTuple):
    """What samples are resolved by: most lie where another one does."""

    address: int
    in_kernel: bool
    is_callers: bool


@dataclass(frozen=True, slots=True)
class _Turn:
    """What holds for the samples of one turn: mappings, names of generated code, and what was decoded of it."""

    space: AddressSpace
    names: SymbolTable | None
    loops: LoopFinder | None


class Resolver:
    """Resolves pointers of this process; what it read of files is kept from turn to turn."""

    def __init__(self, perf_map: Path | None = None, kept: KeptTables | None = None) -> None:
        """`perf_map` is where an engine writes the names of the code it generates, if it does.

        `kept` is where tables of symbols are kept for the other processes of the run.
        """
        self._kept = kept or KeptTables()
        self._kernel: Maybe[SymbolTable] | None = None  # None: was not read yet
        self._files: dict[str, ElfFile | None] = {}
        self._perf_map = perf_map
        self._code = instruction_set()
        self._loops = self._finder()  # in files, whose code does not change; other code may, between two turns

    def resolve(self, samples: Iterable[Sample], *, caller: int) -> tuple[CodeSite, ...]:
        """The sites of all samples, the most frequent first; `caller` is the thread that ran the inferences."""
        return self.resolve_each(tuple(samples), caller=caller)[0]

    def resolve_each(self, samples: Sequence[Sample], *, caller: int) -> tuple[tuple[CodeSite, ...], tuple[int, ...]]:
        """The sites as above, and for each sample the place of its site among them."""
        space = AddressSpace.of_this_process()
        try:
            turn = _Turn(space, self._generated_names(), self._finder())
            pointers = [_Pointer(one.pointer, one.in_kernel, one.thread == caller) for one in samples]
            places = {one: self._place(one, turn) for one in dict.fromkeys(pointers)}
        finally:
            space.close()
        counts: dict[_Place, Counter[int]] = {}
        for one in pointers:
            place, offset = places[one]
            counts.setdefault(place, Counter())[offset] += 1
        found = {place: _site(place, offsets) for place, offsets in counts.items()}
        ordered = sorted(found, key=lambda place: _order(found[place]))
        number = {place: at for at, place in enumerate(ordered)}
        return tuple(found[place] for place in ordered), tuple(number[places[one][0]] for one in pointers)

    def _place(self, one: _Pointer, turn: _Turn) -> tuple[_Place, int]:
        if one.in_kernel:
            return self._in_kernel(one.address, is_callers=one.is_callers)
        return self._in_user(one.address, turn, is_callers=one.is_callers)

    def _in_kernel(self, pointer: int, *, is_callers: bool) -> tuple[_Place, int]:
        if self._kernel is None:
            self._kernel = kernel_symbols(self._kept)
        found = None if isinstance(self._kernel, Missing) else self._kernel.at(pointer)
        place = _Place(
            object=KERNEL,
            symbol=found.name if found else "",
            near="",
            instructions=InstructionClass.UNKNOWN,
            work=LoopWork.UNKNOWN,
            mode=SampleMode.KERNEL,
            is_callers=is_callers,
        )
        return place, found.offset if found else 0

    def _in_user(self, pointer: int, turn: _Turn, *, is_callers: bool) -> tuple[_Place, int]:
        region = turn.space.region(pointer)
        if region is None:
            return _user(UNMAPPED, "", "", Missing("not mapped"), is_callers), 0
        loop = _loop(pointer, turn.space, region, self._loops if region.is_file else turn.loops)
        if region.is_file:
            return self._in_file(pointer, region, loop, is_callers)
        found = turn.names.at(pointer) if turn.names is not None and region.name == GENERATED else None
        if found is not None:
            return _user(region.name, found.name, "", loop, is_callers), found.offset
        return _user(region.name, _fingerprint(loop, turn.space, region), "", loop, is_callers), pointer - region.start

    def _in_file(self, pointer: int, region: Region, loop: Maybe[Loop], is_callers: bool) -> tuple[_Place, int]:
        offset = pointer - region.start + region.offset
        file = self._file(region.path)
        found = file.at(offset) if file else None
        if found is not None:
            return _user(region.name, found.name, "", loop, is_callers), found.offset
        near = file.before(offset) if file else ""
        # Without a symbol the loop is the smallest thing that can be named, and it stays where it is in the file.
        begin = offset - (pointer - loop.start) if isinstance(loop, Loop) and loop.is_loop else offset
        function = file.function(offset) if file else 0
        return replace(_user(region.name, "", near, loop, is_callers), function=function), begin

    def _finder(self) -> LoopFinder | None:
        return None if isinstance(self._code, Missing) else LoopFinder(self._code)

    def _file(self, path: str) -> ElfFile | None:
        from elftools.common.exceptions import ELFError

        if path not in self._files:
            try:
                self._files[path] = ElfFile(path, self._kept)
            except (OSError, ELFError):
                self._files[path] = None
        return self._files[path]

    def _generated_names(self) -> SymbolTable | None:
        try:
            return parse_perf_map(self._perf_map.read_text(errors="replace")) if self._perf_map else None
        except OSError:
            return None


def _site(place: _Place, offsets: Counter[int]) -> CodeSite:
    return CodeSite(
        object=place.object,
        symbol=place.symbol,
        near=place.near,
        offset=offsets.most_common(1)[0][0],
        instructions=place.instructions,
        work=place.work,
        mode=place.mode,
        function=place.function,
        count=offsets.total(),
        called_by_turn=place.is_callers,
    )


def _order(site: CodeSite) -> tuple[int, str, str, int]:
    return -site.count, site.object, site.symbol, site.offset


def _loop(pointer: int, space: AddressSpace, region: Region, loops: LoopFinder | None) -> Maybe[Loop]:
    if loops is None:
        return Missing("the code of this machine is not decoded")

    def read(address: int, length: int) -> Maybe[bytes]:
        if not region.start <= address < region.end:
            return Missing("the branch leaves its mapping")
        return space.bytes_from(address, length, region)

    return loops.around(pointer, read)


def _user(name: str, symbol: str, near: str, loop: Maybe[Loop], is_callers: bool) -> _Place:
    kind = (InstructionClass.UNKNOWN, LoopWork.UNKNOWN) if isinstance(loop, Missing) else (loop.instructions, loop.work)
    return _Place(
        object=name,
        symbol=symbol,
        near=near,
        instructions=kind[0],
        work=kind[1],
        mode=SampleMode.USER,
        is_callers=is_callers,
    )


def _fingerprint(loop: Maybe[Loop], space: AddressSpace, region: Region) -> str:
    """A name for a loop of generated code by its first bytes: the same in every process that generates it."""
    if isinstance(loop, Missing):
        return ""
    code = space.bytes_from(loop.start, min(_FINGERPRINT_BYTES, loop.end - loop.start), region)
    if isinstance(code, Missing):
        return ""
    return f"loop {hashlib.blake2s(code, digest_size=4).hexdigest()}"
