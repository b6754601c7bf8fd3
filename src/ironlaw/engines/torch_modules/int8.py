"""int8 in eager PyTorch: all uses of torch.ao.quantization, which upstream is moving to torchao.

Static int8 has two routes to the same kernels. A module that contains QuantStub (torchvision's quantizable variants, or
a user's own) is quantized by the eager API, as its author intended. Any other is quantized by torch.fx, which finds
additions, concatenations and functional calls, and leaves layers without an int8 kernel in float.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ironlaw.engines.border.failures import explained, quiet
from ironlaw.engines.border.phases import Phases
from ironlaw.errors import ArmFailed
from ironlaw.factors.int8_blocks import ALL, BUT, NONE, paths_of


@dataclass(slots=True, kw_only=True)
class Quantized:
    """An int8 module and facts found while it was made."""

    module: Any
    notes: list[str] = field(default_factory=list)


def _torch_ao() -> Any:
    """torch.ao.quantization, whose functions carry no types."""
    from torch.ao import quantization

    return quantization


def preferred_backend() -> str:
    """torch's quantized engine for this CPU: x86 where it exists, fbgemm on an older torch, qnnpack elsewhere."""
    import torch

    supported = torch.backends.quantized.supported_engines
    return next((name for name in ("x86", "fbgemm", "qnnpack") if name in supported), "none")


def quantize_static(
    module: Any,
    calibration: list[tuple[Any, ...]],
    *,
    fused: bool,
    backend: str,
    phases: Phases,
    calibrate: bool = True,
) -> Quantized:
    """A static int8 copy of a module in eval mode, calibrated on real inputs (or deliberately not), fused or with
    separate layers.

    Raises:
        ArmFailed: it cannot be traced, prepared, calibrated or converted, or nothing in it became int8.
    """
    import torch

    torch.backends.quantized.engine = backend
    with quiet(), explained("int8"):
        formats = _Formats(mapping=_mapping(backend), backend=backend, fused=fused)
        inputs = calibration if calibrate else []
        if has_stubs(module):
            made = _by_stubs(module, inputs, formats=formats, phases=phases)
        else:
            made = _by_tracing(module, inputs, example=calibration[0], formats=formats, phases=phases)
    if count_int8(made.module) == 0:
        raise ArmFailed(
            "nothing in this model could be quantized to static int8: no layer of it has an int8 kernel here",
            hint="compare precisions of a model with convolutions or linear layers, or try another engine",
        )
    made.notes.append(f"quantized engine {backend}")
    return made


def quantize_blocks(
    module: Any, calibration: list[tuple[Any, ...]], *, blocks: str, fused: bool, backend: str, phases: Phases
) -> Quantized:
    """A copy in which only some modules are static int8; `blocks` is a level of the factor int8-blocks.

    Raises:
        ArmFailed: it has no module of such a path, cannot be traced, or none of these modules has an int8 kernel.
    """
    import torch

    torch.backends.quantized.engine = backend
    paths, known = paths_of(blocks), dict(module.named_modules())
    for path in paths:
        if path not in known:
            raise ArmFailed(f"the model has no module {path!r}", hint="name a block listed by ironlaw layers")
    with quiet(), explained("int8"):
        mapping = _mapping(backend)
        leaves_float = blocks.startswith(BUT)
        chosen = None if leaves_float else mapping.global_qconfig
        if not leaves_float and blocks != ALL:
            mapping = type(mapping)().set_global(None)
        for path in paths:
            mapping = mapping.set_module_name(path, chosen)
        formats = _Formats(mapping=mapping, backend=backend, fused=fused)
        made = _by_tracing(module, calibration, example=calibration[0], formats=formats, phases=phases)
    if count_int8(made.module) == 0 and blocks != NONE:
        place = "this model" if leaves_float or not paths else ", ".join(paths)
        raise ArmFailed(f"nothing in {place} has an int8 kernel here", hint="leave this block out")
    return made


def has_stubs(module: Any) -> bool:
    """Whether the module contains QuantStub."""
    from torch.ao.quantization import QuantStub

    return any(isinstance(part, QuantStub) for part in module.modules())


def count_int8(module: Any) -> int:
    """The number of layers that compute in int8; stubs, which only convert, do not count."""
    converters = ("Quantize", "DeQuantize", "QFunctional")
    return sum(
        ".quantized" in type(part).__module__ and type(part).__name__ not in converters
        for part in module.modules()
        if part is not module
    )


