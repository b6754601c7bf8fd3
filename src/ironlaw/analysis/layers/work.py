"""The work of a layer from the shapes of its tensors: multiply-accumulates, bytes, and the least time they take."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ironlaw.analysis.layers.operators import converts, multiplies, roles, weight_of
from ironlaw.fact import Ceilings
from ironlaw.layer import LayerCall
from ironlaw.missing import Maybe, Missing, first_missing
from ironlaw.role import Role

_INT8 = ("quint8", "qint8", "int8", "uint8")
NO_WEIGHT = "its weight is not among its inputs"


def macs(call: LayerCall) -> Maybe[float]:
    """Multiply-accumulates of one call: half of what torch's FLOP counter reports.

    Convolutions, linear layers, matrix products, recurrent layers, and functional attention; other calls have none. The
    shapes of a whole attention module do not show its number of tokens.
    """
    if not multiplies(call):
        return 0.0
    if not call.outputs or not call.inputs:
        return Missing(f"{call.operator} shows no tensors")
    found = roles(call.operator)
    if found & {Role.CONV, Role.LINEAR}:
        return _by_weight(call)
    if Role.MATMUL in found:
        return float(call.outputs[0].elements * call.inputs[0].shape[-1])
    if found & {Role.LSTM, Role.GRU}:
        return _recurrent(call)
    if Role.ATTENTION in found and call.is_functional and len(call.inputs) >= 3:
        query, key, value = (form.shape for form in call.inputs[:3])
        return float(math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1]))
    return Missing(f"the multiplications of {call.operator} do not follow from its shapes")


def _by_weight(call: LayerCall) -> Maybe[float]:
    weight = weight_of(call)
    if weight is None:
        return Missing(NO_WEIGHT)
    found = roles(call.operator)
    if Role.CONV not in found:
        return float(call.outputs[0].elements * call.inputs[0].shape[-1])
    if Role.TRANSPOSED in found:
        return float(call.inputs[0].elements * math.prod(weight.shape[1:]))
    return float(call.outputs[0].elements * math.prod(weight.shape[1:]))


def _recurrent(call: LayerCall) -> Maybe[float]:
    matrices = [form for form in call.parameters if len(form.shape) == 2]
    if not matrices:
        return Missing(NO_WEIGHT)
    steps = call.inputs[0].elements // call.inputs[0].shape[-1]
    return float(steps * sum(form.elements for form in matrices))


def bytes_of(call: LayerCall) -> Maybe[float]:
    """The least that the call must read and write: its inputs, parameters and outputs, each once."""
    forms = (*call.inputs, *call.parameters, *call.outputs)
    sizes = [form.size_bytes for form in forms]
    gap = first_missing(*sizes)
    return gap or float(sum(size for size in sizes if not isinstance(size, Missing)))


def arithmetic(call: LayerCall) -> str:
    """The kind of arithmetic that the call executed, by the names of ceilings: int8, bf16, fp32, or the format
    itself.
    """
    weight = weight_of(call)
    # Weights in int8 and data in float is int8 arithmetic where the operator quantizes its data itself.
    formats = [form.dtype for form in (*call.inputs[:1], *((weight,) if weight else ()))]
    if any(name in _INT8 for name in formats[-1:]) and not any("f32-s8" in kernel for kernel in call.kernels):
        return "int8"
    name = formats[0] if formats else call.outputs[0].dtype if call.outputs else ""
    if name in _INT8:
        return "int8"
    return {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}.get(name, name)


def executed(calls: Sequence[LayerCall]) -> str:
    """What ran, in words: the number format and, if the engine reports it, the kernel or library."""
    named: list[str] = []
    for call in calls:
        kernels = [kernel for kernel in call.kernels if not kernel.startswith("reorder")]
        by = kernels[0] if kernels else f"{call.library} library" if call.library else ""
        said = ", ".join(part for part in (_format(call), by) if part)
        if said and said not in named:
            named.append(said)
    return "; ".join(named)


def _format(call: LayerCall) -> str:
    """The arithmetic or, for a conversion, both formats."""
    if not (converts(call) and call.inputs and call.outputs):
        return arithmetic(call)
    return f"{call.inputs[0].dtype} to {call.outputs[0].dtype}"


def work_of(
    calls: Sequence[LayerCall], time_ns: float, ceilings: Maybe[Ceilings], cache_bytes: int
) -> dict[str, Maybe[float]]:
    """The work of a row, its speed, and the least time that this machine's measured ceilings allow.

    `ceiling_ns` is the longer of two times: its multiply-accumulates at the highest measured rate, and moving the bytes
    that the last cache cannot hold (cached bytes may cost nothing). It is a lower bound. `gap_ns` is the time above it.
    """
    if not calls:
        return {}
    counted = _total([macs(call) for call in calls])
    moved = _total([bytes_of(call) for call in calls])
    least = _least_ns(calls, ceilings, cache_bytes)
    work: dict[str, Maybe[float]] = {"macs": counted, "bytes": moved, "ceiling_ns": least}
    work["gap_ns"] = least if isinstance(least, Missing) else time_ns - least
    if isinstance(counted, Missing) or (counted > 0 and time_ns > 0):
        work["gmac_per_s"] = counted if isinstance(counted, Missing) else counted / time_ns
        work["share_of_ceiling"] = least if isinstance(least, Missing) else least / time_ns
    return work


def _total(values: Sequence[Maybe[float]]) -> Maybe[float]:
    gap = first_missing(*values)
    return gap or math.fsum(value for value in values if not isinstance(value, Missing))


def _least_ns(calls: Sequence[LayerCall], ceilings: Maybe[Ceilings], cache_bytes: int) -> Maybe[float]:
    if isinstance(ceilings, Missing):
        return ceilings
    return _total([_least_of_one(call, ceilings, cache_bytes) for call in calls])


def _least_of_one(call: LayerCall, ceilings: Ceilings, cache_bytes: int) -> Maybe[float]:
    counted, moved = macs(call), bytes_of(call)
    kind = arithmetic(call)
    peak = ceilings.macs_per_s.get(kind, Missing(f"no ceiling was measured for {kind or 'its'} arithmetic"))
    if isinstance(counted, Missing):
        return counted
    if isinstance(moved, Missing):
        return moved
    compute_ns = 0.0
    if counted > 0:
        if isinstance(peak, Missing):
            return peak
        compute_ns = counted / peak * 1e9
    beyond = moved - cache_bytes
    if beyond <= 0 or not cache_bytes:
        return compute_ns
    rate = ceilings.read_bytes_per_s
    return compute_ns if isinstance(rate, Missing) else max(compute_ns, beyond / rate * 1e9)
