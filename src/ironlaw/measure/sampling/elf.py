"""Symbols of ELF files, which shared libraries and programs are on Linux."""

from __future__ import annotations

import functools
import mmap
from typing import TYPE_CHECKING, Any

from ironlaw.measure.sampling.kept_tables import KeptTables, name_of_file
from ironlaw.measure.sampling.symbols import Found, SymbolTable

STUBS = "[calls of other libraries]"  # the procedure linkage table: each call out of a library jumps through it

if TYPE_CHECKING:
    from numpy.typing import NDArray

# elf.h: entries of the 64-bit tables of symbols, sections and segments; the constants are its names.
_SYMBOL = [("name", "<u4"), ("info", "u1"), ("other", "u1"), ("section", "<u2"), ("value", "<u8"), ("size", "<u8")]
_SECTION = [
    ("name", "<u4"), ("type", "<u4"), ("flags", "<u8"), ("address", "<u8"), ("offset", "<u8"), ("size", "<u8"),
    ("link", "<u4"), ("info", "<u4"), ("align", "<u8"), ("entry", "<u8"),
]  # fmt: skip
_SEGMENT = [
    ("type", "<u4"), ("flags", "<u4"), ("offset", "<u8"), ("address", "<u8"), ("physical", "<u8"), ("bytes", "<u8"),
    ("memory", "<u8"), ("align", "<u8"),
]  # fmt: skip
_STT_NOTYPE, _STT_FUNC, _STT_GNU_IFUNC = 0, 2, 10
_SHT_SYMTAB, _SHT_NOBITS, _SHT_DYNSYM, _SHF_EXECINSTR = 2, 8, 11, 4
_PT_LOAD = 1


class ElfFile:
    """The symbols of one ELF file, and how its bytes lie in memory.

    A library of 450 MB has half a million symbols: its tables are read by numpy where they lie in the file, and of its
    names only those that are requested.
    """

    def __init__(self, path: str, kept: KeptTables | None = None) -> None:
        """Read the section and program headers and the symbol table, which is kept there.

        Raises:
            OSError: the file cannot be read.
            ELFError: it is not an ELF file of 64 bits whose tables can be read.
        """
        from elftools.common.exceptions import ELFError
        from elftools.elf.elffile import ELFFile

        kept, name = kept or KeptTables(), name_of_file(path)
        with open(path, "rb") as file:
            elf = ELFFile(file)
            if elf.elfclass != 64 or not elf.little_endian:
                raise ELFError(f"{path} is not of 64 bits, least significant byte first")
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            sections = _table(data, _SECTION, offset=elf["e_shoff"], count=elf.num_sections())
            segments = _table(data, _SEGMENT, offset=elf["e_phoff"], count=elf.num_segments())
            names = int(sections[elf.get_shstrndx()]["offset"]) if len(sections) else 0
            titled = [(_text(data, names + int(one["name"])), one) for one in sections]
            self.stubs = [_span(one) for title, one in titled if title.startswith(".plt")]
            symbols = kept.of(f"{name}-symbols", lambda: _read_symbols(data, sections))
            self.symbols = SymbolTable(symbols[0], symbols[1], lambda place: _text(data, int(symbols[2][place])))
            header = next((one for title, one in titled if title == ".eh_frame_hdr"), None)
            # Looked up for what has no symbol only, which most of a large library has.
            self._functions = functools.cache(
                lambda: kept.of(f"{name}-functions", lambda: _read_functions(data, header))
            )
        except (ValueError, IndexError) as error:
            raise ELFError(f"{path} ends within its tables: {error}") from None
        loaded = segments[segments["type"] == _PT_LOAD]
        self._loaded = [(int(one["offset"]), int(one["bytes"]), int(one["address"])) for one in loaded]

    def at(self, file_offset: int) -> Found | None:
        """The symbol at an offset in the file, or STUBS; None where neither covers it."""
        address = self._address(file_offset)
        return None if address is None else self.named(address)

    def named(self, address: int) -> Found | None:
        """The symbol at an address, or STUBS; None where neither covers it."""
        for start, end in self.stubs:
            if start <= address < end:
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
        starts, lengths = self._functions()
        place = int(np.searchsorted(starts, np.int64(address), side="right")) - 1
        is_inside = place >= 0 and address < int(starts[place]) + int(lengths[place])
        return int(starts[place]) if is_inside else 0

    def _address(self, file_offset: int) -> int | None:
        for offset, size, address in self._loaded:
            if offset <= file_offset < offset + size:
                return file_offset - offset + address
        return None


