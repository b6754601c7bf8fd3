"""Eager PyTorch: float, static and dynamic int8, int8 weights, bfloat16, and a user's own program unchanged."""

from __future__ import annotations

import contextlib
import json
import zipfile
from pathlib import Path
from typing import IO, Any, cast

from ironlaw.engine import Export
from ironlaw.engines.border.applicable import refuse_idle, refuse_precision
from ironlaw.engines.border.failures import explained
from ironlaw.engines.border.phases import Phases
from ironlaw.engines.torch_modules import int8 as eager_int8
from ironlaw.engines.torch_modules.bfloat16 import NOTE, between_float32, in_bfloat16, refuse_emulated
from ironlaw.engines.torch_modules.dynamic_replay import DynamicReplayer
from ironlaw.engines.torch_modules.generation import in_phase
from ironlaw.engines.torch_modules.programs import tensor_program
from ironlaw.engines.torch_modules.replay import TorchReplayer
from ironlaw.engines.torch_modules.weight_only import quantize_to_four_bits, quantize_weights
from ironlaw.errors import ArmFailed, BadInput
from ironlaw.factors import FACTORS
from ironlaw.missing import Missing
from ironlaw.models import LoadedModel, saved, torch_use
from ironlaw.phase import Phase
from ironlaw.program import PreparedModel, Program
from ironlaw.replayer import Replayer
from ironlaw.variant import GIVEN, PHASE, PRECISION, Variant

BOUNDARY = "call of the module with its input tensors in memory until it returns; inference_mode entered once outside"
CALLABLE_BOUNDARY = "call of the program as it is, autograd included, until it returns"
_ABOUT = "eager.json"
_MODULE = "prepared.pt"


def prepare(variant: Variant, model: LoadedModel, folder: Path, *, threads: int = 1) -> PreparedModel:
    """Prepare the variant and save its module in the folder.

    Raises:
        ArmFailed: torch cannot make this variant of this model; names the operator or layer.
    """
    refuse_precision(variant)
    refuse_idle(variant)
    folder.mkdir(parents=True, exist_ok=True)
    precision = variant.level(PRECISION)
    if precision == GIVEN:
        return _keep_given(variant, model, folder)
    phases = Phases()
    made = _make(variant, model, phases)
    backend = _backend(variant) if precision in ("int8", "int8-dynamic") else "none"
    return _keep(made, model, folder, phases=phases, about={"backend": backend})


def _make(variant: Variant, model: LoadedModel, phases: Phases) -> eager_int8.Quantized:
    import torch

    if not isinstance(model.module, torch.nn.Module):
        raise ArmFailed(
            f"{model.name} is a {type(model.module).__name__}, not a torch module: it runs only as it is",
            hint="return a torch module from the factory",
        )
    source = model.form.eval()
    fused = variant.level("fusion") == "fused"
    match variant.level(PRECISION):
        case "fp32":
            return eager_int8.fuse(source, phases) if fused else eager_int8.Quantized(module=source)
        case "int8" if variant.level("int8-blocks") != FACTORS["int8-blocks"].plain:
            return eager_int8.quantize_blocks(
                source,
                model.calibration,
                blocks=variant.level("int8-blocks"),
                fused=fused,
                backend=_backend(variant),
                phases=phases,
            )
        case "int8":
            return eager_int8.quantize_static(
                source,
                model.calibration,
                fused=fused,
                backend=_backend(variant),
                phases=phases,
                calibrate=variant.level("calibration") != "none",
            )
        case "int8-dynamic":
            made = eager_int8.fuse(source, phases) if fused else eager_int8.Quantized(module=source)
            return eager_int8.quantize_dynamic(made.module, _backend(variant), phases)
        case "bf16":
            refuse_emulated()
            made = eager_int8.fuse(source, phases) if fused else eager_int8.Quantized(module=source)
            return _in_bfloat16(made, phases)
        case "int8-weights":
            made = eager_int8.fuse(source, phases) if fused else eager_int8.Quantized(module=source)
            return quantize_weights(made.module, phases)
        case "int4-weights":
            made = eager_int8.fuse(source, phases) if fused else eager_int8.Quantized(module=source)
            return quantize_to_four_bits(made.module, phases)
        case other:
            raise AssertionError(f"{other} is declared but was not made")


