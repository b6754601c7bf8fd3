"""What a model file takes, read without an engine: for any bytes a model or BadInput."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironlaw.errors import BadInput
from ironlaw.models.graph_inputs import GraphInput, external_files, read_inputs

XML = b"""<?xml version="1.0"?><net name="net" version="11"><layers>
<layer id="0" name="x" type="Parameter"><data shape="1,?,4" element_type="f32"/></layer>
</layers></net>"""


def varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*made, value])


def message(number: int, *parts: bytes) -> bytes:
    """A field that holds a message or text."""
    whole = b"".join(parts)
    return varint(number << 3 | 2) + varint(len(whole)) + whole


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def graph_input(name: bytes, dtype: int, sizes: list[int]) -> bytes:
    shape = message(2, *(message(1, number(1, size)) for size in sizes))
    return message(11, message(1, name), message(2, message(1, number(1, dtype), shape)))


ONNX = number(1, 8) + message(7, graph_input(b"x", 1, [1, 3, 8, 8]), message(5, message(8, b"weights")))


def damaged(whole: bytes) -> st.SearchStrategy[bytes]:
    """A model cut, or with a few bytes changed."""
    places = st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), max_size=4)

    def changed(ends_at: int, changes: list[tuple[int, int]]) -> bytes:
        made = bytearray(whole)
        for at, byte in changes:
            made[at] = byte
        return bytes(made[:ends_at])

    return st.builds(changed, st.integers(0, len(whole)), places)


def read(data: bytes, suffix: str) -> None:
    """Read it both ways: a model, or BadInput."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"net{suffix}"
        path.write_bytes(data)
        for reader in (read_inputs, external_files) if suffix == ".onnx" else (read_inputs,):
            try:
                found: Any = reader(str(path))
            except BadInput:
                continue
            assert all(isinstance(one, GraphInput | str) for one in found)


@given(st.binary(max_size=200) | damaged(ONNX))
def test_any_bytes_are_a_model_or_bad_input(data: bytes) -> None:
    read(data, ".onnx")


@given(st.binary(max_size=200) | damaged(XML))
def test_any_xml_is_a_model_or_bad_input(data: bytes) -> None:
    read(data, ".xml")


def test_inputs_of_an_onnx_file_are_read(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(ONNX)
    assert read_inputs(str(tmp_path / "net.onnx")) == [GraphInput(name="x", dtype="float32", shape=(1, 3, 8, 8))]


def test_inputs_of_an_xml_are_read_with_open_sizes(tmp_path: Path) -> None:
    (tmp_path / "net.xml").write_bytes(XML)
    assert read_inputs(str(tmp_path / "net.xml")) == [GraphInput(name="x", dtype="float32", shape=(1, None, 4))]


@given(st.integers(1, 2000))
def test_graphs_within_graphs_end_in_bad_input_and_not_in_the_interpreters_limit(depth: int) -> None:
    nested = b""
    for _ in range(depth):
        nested = message(1, message(5, message(6, nested)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        path.write_bytes(message(7, nested))
        if depth <= 33:
            assert external_files(str(path)) == ()
        else:
            with pytest.raises(BadInput, match="deep"):
                external_files(str(path))


def test_weights_in_other_files_are_found_wherever_tensors_lie(tmp_path: Path) -> None:
    def tensor(field: int, name: bytes) -> bytes:
        return message(field, message(13, message(1, b"location"), message(2, name)))

    body = message(6, tensor(5, b"in_body"))
    node = message(1, message(5, tensor(5, b"in_attribute")), message(5, body))
    graph = message(7, tensor(5, b"first"), tensor(5, b"first"), message(15, tensor(1, b"in_sparse")), node)
    function = message(25, message(7, message(5, tensor(10, b"in_function"))))
    (tmp_path / "net.onnx").write_bytes(graph + function)
    found = external_files(str(tmp_path / "net.onnx"))
    assert found == ("first", "in_sparse", "in_attribute", "in_body", "in_function")


def test_fields_of_fixed_width_are_skipped(tmp_path: Path) -> None:
    fixed = varint(40 << 3 | 1) + struct.pack("<d", 1.0) + varint(41 << 3 | 5) + struct.pack("<f", 1.0)
    (tmp_path / "net.onnx").write_bytes(fixed + ONNX)
    assert [one.name for one in read_inputs(str(tmp_path / "net.onnx"))] == ["x"]
