"""reference-kernel: a shape or a type of operator falls outside the fast path of the library."""

from __future__ import annotations

from collections.abc import Sequence

from ironlaw.cause import Cause, Part
from ironlaw.code import InstructionClass, LoopWork
from ironlaw.experiment import Switch
from ironlaw.machine import Machine
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.observed import LEAVING, Observed, leaves_only, leaving, narrowed

LEAST_SHARE = 0.05  # of the time: the last columns of a fast kernel are narrow too
_WIDER = {InstructionClass.AVX2, InstructionClass.AVX512, InstructionClass.VNNI, InstructionClass.AMX}
_NARROW = (InstructionClass.SSE, InstructionClass.SCALAR)
_PRODUCTS = (LoopWork.MULTIPLY_ADD, LoopWork.INTEGER_MULTIPLY_ADD)
_SLUG = "reference-kernel"
_OPERATORS = "reference_operators"
# What engines have been seen to run by a general or a reference kernel, as their files call it.
_KINDS = (
    "ConvInteger",
    "ConvolutionBackpropData",
    "GroupConvolutionBackpropData",
    "GroupConvolution",
    "Convolution",
    "MatMul",
)
_SWITCHES_OF_TYPES = tuple(Switch(cause=_SLUG, factor="float-ops", level=kind) for kind in _KINDS)


class ReferenceKernel(Cause):
    """A shape or a type of operator falls outside the fast path of the library."""

    slug = _SLUG
    title = "a reference kernel"
    mechanism = "a shape or a type of operator falls outside the fast path of the library"
    part = Part.SLOWER
    order = 200
    example = (
        "one layer of the ledger takes most of the time, at far above one instruction per MAC. Run with `--arms "
        "fp32,int8+fused`, the EfficientNet-lite0 of tests/models/pretrained.py took 259 ms in int8 and 27.7 ms in "
        "float; with its 14 depth-wise convolutions that FBGEMM has no fast kernel for (it pads outside of them) "
        "written densely, at many times the arithmetic, it ran 3.07× [3.03, 3.12] faster. With `quantized-"
        "engine=onednn`, which has the kernel, int8 took 17.2 ms. In ONNX Runtime ConvInteger, which dynamic "
        "quantization makes of convolutions, has one general kernel; `float-ops=ConvInteger` leaves it in float. "
        "OpenVINO ran two of the three transposed convolutions of an int8 vocoder by float kernels (jit_gemm_f32, "
        "jit_avx512_f32); `float-ops=ConvolutionBackpropData` leaves all three in float"
    )
    counted_in = "operators outside the fast path"
    switches = (
        Switch(cause=slug, factor="convolution", level="dense"),
        *_SWITCHES_OF_TYPES,
    )
    factors = ("convolution", *LEAVING)

    def shows(self, arm: Observed) -> bool:
        """An operator has a shape, or is of a type, that its library has no fast kernel for."""
        return _outside(arm) > 0

    def suits(self, switch: Switch, arm: Observed) -> bool:
        """Shapes are made dense, the types that it executes so left in float."""
        if switch.factor != "float-ops":
            return arm.census.get("sparse_convolutions", 0.0) > 0
        return arm.census.get(_OPERATORS, 0.0) > 0 and switch.level in arm.kinds(_OPERATORS)

    def fitted(self, switch: Switch, arm: Observed) -> Switch:
        """Of a type whose other operators may run by another kernel, those that do not are left in float by name."""
        return narrowed(switch, _OPERATORS, arm)

    def is_between(self, factor: str, levels: tuple[str, str], arms: Sequence[Observed]) -> bool:
        """The operators left in float are those that have no fast kernel."""
        return factor not in LEAVING or leaves_only(factor, levels, _OPERATORS, arms)

    def at(self, factor: str, level: str) -> Switch | None:
        """Leaving operators in float removes it, whatever they are called."""
        return super().at(factor, level) or leaving(self.slug, factor, level)

    def burden(self, arm: Observed) -> Maybe[float]:
        """How many have."""
        return _outside(arm)

    def excludes(self, arm: Observed) -> str:
        """None has."""
        counted = any(count in arm.census for count in _COUNTS)
        return "none of its operators is known to lack a fast kernel" if counted and not self.shows(arm) else ""

    def nodes(self, arm: Observed) -> str:
        """The operators without a fast kernel."""
        return arm.named(_OPERATORS)

    def consistent(self, arm: Observed, machine: Maybe[Machine]) -> str:
        """It executes operators of such a type."""
        slow = arm.census.get(_OPERATORS, 0.0)
        if slow:
            return f"{slow:.0f} operators of {arm.arm.name} have no fast kernel{arm.named(_OPERATORS)}"
        return _narrow_loops(arm, machine)


_COUNTS = ("sparse_convolutions", _OPERATORS)


def _outside(arm: Observed) -> float:
    return sum(arm.census.get(count, 0.0) for count in _COUNTS)


def _narrow_loops(arm: Observed, machine: Maybe[Machine]) -> str:
    """Samples that multiply and add in scalars or in 128 bits, on a CPU that has wider vectors."""
    if isinstance(arm.executed, Missing):
        return ""
    if not (_WIDER & set(arm.executed.classes) or (is_known(machine) and machine.has_isa("avx2"))):
        return ""
    narrow = [
        (share, code.name)
        for code, share in arm.executed.code
        if code.instructions in _NARROW and code.work in _PRODUCTS
    ]
    share = sum(share for share, _ in narrow)
    if share < LEAST_SHARE:
        return ""
    return (
        f"{arm.arm.name} multiplies and adds in scalars or 128 bits for {100 * share:.0f} % of its time "
        f"(most of it in {max(narrow)[1]})"
    )


CAUSE = ReferenceKernel()
