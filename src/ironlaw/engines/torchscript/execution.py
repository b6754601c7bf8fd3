"""TorchScript, traced and frozen: float and static int8, for as long as torch ships it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import msgspec

from ironlaw.engine import Export
from ironlaw.engines.border.applicable import refuse_idle, refuse_precision
from ironlaw.engines.border.failures import explained, quiet
from ironlaw.engines.border.phases import Phases
from ironlaw.engines.torch_modules import int8 as eager_int8
from ironlaw.engines.torch_modules.programs import tensor_program
from ironlaw.engines.torchscript import profile as torchscript_profile
from ironlaw.layer import NodeProfile
from ironlaw.models import LoadedModel, shapes, torch_use
from ironlaw.models.inputs import as_tensors
from ironlaw.program import PreparedModel, Program
from ironlaw.variant import PRECISION, Variant

BOUNDARY = (
    "call of the frozen script with its input tensors in memory until it returns; inference_mode entered once outside"
)
_SCRIPT = "prepared.torchscript"
_SCOPES = "scopes.json"


def prepare(variant: Variant, model: LoadedModel, folder: Path, *, threads: int = 1) -> PreparedModel:
    """Trace on the first input, freeze (which folds BatchNorm), and save.

    Raises:
        ArmFailed: the model cannot be quantized or traced (names the operator), or the trace is valid for the first
            input's shape only.
    """
    import torch

    refuse_precision(variant)
    refuse_idle(variant)
    folder.mkdir(parents=True, exist_ok=True)
    torch_use.require_module(model.module, model.name)
    phases, script = Phases(), folder / _SCRIPT
    made = eager_int8.Quantized(module=model.form.eval())
    backend = eager_int8.preferred_backend()
    if variant.level(PRECISION) == "int8":
        made = eager_int8.quantize_static(made.module, model.calibration, fused=True, backend=backend, phases=phases)
    with quiet(), explained("torchscript"), torch.no_grad():
        jit: Any = torch.jit
        with phases.timed("trace"):
            traced = jit.trace(made.module, model.inputs[0], check_trace=False, strict=False)
        with phases.timed("freeze"):
            frozen = jit.freeze(traced.eval())
        jit.save(frozen, str(script))
        shapes.refuse_fixed_shape(frozen, made.module, model.inputs)
    (folder / _SCOPES).write_bytes(msgspec.json.encode(torchscript_profile.scopes_of(frozen, model.form)))
    return PreparedModel(
        path=str(script),
        size_bytes=script.stat().st_size,
        phases_ns=phases.ns,
        weights=model.weights,
        notes=tuple(made.notes),
    )


def load(variant: Variant, prepared: PreparedModel, model: LoadedModel, *, threads: int = 1) -> Program:
    """The script, optimised for this machine, ready to be called."""
    import torch

    refuse_idle(variant)
    torch.backends.quantized.engine = eager_int8.preferred_backend()
    with quiet(), explained("loading"), torch.no_grad():
        jit: Any = torch.jit
        script = jit.load(prepared.path)
        if variant.level(PRECISION) == "fp32":
            script = jit.optimize_for_inference(script)  # lays out weights for oneDNN; cannot be saved
    scopes = Path(prepared.path).with_name(_SCOPES)
    example = as_tensors(model.inputs[0])

    @functools.cache
    def marked() -> torchscript_profile.Marked:
        scopes_made = msgspec.json.decode(scopes.read_bytes(), type=list[torchscript_profile.FrozenNode])
        return torchscript_profile.settled(torchscript_profile.mark(script.graph, scopes_made, example), example)

    def profiled(inputs: list[tuple[Any, ...]]) -> NodeProfile:
        return torchscript_profile.profile(marked(), inputs)

    return tensor_program(script, model.inputs, boundary=BOUNDARY, profile=profiled)


def export(variant: Variant, prepared: Path) -> Export:
    """The frozen script."""
    backend = eager_int8.preferred_backend() if variant.level(PRECISION) == "int8" else "none"
    return Export(files=(_SCRIPT,), values={"quantized_engine": backend})
