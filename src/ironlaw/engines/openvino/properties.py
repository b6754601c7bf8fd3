"""The properties that a model is compiled with, and whether a requested one changed anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from ironlaw.engines.openvino import runtime_graph
from ironlaw.errors import ArmFailed
from ironlaw.factors import FACTORS
from ironlaw.variant import PRECISION, Variant

# LP_TRANSFORMS_MODE and SNIPPETS_MODE stand in no documentation; the runtime graph shows that they act.
_LOW_PRECISION, _SNIPPETS = "plugin.low-precision", "plugin.snippets"
_DYNAMIC, _HINT = "plugin.dynamic-quantization", "plugin.precision"
OPTIONS = (_DYNAMIC, _LOW_PRECISION, _HINT, _SNIPPETS)
# Of the energy of an output, what rounding to int8 in other places can be: an SQNR of 10 dB. Kernels that are right
# gave 25 dB and more, an LSTM's in OpenVINO 2026.4 -1 dB.
_MOST_ERROR = 0.1
# Above which kernels may not be named, by level of isa.
_ABOVE = {"avx2": ("avx512", "amx"), "avx512": ("amx",), "avx512_vnni": ("amx",)}


def hint(variant: Variant) -> str:
    """The number format for everything that is not computed in int8.

    Without it OpenVINO computes float32 models in bfloat16 on CPUs that support it.
    """
    asked = variant.level(_HINT)
    if asked != "own":
        return asked
    return "bf16" if variant.level(PRECISION) == "bf16" else "f32"


def properties(variant: Variant, threads: int, *, is_profiled: bool = False) -> dict[str, Any]:
    """The properties that an arm's model is compiled with."""
    found: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERF_COUNT": is_profiled,
        "INFERENCE_PRECISION_HINT": hint(variant),
        # The arm's process is pinned from outside, as those of the other engines are.
        "ENABLE_CPU_PINNING": False,
        "CPU_DENORMALS_OPTIMIZATION": variant.level("denormals") == "flushed",
    }
    return found | switches(variant)


def switches(variant: Variant) -> dict[str, Any]:
    """The properties that the variant requests; all others are left to the plugin."""
    found: dict[str, Any] = {}
    if (group := variant.level(_DYNAMIC)) != "own":
        found["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = 0 if group == "off" else int(group)
    if variant.level(_LOW_PRECISION) == "off":
        found["LP_TRANSFORMS_MODE"] = "NO"
    if variant.level(_SNIPPETS) == "off":
        found["SNIPPETS_MODE"] = "DISABLE"
    return found


def in_effect(
    variant: Variant, compiled: Any, compile_for: Callable[[Variant], Any], arrays: list[Any]
) -> dict[str, str]:
    """The effect of each plugin level and of a cap on instructions, by factor.

    `compile_for` compiles the arm's model for another variant, `arrays` are one input.

    Raises:
        ArmFailed: a level changes neither the kernels nor a bit of the outputs; or a kernel is above the cap.
    """
    found = {}
    for name, level in variant.changed:
        if name in OPTIONS:
            without = compile_for(variant.with_level(name, FACTORS[name].plain))
            found[name] = _moved(f"{name}={level}", compiled, without, arrays)
    if (cap := variant.level("isa")) in _ABOVE:
        found["isa"] = _capped(cap, compiled)
    return found


def quantizes_activations(
    variant: Variant, compiled: Any, compile_for: Callable[[Variant], Any], arrays: list[Any]
) -> bool:
    """Whether dynamic quantization changes any bit of the outputs: no property and no kernel's name shows it."""
    if not compiled.get_property("DYNAMIC_QUANTIZATION_GROUP_SIZE"):
        return False
    without = compile_for(variant.with_level(_DYNAMIC, "off"))
    return _bits(compiled, arrays) != _bits(without, arrays)


def is_unfaithful(variant: Variant, compiled: Any, compile_for: Callable[[Variant], Any], arrays: list[Any]) -> bool:
    """Whether int8 kernels answer otherwise than float kernels do that compute the same quantized model."""
    if variant.level(_LOW_PRECISION) == "off":
        return False
    without = compile_for(variant.with_level(_LOW_PRECISION, "off"))
    answers = (one.create_infer_request().infer(arrays).to_tuple() for one in (without, compiled))
    return any(_error(*pair) > _MOST_ERROR for pair in zip(*answers, strict=True))


def _error(wanted: Any, found: Any) -> float:
    """The size of a difference over that of what is wanted, in energy."""
    import numpy

    first, second = (numpy.asarray(one, dtype=numpy.float64) for one in (wanted, found))
    energy = float((first**2).sum())
    return float(((first - second) ** 2).sum()) / energy if energy else 0.0


def _moved(said: str, compiled: Any, without: Any, arrays: list[Any]) -> str:
    """The number of nodes that run differently from without the level or, if none does, whether the outputs differ."""
    ran, before = (Counter(kernels(one)) for one in (compiled, without))
    other = (ran - before).total()
    if other:
        return f"{other} of {ran.total()} nodes run by other kernels or in another format"
    if _bits(compiled, arrays) == _bits(without, arrays):
        raise ArmFailed(
            f"{said} changes nothing here: OpenVINO runs the same kernels, and gives the same outputs bit for bit",
            hint=f"leave {said} out",
        )
    return "the same kernels, other outputs"


def kernels(compiled: Any) -> list[tuple[str, str, str]]:
    """The executed kernels as the plugin describes them, sorted, since the plugin's order may differ between equal
    models.
    """
    nodes = runtime_graph.executed(compiled)
    return sorted((node.layer_type, node.primitive, node.precision) for node in nodes)


def _bits(compiled: Any, arrays: list[Any]) -> list[bytes]:
    return [output.tobytes() for output in compiled.create_infer_request().infer(arrays).to_tuple()]


def _capped(cap: str, compiled: Any) -> str:
    """The instruction sets that kernels are named after.

    Raises:
        ArmFailed: one is above the cap: OpenVINO does not apply it there, or it was set too late for this process.
    """
    named = {primitive for _, primitive, _ in kernels(compiled)}
    above = sorted(name for name in named if any(word in name for word in _ABOVE[cap]))
    if above:
        raise ArmFailed(
            f"isa={cap} does not hold in all of OpenVINO, which runs {above[0]}",
            hint=f"leave +isa={cap} out; if something computes during its import, the cap comes too late",
        )
    return f"kernels {', '.join(sorted(named))}"
