"""The tensors in the arguments and results of torch's layers, as facts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ironlaw.layer import Form


def nested_objects(value: Any) -> list[Any]:
    """The leaves of nested tuples, lists and dicts, in order."""
    from torch.utils._pytree import tree_leaves

    return tree_leaves(value)


def tensors(value: Any) -> list[Any]:
    """The tensors among them."""
    import torch

    return [leaf for leaf in nested_objects(value) if isinstance(leaf, torch.Tensor)]


def forms(values: Iterable[Any]) -> tuple[Form, ...]:
    """Shapes and number formats."""
    return tuple(Form(tuple(int(size) for size in value.shape), dtype_name(value)) for value in values)


def dtype_name(value: Any) -> str:
    """torch.float32 as float32."""
    return str(value.dtype).removeprefix("torch.")


def weights_of(module: Any) -> frozenset[int]:
    """The ids of all parameters and buffers of a module; none of anything else."""
    import torch

    if not isinstance(module, torch.nn.Module):
        return frozenset()
    return frozenset(id(tensor) for tensor in (*module.parameters(), *module.buffers()))


def own_weights(module: Any) -> list[Any]:
    """The parameters and buffers a layer computes with; int8 layers show theirs by a method that unpacks them."""
    import torch

    plain = [tensor for tensor in (*module.parameters(), *module.buffers()) if tensor.dim() > 0]
    weight = getattr(module, "weight", None)
    if callable(weight) and not isinstance(weight, torch.Tensor):
        bias = getattr(module, "bias", None)
        made = [weight(), bias() if callable(bias) else None]
        return [tensor for tensor in made if isinstance(tensor, torch.Tensor)]
    return plain


def unpacked(value: Any) -> tuple[Form, ...]:
    """The weight and bias inside a packed int8 parameter; nothing for anything else."""
    import torch

    if not isinstance(value, torch.ScriptObject) or not hasattr(value, "unpack"):
        return ()
    return forms(tensors(value.unpack()))
