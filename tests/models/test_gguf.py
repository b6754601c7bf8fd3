"""A GGUF file's header: types, bytes and sizes, read without an engine."""

from __future__ import annotations

import contextlib
import errno
import math
from pathlib import Path

import pytest

from ironlaw.errors import BadInput
from ironlaw.models import gguf
from tests.language_models import HEADS, HIDDEN, LAYERS, WIDTH, Made, gguf_file

library = pytest.importorskip("gguf")

VOCABULARY = 258
A_LAYER = 2 * WIDTH * WIDTH + 2 * (WIDTH // 2) * WIDTH + 3 * WIDTH * HIDDEN


def test_sizes_of_blocks_are_those_of_ggml() -> None:
    known = {int(kind): (kind.name, *sizes) for kind, sizes in library.constants.GGML_QUANT_SIZES.items()}
    assert {number: gguf.TYPES[number] for number in known if number in gguf.TYPES} == {
        number: known[number] for number in known if number in gguf.TYPES
    }
    assert {2, 3, 8, 12, 14, 20} <= set(gguf.TYPES)


@pytest.mark.parametrize(("kind", "bits"), [("F32", 32.0), ("Q8_0", 8.5), ("Q4_0", 4.5)])
def test_bytes_by_type_are_those_of_the_elements(tmp_path: Path, kind: str, bits: float) -> None:
    found = gguf.read_gguf(str(gguf_file(tmp_path / "a.gguf", Made(kind=kind)))).bytes_by_type()
    matrices = (VOCABULARY * WIDTH + LAYERS * A_LAYER) * bits / 8
    norms = (2 * LAYERS + 1) * WIDTH * 4
    assert sum(found.values()) == matrices + norms
    assert found[kind] == matrices + (norms if kind == "F32" else 0)


def test_what_a_token_multiplies_and_keeps_follows_from_the_sizes(tmp_path: Path) -> None:
    header = gguf.read_gguf(str(gguf_file(tmp_path / "a.gguf")))
    assert header.macs_per_token() == VOCABULARY * WIDTH + LAYERS * A_LAYER
    assert header.keys_and_values() == LAYERS * 2 * (HEADS // 2) * (WIDTH // HEADS)
    assert (header.architecture, header.context_length, header.vocabulary) == ("llama", 1024, VOCABULARY)


def test_of_an_embedding_beside_an_output_matrix_one_row_is_read() -> None:
    def tensor(name: str) -> gguf.Tensor:
        return gguf.Tensor(name=name, sizes=(8, 10), type="F32", start=0, bytes=320)

    header = gguf.Gguf(values={}, tensors=(tensor("token_embd.weight"), tensor("output.weight")))
    assert header.bytes_by_type() == {"F32": 320 + 32}
    assert header.macs_per_token() == 80


def test_a_prompt_reads_all_but_the_output_matrix_in_each_of_its_parts_and_multiplies_that_once(tmp_path: Path) -> None:
    header = gguf.read_gguf(str(gguf_file(tmp_path / "a.gguf")))
    norms, output = (2 * LAYERS + 1) * WIDTH, VOCABULARY * WIDTH
    assert header.bytes_by_type(3) == {"F32": 4 * (3 * (LAYERS * A_LAYER + norms) + output)}
    assert header.macs_per_token(16) == LAYERS * A_LAYER + output / 16


def test_offsets_lie_where_the_library_has_them(tmp_path: Path) -> None:
    path = gguf_file(tmp_path / "a.gguf", Made(kind="Q8_0"))
    found = {one.name: (one.start, one.bytes, math.prod(one.sizes)) for one in gguf.read_gguf(str(path)).tensors}
    theirs = library.GGUFReader(str(path)).tensors
    assert found == {one.name: (one.data_offset, one.n_bytes, one.n_elements) for one in theirs}


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.2, 0.9, 0.999])
def test_a_file_that_was_cut_short_is_refused(tmp_path: Path, share: float) -> None:
    whole = gguf_file(tmp_path / "a.gguf").read_bytes()
    (tmp_path / "cut.gguf").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(BadInput, match=r"cut\.gguf cannot be read as a GGUF file"):
        gguf.read_gguf(str(tmp_path / "cut.gguf"))


@pytest.mark.parametrize("place", range(0, 400, 7))
def test_a_damaged_byte_is_refused_or_read_but_never_anything_else(tmp_path: Path, place: int) -> None:
    whole = bytearray(gguf_file(tmp_path / "a.gguf").read_bytes())
    whole[place] ^= 0xFF
    (tmp_path / "bad.gguf").write_bytes(whole)
    with contextlib.suppress(BadInput):
        gguf.read_gguf(str(tmp_path / "bad.gguf"))


def test_a_file_for_which_there_is_no_memory_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    monkeypatch.setattr("ironlaw.models.gguf.mmap.mmap", full)
    with pytest.raises(BadInput, match="does not fit into memory") as refused:
        gguf.read_gguf(str(tmp_path / "a.gguf"))
    assert "download" not in (refused.value.hint or "")
