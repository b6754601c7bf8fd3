"""Inductor, torch's compiler, ahead of time: float, bfloat16, int8 by PT2E with torchao's x86 quantizer, int8 weights.

The model is exported, optimised with its weights frozen as constants, and compiled into a package that replicates load
in milliseconds. It holds the kernels that torch.compile would make; the call into them costs less, since no guards are
checked.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ironlaw.engine import Export
from ironlaw.engines.border.applicable import refuse_idle, refuse_precision
from ironlaw.engines.border.failures import explained, innermost, quiet
from ironlaw.engines.border.frames import never_freed
from ironlaw.engines.border.phases import Phases
from ironlaw.engines.compiled import generation, options, quantizing
from ironlaw.engines.compiled import profile as inductor_profile
from ironlaw.engines.compiled.aliasing import remap
from ironlaw.engines.compiled.census import census
from ironlaw.engines.compiled.lowering import Lowered, compile_package, lower
from ironlaw.engines.compiled.profile import INT8_KERNELS
from ironlaw.engines.compiled.replay import ExportedReplayer
from ironlaw.engines.compiled.unpacking import open_package
from ironlaw.engines.torch_modules.bfloat16 import NOTE, between_float32, in_bfloat16, refuse_emulated
from ironlaw.engines.torch_modules.programs import tensor_program
from ironlaw.engines.torch_modules.weight_only import quantize_to_four_bits, quantize_weights, stored_in_few_bits
from ironlaw.errors import ArmFailed
from ironlaw.factors import FACTORS
from ironlaw.factors.weights import memory_of
from ironlaw.layer import LayerCall, NodeProfile
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.models import LoadedModel, shapes, torch_use
from ironlaw.models.inputs import as_tensors
from ironlaw.phase import Phase
from ironlaw.program import OperatorCensus, PreparedModel, Program
from ironlaw.replayer import Replayer
from ironlaw.variant import PHASE, PRECISION, Variant

BOUNDARY = "call of the compiled package with its input tensors in memory until it returns"
WEIGHTS = "weights"
_PACKAGE = "prepared.pt2"
_EXPORTED = "exported.pt2"
_PROFILED, _CALLS = "profiled.pt2", "profiled.json"
_ABOUT = "compiled.json"
_FOLDED = (
    "Inductor widened them once, as it folds constants: the package holds float weights; "
    "with +inductor.freezing=off they stay in int8 and are widened in every call"
)
Stated = TypeVar("Stated")


def prepare(variant: Variant, model: LoadedModel, folder: Path, *, threads: int = 1) -> PreparedModel:
    """Export, quantize if asked, and compile into a package.

    Raises:
        ArmFailed: the model cannot be exported, quantized or compiled; names the operator.
    """
    import torch

    refuse_precision(variant)
    refuse_idle(variant)
    folder.mkdir(parents=True, exist_ok=True)
    torch_use.require_module(model.module, model.name)
    phases, package = Phases(), folder / _PACKAGE
    precision, phase = variant.level(PRECISION), Phase.read(variant.level(PHASE))
    behind = None
    if is_known(phase):
        model, behind = generation.in_phase(model, phase)
    with quiet(), explained("compiled"), torch.no_grad():
        graph = _graph(variant, model, phases)
        exported, made = graph.exported, graph.quantized
        with phases.timed("compile"):
            lowered = compile_package(exported, package, options.configuration(variant))
        _refuse_fixed_shape(package, graph.module, model, precision)
        digest = sha256(str(exported).encode()).hexdigest()
        applied = options.in_effect(variant, lowered, functools.partial(_lowered_for, exported, digest, folder))
        applied |= made.applied(variant) if made is not None else {}
    _keep(exported, folder)
    if behind is not None:
        in_bf16 = precision == "bf16"
        form, behind = (in_bfloat16(model.form), generation.narrowed(behind)) if in_bf16 else (model.form, behind)
        generation.keep(folder, package, form, behind)
    finders = made.finders if made is not None else 0
    about = replace(_About.of(lowered, options.configuration(variant)), graph=digest, levels=str(variant.shaping()))
    _write(folder / _ABOUT, replace(about, finders=finders, widened=graph.widened))
    if precision in quantizing.PRECISIONS and not _holds_int8(package):
        raise ArmFailed(
            "nothing in this model was compiled to int8: Inductor generated only float kernels",
            hint="compare precisions of a model with convolutions or linear layers",
        )
    notes = ("size is that of the package: machine code and weights", *graph.notes)
    return PreparedModel(
        path=str(package),
        size_bytes=package.stat().st_size,
        phases_ns=phases.ns,
        weights=model.weights,
        notes=(*notes, *(f"{name}: {did}" for name, did in applied.items())),
        applied=applied,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Graph:
    """What is compiled: a module, exported, and what was done to it before.

    `widened`: the number of layers whose weights are stored in few bits and widened in every call.
    """

    exported: Any
    module: Any
    notes: tuple[str, ...]
    widened: int = 0
    quantized: quantizing.QuantizedGraph | None = None


def _graph(variant: Variant, model: LoadedModel, phases: Phases) -> _Graph:
    """The model's graph in the precision of a variant."""
    precision = variant.level(PRECISION)
    arguments, module = shapes.example(model), model.form.eval()
    widened, notes = 0, list[str]()
    if precision == "bf16":
        refuse_emulated()
        module, arguments = in_bfloat16(module), in_bfloat16(arguments)
        notes.append(NOTE)
    if precision == "int8-weights":
        stored = quantize_weights(module, phases)
        module = stored.module
        widened = stored_in_few_bits(module) if variant.level(options.FREEZING) == "off" else 0
        notes += stored.notes if widened else (*stored.notes, _FOLDED)
    if precision == "int4-weights":
        stored = quantize_to_four_bits(module, phases)
        module, widened = stored.module, stored_in_few_bits(stored.module)  # by torch's kernel: nothing can be folded
        notes += stored.notes
    with phases.timed("export"):
        exported: Any = _exported(module, arguments, model)
    if precision not in quantizing.PRECISIONS:
        return _Graph(exported=exported, module=module, notes=tuple(notes), widened=widened)
    quantizing.refuse_no_such_module(module, variant.level(quantizing.BLOCKS))
    seen = [as_tensors(one) for one in model.inputs]
    made = quantizing.quantized(exported.module(), variant, model.calibration, phases, seen=seen)
    return _Graph(
        exported=_exported(made.module, arguments, model),
        module=made.module,
        notes=(*notes, made.said),
        widened=widened,
        quantized=made,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """What Inductor was asked for, and what it made of the graph, or why that is not known."""

    configuration: dict[str, Any]
    shown: Lowered | None = None
    reason: str = ""
    graph: str = ""  # a digest of what was compiled
    levels: str = ""  # of the arm, as far as they shape the package
    finders: int = 0  # of ranges, in every call
    widened: int = 0  # weights of few bits, in every call

    @classmethod
    def of(cls, lowered: Maybe[Lowered], configuration: dict[str, Any]) -> _About:
        if isinstance(lowered, Missing):
            return cls(configuration=configuration, reason=lowered.reason)
        return cls(configuration=configuration, shown=lowered)

    @property
    def lowered(self) -> Maybe[Lowered]:
        return Missing(self.reason) if self.shown is None else self.shown


def _lowered_for(exported: Any, graph: str, folder: Path, variant: Variant) -> Maybe[Lowered]:
    """What Inductor makes of a graph for another variant, which an arm that was prepared before may have shown."""
    for beside in sorted(folder.parent.glob(f"*/{_ABOUT}")):
        about = _read(beside, _About)
        if (about.graph, about.levels) == (graph, str(variant.shaping())) and about.shown is not None:
            return about.shown
    return lower(exported, folder / "lowered.pt2", options.configuration(variant))


def _exported(module: Any, arguments: tuple[Any, ...], model: LoadedModel) -> Any:
    """The graph of a module, with the sizes left open in which the model's inputs differ."""
    import torch

    open_sizes = shapes.dynamic_shapes(module, arguments, model)
    return torch.export.export(module, arguments, dynamic_shapes=open_sizes)


def _refuse_fixed_shape(package: Path, module: Any, model: LoadedModel, precision: str) -> None:
    """The package checks no shapes by itself: what it holds for one of them it computes for any."""

    wrapped = between_float32 if precision == "bf16" else lambda package: package
    if len(shapes.of_each_shape(model.inputs)) > 1:
        opened: Any = open_package(package)
        shapes.refuse_fixed_shape(wrapped(opened), wrapped(module), model.inputs)


def _keep(exported: Any, folder: Path) -> None:
    """Write what was compiled for `prepare_profile`; the arm does without, should it not be writable."""
    import torch

    try:
        with quiet():
            torch.export.save(exported, folder / _EXPORTED)
    except Exception as error:  # noqa: BLE001  # the border to torch: the reason why there are no layers
        _write_calls(folder, _Calls(reason=f"the exported model cannot be kept: {innermost(error)}"))


def prepare_profile(model: LoadedModel, folder: Path) -> None:
    """Compile what `prepare` made a second time, with marks around its kernels, and write which layers each computes.

    Not the package that is timed: marks cost something even where they are not read. What goes wrong is the layers'
    and not the arm's: its reason is written instead.
    """
    import torch

    if (folder / _CALLS).exists():
        return
    package = folder / _PROFILED
    holders = frozenset(
        path for path, module in model.form.named_modules() if next(module.children(), None) is not None
    )
    try:
        with quiet(), torch.no_grad():
            exported: Any = torch.export.load(folder / _EXPORTED)
            about = _read(folder / _ABOUT, _About)
            compile_package(exported, package, {**about.configuration, **inductor_profile.CONFIG})
        calls = inductor_profile.calls_of(exported, inductor_profile.kernels_of(package), holders)
        _write_calls(folder, _Calls(calls=calls))
    except Exception as error:  # noqa: BLE001  # the border to the compiler: the reason why there are no layers
        _write_calls(folder, _Calls(reason=f"compiling with marks around the kernels failed: {innermost(error)}"))
    (folder / _EXPORTED).unlink(missing_ok=True)


def refuse_profile(folder: Path, reason: str) -> None:
    """Write why there are no layers; an earlier reason stands."""
    if not (folder / _CALLS).exists():
        _write_calls(folder, _Calls(reason=reason))
    (folder / _EXPORTED).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Calls:
    """The kernels of the profiled package, or why it could not be made."""

    calls: tuple[LayerCall, ...] = ()
    reason: str = ""


def _write_calls(folder: Path, stated: _Calls) -> None:
    _write(folder / _CALLS, stated)


def _write(path: Path, what: _Calls | _About) -> None:
    """Write a file that is there only when it is whole: arms are prepared at once and read each other's."""
    part = path.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(what))
    part.replace(path)


