"""int8 for Inductor, static and dynamic: an exported graph with quantize and dequantize operators, by torchao."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from operator import getitem
from typing import Any

from ironlaw.engines.border.phases import Phases
from ironlaw.errors import ArmFailed
from ironlaw.factors.int8_blocks import BUT, ONLY, paths_of
from ironlaw.variant import PRECISION, Variant

PRECISIONS = ("int8", "int8-dynamic")  # whose products are of integers
BLOCKS, RANGES = "int8-blocks", "activation-ranges"
_FINDS = "quantized_decomposed.choose_qparams.tensor"  # the range of what is quantized, in a call
_DEQUANTIZE = "dequantize_per_channel"  # of weights: one for each layer that is quantized
_LAYERS = ("aten.conv", "aten.linear")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedGraph:
    """A graph with layers between quantize and dequantize operators, and how many of the layers are.

    `finders` are the operators that find a range in every call, `fixed` those that were given one.
    """

    module: Any
    layers: int
    of: int
    finders: int = 0
    fixed: int = 0

    @property
    def said(self) -> str:
        """A sentence about the graph, for the arm's notes."""
        return f"{self.layers} of {self.of} convolutions and linear layers are quantized"

    def applied(self, variant: Variant) -> dict[str, str]:
        """The effect of the variant's levels on the graph, by factor."""
        done = {BLOCKS: self.said, RANGES: f"{self.fixed} ranges given, {self.finders} found in every call"}
        return {name: done[name] for name, _ in variant.changed if name in done}


def quantized(
    module: Any, variant: Variant, calibration: list[tuple[Any, ...]], phases: Phases, *, seen: list[tuple[Any, ...]]
) -> QuantizedGraph:
    """The exported module with quantize and dequantize operators, which the compiler turns into int8 kernels.

    `seen` are the inputs over which ranges are found, where the variant has them fixed.

    Raises:
        ArmFailed: torchao is not installed, or a level is none for this engine, or changes nothing.
    """
    made = observed(module, variant, calibration, phases)
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e

    with phases.timed("convert"):
        made = convert_pt2e(made)
    fixed = _fix_ranges(made, seen) if variant.level(RANGES) == "fixed" else 0
    targets = [str(node.target) for node in made.graph.nodes]
    return QuantizedGraph(
        module=made,
        layers=sum(_DEQUANTIZE in target for target in targets),
        of=sum(target.startswith(_LAYERS) for target in targets),
        finders=targets.count(_FINDS),
        fixed=fixed,
    )


def observed(module: Any, variant: Variant, calibration: list[tuple[Any, ...]], phases: Phases) -> Any:
    """The exported module with an observer wherever a number format would change, which saw the inputs.

    Raises:
        ArmFailed: torchao is not installed, or a level is none for this engine.
    """
    if importlib.util.find_spec("torchao") is None:
        raise ArmFailed("torchao is not installed", hint="pip install 'ironlaw[compiled]'")
    from torchao.quantization.pt2e.quantize_pt2e import prepare_pt2e

    with phases.timed("prepare"):
        made = prepare_pt2e(module, _quantizer(variant))
    with phases.timed("calibrate"):
        for arguments in calibration:
            made(*arguments)
    return made


def _quantizer(variant: Variant) -> Any:
    import torch
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

    quantizer = x86.X86InductorQuantizer()
    if variant.level(PRECISION) == "int8-dynamic":
        # Inductor has no convolution of activations that are quantized in the call: it would compute in float.
        config = x86.get_default_x86_inductor_quantization_config(is_dynamic=True)
        return quantizer.set_function_type_qconfig(torch.nn.functional.linear, config)
    config, blocks = x86.get_default_x86_inductor_quantization_config(), variant.level(BLOCKS)
    paths = paths_of(blocks)
    if not blocks.startswith(ONLY):
        quantizer.set_global(config)
    if not paths and blocks != "written":
        hint = f"name modules: {ONLY}PATH, {BUT}PATH"
        raise ArmFailed(f"{BLOCKS}={blocks} changes nothing in this engine", hint=hint)
    for path in paths:
        quantizer.set_module_name_qconfig(path, config if blocks.startswith(ONLY) else None)
    return quantizer


def _fix_ranges(graph_module: Any, seen: list[tuple[Any, ...]]) -> int:
    """Give every operator that finds a range the one that it finds over all inputs; how many there are.

    Raises:
        ArmFailed: there is none.
    """
    import torch

    finders = [node for node in graph_module.graph.nodes if str(node.target) == _FINDS]
    if not finders:
        raise ArmFailed("no layer of this model finds a range in its calls", hint=f"leave {RANGES}=fixed out")
    ends: dict[Any, list[Any]] = {node: [] for node in finders}

    class Watching(torch.fx.Interpreter):
        def run_node(self, n: Any) -> Any:
            if n in ends:
                (read, *_), _ = self.fetch_args_kwargs_from_env(n)
                ends[n].append(torch.stack(torch.aminmax(read)))
            return super().run_node(n)

    for arguments in seen:
        Watching(graph_module).run(*arguments)
    for number, node in enumerate(finders):
        found = node.target(torch.cat(ends[node]), *node.args[1:])
        for reader in list(node.users):
            assert reader.target is getitem, "a range is a pair, of which each part is read"
            name = f"_fixed_{number}_{reader.args[1]}"
            graph_module.register_buffer(name, found[reader.args[1]])
            with graph_module.graph.inserting_before(reader):
                reader.replace_all_uses_with(graph_module.graph.get_attr(name))
            graph_module.graph.erase_node(reader)
        graph_module.graph.erase_node(node)
    graph_module.recompile()
    return len(finders)


def refuse_no_such_module(module: Any, blocks: str) -> None:
    """Check that the modules that a level names exist.

    Raises:
        ArmFailed: names the first that does not.
    """
    known = {path for path, _ in module.named_modules()}
    for path in paths_of(blocks):
        if path not in known:
            raise ArmFailed(f"the model has no module {path!r}", hint="use the paths of named_modules()")
