"""Replays layers of static int8 in torch modules: the traced network, run from a layer on with its int8 form simulated.

torch.fx traces the module and puts observers where int8 would begin and end, as for the arm itself; after calibration
their scales stand in for them. Weights are rounded by the arm's own observer of weights.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from ironlaw.errors import ArmFailed
from ironlaw.models.inputs import leaves
from ironlaw.replayer import Begun, Flipped, ReplaySite, Rounding

HOW = "torch.fx, the network run from the layer on, with torch's fake quantization of what is int8"


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedLayer:
    """A layer that would be int8: its node, its weights as int8 has them, and the observers around it."""

    node: Any
    weights: Any
    reads: tuple[Any, ...]  # nodes of observers that it reads
    gives: Any | None  # node of the observer of its output


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeInCall:
    """The rounding of a tensor whose range is found in each call, as dynamic quantization does."""

    least: int
    most: int
    smallest_scale: float
    dtype: Any


Step = Rounding | RangeInCall


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundedMix:
    """Which layers are int8 in a run, and the observers whose tensors are rounded."""

    layers: frozenset[Any] = frozenset()
    rounded: frozenset[Any] = frozenset()
    at_inputs: bool = False  # rounded where a layer reads them, and not for others


class TorchReplayer:
    """The sites of one traced module."""

    how = HOW
    runs_kernels = False

    def __init__(self, observed: Any) -> None:
        """Of a module that was traced, prepared and calibrated.

        Raises:
            ArmFailed: no layer of it would be int8.
        """
        self._module = observed
        self._nodes = list(observed.graph.nodes)
        self.modules = dict(observed.named_modules(remove_duplicate=False))
        self.steps = {node: step for node in self._nodes if (step := self._step_of(node)) is not None}
        self.layers = [layer for node in self._nodes if (layer := self.found_layer(node)) is not None]
        if not self.layers:
            raise ArmFailed("no module of it with weights would be int8", hint="see ironlaw layers FILE")
        self._by_node = {layer.node: layer for layer in self.layers}
        self.sites = tuple(self.site(layer) for layer in self.layers)
        self.at_once = len(self.sites)
        self.whole = RoundedMix(layers=frozenset(self._by_node), rounded=frozenset(self.steps))
        self._in_float: dict[Any, Any] = {}
        self._in_int8: dict[Any, Any] = {}
        self._arguments: tuple[Any, ...] = ()

    def _step_of(self, node: Any) -> Step | None:
        """The scale and zero point of an observer, if there is one; None for any other node, and where it saw
        nothing.
        """
        if node.op != "call_module" or not hasattr(self.modules[str(node.target)], "calculate_qparams"):
            return None
        observer = self.modules[str(node.target)]
        if getattr(observer, "is_dynamic", False):
            return RangeInCall(
                least=int(observer.quant_min),
                most=int(observer.quant_max),
                smallest_scale=float(observer.eps),
                dtype=observer.dtype,
            )
        scale, zero = observer.calculate_qparams()
        if scale.numel() != 1:
            return None
        return Rounding(
            name=str(node.args[0]),
            scale=float(scale),
            zero=int(zero),
            least=int(observer.quant_min),
            most=int(observer.quant_max),
        )

    def found_layer(self, node: Any) -> TracedLayer | None:
        """The layer of a node; None where the node is none that would be int8."""
        module = self.modules.get(str(node.target)) if node.op == "call_module" else None
        weight = getattr(module, "weight", None)
        if module is None or node in self.steps or getattr(module, "qconfig", None) is None:
            return None
        if weight is None or weight.dim() < 2:  # a norm's is one number for each channel
            return None
        reads = tuple(one for one in node.all_input_nodes if one in self.steps)
        if not reads:
            return None
        gives = next((one for one in node.users if one in self.steps), None)
        return TracedLayer(
            node=node,
            weights=rounded_weight(module.weight.detach(), module.qconfig.weight()),
            reads=reads,
            gives=gives,
        )

    def site(self, layer: TracedLayer) -> ReplaySite:
        """The layer as a ledger names it."""
        path = str(layer.node.target)
        return ReplaySite(
            name=path,
            path=path,
            operator=type(self.modules[path]).__name__,
            nodes=(path,),
            reads=self.ranges(layer.reads),
            gives=next(iter(self.ranges((layer.gives,))), None),
        )

    def ranges(self, nodes: Collection[Any]) -> tuple[Rounding, ...]:
        """The roundings of observers that have a range of their own."""
        return tuple(step for one in nodes if isinstance(step := self.steps.get(one), Rounding))

    def open(self, places: Sequence[int]) -> None:
        """Do nothing: one traced module serves all sites."""

    def begin(self, arguments: tuple[Any, ...]) -> Begun:
        """Run both networks, and keep all values."""
        self._arguments = arguments
        self._in_float, self._in_int8 = {}, {}
        in_float = self._run(RoundedMix(), keep=self._in_float)
        return Begun(in_float=in_float, in_int8=self._run(self.whole, keep=self._in_int8))

    def flip(self, place: int) -> Flipped:
        """Run the network from a layer on, twice."""
        layer = self.layers[place]
        own: dict[Any, Any] = {}
        rounded = frozenset((layer.gives,)) if layer.gives is not None else frozenset()
        alone = RoundedMix(layers=frozenset((layer.node,)), rounded=rounded, at_inputs=True)
        answers = self._run(alone, since=layer.node, known=self._in_float, keep=own)
        given = layer.gives if layer.gives is not None else layer.node
        return Flipped(
            own_float=_array(self._in_float[layer.node]),
            own_int8=_array(own[given]),
            alone=answers,
            left_float=self._run(self.without((layer,)), since=self.begins(layer), known=self._in_int8),
        )

    def begins(self, layer: TracedLayer) -> Any:
        """The first node whose value another format of a layer may change."""
        return layer.node

    def value_of(self, step: Rounding) -> Any:
        """The values of a tensor in the float network."""
        return next(_array(value) for node, value in self._in_float.items() if node.name == step.name)

    def mixed(self, floats: frozenset[int]) -> Callable[[tuple[Any, ...]], list[Any]]:
        """The traced network with some modules in float."""
        every = len(floats) == len(self.layers)
        mix = RoundedMix() if every else self.without([self.layers[place] for place in floats])

        def run(arguments: tuple[Any, ...]) -> list[Any]:
            self._arguments = arguments
            return self._run(mix)

        return run

    def without(self, layers: Collection[TracedLayer]) -> RoundedMix:
        """The mix with all layers in int8 but these, whose outputs stay float where no int8 layer reads them."""
        left = {layer.node for layer in layers}
        loose = {
            layer.gives
            for layer in layers
            if layer.gives is not None and all(one in left or one.op == "output" for one in layer.gives.users)
        }
        return RoundedMix(layers=self.whole.layers - left, rounded=self.whole.rounded - loose)

    def _run(
        self,
        mix: RoundedMix,
        *,
        since: Any = None,
        known: dict[Any, Any] | None = None,
        keep: dict[Any, Any] | None = None,
    ) -> list[Any]:
        """The outputs; with `since` what is before that node comes from `known`, and with `keep` values stay there."""
        import torch

        before = self._nodes[: self._nodes.index(since)] if since is not None else []
        start = {node: known[node] for node in before if node in known} if known is not None else None
        running = _interpreter(self, mix, keep)
        with torch.inference_mode():
            given = running.run(*self._arguments, initial_env=start)
        return [_array(one) for one in leaves(given)]

    def in_int8(self, running: Any, layer: TracedLayer, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """A layer's output with its weights as int8 has them."""
        import torch

        module: Any = running.fetch_attr(layer.node.target)
        return torch.func.functional_call(module, {"weight": layer.weights}, arguments, named)

    def step_of(self, node: Any) -> Step | None:
        """The rounding of an observer's tensor."""
        return self.steps.get(node)

    def layer_of(self, node: Any) -> TracedLayer | None:
        """The layer of a module's node."""
        return self._by_node.get(node)