def _read(path: Path, kind: type[Stated]) -> Stated:
    return msgspec.json.decode(path.read_bytes(), type=kind)


def _profile_of(
    folder: Path, wrapped: Callable[[Any], Any], arguments: tuple[Any, ...]
) -> Callable[[list[tuple[Any, ...]]], NodeProfile] | None:
    """The profile of the package that `prepare_profile` made under a folder; None where none was requested."""
    if not (folder / _CALLS).exists():
        return None

    @functools.cache
    def opened() -> tuple[Any, tuple[LayerCall, ...]]:

        stated = _read(folder / _CALLS, _Calls)
        if stated.reason:
            raise ArmFailed(stated.reason, hint="compare times without layers")
        with quiet():
            package: Any = open_package(folder / _PROFILED)
        return inductor_profile.settled(wrapped(package), arguments), stated.calls

    def profiled(inputs: list[tuple[Any, ...]]) -> NodeProfile:
        package, calls = opened()
        return inductor_profile.profile(package, calls, inputs)

    return profiled


def _holds_int8(package: Path) -> bool:
    """Whether the compiled code calls an int8 kernel."""
    import zipfile

    with zipfile.ZipFile(package) as archive:
        libraries = [name for name in archive.namelist() if name.endswith((".so", ".cpp"))]
        return any(kernel.encode() in archive.read(name) for name in libraries for kernel in INT8_KERNELS)


