"""Symbols: the name of the function an address lies in, from ELF files, perf maps and the kernel's own list."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ironlaw.missing import Maybe, Missing

# elf.h: an entry of a 64-bit symbol table, and the kinds of symbols that code has.
_ENTRY = [("name", "<u4"), ("info", "u1"), ("other", "u1"), ("section", "<u2"), ("value", "<u8"), ("size", "<u8")]
_NOTYPE, _FUNC, _IFUNC = 0, 2, 10
_EXECUTABLE = 4  # SHF_EXECINSTR
STUBS = "[calls of other libraries]"  # the procedure linkage table: each call out of a library jumps through it
_LONGEST_NAME = 300  # templates of kernels reach thousands of characters; the front tells which it is


@dataclass(frozen=True, slots=True)
class Found:
    """A symbol around an address: its name, and how far behind its start the address lies, in bytes."""

    name: str
    offset: int


class SymbolTable:
    """Symbols sorted by address. A symbol without a size reaches to the next one."""

    def __init__(self, starts: Any, sizes: Any, names: Any) -> None:
        """Arrays of equal length: addresses ascending, sizes in bytes, and names as they are stored."""
        self._starts = starts
        self._sizes = sizes
        self._names = names

    def __len__(self) -> int:
        return len(self._starts)

    def at(self, address: int) -> Found | None:
        """The symbol that covers the address."""
        import numpy as np

        place = int(np.searchsorted(self._starts, np.uint64(address), side="right")) - 1
        if place < 0:
            return None
        offset = address - int(self._starts[place])
        size = int(self._sizes[place])
        if size and offset >= size:
            return None
        return Found(demangled(self._names(place)), offset)

    def before(self, address: int) -> str:
        """The name of the last symbol at or before the address, however far; empty where there is none."""
        import numpy as np

        place = int(np.searchsorted(self._starts, np.uint64(address), side="right")) - 1
        return demangled(self._names(place)) if place >= 0 else ""


class ElfFile:
    """The symbols of one ELF file, and how its bytes lie in memory."""

    def __init__(self, path: str) -> None:
        """Read the section and program headers and both symbol tables.

        Raises:
            OSError: the file cannot be read.
            ELFError: it is not an ELF file.
        """
        from elftools.elf.elffile import ELFFile

        with open(path, "rb") as file:
            elf = ELFFile(file)
            self._loaded = [
                (segment["p_offset"], segment["p_filesz"], segment["p_vaddr"])
                for segment in elf.iter_segments()
                if segment["p_type"] == "PT_LOAD"
            ]
            self._stubs = [
                (section["sh_addr"], section["sh_size"])
                for section in elf.iter_sections()
                if section.name.startswith(".plt")
            ]
            self.symbols = _read_symbols(elf, file)
            self._functions = _read_functions(elf)

    def at(self, file_offset: int) -> Found | None:
        """The symbol at an offset in the file, or STUBS; None where neither covers it."""
        address = self._address(file_offset)
        if address is None:
            return None
        for start, size in self._stubs:
            if start <= address < start + size:
                return Found(STUBS, address - start)
        return self.symbols.at(address)

    def before(self, file_offset: int) -> str:
        """The last symbol before an offset in the file; empty where there is none."""
        address = self._address(file_offset)
        return "" if address is None else self.symbols.before(address)

    def function(self, file_offset: int) -> int:
        """Where the function around an offset begins: stripped files keep it for unwinding. 0: not known."""
        import numpy as np

        address = self._address(file_offset)
        if address is None:
            return 0
        place = int(np.searchsorted(self._functions, np.int64(address), side="right")) - 1
        return int(self._functions[place]) if place >= 0 else 0

    def _address(self, file_offset: int) -> int | None:
        for offset, size, address in self._loaded:
            if offset <= file_offset < offset + size:
                return int(file_offset - offset + address)
        return None


def _read_symbols(elf: Any, file: Any) -> SymbolTable:
    import numpy as np

    tables = []
    strings = []
    for number, name in enumerate((".symtab", ".dynsym")):
        section = elf.get_section_by_name(name)
        if section is None or section["sh_type"] == "SHT_NOBITS" or elf.elfclass != 64:
            strings.append(b"")
            continue
        file.seek(section["sh_offset"])
        entries = np.frombuffer(file.read(section["sh_size"]), dtype=np.dtype(_ENTRY))
        names = elf.get_section(section["sh_link"])
        file.seek(names["sh_offset"])
        strings.append(file.read(names["sh_size"]))
        kinds = entries["info"] & 15
        code = ((kinds == _FUNC) | (kinds == _IFUNC) | ((kinds == _NOTYPE) & (entries["name"] != 0))) & (
            entries["section"] != 0
        )
        table = entries[code]
        tables.append((table["value"], table["size"], table["name"], np.full(len(table), number, dtype=np.uint8)))
    if not tables:
        nothing = np.empty(0, dtype=np.uint64)
        return SymbolTable(nothing, nothing, lambda place: "")
    values, sizes, offsets, owners = (np.concatenate(columns) for columns in zip(*tables, strict=True))
    sizes = _bounded(values, sizes, elf)
    # Of several names at one address the last is found: one with a size, and the full table before the dynamic one.
    order = np.lexsort((-owners.astype(np.int64), sizes, values))
    values, sizes, offsets, owners = (column[order] for column in (values, sizes, offsets, owners))

    def name_at(place: int) -> str:
        text = strings[int(owners[place])]
        begin = int(offsets[place])
        return text[begin : text.index(b"\0", begin)].decode(errors="replace")

    return SymbolTable(values.astype(np.uint64), sizes, name_at)


def _read_functions(elf: Any) -> Any:
    """Where functions begin, ascending: the table of .eh_frame_hdr, in the one encoding that linkers write.

    Source: Linux Standard Base Core 5.0, section 10.6.2: version, three encodings, the frames' address, the number of
    entries, and pairs of (where a function begins, its frame), both relative to the section.
    """
    import numpy as np

    section = elf.get_section_by_name(".eh_frame_hdr")
    data = section.data() if section is not None and section["sh_type"] != "SHT_NOBITS" else b""
    if data[:1] != b"\x01" or data[2:4] != b"\x03\x3b":
        return np.empty(0, dtype=np.int64)
    count = int.from_bytes(data[8:12], "little")
    pairs = np.frombuffer(data[12 : 12 + 8 * count], dtype="<i4")
    return pairs[: 2 * (len(pairs) // 2) : 2].astype(np.int64) + section["sh_addr"]


def _bounded(values: Any, sizes: Any, elf: Any) -> Any:
    """Sizes, with the way to the end of its section for a symbol that has none.

    `_init` has none: it would name all that lies behind it, the stubs of the procedure linkage table first.
    """
    import numpy as np

    bounded = sizes.copy()
    for section in elf.iter_sections():
        if section["sh_flags"] & _EXECUTABLE:
            start, length = section["sh_addr"], section["sh_size"]
            inside = (sizes == 0) & (values >= start) & (values < start + length)
            bounded[inside] = (np.uint64(start + length) - values)[inside]
    return bounded


def parse_perf_map(text: str) -> SymbolTable:
    """Symbols of generated code: `START SIZE NAME` a line, in hexadecimal (the kernel's tools/perf jit-interface)."""
    rows = []
    for line in text.splitlines():
        match = re.fullmatch(r"(?:0x)?([0-9a-f]+) (?:0x)?([0-9a-f]+) (.+)", line.strip(), flags=re.IGNORECASE)
        if match:
            rows.append((int(match[1], 16), int(match[2], 16), match[3]))
    return _from_rows(rows)


def parse_kernel_symbols(text: str) -> Maybe[SymbolTable]:
    """Symbols in /proc/kallsyms; Missing where the kernel hides its addresses."""
    rows = []
    for line in text.splitlines():
        address, kind, name = line.split()[:3]
        if kind in "tTwW":
            rows.append((int(address, 16), 0, name))
    if not any(address for address, _, _ in rows):
        return Missing("the kernel hides its addresses (kernel.kptr_restrict)")
    return _from_rows(rows)


@functools.cache
def kernel_symbols() -> Maybe[SymbolTable]:
    """The kernel's own symbols, read once; it does not change under a running process."""
    try:
        return parse_kernel_symbols(Path("/proc/kallsyms").read_text())
    except OSError as error:
        return Missing(f"/proc/kallsyms cannot be read: {error.strerror}")


def _from_rows(rows: list[tuple[int, int, str]]) -> SymbolTable:
    import numpy as np

    ordered = sorted(rows)
    names = [name for _, _, name in ordered]
    return SymbolTable(
        np.array([start for start, _, _ in ordered], dtype=np.uint64),
        np.array([size for _, size, _ in ordered], dtype=np.uint64),
        names.__getitem__,
    )


def demangled(name: str) -> str:
    """A C++ name as it was written, cut where it becomes unreadably long; any other name as it is."""
    if not name.startswith(("_Z", "__Z")):
        return name[:_LONGEST_NAME]
    import cxxfilt

    plain, _, clone = name.partition(".")  # .isra.0, .cold: how the compiler cut it up
    try:
        return str(cxxfilt.demangle(plain))[:_LONGEST_NAME] + (f".{clone}" if clone else "")
    except (cxxfilt.InvalidName, cxxfilt.LibraryNotFound):
        return name[:_LONGEST_NAME]
