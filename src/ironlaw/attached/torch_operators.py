"""Operators of torch as its profiler lists them: their tensors by shape, and a census by their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ironlaw.layer import Form

_DTYPES = {
    "float": "float32", "double": "float64", "c10::Half": "float16", "c10::BFloat16": "bfloat16", "long int": "int64",
    "long": "int64", "int": "int32", "signed char": "int8", "unsigned char": "uint8", "c10::quint8": "quint8",
    "c10::qint8": "qint8", "bool": "bool",
}  # fmt: skip
# Which inputs of an operator are its data and its weight.
_WEIGHTED = {
    "conv1d": (0, 1), "conv2d": (0, 1), "conv3d": (0, 1), "convolution": (0, 1), "conv_transpose2d": (0, 1),
    "linear": (0, 1), "addmm": (1, 2), "mm": (0, 1), "embedding": (1, 0),
}  # fmt: skip
_INT8 = ("quantized::", "onednn::q", "torchao::")
_INT8_PARTS = ("_int_mm", "int8pack")
_TWO = ("add", "add_", "mul", "mul_", "bmm", "matmul", "baddbmm")


def forms_of(operator: str, dims: Sequence[Any], types: Sequence[str]) -> tuple[tuple[Form, ...], tuple[Form, ...]]:
    """The data and the weight of an operator; nothing where shapes were not recorded."""
    forms = [_form(shape, types[place] if place < len(types) else "") for place, shape in enumerate(dims)]
    data, weight = _WEIGHTED.get(operator, (0, -1))
    places = (0, 1) if operator in _TWO else (data,)
    inputs = tuple(form for place in places if place < len(forms) and (form := forms[place]) is not None)
    found = forms[weight] if 0 <= weight < len(forms) else None
    return inputs, () if found is None else (found,)


def _form(shape: Any, kind: str) -> Form | None:
    """A tensor; None for what is none, or is a list of them."""
    if not isinstance(shape, tuple | list) or not shape:
        return None
    if not all(type(size) is int and 0 <= size < 2**53 for size in shape):
        return None
    return Form(tuple(shape), _DTYPES.get(kind, kind or "unknown"))


def census_by_names(names: Sequence[str]) -> dict[str, Any]:
    """Counts over the outermost operators of one repeat, by the names of measure/census.py."""
    bare = [name.rpartition("::")[2] for name in names]
    int8 = [name for name in names if name.startswith(_INT8) or any(part in name for part in _INT8_PARTS)]
    dynamic = [name for name in int8 if "dynamic" in name]
    counts = {
        "operators": float(len(names)),
        "dynamic_operators": float(len(dynamic)),
        "fake_quantize_operators": float(sum("fake_quant" in name for name in bare)),
        "quantize_operators": float(sum(name.startswith(("quantize_per", "dequantize")) for name in bare)),
        "norm_operators": float(sum("batch_norm" in name for name in bare)),
    }
    if int8:  # without any, a kernel that was compiled may compute in int8, or a table leave it out
        counts["int8_operators"] = float(len(int8))
    return {"census": counts, "named": {}}