def _backend(variant: Variant) -> str:
    """The library that the int8 operators are packed for.

    Raises:
        ArmFailed: this torch has not been built with it.
    """
    import torch

    level = variant.level("quantized-engine")
    if level == "preferred":
        return eager_int8.preferred_backend()
    supported = torch.backends.quantized.supported_engines
    if level not in supported:
        raise ArmFailed(f"this torch has no quantized engine {level!r}", hint=f"it has {', '.join(supported)}")
    return level


def _in_bfloat16(made: eager_int8.Quantized, phases: Phases) -> eager_int8.Quantized:
    with phases.timed("convert"):
        return eager_int8.Quantized(module=in_bfloat16(made.module), notes=[*made.notes, NOTE])


def _keep(
    made: eager_int8.Quantized, model: LoadedModel, folder: Path, *, phases: Phases, about: dict[str, Any]
) -> PreparedModel:
    with phases.timed("save"):
        imports = saved.save_module(made.module, folder / _MODULE)
    (folder / _ABOUT).write_text(json.dumps(about))
    return PreparedModel(
        path=str(folder / _MODULE),
        size_bytes=state_dict_bytes(made.module),
        phases_ns=phases.ns,
        weights=model.weights,
        notes=tuple(made.notes),
        imports=imports,
    )


def _keep_given(variant: Variant, model: LoadedModel, folder: Path) -> PreparedModel:
    """Save a user's program; one that cannot be pickled is created by its factory in every replicate.

    It is unchanged except for what an experiment requires: BatchNorm folded, or int8 packed for another library.
    """
    about: dict[str, Any] = {"backend": "none", "calls_module": torch_use.is_module(model.module)}
    if torch_use.is_loaded():
        import torch

        about["backend"] = str(torch.backends.quantized.engine)
    if variant.level("quantized-engine") != "preferred":
        about["backend"] = _backend(variant)
    made = _given(variant, model.module)
    program = made.module
    is_module = torch_use.is_module(program)
    try:
        imports = saved.save_module(program, folder / _MODULE)
    except ArmFailed as failed:
        if variant.level("fusion") == "fused":
            raise
        imports = saved.libraries_of(program) if is_module else ()
        about |= {"source": model.source, "seed": model.seed, "keywords": dict(model.keywords)}
        made.notes.append(f"made again by its factory in every replicate ({failed.message})")
    (folder / _ABOUT).write_text(json.dumps(about))
    return PreparedModel(
        path=str(folder / _MODULE),
        size_bytes=_given_bytes(program, folder / _MODULE),
        phases_ns={},
        weights=model.weights,
        notes=tuple(made.notes),
        imports=imports,
    )


def _given(variant: Variant, program: Any) -> eager_int8.Quantized:
    """A user's program, with its layers fused if requested.

    Raises:
        ArmFailed: it is not a module in eval mode, or nothing in it can be fused.
    """
    if variant.level("fusion") != "fused":
        return eager_int8.Quantized(module=program)
    if not torch_use.is_module(program) or program.training:
        raise ArmFailed("only a torch module in eval mode can be fused", hint="leave +fused out for this arm")
    return eager_int8.fuse(program, Phases())


def _given_bytes(program: Any, path: Path) -> int:
    """The size of a program as given: of the file that it was saved in, which holds little besides its tensors.

    Its state_dict would unpack int8 weights once more, 0.9 s for 100 MB.
    """
    if path.exists():
        return path.stat().st_size
    return state_dict_bytes(program) if torch_use.is_module(program) else 0


def state_dict_bytes(module: Any) -> int:
    """Bytes that torch.save writes for a module's state_dict: the model size as PyTorch users know it."""
    import torch

    written = _Written()
    torch.save(module.state_dict(), cast(IO[bytes], written))
    return written.bytes


