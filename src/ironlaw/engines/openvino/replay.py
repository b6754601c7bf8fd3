"""Replays layers of a static int8 arm: parts of its model, each compiled to begin at the layer.

The float model and the one that NNCF made are those of the arm. A part has NNCF's FakeQuantize before the layers that
are in int8, so that the plugin runs the kernels that the arm runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ironlaw.engines.openvino.mixing import LayerMixing, NetworkPart, Tensor
from ironlaw.errors import ArmFailed
from ironlaw.replayer import Begun, Flipped, ReplaySite, Rounding

HOW = "OpenVINO models that begin at the layer, with NNCF's FakeQuantize before what is int8"
MOST_BYTES = 1 << 30  # of weights in models that are compiled at once
Arrays = list[Any]


class OpenVinoReplayer:
    """The layers of one arm; a compiled model for each part."""

    how = HOW
    runs_kernels = True

    def __init__(
        self, float_file: Path, int8_file: Path, places: Sequence[int], compiled: Callable[[Any], Any]
    ) -> None:
        """Read both files; `compiled` compiles a model as the arm's is, `places` are the arguments that it takes.

        Raises:
            ArmFailed: nothing in the arm can be replayed: NNCF has rebuilt its model.
        """
        self._mixing = LayerMixing(float_file, int8_file)
        self._compiled = compiled
        self._places = places
        self._layers = self._mixing.layers
        if not self._layers:
            raise ArmFailed("no layer of it reads quantized values", hint="see ironlaw doctor")
        self.sites = tuple(
            ReplaySite(
                name=one.name,
                path=one.name,
                operator=one.operator,
                nodes=(one.name,),
                reads=tuple(step for _, step in one.reads if step is not None),
            )
            for one in self._layers
        )
        self._all = frozenset(one.name for one in self._layers)
        size = float_file.with_suffix(".bin").stat().st_size
        self.at_once = max(1, MOST_BYTES // (2 * max(1, size)))
        self._steps = {step.name: tensor for one in self._layers for tensor, step in one.reads if step is not None}
        self._parts: dict[int, tuple[_Opened, _Opened]] = {}
        self._states: tuple[_Opened, _Opened] | None = None
        self._inner: tuple[Tensor, ...] = ()
        self._in_float: dict[Tensor, Any] = {}
        self._in_int8: dict[Tensor, Any] = {}
        self._begun: Begun | None = None

    def open(self, places: Sequence[int]) -> None:
        """Compile the parts behind these layers, and the two whole networks with what the parts are fed."""
        self._parts, self._states = {}, None
        if not places:
            return
        fed: dict[Tensor, None] = {}
        for place in places:
            layer = self._layers[place]
            alone = self._mixing.part(frozenset({layer.name}), since=layer.name, own=layer.own)
            others = self._mixing.part(self._all - {layer.name}, since=layer.name)
            self._parts[place] = self._open(alone), self._open(others)
            fed |= dict.fromkeys((*alone.feeds, *others.feeds, (layer.own, 0), *(tensor for tensor, _ in layer.reads)))
        self._inner = tuple(fed)
        self._states = (
            self._open(self._mixing.part(frozenset(), inner=self._inner)),
            self._open(self._mixing.part(self._all, inner=self._inner)),
        )

    def begin(self, arguments: tuple[Any, ...]) -> Begun:
        """Run both networks, and keep what the parts are fed."""
        assert self._states is not None, "layers are opened first"
        given, answers = self._fed(arguments), []
        for opened, kept in zip(self._states, (self._in_float, self._in_int8), strict=True):
            outputs = opened.run(given)
            count = len(opened.outputs)
            kept.clear()
            kept.update(zip(self._inner, outputs[count:], strict=True))
            answers.append(outputs[:count])
        self._begun = Begun(in_float=answers[0], in_int8=answers[1])
        return self._begun

    def flip(self, place: int) -> Flipped:
        """Run both parts behind a layer."""
        assert self._begun is not None, "an input is begun first"
        alone, others = self._parts[place]
        outputs = alone.run([self._in_float[tensor] for tensor in alone.feeds])
        left = others.run([self._in_int8[tensor] for tensor in others.feeds])
        return Flipped(
            own_float=self._in_float[(self._layers[place].own, 0)],
            own_int8=outputs[len(alone.outputs)],
            alone=alone.completed(outputs, self._begun.in_float),
            left_float=others.completed(left, self._begun.in_int8),
        )

    def value_of(self, step: Rounding) -> Any:
        """The values of a tensor in the float network."""
        return self._in_float[self._steps[step.name]]

    def mixed(self, floats: frozenset[int]) -> Callable[[tuple[Any, ...]], Arrays]:
        """The whole network with some layers in float."""
        left = {self._layers[place].name for place in floats}
        opened = self._open(self._mixing.part(self._all - left))
        return lambda arguments: opened.run(self._fed(arguments))

    def _fed(self, arguments: tuple[Any, ...]) -> Arrays:
        from ironlaw.models.inputs import as_array

        return [as_array(arguments[place]) for place in self._places]

    def _open(self, part: NetworkPart) -> _Opened:
        return _Opened(part, self._compiled(part.model))


class _Opened:
    """A compiled part."""

    def __init__(self, part: NetworkPart, compiled: Any) -> None:
        self.feeds, self.outputs = part.feeds, part.outputs
        self._compiled = compiled  # a request does not keep it alive
        self._request = compiled.create_infer_request()

    def run(self, arrays: Arrays) -> Arrays:
        """The outputs, copied: a request uses their memory again."""
        found = self._request.infer(arrays, share_inputs=True)
        return [found[place].copy() for place in range(len(found))]

    def completed(self, outputs: Arrays, known: Arrays) -> Arrays:
        """The network's outputs, of which those that this part does not change are known."""
        whole = list(known)
        for place, value in zip(self.outputs, outputs, strict=False):
            whole[place] = value
        return whole
