"""dispatch: whether Python runs between the operators."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from ironlaw.errors import ArmFailed
from ironlaw.factor import ActsOn, Factor
from ironlaw.missing import Maybe
from ironlaw.models import shapes
from ironlaw.program import Program


class Dispatch(Factor):
    """traced: the same operators in the same order, replayed without Python (torch.jit.trace, not frozen)."""

    name = "dispatch"
    summary = "what calls the operators"
    plain = "python"
    levels = ("python", "traced")
    remedies: ClassVar = {"traced": "torch.jit.trace(model, example), or torch.compile(model)"}
    acts_on = ActsOn.MODULE
    may_move = "the profiling executor may fuse pointwise operators; it is switched off, and freezing is not used"

    def change(self, level: str, program: Program) -> Program:
        """Trace on the first input.

        Raises:
            ArmFailed: it is no torch module, or the trace is valid for the first input's shape only.
        """
        import torch

        if program.module is None:
            raise ArmFailed("only torch modules can be traced", hint="leave dispatch=traced out")
        if "phase" in program.applied:
            raise ArmFailed("a trace keeps no keys and values between its calls", hint="leave dispatch=traced out")
        torch._C._jit_set_profiling_executor(False)
        torch._C._jit_set_texpr_fuser_enabled(False)
        with torch.inference_mode():
            traced = torch.jit.trace(program.module, program.inputs[0], check_trace=False)  # type: ignore[no-untyped-call]  # torch does not type it
            shapes.refuse_fixed_shape(traced, program.module, program.inputs)
        return replace(program, infer=traced)

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """The type of the called object."""
        return type(program.infer).__name__


FACTOR = Dispatch()