def _table(data: mmap.mmap, row: list[tuple[str, str]], *, offset: int, count: int) -> NDArray[Any]:
    import numpy as np

    return np.frombuffer(data, dtype=np.dtype(row), count=count, offset=offset) if count else np.empty(0, dtype=row)


def _span(section: Any) -> tuple[int, int]:
    return int(section["address"]), int(section["address"]) + int(section["size"])


def _text(data: mmap.mmap, offset: int) -> str:
    return data[offset : data.find(b"\0", offset)].decode(errors="replace")


def _read_functions(data: mmap.mmap, header: NDArray[Any] | None) -> NDArray[Any]:
    """Where functions begin, ascending, and their lengths: by .eh_frame_hdr and the entries of .eh_frame it points to.

    In the one encoding that linkers write. The header has its version, three encodings, the frames' address, the number
    of entries, and pairs of (function, entry), both relative to the header. An entry has its own length, its CIE, the
    function relative to this field, and the function's length. Assembly may have no entry.

    Source: Linux Standard Base Core 5.0, sections 10.6.1 and 10.6.2.
    """
    import numpy as np

    begin = 0 if header is None or header["type"] == _SHT_NOBITS else int(header["offset"])
    if header is None or data[begin : begin + 1] != b"\x01" or data[begin + 2 : begin + 4] != b"\x03\x3b":
        return np.empty((2, 0), dtype=np.int64)
    count = int.from_bytes(data[begin + 8 : begin + 12], "little")
    pairs = _table(data, [("function", "<i4"), ("frame", "<i4")], offset=begin + 12, count=count)
    starts, frames = (pairs[name].astype(np.int64) for name in ("function", "frame"))
    # Both sections lie in one segment, so that what is relative to the header's address is so to its place in the file.
    fits = (frames + begin >= 0) & (frames + begin + 16 <= len(data))
    starts, frames = starts[fits], frames[fits]
    content = np.frombuffer(data, dtype=np.uint8)
    fields = content[(frames + begin)[:, None] + np.arange(8, 16)].copy().view("<i4")
    # In another encoding the entry's own idea of where its function begins would differ from the header's.
    agree = fields[:, 0] + frames + 8 == starts
    return np.stack([starts[agree] + np.int64(header["address"]), fields[agree, 1].astype(np.int64)])


def _read_symbols(data: mmap.mmap, sections: NDArray[Any]) -> NDArray[Any]:
    """Where symbols begin, ascending, their sizes, and where their names lie in the file.

    Of the full table where the file has one (it then holds those of the dynamic one, too), else of the dynamic one.
    """
    import numpy as np

    tables = [sections[sections["type"] == kind] for kind in (_SHT_SYMTAB, _SHT_DYNSYM)]
    held = next((found[0] for found in tables if len(found)), None)
    if held is None:
        return np.empty((3, 0), dtype=np.uint64)
    entries = _table(data, _SYMBOL, offset=int(held["offset"]), count=int(held["size"]) // np.dtype(_SYMBOL).itemsize)
    kinds, homes = entries["info"] & 15, entries["section"]
    is_code = (kinds == _STT_FUNC) | (kinds == _STT_GNU_IFUNC) | ((kinds == _STT_NOTYPE) & (entries["name"] != 0))
    # Numbers beyond the sections are reserved ones, of which none holds code.
    holds_code = np.zeros(1 << 16, dtype=bool)
    holds_code[1 : len(sections)] = (sections["flags"][1:] & _SHF_EXECINSTR) != 0
    rows = np.flatnonzero(is_code & holds_code[homes])
    # Of two names at one address the one with a size comes last, and is found.
    rows = rows[np.argsort(entries["value"][rows] * np.uint64(2) + (entries["size"][rows] > 0), kind="stable")]
    starts, sizes = entries["value"][rows], entries["size"][rows]
    # Without a size: to its section's end at most, and none where a function with a size lies around it: a label there.
    reach = np.maximum.accumulate(np.where(sizes > 0, starts + sizes, 0))
    kept = (sizes > 0) | (reach <= starts)
    section_ends = (sections["address"] + sections["size"])[homes[rows]]
    sizes = np.where(sizes > 0, sizes, np.maximum(section_ends, starts + np.uint64(1)) - starts)
    names = entries["name"][rows[kept]] + sections[int(held["link"])]["offset"]
    return np.stack([starts[kept], sizes[kept], names.astype(np.uint64)])