def fuse(module: Any, phases: Phases) -> Quantized:
    """A copy of a float module with every BatchNorm folded into the layer before it.

    Raises:
        ArmFailed: no BatchNorm follows a convolution or linear layer, or the order of layers cannot be traced.
    """
    fused = copy.deepcopy(module)
    before = _count_norms(fused)
    with quiet(), explained("fusion"), phases.timed("fuse"):
        _fuse(fused)
    if _count_norms(fused) == before:
        raise ArmFailed(
            "nothing in this model can be fused: no BatchNorm directly follows a convolution or linear layer",
            hint="leave out +fused for this model",
        )
    left = _count_norms(fused)
    return Quantized(module=fused, notes=[f"{left} of {before} BatchNorms could not be folded"] if left else [])


def _count_norms(module: Any) -> int:
    import torch

    return sum(isinstance(part, torch.nn.modules.batchnorm._BatchNorm) for part in module.modules())


def _by_stubs(module: Any, calibration: list[tuple[Any, ...]], *, formats: _Formats, phases: Phases) -> Quantized:
    quantization = _torch_ao()

    made = copy.deepcopy(module)
    if formats.fused:
        with phases.timed("fuse"):
            _fuse(made)
    with phases.timed("prepare"):
        made.qconfig = quantization.get_default_qconfig(formats.backend)
        quantization.prepare(made, inplace=True)
    _calibrate(made, calibration, phases)
    with phases.timed("convert"):
        quantization.convert(made, inplace=True)
    return Quantized(module=made)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Formats:
    """Which operators become int8, packed for which library, and whether layers are fused."""

    mapping: Any
    backend: str
    fused: bool

    def patterns(self) -> Any:
        """The operators and groups that may become int8."""
        return _patterns(self.backend, fused=self.fused)


def _by_tracing(
    module: Any, calibration: list[tuple[Any, ...]], *, example: tuple[Any, ...], formats: _Formats, phases: Phases
) -> Quantized:
    from torch.ao.quantization import quantize_fx

    made = _observed(module, calibration, example=example, formats=formats, phases=phases)
    with phases.timed("convert"):
        made = quantize_fx.convert_fx(made, backend_config=formats.patterns())
    notes = ["traced by torch.fx; the fp32 arm runs the module as written"]
    floats = _float_layers(made)
    if floats:
        notes.append(f"stayed float: {', '.join(floats)}")
    return Quantized(module=made, notes=notes)


def observed(module: Any, calibration: list[tuple[Any, ...]], *, fused: bool, backend: str, phases: Phases) -> Any:
    """A module traced by torch.fx, with an observer after every tensor that would be quantized, which saw the inputs.

    Raises:
        ArmFailed: it cannot be traced or prepared.
    """
    with quiet(), explained("int8"):
        formats = _Formats(mapping=_mapping(backend), backend=backend, fused=fused)
        return _observed(module, calibration, example=calibration[0], formats=formats, phases=phases)


def _observed(
    module: Any, calibration: list[tuple[Any, ...]], *, example: tuple[Any, ...], formats: _Formats, phases: Phases
) -> Any:
    import torch
    from torch.ao.quantization import quantize_fx

    # Fusing is part of preparing here: the patterns of the backend configuration decide. Children are replaced only,
    # and a model may be one layer itself.
    own, layers = copy.deepcopy(module), (torch.nn.Linear, torch.nn.modules.conv._ConvNd)
    with phases.timed("prepare"):
        made: Any = quantize_fx.prepare_fx(
            torch.nn.Sequential(own).eval() if isinstance(own, layers) else own,
            formats.mapping,
            example_inputs=example,
            backend_config=formats.patterns(),
        )
    _calibrate(made, calibration, phases)
    return made


def _mapping(backend: str) -> Any:
    """torch's mapping from operators to number formats."""
    from torch.ao.quantization import get_default_qconfig_mapping

    return get_default_qconfig_mapping(backend)


def _patterns(backend: str, *, fused: bool) -> Any:
    """The patterns that may become int8. Unfused: single layers only, with separate BatchNorm and ReLU."""
    from torch.ao.quantization import backend_config as configs

    getter = {"qnnpack": configs.get_qnnpack_backend_config, "onednn": configs.get_onednn_backend_config}
    full = getter.get(backend, configs.get_native_backend_config)()
    if fused:
        return full
    single = [config for config in full.configs if not isinstance(config.pattern, tuple)]
    return configs.BackendConfig(full.name + " unfused").set_backend_pattern_configs(single)


