"""What a model file takes and which files belong to it, read from the file itself: neither needs an engine.

An .onnx file is a protocol buffer, of which the inputs of the graph are a few hundred bytes and the weights are
skipped; an OpenVINO .xml names its inputs among its layers.

Source: onnx.proto (ModelProto.graph = 7, GraphProto.initializer = 5, GraphProto.input = 11, ValueInfoProto, TypeProto,
TensorProto.external_data = 13), and the wire format of protocol buffers.
"""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from ironlaw.errors import BadInput
from ironlaw.models.user_files import require_regular

SUFFIXES = (".onnx", ".xml")
# TensorProto.DataType and OpenVINO's element types, as numpy calls them.
_ONNX_TYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 10: "float16",
    11: "float64", 12: "uint32", 13: "uint64",
}  # fmt: skip
_XML_TYPES = {
    "f32": "float32", "f16": "float16", "f64": "float64", "u8": "uint8", "i8": "int8", "i16": "int16", "u16": "uint16",
    "i32": "int32", "u32": "uint32", "i64": "int64", "u64": "uint64", "boolean": "bool",
}  # fmt: skip
_VARINT, _BYTES, _FIXED = 0, 2, {1: 8, 5: 4}
_GRAPH, _INITIALIZER, _INPUT = 7, 5, 11
_EXTERNAL_DATA = 13
# Where tensors lie: by message, the fields that hold one, and those that hold a message with more of them.
_TENSORS = {"graph": (_INITIALIZER,), "sparse": (1, 2), "attribute": (5, 10)}
_WITHIN = {
    "model": {_GRAPH: "graph", 25: "function"},
    "function": {7: "node"},
    "graph": {1: "node", 15: "sparse"},
    "sparse": {},
    "node": {5: "attribute"},
    "attribute": {6: "graph", 11: "graph", 22: "sparse", 23: "sparse"},
}
_DEEPEST = 100  # messages within one another; protocol buffers' own readers take no more
_HINT = "check it with onnx.checker, or export it again"


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphInput:
    """An input of a graph: its name, its type as numpy calls it, and its sizes; None where one is open.

    `open_names` are what the file calls its open sizes, by their place; there are none in an .xml file.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    open_names: Mapping[int, str] = field(default_factory=dict)


def read_inputs(source: str) -> list[GraphInput]:
    """The inputs of the graph in an .onnx or .xml file, in order; those with a value of their own are left out.

    Raises:
        BadInput: the file is damaged, another one, or no regular file: opening a pipe would wait for its writer.
    """
    try:
        require_regular(Path(source))
        found = _of_xml(source) if source.endswith(".xml") else _of_onnx(source)
    except (OSError, ValueError, LookupError, ElementTree.ParseError) as error:
        raise BadInput(f"{source} cannot be read as a model: {error}", hint=_HINT) from None
    if not found:
        raise BadInput(f"{source} holds no graph with inputs", hint=_HINT)
    return found


def open_dimensions(source: str) -> tuple[str, ...]:
    """What a file calls the open sizes of its inputs, but for the batch: `--vary` sets them by these names."""
    inputs = read_inputs(source)
    return tuple(dict.fromkeys(name for one in inputs for place, name in one.open_names.items() if place and name))


def external_files(source: str) -> tuple[str, ...]:
    """The files, named from an .onnx file's own folder, in which it keeps weights; none for a file that holds all.

    Raises:
        BadInput: the file is damaged, or another one.
    """
    try:
        with opened(source) as whole:
            return tuple(dict.fromkeys(_locations("model", whole)))
    except (OSError, ValueError) as error:
        raise BadInput(f"{source} cannot be read as a model: {error}", hint=_HINT) from None


@dataclass(frozen=True, slots=True)
class Message:
    """A part of a file as a message of a protocol buffer: fields are read in place, and weights skipped."""

    file: mmap.mmap
    start: int
    end: int

    def fields(self) -> Iterator[tuple[int, Message]]:
        """Each field's number, and where its bytes are."""
        at = self.start
        while at < self.end:
            key, at = self._varint(at)
            wire, end = key & 7, at
            if wire == _VARINT:
                _, end = self._varint(at)
            elif wire == _BYTES:
                size, at = self._varint(at)
                end = at + size
            elif wire in _FIXED:
                end = at + _FIXED[wire]
            else:
                raise ValueError("it is not a protocol buffer")
            if end > self.end:
                raise ValueError("it ends too early")
            yield key >> 3, Message(self.file, at, end)
            at = end

    def number(self) -> int:
        """The value of a field that holds a number."""
        return self._varint(self.start)[0]

    def numbers(self) -> list[int]:
        """The values of a repeated field: one, or several packed one after another."""
        found, at = list[int](), self.start
        while at < self.end:
            value, at = self._varint(at)
            found.append(value)
        return found

    def text(self) -> str:
        """The value of a field that holds a text."""
        return self.file[self.start : self.end].decode()

    def _varint(self, at: int) -> tuple[int, int]:
        value = shift = 0
        while at < self.end and shift < 64:
            byte = self.file[at]
            value |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                return value, at
        raise ValueError("it is not a protocol buffer, or ends too early")


