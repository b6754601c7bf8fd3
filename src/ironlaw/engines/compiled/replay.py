"""Replays layers for Inductor: the exported graph, run from a layer on with its int8 form simulated.

torchao puts observers where quantize and dequantize operators would come, as for the arm itself; after calibration
their scales stand in for them, or where int8 is dynamic those that each call finds. Between layers values are float: a
layer reads int8, and what follows it reads float unless it is another such layer.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ironlaw.engines.torch_modules.replay import RoundedMix, TorchReplayer, TracedLayer, rounded_weight
from ironlaw.replayer import ReplaySite

HOW = "the exported graph, run from the layer on, with torch's fake quantization of what is int8"
_LAYERS = ("aten.conv", "aten.linear")
_WEIGHT = 1  # the place of weights among the arguments of all of these


class ExportedReplayer(TorchReplayer):
    """The convolutions and linear layers of one exported graph that was prepared and calibrated."""

    how = HOW

    def found_layer(self, node: Any) -> TracedLayer | None:
        """The layer of an operator whose input and weights are observed, and whose weights are a module's own."""
        if node.op != "call_function" or not str(node.target).startswith(_LAYERS):
            return None
        read, observed = node.args[0], node.args[_WEIGHT]
        if read not in self.steps or observed.op != "call_module" or observed.args[0].op != "get_attr":
            return None
        owner, _, name = str(observed.args[0].target).rpartition(".")
        if not owner:
            return None
        weight = getattr(self.modules[owner], name).detach()
        return TracedLayer(
            node=node,
            weights=rounded_weight(weight, self.modules[str(observed.target)]),
            reads=(read,),
            gives=None,
        )

    def site(self, layer: TracedLayer) -> ReplaySite:
        """The module whose weights it has, in the way that ledgers name modules; one called twice is two layers."""
        path = _owner(layer)
        before = self.layers[: self.layers.index(layer)]
        repeat = sum(_owner(one) == path for one in before)
        return ReplaySite(
            name=f"{path} #{repeat + 1}" if repeat else path,
            path=path,
            operator=type(self.modules[path]).__name__,
            nodes=(path,),
            repeat=repeat,
            reads=self.ranges(layer.reads),
        )

    def begins(self, layer: TracedLayer) -> Any:
        """The observer that it reads, which is not there for a layer in float."""
        return layer.reads[0]

    def without(self, layers: Collection[TracedLayer]) -> RoundedMix:
        """The mix with all layers in int8 but these; what no layer in int8 reads any more is not rounded."""
        left = {layer.node for layer in layers}
        by_node = {layer.node for layer in self.layers}
        loose = {step for step in self.steps if (readers := by_node & set(step.users)) and readers <= left}
        return RoundedMix(layers=self.whole.layers - left, rounded=self.whole.rounded - loose)

    def in_int8(self, running: Any, layer: TracedLayer, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """The operator with weights as int8 has them."""
        given = (*arguments[:_WEIGHT], layer.weights, *arguments[_WEIGHT + 1 :])
        return layer.node.target(*given, **named)


def _owner(layer: TracedLayer) -> str:
    """The path of the module whose weights a layer has."""
    return str(layer.node.args[_WEIGHT].args[0].target).rpartition(".")[0]
