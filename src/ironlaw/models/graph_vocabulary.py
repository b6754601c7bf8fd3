"""The range of integers that a graph takes at an input: the rows of the constant table that a Gather looks up.

An embedding is a table with one row for each token; a number beyond it ends the run, or reads what is not the table's.
Read from the file itself, without an engine.

Source: onnx.proto (GraphProto.node = 1, initializer = 5; NodeProto.input = 1, output = 2, op_type = 4, attribute = 5;
AttributeProto.name = 1, i = 3; TensorProto.dims = 1, name = 8), and OpenVINO's IR (layers, edges by port).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree

from ironlaw.models.graph_inputs import Message, opened

# What gives on the numbers of a table, or of an input, as they are.
_PASSING = {
    "Cast",
    "Identity",
    "DequantizeLinear",
    "Convert",
    "Multiply",
    "Subtract",
    "Reshape",
    "Unsqueeze",
    "Squeeze",
}


@dataclass(slots=True)
class _Read:
    """The tables of a graph by name, with their sizes, and its operators: type, inputs, outputs, axis."""

    tables: dict[str, tuple[int, ...]] = field(default_factory=dict)
    operators: list[tuple[str, list[str], list[str], int]] = field(default_factory=list)


def rows_of_tables(source: str) -> Mapping[str, int]:
    """By input of the graph, the number of rows of the smallest table that it looks up.

    An input that looks up none, or whose numbers are changed before they do, is not among them.

    Raises:
        OSError, ValueError: the file cannot be read.
    """
    read = _of_xml(source) if source.endswith(".xml") else _of_onnx(source)
    makers = {name: operator for operator in read.operators for name in operator[2]}

    def origin(name: str) -> str:
        """The value that another one is a copy of, through operators that only pass it on."""
        seen: set[str] = set()
        while name in makers and makers[name][0] in _PASSING and makers[name][1] and name not in seen:
            seen.add(name)
            name = makers[name][1][0]
        return name

    rows: dict[str, int] = {}
    for kind, inputs, _, axis in read.operators:
        if kind != "Gather" or len(inputs) < 2:
            continue
        table, index = origin(inputs[0]), origin(inputs[1])
        sizes = read.tables.get(table, ())
        if -len(sizes) <= axis < len(sizes) and index not in makers and index not in read.tables:
            rows[index] = min(rows.get(index, sizes[axis]), sizes[axis])
    return rows


_NODE, _INITIALIZER, _GRAPH = 1, 5, 7


def _of_onnx(source: str) -> _Read:
    read = _Read()
    with opened(source) as whole:
        graph = next((part for number, part in whole.fields() if number == _GRAPH), None)
        for number, part in graph.fields() if graph is not None else ():
            if number == _INITIALIZER:
                about = list(part.fields())
                name = next((one.text() for at, one in about if at == 8), "")
                read.tables[name] = tuple(size for at, one in about if at == 1 for size in one.numbers())
            elif number == _NODE:
                about = list(part.fields())
                kind = next((one.text() for at, one in about if at == 4), "")
                inputs = [one.text() for at, one in about if at == 1]
                outputs = [one.text() for at, one in about if at == 2]
                axis = next((found for at, one in about if at == 5 for found in _axis(one)), 0)
                read.operators.append((kind, inputs, outputs, axis))
    return read


def _axis(attribute: Message) -> list[int]:
    parts = dict(attribute.fields())
    if 1 not in parts or parts[1].text() != "axis" or 3 not in parts:
        return []
    value = parts[3].number()
    return [value - (1 << 64) if value >= 1 << 63 else value]


def _of_xml(source: str) -> _Read:
    """Values are named after the layer that makes them: their ports make no difference here."""
    read, root = _Read(), ElementTree.parse(source).getroot()
    inputs: dict[str, dict[int, str]] = {}
    for edge in root.iterfind("./edges/edge"):
        inputs.setdefault(edge.get("to-layer", ""), {})[int(edge.get("to-port", "0"))] = edge.get("from-layer", "")
    names: dict[str, str] = {}
    for layer in root.iterfind("./layers/layer"):
        at, kind, data = layer.get("id", ""), layer.get("type", ""), layer.find("data")
        if kind == "Const" and data is not None:
            read.tables[at] = tuple(int(size) for size in data.get("shape", "").split(",") if size.strip().isdecimal())
        elif kind == "Parameter":
            names[at] = layer.get("name", "")
        else:
            read.operators.append((kind, [one for _, one in sorted(inputs.get(at, {}).items())], [at], 0))
    for place, (kind, given, made, axis) in enumerate(read.operators):
        read.operators[place] = (kind, [names.get(one, one) for one in given], made, axis)
    return read