@contextlib.contextmanager
def opened(source: str) -> Iterator[Message]:
    """The file as one message, while the context is open."""
    with Path(source).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as kept:
        yield Message(kept, 0, len(kept))


def _locations(kind: str, message: Message, depth: int = 0) -> Iterator[str]:
    """The `location` of each tensor in a message that keeps its values in another file."""
    if depth > _DEEPEST:
        raise ValueError(f"its graphs are nested more than {_DEEPEST} deep")
    for number, part in message.fields():
        if number in _TENSORS.get(kind, ()):
            entries = [dict(entry.fields()) for at, entry in part.fields() if at == _EXTERNAL_DATA]
            yield from (entry[2].text() for entry in entries if {1, 2} <= set(entry) and entry[1].text() == "location")
        elif number in _WITHIN[kind]:
            yield from _locations(_WITHIN[kind][number], part, depth + 1)


def _of_onnx(source: str) -> list[GraphInput]:
    with opened(source) as whole:
        graph = next((part for number, part in whole.fields() if number == _GRAPH), None)
        if graph is None:
            return []
        inputs, own = list[GraphInput](), set[str]()
        for number, part in graph.fields():
            if number == _INITIALIZER:
                own.update(name.text() for at, name in part.fields() if at == 8)
            elif number == _INPUT:
                inputs.append(_value_info(part))
        return [one for one in inputs if one.name not in own]


def _value_info(info: Message) -> GraphInput:
    parts = dict(info.fields())
    name, tensor = parts[1].text(), dict(parts[2].fields()).get(1)
    if tensor is None:
        raise ValueError(f"its input {name} is not a tensor")
    about = dict(tensor.fields())
    kind = about[1].number() if 1 in about else 0
    if kind not in _ONNX_TYPES:
        raise ValueError(f"its input {name} has the type number {kind}")
    sizes = [one for at, one in about[2].fields() if at == 1] if 2 in about else []
    shape = tuple(map(_dimension, sizes))
    named = {place: _symbol(one) for place, one in enumerate(sizes) if shape[place] is None}
    return GraphInput(name=name, dtype=_ONNX_TYPES[kind], shape=shape, open_names=named)


def _symbol(part: Message) -> str:
    """What an open size is called (Dimension.dim_param); empty where it has no name."""
    return next((value.text() for number, value in part.fields() if number == 2), "")


def _dimension(part: Message) -> int | None:
    """A fixed size; a named one, or one that exporters wrote as 0 or less, is open."""
    size = next((value.number() for number, value in part.fields() if number == 1), 0)
    return size if 0 < size < 1 << 62 else None


def _of_xml(source: str) -> list[GraphInput]:
    found = []
    for layer in ElementTree.parse(source).getroot().iterfind("./layers/layer[@type='Parameter']"):
        data = layer.find("data")
        if data is None:
            raise ValueError(f"its input {layer.get('name')} has neither type nor shape")
        sizes = [text for text in data.get("shape", "").split(",") if text]
        shape = tuple(int(text) if text.isdecimal() else None for text in sizes)
        found.append(
            GraphInput(name=layer.get("name", ""), dtype=_XML_TYPES[data.get("element_type", "")], shape=shape)
        )
    return found
