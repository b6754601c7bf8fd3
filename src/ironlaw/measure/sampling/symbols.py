"""Symbols: the name of the function an address lies in, from ELF files, perf maps and the kernel's own list."""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ironlaw.measure.sampling.kept_tables import KeptTables
from ironlaw.missing import Maybe, Missing

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LONGEST_NAME = 200  # templates of kernels reach thousands of characters


@dataclass(frozen=True, slots=True)
class Found:
    """A symbol around an address: its name, and how far after its start the address lies, in bytes."""

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

    def first_inside(self, addresses: Any) -> Found | None:
        """The symbol of the first of some addresses that lies in one, and not at its start."""
        import numpy as np

        if not len(self._starts) or not len(addresses):
            return None
        places = np.searchsorted(self._starts, addresses, side="left").astype(np.int64) - 1
        offsets = addresses - self._starts[np.maximum(places, 0)]
        is_inside = (places >= 0) & (offsets < self._sizes[np.maximum(places, 0)])
        first = int(np.argmax(is_inside))
        return self.at(int(addresses[first])) if is_inside[first] else None

    def before(self, address: int) -> str:
        """The name of the last symbol at or before the address, however far; empty where there is none."""
        import numpy as np

        place = int(np.searchsorted(self._starts, np.uint64(address), side="right")) - 1
        return demangled(self._names(place)) if place >= 0 else ""


def perf_map_path(pid: int | None = None) -> Path:
    """Where compilers write the names of what they generate, by the convention of the kernel's tools/perf."""
    return Path(f"/tmp/perf-{os.getpid() if pid is None else pid}.map")


def parse_perf_map(text: str) -> SymbolTable:
    """Symbols of generated code: `START SIZE NAME` a line, in hexadecimal (the kernel's tools/perf jit-interface)."""
    rows = []
    for line in text.splitlines():
        match = re.fullmatch(r"(?:0x)?([0-9a-f]+) (?:0x)?([0-9a-f]+) (.+)", line.strip(), flags=re.IGNORECASE)
        if match:
            rows.append((int(match[1], 16), int(match[2], 16), match[3]))
    return _from_rows(rows)


def _in_kernel(data: NDArray[Any], kept: KeptTables) -> Maybe[SymbolTable]:
    """Symbols in /proc/kallsyms; Missing where the kernel hides its addresses."""
    import numpy as np

    addresses, begins, ends = kept.of("kernel-symbols", lambda: _read_kernel_symbols(data))
    if not addresses.any():
        return Missing("the kernel hides its addresses (kernel.kptr_restrict)")

    def name_at(place: int) -> str:
        return data[int(begins[place]) : int(ends[place])].tobytes().split(b"\t")[0].decode(errors="replace")

    return SymbolTable(addresses, np.zeros(len(addresses), dtype=np.uint64), name_at)


def _read_kernel_symbols(data: NDArray[Any]) -> NDArray[Any]:
    """Addresses of the symbols, ascending, and where their names begin and end in the text.

    A line is an address of 16 hexadecimal digits, the symbol's kind, its name, and the module it is of. There are some
    200,000, so that they are read all at once.
    """
    import numpy as np

    ends = np.flatnonzero(data == ord("\n"))
    begins = np.concatenate(([0], ends[:-1] + 1)).astype(np.int64) if len(ends) else ends
    whole = ends - begins > _KIND_AT + 2
    begins, ends = begins[whole], ends[whole]
    is_code = np.isin(data[begins + _KIND_AT], np.frombuffer(b"tTwW", dtype=np.uint8))
    begins, ends = begins[is_code], ends[is_code]
    digits = data[begins[:, None] + np.arange(_KIND_AT - 1)]
    nibbles = np.where(digits > ord("9"), (digits | 0x20) - ord("a") + 10, digits - ord("0")).astype(np.uint64)
    addresses = np.bitwise_or.reduce(nibbles << np.arange(60, -4, -4).astype(np.uint64), axis=1)
    order = np.argsort(addresses, kind="stable")
    names = np.stack([begins + _KIND_AT + 2, ends]).astype(np.uint64)
    return np.concatenate([addresses[None], names])[:, order]


_KIND_AT = 17  # in a line of /proc/kallsyms


def kernel_symbols(kept: KeptTables) -> Maybe[SymbolTable]:
    """The kernel's own symbols; it does not change during a run."""
    import numpy as np

    try:
        text = kept.of("kernel", lambda: np.frombuffer(Path("/proc/kallsyms").read_bytes(), dtype=np.uint8))
    except OSError as error:
        return Missing(f"/proc/kallsyms cannot be read: {error.strerror}")
    return _in_kernel(text, kept)


def _from_rows(rows: list[tuple[int, int, str]]) -> SymbolTable:
    import numpy as np

    ordered = sorted(rows)
    names = [name for _, _, name in ordered]
    return SymbolTable(
        np.array([start for start, _, _ in ordered], dtype=np.uint64),
        np.array([size for _, size, _ in ordered], dtype=np.uint64),
        names.__getitem__,
    )


@functools.lru_cache(maxsize=4096)
def demangled(name: str) -> str:
    """A C++ name as it was written, without the types of parameters; any other name as it is."""
    if not name.startswith(("_Z", "__Z")):
        return name[:_LONGEST_NAME]
    import cxxfilt

    plain, _, clone = name.partition(".")  # .isra.0, .cold: how the compiler cut it up
    try:
        return shortened(str(cxxfilt.demangle(plain))) + (f".{clone}" if clone else "")
    except (cxxfilt.InvalidName, cxxfilt.LibraryNotFound):
        return name[:_LONGEST_NAME]


def shortened(name: str) -> str:
    """A demangled name without what distinguishes no kernel: types of parameters, unnamed namespaces.

    Names of kernels stand inside the templates that call them, behind hundreds of characters of parameter lists.
    """
    kept: list[str] = []
    depth = 0
    for character in name.replace("(anonymous namespace)::", ""):
        depth -= character == ")"
        if depth == 0:
            kept.append(character)
        depth += character == "("
    return _LAMBDA.sub(r"{lambda\1}", "".join(kept))[:_LONGEST_NAME]


_LAMBDA = re.compile(r"\{lambda\(\)(#\d+)\}(?:::operator\(\)\(\)(?: const)?)?")
