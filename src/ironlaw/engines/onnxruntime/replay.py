"""Replays layers of an int8 arm: parts of its graph, each a session that begins at the layer.

The float file and the one that the tools quantized are those that the arm was prepared from. A part has the tools'
quantize-dequantize pairs around the nodes that are in int8, or what dynamic quantization put in their place, so that
the session runs the kernels that the arm runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ironlaw.engines.onnxruntime import files as onnx_files
from ironlaw.engines.onnxruntime.mixing import Mixing, Subgraph
from ironlaw.engines.onnxruntime.naming import Naming
from ironlaw.engines.onnxruntime.quantized import QuantizedNode
from ironlaw.errors import ArmFailed
from ironlaw.replayer import Begun, Flipped, ReplaySite, Rounding

HOW = "ONNX graphs that begin at the layer, with the quantize-dequantize pairs that the tools wrote around what is int8"
HOW_DYNAMIC = "ONNX graphs that begin at the layer, with what dynamic quantization puts in the place of what is int8"
# Gives float weights between two quantized tensors one int8 scale: what is left in float would be int8 again.
REQUANTIZING = ["WeightBiasQuantization"]
MOST_BYTES = 1 << 30  # of weights in sessions that are open at once


class OnnxReplayer:
    """The sites of one arm; a session for each part."""

    runs_kernels = True

    def __init__(self, float_file: Path, int8_file: Path, *, threads: int) -> None:
        """Read both files.

        Raises:
            ArmFailed: nothing in the arm is replayable: the tools have rebuilt its graph, or it is not in QDQ format.
        """
        import onnx

        ready = onnx.load(str(float_file))
        self._mixing = Mixing(ready, onnx.load(str(int8_file)))
        self._places = onnx_files.read_places(int8_file)
        self._threads = threads
        self._quantized = list(self._mixing.decisions.nodes.values())
        if not self._quantized:
            raise ArmFailed("no layer of it stands between quantize-dequantize pairs", hint="see quantization.format")
        self.how = HOW_DYNAMIC if any(one.replaced_by for one in self._quantized) else HOW
        naming = Naming(ready)
        self.sites = tuple(self._site(one, naming) for one in self._quantized)
        self._all = frozenset(self._mixing.decisions.nodes)
        self.at_once = max(1, int(MOST_BYTES // (2 * max(1.0, self._mean_bytes()))))
        self._parts: dict[int, tuple[_Opened, _Opened]] = {}
        self._in_float: dict[str, Any] = {}
        self._in_int8: dict[str, Any] = {}
        self._answers: tuple[list[Any], list[Any]] = [], []  # of the float network and of the int8 one
        self._reached: dict[int, list[int]] = {}  # by site, the outputs that depend on it
        self._states: tuple[_Opened, _Opened] | None = None

    def _site(self, one: QuantizedNode, naming: Naming) -> ReplaySite:
        name = naming.of(one.node)
        return ReplaySite(
            name=name.shown,
            path=name.path,
            operator=name.operator,
            nodes=(one.node.name,),
            repeat=name.repeat,
            reads=tuple(self._step(tensor) for tensor in one.activations.values()),
            gives=self._step(one.gives) if one.gives else None,
        )

    def _step(self, tensor: str) -> Rounding:
        import numpy

        scale, zero = (self._mixing.made.values_of(name) for name in self._mixing.decisions.pairs[tensor])
        if scale is None or zero is None or scale.size != 1:
            raise ArmFailed(f"{tensor} has no constant scale of its own", hint="compare whole arms: --arms")
        ends = numpy.iinfo(zero.dtype)
        return Rounding(
            name=tensor, scale=float(scale.item()), zero=int(zero.item()), least=int(ends.min), most=int(ends.max)
        )

    def open(self, places: Sequence[int]) -> None:
        """Sessions of the parts behind these sites, and of the two whole networks with what the parts are fed."""
        self._parts = {}
        self._states = None
        if not places:
            return
        fed: dict[str, None] = {}
        for place in places:
            one = self._quantized[place]
            nodes, own = self._mixing.behind(one.node), self._own(one)
            given = {name for node in nodes for name in node.output}
            self._reached[place] = [at for at, name in enumerate(self._mixing.outputs) if name in given]
            wanted = [self._mixing.outputs[at] for at in self._reached[place]]
            alone = self._mixing.part(frozenset({one.node.name}), nodes, [own, *wanted])
            others = self._mixing.part(self._all - {one.node.name}, nodes, wanted)
            self._parts[place] = self._session(alone), self._session(others)
            fed |= dict.fromkeys((*alone.feeds, own, *one.activations.values()))
        inputs = set(self._places)
        inner = [name for name in fed if name not in inputs]
        nodes = self._mixing.ready.nodes
        self._states = (
            self._session(self._mixing.part(frozenset(), nodes, self._mixing.outputs, inner)),
            self._session(self._mixing.part(self._all, nodes, self._mixing.outputs, inner)),
        )

    def _mean_bytes(self) -> float:
        """The bytes of float weights in a part, over all sites: tables that are read before them are in none."""
        sizes = {name: int(one.ByteSize()) for name, one in self._mixing.ready.constants.items()}
        parts = [self._mixing.behind(one.node) for one in self._quantized]
        read = ({name for node in nodes for name in node.input} for nodes in parts)
        return sum(sizes.get(name, 0) for names in read for name in names) / len(parts)

    def _own(self, one: QuantizedNode) -> str:
        return one.gives or str(one.node.output[0])

    def begin(self, arguments: tuple[Any, ...]) -> Begun:
        """Run both networks, and keep what the parts are fed."""
        assert self._states is not None, "sites are opened first"
        given = onnx_files.feed(self._places, arguments)
        count = len(self._mixing.outputs)
        answers = []
        for session, kept in zip(self._states, (self._in_float, self._in_int8), strict=True):
            outputs = session.run(given)
            kept.clear()
            kept.update(given)
            kept.update(zip(session.part.gives[count:], outputs[count:], strict=True))
            answers.append(outputs[:count])
        self._answers = answers[0], answers[1]
        return Begun(in_float=answers[0], in_int8=answers[1])

    def flip(self, place: int) -> Flipped:
        """Run both parts behind a site."""
        alone, others = self._parts[place]
        own, *answers = alone.run(self._in_float)
        return Flipped(
            own_float=self._in_float[self._own(self._quantized[place])],
            own_int8=own,
            alone=self._with_others(place, answers, self._answers[0]),
            left_float=self._with_others(place, others.run(self._in_int8), self._answers[1]),
        )

    def _with_others(self, place: int, answers: list[Any], rest: list[Any]) -> list[Any]:
        """All outputs: those that depend on a site, and the rest of a whole network's."""
        found = dict(zip(self._reached[place], answers, strict=True))
        return [found.get(at, one) for at, one in enumerate(rest)]

    def value_of(self, step: Rounding) -> Any:
        """The values of a tensor in the float network."""
        return self._in_float[step.name]

    def mixed(self, floats: frozenset[int]) -> Callable[[tuple[Any, ...]], list[Any]]:
        """A session of the whole network with some nodes in float."""
        left = {self._quantized[place].node.name for place in floats}
        part = self._mixing.part(self._all - left, self._mixing.ready.nodes, self._mixing.outputs)
        session = self._session(part)
        return lambda arguments: session.run(onnx_files.feed(self._places, arguments))

    def _session(self, part: Subgraph) -> _Opened:
        return _Opened(part, self._threads)


