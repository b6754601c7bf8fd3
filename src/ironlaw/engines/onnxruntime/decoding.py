"""Phases of generating text by a decoder graph: keys and values of earlier tokens go in, those of all tokens come out.

The graph keeps no state: for decoding, what lies before the token is computed once and given again to each inference.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ironlaw.engines.border.text_losses import text_losses
from ironlaw.engines.onnxruntime.graph import Graph
from ironlaw.engines.onnxruntime.mapped import FLOATS, SMALLEST
from ironlaw.errors import ArmFailed
from ironlaw.factors.weights import ALIASABLE
from ironlaw.missing import Maybe, Missing
from ironlaw.models.decoder_graph import BRANCH, MASK, POSITIONS, TOKENS, DecoderGraph
from ironlaw.phase import TEXT_NATS, TEXT_TOKENS, Phase, PhaseKind

BOUNDARY = {
    PhaseKind.PREFILL: (
        "run_with_ort_values of the given tokens with nothing before them, until the logits and the keys and values"
        " are in memory"
    ),
    PhaseKind.DECODE: (
        "run_with_ort_values of one given token and the keys and values of those before it, until its logits and the"
        " continued keys and values are in memory; what lies before it is computed outside, and no token is sampled"
    ),
}
_FILE, _LOGITS = "decoder.json", "logits"


def keep(graph: DecoderGraph, prepared: Path) -> None:
    """Write, beside a prepared file, what its graph takes."""
    prepared.with_name(_FILE).write_bytes(msgspec.json.encode(graph))


def kept(prepared: Path) -> DecoderGraph | None:
    """What `keep` wrote; None for a file that generates no text."""
    path = prepared.with_name(_FILE)
    return msgspec.json.decode(path.read_bytes(), type=DecoderGraph) if path.exists() else None


class GraphDecoding:
    """A session on a decoder graph in one phase: what it is fed, and what it answers."""

    def __init__(self, session: Any, graph: DecoderGraph, phase: Phase) -> None:
        self.session, self.graph, self.phase = session, graph, phase
        self.gives = [entry.name for entry in session.get_outputs()]
        for name in (_LOGITS, *(one.gives for one in graph.past)):
            if name not in self.gives:
                raise ArmFailed(
                    f"it has no output called {name}", hint="export it with transformers' names of inputs and outputs"
                )
        self._types = {entry.name: entry.type for entry in session.get_inputs()}
        self._behind: dict[str, Any] | None = None  # keys and values of the tokens before the one that is decoded

    def feed(self, tokens: Any) -> tuple[list[str], dict[str, Any]]:
        """The outputs of one inference, and its inputs in the engine's own memory."""
        import numpy

        needed = numpy.resize(tokens, (1, self.phase.depth + self.phase.processed))
        if self.phase.depth and self._behind is None:
            self._behind = self._after(needed[:, : self.phase.depth], self._nothing(), 0)[1]
        before = self._behind if self._behind is not None else self._nothing()
        return self.gives, self._given(needed[:, self.phase.depth :], before, self.phase.depth)

    def arrays(self, tokens: Any) -> dict[str, Any]:
        """The inputs of one inference as arrays of their own; those of the engine end with its values."""
        return {name: value.numpy().copy() for name, value in self.feed(tokens)[1].items()}

    def scores(self, tokens: Any) -> Any:
        """The logits after each of the tokens, processed together or one after the other, as in the phase."""
        import numpy

        if self.phase.kind is PhaseKind.PREFILL:
            return self._after(tokens, self._nothing(), 0)[0]
        rows, state = [], self._nothing()
        for place in range(tokens.shape[1]):
            found, state = self._after(tokens[:, place : place + 1], state, place)
            rows.append(found)
        return numpy.concatenate(rows)

    def losses(self, tokens: Any) -> dict[str, Maybe[float]]:
        """How well it predicts a text."""
        import numpy

        given = numpy.asarray(tokens).reshape(1, -1)
        if len(self._after(given[:, :2], self._nothing(), 0)[0]) < 2:
            lacking = Missing("its logits are those of the last token alone")
            return {TEXT_NATS: lacking, TEXT_TOKENS: lacking}
        state, depth = self._nothing(), 0

        def scores(known: Any) -> Any:
            nonlocal state, depth
            found, state = self._after(numpy.asarray(known).reshape(1, -1), state, depth)
            depth += len(known)
            return found

        return text_losses(given, scores)

    def _nothing(self) -> dict[str, Any]:
        """Keys and values of no token."""
        import numpy
        import onnxruntime

        empty = {one.takes: numpy.zeros((1, one.heads, 0, one.size), one.dtype) for one in self.graph.past}
        return {name: onnxruntime.OrtValue.ortvalue_from_numpy(array) for name, array in empty.items()}

    def _given(self, tokens: Any, before: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """All inputs for tokens after `depth` others."""
        import numpy
        import onnxruntime

        count = tokens.shape[1]
        values = {
            TOKENS: tokens,
            MASK: numpy.ones((1, depth + count)),
            POSITIONS: numpy.arange(depth, depth + count).reshape(1, -1),
            BRANCH: numpy.array([depth > 0]),
        }
        made = {
            name: numpy.ascontiguousarray(value, dtype=_NUMPY.get(self._types[name], "int64"))
            for name, value in values.items()
            if name in self._types
        }
        held = {name: onnxruntime.OrtValue.ortvalue_from_numpy(array) for name, array in made.items()}
        return {**held, **before}

    def _after(self, tokens: Any, before: Mapping[str, Any], depth: int) -> tuple[Any, dict[str, Any]]:
        """The logits after tokens, a row for each, and the keys and values of all."""
        found = dict(
            zip(
                self.gives,
                self.session.run_with_ort_values(self.gives, self._given(tokens, before, depth)),
                strict=True,
            )
        )
        return found[_LOGITS].numpy()[0].astype("float32"), {one.takes: found[one.gives] for one in self.graph.past}


_NUMPY = {"tensor(int32)": "int32", "tensor(bool)": "bool"}


def work(graph: DecoderGraph, phase: Phase, path: Path, threads: int) -> dict[str, Maybe[float]]:
    """What an inference processes and reads, by the names of ironlaw/phase.py."""
    import numpy

    numbers = sum(one.heads * one.size * numpy.dtype(one.dtype).itemsize for one in graph.past)
    found: dict[str, Maybe[float]] = {
        "tokens": float(phase.processed),
        "depth": float(phase.depth),
        "threads": float(threads),
        "cache_bytes": float(numbers * phase.depth),
    }
    if importlib.util.find_spec("onnx") is None:
        unread = Missing("its weights are read by onnx, not installed here")
        return {**found, "weight_bytes": unread, "macs_per_token": unread}
    import onnx

    model = Graph(onnx.load(str(path), load_external_data=False))
    sizes = dict(_weights(model))
    found |= {f"weight_bytes_{kind}": float(sum(sizes[name] for name in names)) for kind, names in _kinds(model, sizes)}
    found["weight_bytes"] = float(sum(sizes.values()))
    found["macs_per_token"] = float(sum(_products(model)))
    return {**found, **_aliasable(model, sizes)}


# These read one row of a table for a token: of the embedding, or of the angles of a position.
_LOOKING_UP = {"Gather", "GatherBlockQuantized", "GroupQueryAttention", "RotaryEmbedding"}
_NBITS = "MatMulNBits"
_PASSING = {"Cast", "DequantizeLinear", "Identity", "Transpose"}
_MULTIPLYING = {
    "MatMul", "Gemm", "FusedMatMul", "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "QLinearMatMul",
    "QGemm",
}  # fmt: skip


def _weights(model: Graph) -> Iterator[tuple[str, int]]:
    """Each constant that a token reads, and how many of its bytes: of a table that is looked up, one row."""
    import onnx

    for name, tensor in model.constants.items():
        width = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        size = math.prod(tensor.dims) * width
        is_packed = tensor.data_type in (onnx.TensorProto.INT4, onnx.TensorProto.UINT4)
        size = -(-size // 2) if is_packed else size
        readers = {node.op_type for node in model.readers[name]}
        yield name, size // max(1, tensor.dims[0]) if readers and readers <= _LOOKING_UP and tensor.dims else size


def _kinds(model: Graph, names: Mapping[str, int]) -> Iterator[tuple[str, list[str]]]:
    """Constants by type of number; the packed ones of MatMulNBits by their bits."""
    import onnx

    packed = {node.input[1]: f"int{_attribute(node, 'bits', 4)}" for node in model.nodes if node.op_type == _NBITS}
    by_kind: dict[str, list[str]] = {}
    for name in names:
        kind = packed.get(name) or onnx.TensorProto.DataType.Name(model.constants[name].data_type).lower()
        by_kind.setdefault(kind, []).append(name)
    yield from by_kind.items()


def _aliasable(model: Graph, sizes: Mapping[str, int]) -> dict[str, float]:
    """The bytes that weights=aliased can alias; nothing where only a session shows whether it can.

    Known before operators are counted, so that weight traffic is among the first causes that are tested.
    """
    import onnx

    large = {name: size for name, size in sizes.items() if size >= SMALLEST}
    kinds = {name: onnx.TensorProto.DataType.Name(model.constants[name].data_type) for name in large}
    if all(kind in FLOATS for kind in kinds.values()):
        return {ALIASABLE: float(sum(large.values()))}
    multiplied = {
        _behind(model, name) for node in model.nodes if node.op_type in {_NBITS, *_MULTIPLYING} for name in node.input
    }
    return {ALIASABLE: 0.0} if any(kind not in FLOATS for name, kind in kinds.items() if name in multiplied) else {}


def _products(model: Graph) -> Iterator[int]:
    """Products of one token with the weights of each operator that multiplies by a constant matrix."""
    for node in model.nodes:
        if node.op_type == _NBITS:
            yield _attribute(node, "K", 0) * _attribute(node, "N", 0)
        elif node.op_type in _MULTIPLYING:
            matrices = [tensor for name in node.input if len((tensor := _constant(model, name)).dims) > 1]
            yield sum(math.prod(tensor.dims) for tensor in matrices)


def _constant(model: Graph, name: str) -> Any:
    """The constant that a value is, behind what only widens or turns it; an empty one where it is none."""
    import onnx

    return model.constants.get(_behind(model, name), onnx.TensorProto())


def _behind(model: Graph, name: str) -> str:
    """The name of the value that another one is, before what only widens or turns it."""
    while name not in model.constants and (maker := model.makers.get(name)) is not None:
        if maker.op_type not in _PASSING:
            break
        name = maker.input[0]
    return name


def _attribute(node: Any, name: str, otherwise: int) -> int:
    return next((int(one.i) for one in node.attribute if one.name == name), otherwise)
