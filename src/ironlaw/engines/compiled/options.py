"""The settings of Inductor for an arm, and whether a requested level changed anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ironlaw.engines.compiled.lowering import Lowered
from ironlaw.errors import ArmFailed
from ironlaw.factors import FACTORS
from ironlaw.missing import Maybe, Missing
from ironlaw.variant import Variant

FREEZING, _FUSION = "inductor.freezing", "inductor.fusion"
_PREPACKING, _VECTORS = "inductor.prepacking", "inductor.vectors"
OPTIONS = (FREEZING, _FUSION, _PREPACKING, _VECTORS)
# The first limits the operators in one loop of the scheduler. Before it, an operator is written into the one that
# reads it, unless it exceeds one of the other limits (operations, reads, accumulated reads).
_UNFUSED = {
    "max_fusion_size": 1,
    "realize_opcount_threshold": 0,
    "realize_reads_threshold": 0,
    "realize_acc_reads_threshold": 0,
}
# Products by kernels that take weights as they are stored, and by those that take them packed.
_PLAIN_PRODUCTS = ("aten.convolution", "aten.addmm", "aten.mm", "aten.bmm")
PACKED_PRODUCTS = ("mkldnn._", "onednn.", "mkl.")
# Words in an instruction set that are above a cap.
_ABOVE = {"avx2": ("avx512", "amx")}


def configuration(variant: Variant) -> dict[str, Any]:
    """Inductor's settings for an arm."""
    found: dict[str, Any] = {"freezing": variant.level(FREEZING) == "on"}
    if variant.level(_FUSION) == "off":
        found |= _UNFUSED
    if variant.level(_PREPACKING) == "off":
        found["cpp.weight_prepack"] = False
    if (bits := variant.level(_VECTORS)) != FACTORS[_VECTORS].plain:
        found["cpp.simdlen"] = 1 if bits == "off" else int(bits)
    return found


def in_effect(
    variant: Variant, lowered: Maybe[Lowered], lower_for: Callable[[Variant], Maybe[Lowered]]
) -> dict[str, str]:
    """The effect of each of Inductor's levels, by factor; `lower_for` lowers the arm's graph for another variant.

    Raises:
        ArmFailed: a level changes nothing; or the loops are written for more than a cap of instructions allows.
    """
    if not isinstance(lowered, Missing):
        _refuse_above(variant.level("isa"), lowered)
    found = {}
    for name, level in variant.changed:
        if name not in OPTIONS:
            continue
        said = f"{name}={level}"
        if isinstance(lowered, Missing):
            raise ArmFailed(f"{said} cannot be read back: {lowered.reason}", hint="use a newer torch")
        if name == _PREPACKING:
            found[name] = _unpacked(said, lowered)
            continue
        without = lower_for(variant.with_level(name, FACTORS[name].plain))
        assert not isinstance(without, Missing), "the same version of torch shows it"
        found[name] = _moved(said, lowered, without)
    return found


def _moved(said: str, lowered: Lowered, without: Lowered) -> str:
    """How loops and library calls differ from those without the level.

    Raises:
        ArmFailed: they do not.
    """
    parts = []
    if lowered.loops != without.loops:
        parts.append(f"{len(lowered.loops)} generated loops instead of {len(without.loops)}")
    if lowered.calls != without.calls:
        other = sorted(set(lowered.calls) - set(without.calls))
        named = f" (now {', '.join(other)})" if other else ""
        parts.append(f"{len(lowered.calls)} library calls, {len(without.calls)} before{named}")
    if lowered.instructions != without.instructions and lowered.loops:
        width = lowered.instructions or "no vectors"
        parts.append(f"{len(lowered.loops)} generated loops written for {width}, not {without.instructions or 'none'}")
    if not parts:
        raise ArmFailed(
            f"{said} changes nothing here: Inductor generates the same loops and calls the same libraries",
            hint=f"leave {said} out",
        )
    return "; ".join(parts)


def _unpacked(said: str, lowered: Lowered) -> str:
    """The products that take their weights as they are stored.

    Patterns of packed kernels are registered once a process, by the first graph that is compiled there: the graph
    cannot be lowered with them in a process that compiled it without.

    Raises:
        ArmFailed: none, or some are packed still.
    """
    packed = sorted({call for call in lowered.calls if call.startswith(PACKED_PRODUCTS)})
    plain = [call for call in lowered.calls if call.startswith(_PLAIN_PRODUCTS)]
    if packed or not plain:
        why = f"{packed[0]} takes packed weights still" if packed else "no product takes weights that could be packed"
        raise ArmFailed(f"{said} changes nothing here: {why}", hint=f"leave {said} out")
    return f"{len(plain)} products take weights as they are stored ({', '.join(sorted(set(plain)))})"


def _refuse_above(cap: str, lowered: Lowered) -> None:
    """Check that generated loops are not wider than a cap.

    Raises:
        ArmFailed: they are.
    """
    if lowered.loops and any(word in lowered.instructions for word in _ABOVE.get(cap, ())):
        raise ArmFailed(
            f"isa={cap} did not reach Inductor, which wrote its loops for {lowered.instructions}",
            hint=f"leave isa={cap} out, or add inductor.vectors=256",
        )
