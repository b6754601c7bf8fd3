"""The census of a compiled package: the loops that Inductor generated, and the library calls beside them."""

from __future__ import annotations

from ironlaw.engines.compiled.lowering import Lowered
from ironlaw.engines.compiled.options import PACKED_PRODUCTS
from ironlaw.engines.compiled.profile import INT8_KERNELS
from ironlaw.missing import Maybe, Missing
from ironlaw.program import OperatorCensus

# Products of float activations with weights of eight or four bits, which they widen.
_WIDENING = ("_weight_int8pack_mm", "_weight_int4pack_mm", "int4mm_packed_weight_cpu")
_NORMS = ("batch_norm",)
_NO_NUMBERS = Missing("Inductor does not show the numbers that its loops compute")


def census(lowered: Maybe[Lowered], widened: int = 0) -> OperatorCensus:
    """Counts by the names of measure/census.py; an operator is a generated loop or a library call.

    `widened` is how many weights of eight bits the graph takes, which generated loops widen where no library call does.
    """
    if isinstance(lowered, Missing):
        return OperatorCensus.without(lowered.reason)
    int8 = [call for call in lowered.calls if any(kernel in call for kernel in INT8_KERNELS)]
    widening = [call for call in lowered.calls if any(kernel in call for kernel in _WIDENING)]
    counts: dict[str, Maybe[float]] = {
        "operators": float(len(lowered.loops) + len(lowered.calls)),
        "library_calls": float(len(lowered.calls)),
        "generated_loops": float(len(lowered.loops)),
        "fused_operators": float(lowered.fused),
        "packed_products": float(len([call for call in lowered.calls if call.startswith(PACKED_PRODUCTS)])),
        "int8_operators": float(len(int8)),
        "widening_operators": float(max(len(widening), widened)),
        "half_casts": float(lowered.halves),
        "norm_operators": float(sum(any(norm in call for norm in _NORMS) for call in lowered.calls)),
        "subnormal_share": _NO_NUMBERS,
    }
    named = {"library_calls": lowered.calls, "int8_operators": int8, "widening_operators": widening}
    nodes = {name: tuple(dict.fromkeys(calls)) for name, calls in named.items() if calls}
    return OperatorCensus(counts=counts, nodes=nodes)