class _Written:
    """A file object that counts the bytes written to it."""

    def __init__(self) -> None:
        self.bytes = 0

    def write(self, data: Any) -> int:
        """Count the bytes; torch writes bytes or memoryviews of bytes."""
        self.bytes += len(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing; nothing is buffered."""


def load(variant: Variant, prepared: PreparedModel, model: LoadedModel, *, threads: int = 1) -> Program:
    """Load the saved module, ready to be called on the model's inputs; nothing is built or converted again."""
    refuse_idle(variant)
    path = Path(prepared.path)
    about = json.loads((path.parent / _ABOUT).read_text())
    if about["backend"] != "none":
        import torch

        # Packed int8 weights are laid out for one engine when they are read, so this comes first.
        torch.backends.quantized.engine = about["backend"]
    module = _read(path, about)
    infer = between_float32(module) if variant.level(PRECISION) == "bf16" else module
    # A module that is handed over is called by the caller that runs it; what a callable does around it is its own.
    if not torch_use.is_module(module):
        return Program(infer=infer, inputs=model.inputs, boundary=CALLABLE_BOUNDARY)
    program = tensor_program(infer, model.inputs, module=module, boundary=BOUNDARY)
    phase = Phase.read(variant.level(PHASE))
    return program if isinstance(phase, Missing) else in_phase(program, phase)


def _read(path: Path, about: dict[str, Any]) -> Any:
    if "source" not in about:
        with eager_int8.reading_int8_layers() if torch_use.is_loaded() else contextlib.nullcontext():
            return saved.load_module(path)
    from ironlaw.models import factories

    return factories.make(about["source"], seed=about["seed"], keywords=about["keywords"]).program


def replayer(variant: Variant, prepared: PreparedModel, model: LoadedModel, *, threads: int = 1) -> Replayer:
    """The modules with weights of a static int8 arm, as torch.fx traces them, or the int8 modules of a dynamic one.

    Raises:
        ArmFailed: the arm is none, or its module cannot be traced.
    """
    import torch

    if variant.level(PRECISION) not in ("int8", "int8-dynamic") or not isinstance(model.module, torch.nn.Module):
        raise ArmFailed("only modules in static or dynamic int8 can be replayed", hint="--changed int8")
    if variant.level(PRECISION) == "int8-dynamic":
        source = model.form.eval()
        in_float = eager_int8.fuse(source, Phases()).module if variant.level("fusion") == "fused" else source
        made = eager_int8.quantize_dynamic(in_float, _backend(variant), Phases())
        return DynamicReplayer(in_float, made.module)
    torch.backends.quantized.engine = _backend(variant)
    traced = eager_int8.observed(
        model.form.eval(),
        model.calibration,
        fused=variant.level("fusion") == "fused",
        backend=_backend(variant),
        phases=Phases(),
    )
    with explained("replay"):
        return TorchReplayer(traced)


def export(variant: Variant, prepared: Path) -> Export:
    """Export the saved module and the location of its classes.

    Raises:
        BadInput: it could not be saved, and is created again in every process.
    """
    about = json.loads((prepared / _ABOUT).read_text())
    if "source" in about:
        raise BadInput(
            "this program cannot be saved: its factory makes it again in every process",
            hint="keep open files, sessions and locks out of it",
        )
    if not zipfile.is_zipfile(prepared / _MODULE):
        raise BadInput(
            "this program does not use torch, and infer.py is written for programs that do",
            hint="export a torch module or an .onnx file; this program already runs without ironlaw",
        )
    search = json.loads((prepared / _MODULE).with_suffix(".paths.json").read_text())
    given = about["backend"] if variant.level(PRECISION) in ("int8", "int8-dynamic") else "none"
    values = {"quantized_engine": given, "search": search, "calls_module": about.get("calls_module", True)}
    return Export(files=(_MODULE,), values=values)
