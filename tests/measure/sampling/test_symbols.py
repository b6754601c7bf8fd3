"""Symbols by hand-made tables, and of the C library this test runs with."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironlaw.measure.sampling import kept_tables
from ironlaw.measure.sampling.address_space import GENERATED, AddressSpace, parse_maps
from ironlaw.measure.sampling.elf import STUBS, ElfFile
from ironlaw.measure.sampling.kept_tables import KeptTables
from ironlaw.measure.sampling.symbols import (
    Found,
    demangled,
    kernel_symbols,
    parse_perf_map,
    shortened,
)
from ironlaw.missing import Missing

MAPS = """\
00400000-00401000 r-xp 00000000 08:01 12 /usr/bin/a program
7f0000000000-7f0000002000 r-xp 00001000 08:01 13 /lib/libx.so.1
7f0000002000-7f0000003000 r--p 00003000 08:01 13 /lib/libx.so.1
7f0000010000-7f0000011000 rwxp 00000000 00:00 0
7f0000020000-7f0000021000 r-xp 00000000 00:01 9 /memfd:jit (deleted)
7ffd00000000-7ffd00001000 r-xp 00000000 00:00 0 [vdso]
"""


def test_mappings_that_run_code_are_known_by_file_or_kind() -> None:
    space = AddressSpace(MAPS)
    names = [region.name for region in parse_maps(MAPS)]
    assert names == ["a program", "libx.so.1", GENERATED, GENERATED, "[vdso]"]
    region = space.region(0x7F0000001FFF)
    assert region is not None
    assert (region.offset, region.is_file) == (0x1000, True)
    assert space.region(0x7F0000002000) is None  # mapped, but not executable
    assert space.region(0x10) is None


def test_a_perf_map_names_what_lies_in_a_symbol_and_nothing_behind_it() -> None:
    table = parse_perf_map("7f10 20 jit:one\nnonsense\n0x7f40 0x8 jit two\n")
    assert table.at(0x7F10) == Found("jit:one", 0)
    assert table.at(0x7F2F) == Found("jit:one", 0x1F)
    assert table.at(0x7F30) is None
    assert table.at(0x7F41) == Found("jit two", 1)
    assert table.at(0x1) is None
    assert table.before(0x9999) == "jit two"


def test_kernel_symbols_reach_to_the_next_one_and_hidden_addresses_are_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = b"ffffffff81000000 T start\nffffffff81000100 t inner\t[mod]\nffffffff81000200 D data\n"
    monkeypatch.setattr(Path, "read_bytes", lambda self: text)
    table = kernel_symbols(KeptTables())
    assert not isinstance(table, Missing)
    assert table.at(0xFFFFFFFF81000180) == Found("inner", 0x80)
    monkeypatch.setattr(Path, "read_bytes", lambda self: b"0000000000000000 T start\n")
    assert isinstance(kernel_symbols(KeptTables()), Missing)


def test_kernel_symbols_are_the_same_kept_as_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_tables, "_LEAST_BYTES", 0)
    text = b"ffffffff81000000 T start\nffffffff81000100 t inner\t[mod]\n"
    monkeypatch.setattr(Path, "read_bytes", lambda self: text)
    first = kernel_symbols(KeptTables(tmp_path))
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("read again"))
    second = kernel_symbols(KeptTables(tmp_path))
    assert not isinstance(first, Missing)
    assert not isinstance(second, Missing)
    assert second.at(0xFFFFFFFF81000123) == first.at(0xFFFFFFFF81000123) == Found("inner", 0x23)


def test_cxx_names_are_shown_as_they_were_written() -> None:
    assert demangled("_ZN2at4addmEv") == "at::addm()"
    assert demangled("_ZN2at4addmEv.isra.0") == "at::addm().isra.0"
    assert demangled("malloc") == "malloc"
    assert demangled("_Znot mangled") == "_Znot mangled"


def test_an_exported_function_of_the_c_library_is_found_where_it_lies() -> None:
    address = ctypes.cast(ctypes.CDLL(None).getppid, ctypes.c_void_p).value
    assert address is not None
    region = AddressSpace.of_this_process().region(address)
    assert region is not None
    found = ElfFile(region.path).at(address - region.start + region.offset)
    assert found is not None
    assert "getppid" in found.name
    assert found.offset == 0


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
def test_a_symbol_without_a_size_ends_with_its_section_and_stubs_are_named(tmp_path: Path) -> None:
    from elftools.elf.elffile import ELFFile

    (tmp_path / "one.c").write_text("int getppid(void); int outer(void) { return getppid(); }\n")
    library = tmp_path / "libone.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, tmp_path / "one.c"], check=True)
    with library.open("rb") as file:
        elf = ELFFile(file)
        offsets = {section.name: section["sh_offset"] for section in elf.iter_sections()}
    subprocess.run(["strip", library], check=True)
    found = ElfFile(str(library))
    named = {name: found.at(offsets[name]) for name in (".text", ".plt") if name in offsets}
    assert named[".text"] is None, "what precedes the first exported function there has no name, and is not _init"
    assert named.get(".plt", Found(STUBS, 0)) == Found(STUBS, 0)


def test_a_file_that_is_no_elf_file_is_refused(tmp_path: Path) -> None:
    from elftools.common.exceptions import ELFError

    (tmp_path / "text").write_text("not an ELF file")
    with pytest.raises(ELFError):
        ElfFile(str(tmp_path / "text"))


def test_a_name_keeps_the_kernel_and_loses_types_of_parameters() -> None:
    assert (
        shortened(
            "void c10::function_ref<void (char**, long const*, long, long)>::callback_fn<at::native::AVX2::"
            "VectorizedLoop2d<at::native::(anonymous namespace)::add_kernel(at::TensorIterator&, c10::Scalar const&)"
            "::{lambda()#1}::operator()() const::{lambda(float)#2}>>(long, char**)"
        )
        == "void c10::function_ref<void ()>::callback_fn<at::native::AVX2::"
        "VectorizedLoop2d<at::native::add_kernel()::{lambda#1}::{lambda#2}>>()"
    )


@given(name=st.text("ab(<>){}:# ", max_size=400))
def test_any_name_is_shortened_to_something_no_longer(name: str) -> None:
    assert len(shortened(name)) <= min(200, len(name))


def test_jumps_to_other_libraries_are_no_part_of_the_symbol_before_them() -> None:
    maps = Path("/proc/self/maps").read_text()
    libraries = [ElfFile(path) for path in {one.path for one in parse_maps(maps) if one.is_file}]
    tables = [(library, table) for library in libraries for table in library.stubs]
    assert tables
    for library, (start, _) in tables:
        assert library.symbols.at(start) is None  # _init has no size, and lies in the section before
        assert library.named(start + 4) == Found(STUBS, 4)