def load(variant: Variant, prepared: PreparedModel, model: LoadedModel, *, threads: int = 1) -> Program:
    """The package, ready to be called; nothing is traced or compiled."""

    refuse_idle(variant)
    with quiet(), explained("loading"):
        package: Any = open_package(Path(prepared.path))
    wrapped = between_float32 if variant.level(PRECISION) == "bf16" else lambda package: package
    folder, phase = Path(prepared.path).parent, Phase.read(variant.level(PHASE))
    behind = generation.load_behind(folder, phase) if is_known(phase) else None
    first = as_tensors(model.inputs[0]) if behind is None else behind.fed(*model.inputs[0])
    program = tensor_program(
        wrapped(package), model.inputs, boundary=BOUNDARY, profile=_profile_of(folder, wrapped, first)
    )
    applied = dict(prepared.applied)
    if behind is not None:
        program = generation.phased(program, behind, folder)
        applied[PHASE] = str(phase)
    if (level := variant.level(WEIGHTS)) != FACTORS[WEIGHTS].plain:
        never_freed(package)  # its constants are on the heap
        applied[WEIGHTS] = remap(Path(prepared.path), lambda: _tensors(program), memory=memory_of(level))
    return replace(program, census=lambda: _counted(folder, program), applied=applied)


def _tensors(program: Program) -> list[Any]:
    """What a program answers to its first input, as a flat list."""
    import torch

    outputs = program.infer(*program.feed(*program.inputs[0]))
    return [one for one in torch.utils._pytree.tree_leaves(outputs) if isinstance(one, torch.Tensor)]


