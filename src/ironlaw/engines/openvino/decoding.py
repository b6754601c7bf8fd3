"""Phases of generating text by a model whose keys and values are a state of its inference request.

Graphs that take them as inputs are changed to keep them (OpenVINO's own transformation) when they are prepared. What
lies before a decoded token is computed once; its state is copied, and set again before each inference.
"""

from __future__ import annotations

import math
from typing import Any

from ironlaw.engines.border.text_losses import text_losses
from ironlaw.engines.openvino import runtime_graph
from ironlaw.engines.openvino.aliasing import weight_bytes
from ironlaw.engines.openvino.model import is_constant
from ironlaw.errors import ArmFailed
from ironlaw.factors.weights import ALIASABLE
from ironlaw.missing import Maybe, Missing
from ironlaw.models.decoder_graph import BEAM, MASK, POSITIONS, TOKENS, DecoderGraph
from ironlaw.phase import TEXT_NATS, TEXT_TOKENS, Phase, PhaseKind

BOUNDARY = {
    PhaseKind.PREFILL: (
        "infer() of one request with the given tokens and an empty state, until its logits are copied out; emptying"
        " the state is outside"
    ),
    PhaseKind.DECODE: (
        "infer() of one request with one given token, behind those in its state, until its logits are copied out;"
        " setting the state back is outside, and no token is sampled"
    ),
}
_LOGITS = "logits"


def keep_state(model: Any, graph: DecoderGraph) -> None:
    """Turn keys and values that a model takes and gives into a state of its own, for one sequence.

    Raises:
        ArmFailed: an output is not there.
    """
    from openvino._offline_transformations import apply_make_stateful_transformation

    if not graph.past:
        return
    given = {name for output in model.outputs for name in output.get_names()}
    for one in graph.past:
        if one.gives not in given:
            raise ArmFailed(
                f"it has no output called {one.gives}", hint="export it with transformers' names of inputs and outputs"
            )
    # Of an open batch the state would begin with none.
    shapes = {one.takes: [1, one.heads, -1, one.size] for one in graph.past}
    names = {name for value in model.inputs for name in value.get_names()}
    shapes |= {name: [1, -1] for name in (TOKENS, MASK, POSITIONS) if name in names}
    model.reshape(shapes)
    apply_make_stateful_transformation(model, {one.takes: one.gives for one in graph.past})


def refuse_empty_state(model: Any) -> None:
    """Refuse a state of an open batch without an initial value: OpenVINO begins it with no sequence to compute.

    Raises:
        ArmFailed: the model has one.
    """
    for node in model.get_ordered_ops():
        if node.get_type_name() != "ReadValue" or node.get_input_size():
            continue
        shape = node.get_output_partial_shape(0)
        if shape.rank.is_static and len(shape) and shape[0].is_dynamic:
            raise ArmFailed(
                f"its state {node.get_variable_id()} begins with no sequence: its batch is open, with no initial value",
                hint="reshape the graph to a batch of 1 before its keys and values become a state",
            )


class StatefulDecoding:
    """A request on a stateful model in one phase: what it is fed, and what it answers."""

    def __init__(self, compiled: Any, phase: Phase, request: Any = None) -> None:
        self.compiled, self.phase = compiled, phase
        self.request = request or compiled.create_infer_request()
        self.inputs = [(value.get_names(), value.get_element_type().to_dtype()) for value in compiled.inputs]
        places = [place for place, output in enumerate(compiled.outputs) if _LOGITS in output.get_names()]
        if not places:
            raise ArmFailed(f"it has no output called {_LOGITS}", hint="export it as a causal language model")
        self._logits = places[0]
        self._behind: list[Any] | None = None  # copies of the state behind which one token is decoded

    def feed(self, tokens: Any) -> tuple[list[Any]]:
        """The arrays of one inference; for decoding, what lies before its token is computed once."""
        import numpy

        needed = numpy.resize(tokens, (1, self.phase.depth + self.phase.processed))
        if self.phase.depth and self._behind is None:
            self._scores(needed[:, : self.phase.depth], 0)
            self._behind = [numpy.array(state.state.data) for state in self.request.query_state()]
        return (self._arrays(needed[:, self.phase.depth :], self.phase.depth),)

    def without_state(self, tokens: Any) -> list[Any]:
        """The arrays of one inference on an empty state: as many tokens as in the phase, behind none."""
        import numpy

        return self._arrays(numpy.resize(tokens, (1, self.phase.processed)), 0)

    def rewind(self) -> None:
        """Take the state back to where every inference of the phase begins."""
        import openvino

        if self._behind is None:
            self.request.reset_state()
            return
        for state, kept in zip(self.request.query_state(), self._behind, strict=True):
            state.state = openvino.Tensor(kept)

    def scores(self, tokens: Any) -> Any:
        """The logits behind each of the tokens, processed together or one after the other, as in the phase."""
        import numpy

        if self.phase.kind is PhaseKind.PREFILL:
            return self._scores(tokens, 0)
        return numpy.concatenate([self._scores(tokens[:, at : at + 1], at) for at in range(tokens.shape[1])])

    def losses(self, tokens: Any) -> dict[str, Maybe[float]]:
        """How well it predicts a text."""
        import numpy

        given, depth = numpy.asarray(tokens).reshape(1, -1), 0
        if len(self._scores(given[:, :2], 0)) < 2:
            lacking = Missing("its logits are those of the last token alone")
            return {TEXT_NATS: lacking, TEXT_TOKENS: lacking}

        def behind(known: Any) -> Any:
            nonlocal depth
            found = self._scores(numpy.asarray(known).reshape(1, -1), depth)
            depth += len(known)
            return found

        return text_losses(given, behind)

    def _scores(self, tokens: Any, depth: int) -> Any:
        """The logits behind tokens, a row for each; their keys and values stay in the state."""
        if not depth:
            self.request.reset_state()
        found = self.request.infer(self._arrays(tokens, depth), share_inputs=True).to_tuple()[self._logits]
        return found[0].astype("float32")

    def _arrays(self, tokens: Any, depth: int) -> list[Any]:
        """All inputs for tokens behind `depth` others, in the model's order."""
        import numpy

        count = tokens.shape[1]
        values = {
            TOKENS: tokens,
            MASK: numpy.ones((1, depth + count)),
            POSITIONS: numpy.arange(depth, depth + count).reshape(1, -1),
            BEAM: numpy.zeros(1),
        }
        found = []
        for names, dtype in self.inputs:
            name = next((one for one in values if one in names), None)
            if name is None:
                raise ArmFailed(
                    f"it takes {min(names, default='an input')}, which a decoder alone does not", hint=_ALONE
                )
            found.append(numpy.ascontiguousarray(values[name], dtype=dtype))
        return found