class _Opened:
    """A part, ready to run."""

    def __init__(self, part: Subgraph, threads: int) -> None:
        import onnxruntime
        from onnxruntime import GraphOptimizationLevel as Level

        written = part.model.SerializeToString()
        try:
            self._session = _inference_session(written, threads, Level.ORT_ENABLE_ALL)
        except onnxruntime.capi.onnxruntime_pybind11_state.Fail:
            # Its transformers fail for some parts of a graph ("Attempt to replace the existing tensor"), as after a
            # quantized mask of attention. As it is written the part gives the same numbers, but for the order of sums.
            self._session = _inference_session(written, threads, Level.ORT_DISABLE_ALL)
        self.part = Subgraph(model=None, feeds=part.feeds, gives=part.gives)

    def run(self, values: dict[str, Any]) -> list[Any]:
        """The outputs of the part in the order requested; a tensor requested twice is returned twice."""
        distinct = list(dict.fromkeys(self.part.gives))
        found = dict(zip(distinct, self._session.run(distinct, {n: values[n] for n in self.part.feeds}), strict=True))
        return [found[name] for name in self.part.gives]


def _inference_session(written: bytes, threads: int, level: Any) -> Any:
    """A session of a serialized graph, optimised as far as a level allows."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what it raises becomes the reason why nothing is replayed
    options.graph_optimization_level = level
    options.intra_op_num_threads = threads
    # Of a hundred sessions each has threads of its own, which would spin for work while another one runs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(
        written, options, providers=["CPUExecutionProvider"], disabled_optimizers=REQUANTIZING
    )