def _counted(folder: Path, program: Program) -> OperatorCensus:
    """What was compiled, with what only the process shows: the size of torch's pool, and the first input."""
    import torch

    about = _read(folder / _ABOUT, _About)
    found, finders = census(about.lowered, about.widened), float(about.finders)
    first = next((value for value in program.inputs[0] if isinstance(value, torch.Tensor)), None)
    rank = {} if first is None else {"input_rank": float(first.dim())}
    process = {"threads": float(torch.get_num_threads()), **rank}
    return replace(found, counts={**found.counts, "dynamic_operators": finders, "range_finders": finders, **process})


def export(variant: Variant, prepared: Path) -> Export:
    """The compiled package."""
    return Export(files=(_PACKAGE,), values={"quantized_engine": "none"})


def replayer(variant: Variant, prepared: PreparedModel, model: LoadedModel, *, threads: int = 1) -> Replayer:
    """The convolutions and linear layers of an arm that multiplies in int8, in the graph that torch exports.

    Raises:
        ArmFailed: the arm is none, or its model cannot be exported.
    """
    import torch

    if variant.level(PRECISION) not in quantizing.PRECISIONS:
        raise ArmFailed("only arms that multiply in int8 can be replayed", hint="int8@compiled, int8-dynamic@compiled")
    torch_use.require_module(model.module, model.name)
    with quiet(), explained("replay"), torch.no_grad():
        exported = _exported(model.form.eval(), shapes.example(model), model)
        return ExportedReplayer(quantizing.observed(exported.module(), variant, model.calibration, Phases()))
