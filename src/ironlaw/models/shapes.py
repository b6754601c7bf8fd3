"""Inputs of several shapes: which sizes an exporter has to leave open, and whether the exported program accepts all
shapes.

Exporters and tracers fix the sizes of their example. The result may then silently compute on only a part of a longer
input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ironlaw.errors import ArmFailed
from ironlaw.models import LoadedModel

Arguments = tuple[Any, ...]

# Of the distinct shapes of a model's inputs, how many are tried; the smallest and the largest are among them.
MOST_TRIED = 8
# Relative to the answers. Rounding every product to bfloat16 gives about a hundredth, int8 kernels in another order
# less; a part of the input left out gave 0.6 to 0.9 (a one-layer encoder, 9 of 12 to 37 tokens).
MOST_ERROR = 0.1
_ONE_SHAPE = "give inputs of one shape (pad them), or leave this arm out"


def example(model: LoadedModel) -> Arguments:
    """The input to export with: the first one, unless a size that differs among inputs is 0 or 1 in it.

    Exporters take a size of 0 or 1 as fixed.
    """
    varying = _varying(model)
    for arguments in model.inputs:
        if all(leaf.shape[dim] > 1 for leaf, dims in zip(_tensors(arguments), varying, strict=True) for dim in dims):
            return arguments
    return model.inputs[0]


def dynamic_shapes(module: Any, arguments: Arguments, model: LoadedModel) -> Any:
    """For torch.export: the sizes that differ among a model's inputs left open; None where all have one shape.

    `arguments` are an input of the model, or a copy of one in another precision.

    Raises:
        ArmFailed: inputs differ in rank, in their number of tensors, or in an argument that is no tensor.
    """
    import torch

    varying = _varying(model)
    if not any(varying):
        return None
    shapes: Any = torch.export.ShapesCollection()  # type: ignore[no-untyped-call]  # torch does not type it
    for tensor, dims in zip(_tensors(arguments), varying, strict=True):
        if dims:
            shapes[tensor] = dict.fromkeys(dims, torch.export.Dim.DYNAMIC)
    return shapes.dynamic_shapes(module, arguments)


def of_each_shape(inputs: Iterable[Arguments]) -> list[Arguments]:
    """One input of each shape, smallest first; a selection if there are very many shapes."""
    first: dict[Any, Arguments] = {}
    for arguments in inputs:
        first.setdefault(_form(arguments), arguments)
    sized = sorted(first.values(), key=lambda one: sum(tensor.numel() for tensor in _tensors(one)))
    if len(sized) <= MOST_TRIED:
        return sized
    return [sized[round(place * (len(sized) - 1) / (MOST_TRIED - 1))] for place in range(MOST_TRIED)]


def refuse_fixed_shape(infer: Callable[..., Any], reference: Callable[..., Any], inputs: list[Arguments]) -> None:
    """Check that what was made for one shape answers the others as its source does; nothing where there is one shape.

    Raises:
        ArmFailed: it raises for another shape, or its outputs have other shapes or other values.
    """
    tried = of_each_shape(inputs)
    if len(tried) < 2:
        return
    for arguments in tried:
        shape = _described(arguments)
        wanted = reference(*arguments)
        try:
            given = infer(*arguments)
        except Exception as error:  # noqa: BLE001  # the border to an engine: a shape that it does not take
            reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            raise ArmFailed(f"it does not take inputs of shape {shape}: {reason}", hint=_ONE_SHAPE) from None
        if said := _differing(given, wanted):
            raise ArmFailed(
                f"it was made for one shape, and gives different outputs for inputs of shape {shape}: {said}",
                hint=_ONE_SHAPE,
            )


def _varying(model: LoadedModel) -> list[tuple[int, ...]]:
    """Per tensor of an input, the dimensions in which inputs differ."""
    every = [*model.inputs, *model.calibration, *model.probes]
    forms = [[tuple(tensor.shape) for tensor in _tensors(arguments)] for arguments in every]
    if any([*map(len, form)] != [*map(len, forms[0])] for form in forms):
        raise ArmFailed("its inputs differ in rank or in their number of tensors", hint=_ONE_SHAPE)
    constants = {repr(_constants(arguments)) for arguments in every}
    if len(constants) > 1:
        raise ArmFailed(
            f"an argument that is no tensor differs among its inputs ({' and '.join(sorted(constants)[:2])}), "
            "and an exporter keeps only the first",
            hint="pass it as a tensor, or leave this arm out",
        )
    return [
        tuple(dim for dim, sizes in enumerate(zip(*shapes, strict=True)) if len(set(sizes)) > 1)
        for shapes in zip(*forms, strict=True)
    ]


def _leaves(value: Any) -> list[Any]:
    from torch.utils._pytree import tree_leaves

    return list(tree_leaves(value))


def _tensors(value: Any) -> list[Any]:
    import torch

    return [leaf for leaf in _leaves(value) if isinstance(leaf, torch.Tensor)]


def _constants(value: Any) -> list[Any]:
    import torch

    return [leaf for leaf in _leaves(value) if not isinstance(leaf, torch.Tensor)]


def _form(arguments: Arguments) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(tensor.shape) for tensor in _tensors(arguments))


def _described(arguments: Arguments) -> str:
    return ", ".join("x".join(map(str, shape)) or "scalar" for shape in _form(arguments))


def _differing(given: Any, wanted: Any) -> str:
    """How two answers differ by more than rounding; empty when they do not."""
    import torch

    def plain(leaf: Any) -> Any:
        tensor = torch.as_tensor(leaf).detach()
        return (tensor.dequantize() if tensor.is_quantized else tensor).double()

    ours, theirs = ([plain(leaf) for leaf in _leaves(one) if hasattr(leaf, "shape")] for one in (given, wanted))
    forms = [[tuple(tensor.shape) for tensor in one] for one in (ours, theirs)]
    if forms[0] != forms[1]:
        return f"its outputs have shapes {forms[0]}, those of its source {forms[1]}"
    for place, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        error, size = float((one - other).norm()), float(other.norm())
        # What is not finite compares as false: that is judged with the recorded answers.
        if error > MOST_ERROR * size:
            much = f"by {100 * error / size:.0f} % of its size" if size else "from 0"
            return f"output {place} differs {much}"
    return ""