def _calibrate(module: Any, calibration: list[tuple[Any, ...]], phases: Phases) -> None:
    import torch

    with phases.timed("calibrate"), torch.inference_mode():
        for arguments in calibration:
            module(*arguments)


def _float_layers(module: Any) -> list[str]:
    """Kinds of layers with weights that still compute in float."""
    import torch

    nn = torch.nn
    weighty = (nn.modules.conv._ConvNd, nn.Linear, nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.RNNBase)
    floats = (part for part in module.modules() if type(part).__module__.startswith("torch.nn.modules"))
    kinds = {type(part).__name__ for part in floats if isinstance(part, (*weighty, nn.MultiheadAttention))}
    return sorted(kinds)


def _fuse(module: Any) -> None:
    """Fuse in place: by the module's fuse_model if it has one, else every Conv/Linear+BatchNorm(+ReLU) found."""
    if hasattr(module, "fuse_model"):
        try:
            module.fuse_model(is_qat=False)
        except TypeError:
            module.fuse_model()
    else:
        groups = find_groups(module)
        if groups:
            _torch_ao().fuse_modules(module, groups, inplace=True)


def find_groups(module: Any) -> list[list[str]]:
    """Dotted paths of layers that always run in direct sequence: Conv or Linear, BatchNorm, and ReLU if there is one.

    A layer that is called twice, or whose output is used twice, belongs to no group.
    """
    import torch
    from torch import nn

    graph = torch.fx.symbolic_trace(module).graph
    calls = [node for node in graph.nodes if node.op == "call_module"]
    called = [str(node.target) for node in calls]
    once = {path for path in called if called.count(path) == 1}
    before = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    norms = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)

    def follower(node: Any, kinds: tuple[type, ...]) -> Any | None:
        users = list(node.users)
        if len(users) != 1 or users[0].op != "call_module" or str(users[0].target) not in once:
            return None
        return users[0] if type(module.get_submodule(str(users[0].target))) in kinds else None

    groups = []
    for node in calls:
        layer = type(module.get_submodule(str(node.target)))
        norm = follower(node, norms) if layer in before and str(node.target) in once else None
        if norm is None:
            continue
        group = [node, norm]
        # The fuser knows no pattern of a transposed convolution, or of a linear layer, with both after it.
        relu = follower(norm, (nn.ReLU,)) if layer in before[:3] else None
        groups.append([str(one.target) for one in (*group, relu) if one is not None])
    return groups


def quantize_dynamic(module: Any, backend: str, phases: Phases) -> Quantized:
    """A copy whose Linear, LSTM and GRU layers quantize their inputs at each call.

    Raises:
        ArmFailed: the model has no such layer.
    """
    import torch

    quantization = _torch_ao()

    kinds = {torch.nn.Linear, torch.nn.LSTM, torch.nn.GRU}
    torch.backends.quantized.engine = backend
    with quiet(), explained("int8-dynamic"), phases.timed("convert"):
        # It replaces children only, and a model may be one such layer itself.
        around = torch.nn.Sequential(copy.deepcopy(module))
        made = quantization.quantize_dynamic(around, kinds, dtype=torch.qint8, inplace=True)[0]
    count = sum(".quantized.dynamic" in type(part).__module__ for part in made.modules())
    if count == 0:
        raise ArmFailed(
            "nothing in this model could be quantized dynamically: it has no Linear, LSTM or GRU layer",
            hint="use int8 (static) for convolutions",
        )
    return Quantized(module=made, notes=[f"{count} layers quantized dynamically", f"quantized engine {backend}"])


@contextlib.contextmanager
def reading_int8_layers() -> Iterator[None]:
    """Restore pickled int8 convolutions completely.

    torch restores their weights but not the dictionaries of hooks that every module has, so that calling them fails.
    """
    import torch
    from torch.ao.nn.quantized.modules.conv import _ConvNd

    kind: Any = _ConvNd
    as_torch_has_it = kind.__setstate__

    def restore(layer: Any, state: Any) -> None:
        torch.nn.Module.__init__(layer)
        as_torch_has_it(layer, state)

    kind.__setstate__ = restore
    try:
        yield
    finally:
        kind.__setstate__ = as_torch_has_it
