"""compilation: when a program of one's own that calls torch.compile is compiled again."""

from __future__ import annotations

import sys
from typing import ClassVar

from ironlaw.errors import ArmFailed
from ironlaw.factor import ActsOn, Factor
from ironlaw.missing import Maybe, Missing
from ironlaw.program import Program

_DYNAMIC, _EAGER = "dynamic-shapes", "eager-on-recompile"


class Compilation(Factor):
    """dynamic-shapes leaves sizes open from the first compilation on, except where the program asks for fixed ones.

    eager-on-recompile compiles for the inputs as they come once, and afterwards nothing: what was not compiled for runs
    in eager PyTorch. It is to show what compiling costs, and no way to deploy.
    """

    name = "compilation"
    summary = "what torch.compile does with a shape or a value that it has not compiled for"
    plain = "own"
    levels = ("own", _DYNAMIC, _EAGER)
    remedies: ClassVar = {
        _DYNAMIC: "torch.compile(model, dynamic=True), or torch._dynamo.mark_dynamic for the sizes that change",
    }
    acts_on = ActsOn.MODULE
    may_move = "code for open sizes is less specialised; code that runs in eager PyTorch is not fused"

    def change(self, level: str, program: Program) -> Program:
        """Set torch.compile's behaviour for the process.

        Raises:
            ArmFailed: nothing in the program is compiled while it runs.
        """
        if level == _DYNAMIC:
            import torch._dynamo

            torch._dynamo.config.assume_static_by_default = False
            return program
        with program.guard():
            for arguments in program.inputs:
                program.answer(*arguments)
        if "torch._dynamo" not in sys.modules:
            raise ArmFailed(
                "this program does not call torch.compile: nothing is compiled while it runs",
                hint="leave compilation= out for this arm",
            )
        import torch

        if not hasattr(torch.compiler, "set_stance"):
            raise ArmFailed("this torch cannot stop compiling (torch.compiler.set_stance)", hint="use torch 2.6")
        torch.compiler.set_stance("eager_on_recompile")
        return program

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """The compiler's own settings."""
        dynamo = sys.modules.get("torch._dynamo")
        if dynamo is None:
            return Missing("torch._dynamo was not loaded")
        if level == _DYNAMIC:
            return f"assume_static_by_default is {dynamo.config.assume_static_by_default}"
        return f"the compiler's stance is {dynamo.eval_frame._stance.stance}"


FACTOR = Compilation()
