"""The graph of a model file, read from the file itself, without an engine.

Source: onnx.proto (GraphProto.node = 1, initializer = 5, input = 11; NodeProto.input = 1, output = 2, name = 3,
op_type = 4), and OpenVINO's IR (layers, edges).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from ironlaw.file_graph import FileGraph, FileNode
from ironlaw.models.graph_inputs import opened

# The largest exported language models have some 10 000 nodes.
MOST_NODES = 20_000
_GRAPH, _NODE, _INITIALIZER = 7, 1, 5
# They pass a constant on in another number format.
_REFORMATTING = {"DequantizeLinear", "QuantizeLinear", "Cast", "Identity", "Convert", "Subtract", "Multiply",
                 "FakeQuantize", "Transpose", "Reshape"}  # fmt: skip
_CONSTANTS = ("Constant", "Const")


@dataclass(frozen=True, slots=True)
class _Raw:
    """A node with the names of the values that it reads and writes."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def read_graph(source: str) -> FileGraph:
    """The nodes of an .onnx or .xml file; nothing of another source, or of a file that cannot be read."""
    suffix = Path(source).suffix
    try:
        if source.endswith(".xml"):
            raw, constants = _of_xml(source)
        elif source.endswith(".onnx"):
            raw, constants = _of_onnx(source)
        else:
            return FileGraph(format="")
    except (OSError, ValueError, LookupError, ElementTree.ParseError):
        return FileGraph(format=suffix)  # the engine reads it as well, and what it cannot read is the arm's failure
    nodes = _nodes(raw, constants)
    return FileGraph(format=suffix, nodes=nodes[:MOST_NODES], left_out=max(0, len(nodes) - MOST_NODES))


def _nodes(raw: list[_Raw], constants: Iterable[str]) -> tuple[FileNode, ...]:
    held: dict[str, str] = {name: name for name in constants}  # value -> the constant that it is
    for one in raw:
        if one.kind in _CONSTANTS:
            held.update(dict.fromkeys(one.outputs, one.name))
    for one in raw:
        if one.kind in _REFORMATTING and one.inputs and all(name in held for name in one.inputs if name):
            held.update(dict.fromkeys(one.outputs, held[one.inputs[0]]))
    computing = [one for one in raw if not all(name in held for name in one.outputs)]
    places = {name: place for place, one in enumerate(computing) for name in one.outputs}
    return tuple(
        FileNode(
            name=one.name,
            kind=one.kind,
            fed_by=tuple(
                dict.fromkeys(
                    place
                    for name in one.inputs
                    if name and name not in held and (place := places.get(name, -1)) < MOST_NODES
                )
            ),
            constants=tuple(dict.fromkeys(held[name] for name in one.inputs if name in held)),
        )
        for one in computing
    )


def _of_onnx(source: str) -> tuple[list[_Raw], list[str]]:
    raw, constants = list[_Raw](), list[str]()
    with opened(source) as whole:
        graph = next((part for number, part in whole.fields() if number == _GRAPH), None)
        for number, part in graph.fields() if graph is not None else ():
            if number == _INITIALIZER:
                constants += [name.text() for at, name in part.fields() if at == 8]
            elif number == _NODE:
                texts: dict[int, list[str]] = {1: [], 2: [], 3: [], 4: []}
                for at, one in part.fields():
                    if at in texts:
                        texts[at].append(one.text())
                outputs = tuple(name for name in texts[2] if name)
                name = next((one for one in texts[3] if one), outputs[0] if outputs else "")
                raw.append(_Raw(name, next(iter(texts[4]), ""), tuple(texts[1]), outputs))
    return raw, constants


def _of_xml(source: str) -> tuple[list[_Raw], list[str]]:
    """Values are named after the layer that writes them; its ports make no difference here."""
    root = ElementTree.parse(source).getroot()
    inputs: dict[str, dict[int, str]] = {}
    for edge in root.iterfind("./edges/edge"):
        inputs.setdefault(edge.get("to-layer", ""), {})[int(edge.get("to-port", "0"))] = edge.get("from-layer", "")
    raw = []
    for layer in root.iterfind("./layers/layer"):
        at, kind = layer.get("id", ""), layer.get("type", "")
        if kind not in ("Parameter", "Result"):
            read = tuple(one for _, one in sorted(inputs.get(at, {}).items()))
            raw.append(_Raw(layer.get("name", ""), kind, read, (at,)))
    return raw, []