_ALONE = "export the decoder by itself"


def work(model: Any, decoding: StatefulDecoding, threads: int) -> dict[str, Maybe[float]]:
    """What an inference processes and reads, by the names of ironlaw/phase.py; `model` is not compiled."""
    phase = decoding.phase
    decoding.rewind()
    kept = [state.state for state in decoding.request.query_state()] if phase.depth else []
    found: dict[str, Maybe[float]] = {
        "tokens": float(phase.processed),
        "depth": float(phase.depth),
        "threads": float(threads),
        "cache_bytes": Missing("no inference has filled its state") if phase.depth and not kept else 0.0,
    }
    if kept:
        found["cache_bytes"] = sum(tensor.size for tensor in kept) * _bits_of_a_number(decoding.compiled, kept) / 8
    sizes = [(node, *_read_of(node)) for node in model.get_ordered_ops() if node.get_type_name() == "Constant"]
    found["weight_bytes"] = float(sum(size for _, size, _ in sizes))
    found["macs_per_token"] = float(sum(products for _, _, products in sizes))
    for kind in dict.fromkeys(node.get_element_type().get_type_name() for node, _, _ in sizes):
        of_kind = sum(size for node, size, _ in sizes if node.get_element_type().get_type_name() == kind)
        found[f"weight_bytes_{kind}"] = float(of_kind)
    # Known before operators are counted, so that weight traffic is among the first causes that are tested.
    kinds = {node.get_element_type().get_type_name() for node, _, products in sizes if products}
    found[ALIASABLE] = float(weight_bytes(model)) if kinds <= {"f32"} else 0.0
    return found


def _bits_of_a_number(compiled: Any, kept: list[Any]) -> int:
    """Of keys and values: in the plugin's own type where it fuses them into attention, else in the state's."""
    fused = any("KVCache" in node.layer_type for node in runtime_graph.executed(compiled))
    kind = compiled.get_property("KV_CACHE_PRECISION") if fused else kept[0].element_type
    return int(kind.bitwidth)


_LOOKING_UP = "Gather"
_WIDENING = {"Convert", "Multiply", "Subtract", "Reshape", "Transpose", "Unsqueeze"}


def _read_of(node: Any) -> tuple[int, int]:
    """Bytes of a constant that one token reads, and products with them; of a table that is looked up, one row."""
    shape = list(node.get_output_shape(0))
    size = math.ceil(math.prod(shape) * node.get_element_type().bitwidth / 8)
    used = _uses(node)
    if used and all(kind == _LOOKING_UP for kind in used):
        return size // max(1, shape[0] if shape else 1), 0
    is_matrix = "MatMul" in used and math.prod(shape) > max(shape, default=0) > 1
    return size, math.prod(shape) if is_matrix and not _is_scale(node) else 0


def _uses(node: Any) -> list[str]:
    """The types of the operators that read a constant, behind those that only widen or turn it."""
    found: list[str] = []
    for value in node.output(0).get_target_inputs():
        reader = value.get_node()
        through = reader.get_type_name() in _WIDENING and is_constant(reader)
        found += _uses(reader) if through else [reader.get_type_name()]
    return found


def _is_scale(node: Any) -> bool:
    """Whether a constant scales or shifts another one, as those of compressed weights do."""
    readers = [value.get_node() for value in node.output(0).get_target_inputs()]
    while readers and all(reader.get_type_name() in ("Convert", "Reshape") for reader in readers):
        readers = [value.get_node() for reader in readers for value in reader.output(0).get_target_inputs()]
    shifting = [reader for reader in readers if reader.get_type_name() in ("Multiply", "Subtract")]
    return any(_largest_input(reader) > math.prod(list(node.get_output_shape(0))) for reader in shifting)


def _largest_input(node: Any) -> int:
    sizes: list[int] = [math.prod(list(value.get_partial_shape().get_min_shape())) for value in node.input_values()]
    return max(sizes)
