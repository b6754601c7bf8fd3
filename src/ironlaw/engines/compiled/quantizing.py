"""Static int8 for Inductor: quantize and dequantize operators in an exported graph, by torchao's quantizer for x86."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any

from ironlaw.engines.border.phases import Phases
from ironlaw.errors import ArmFailed
from ironlaw.factors.int8_blocks import BUT, ONLY, paths_of

BLOCKS = "int8-blocks"
_DEQUANTIZE = "dequantize_per_channel"  # of weights: one for each layer that is quantized
_LAYERS = ("aten.conv", "aten.linear")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedGraph:
    """A graph with layers between quantize and dequantize operators, and how many of the layers are."""

    module: Any
    layers: int
    of: int

    @property
    def said(self) -> str:
        """As a note of the arm."""
        return f"{self.layers} of {self.of} convolutions and linear layers are quantized"


def quantized(module: Any, calibration: list[tuple[Any, ...]], phases: Phases, *, blocks: str) -> QuantizedGraph:
    """The exported module with quantize and dequantize operators, which the compiler turns into int8 kernels.

    `blocks` is a level of the factor int8-blocks.

    Raises:
        ArmFailed: torchao is not installed, or the level is none for this engine.
    """
    if importlib.util.find_spec("torchao") is None:
        raise ArmFailed("torchao is not installed", hint="pip install 'ironlaw[compiled]'")
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    with phases.timed("prepare"):
        observed = prepare_pt2e(module, _quantizer(blocks))
    with phases.timed("calibrate"):
        for arguments in calibration:
            observed(*arguments)
    with phases.timed("convert"):
        made = convert_pt2e(observed)
    targets = [str(node.target) for node in made.graph.nodes]
    return QuantizedGraph(
        module=made,
        layers=sum(_DEQUANTIZE in target for target in targets),
        of=sum(target.startswith(_LAYERS) for target in targets),
    )


def _quantizer(blocks: str) -> Any:
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

    quantizer, config = x86.X86InductorQuantizer(), x86.get_default_x86_inductor_quantization_config()
    paths = paths_of(blocks)
    if not blocks.startswith(ONLY):
        quantizer.set_global(config)
    if not paths and blocks != "written":
        raise ArmFailed(
            f"{BLOCKS}={blocks} changes nothing in this engine", hint=f"name modules: {ONLY}PATH, {BUT}PATH"
        )
    for path in paths:
        quantizer.set_module_name_qconfig(path, config if blocks.startswith(ONLY) else None)
    return quantizer


def refuse_no_such_module(module: Any, blocks: str) -> None:
    """Check that the modules that a level names exist.

    Raises:
        ArmFailed: names the first that does not.
    """
    known = {path for path, _ in module.named_modules()}
    for path in paths_of(blocks):
        if path not in known:
            raise ArmFailed(f"the model has no module {path!r}", hint="use the paths of named_modules()")