def _interpreter(of: TorchReplayer, mix: RoundedMix, keep: dict[Any, Any] | None) -> Any:
    import torch

    class Running(torch.fx.Interpreter):
        """Runs nodes with rounding where the mix says so."""

        def run_node(self, n: Any) -> Any:
            value = self._value(n)
            if keep is not None:
                keep[n] = value
            return value

        def _value(self, n: Any) -> Any:
            step, layer = of.step_of(n), of.layer_of(n)
            if step is not None:
                (value,), _ = self.fetch_args_kwargs_from_env(n)
                return rounded(value, step) if n in mix.rounded else value
            if layer is None or n not in mix.layers:
                return super().run_node(n)
            arguments, named = self.fetch_args_kwargs_from_env(n)
            if mix.at_inputs:
                arguments = tuple(
                    rounded(value, of.step_of(one)) if one in layer.reads else value
                    for one, value in zip(n.args, arguments, strict=True)
                )
            return of.in_int8(self, layer, arguments, named)

    return Running(of._module, garbage_collect_values=keep is None)


def rounded(value: Any, step: Step | None) -> Any:
    """A tensor rounded to int8 and back."""
    import torch

    if step is None:
        return value
    if isinstance(step, RangeInCall):
        find = torch.ops.quantized_decomposed.choose_qparams.tensor
        scale, zero = find(value, step.least, step.most, step.smallest_scale, step.dtype)
        return torch.fake_quantize_per_tensor_affine(value, scale.float(), zero.int(), step.least, step.most)
    return torch.fake_quantize_per_tensor_affine(value, step.scale, step.zero, step.least, step.most)


def rounded_weight(weight: Any, observer: Any) -> Any:
    """Weights as int8 has them, by an observer of weights."""
    import torch

    observer(weight)
    scale, zero = observer.calculate_qparams()
    least, most = int(observer.quant_min), int(observer.quant_max)
    if scale.numel() == 1:
        return torch.fake_quantize_per_tensor_affine(weight, float(scale), int(zero), least, most)
    return torch.fake_quantize_per_channel_affine(
        weight, scale.float(), zero.to(torch.int32), int(observer.ch_axis), least, most
    )


def _array(value: Any) -> Any:
    return value.detach().float().numpy()
