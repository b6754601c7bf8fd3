"""mode: whether BatchNorm and dropout behave as in training."""

from __future__ import annotations

from typing import ClassVar

from ironlaw.errors import ArmFailed
from ironlaw.factor import ActsOn, Factor
from ironlaw.missing import Maybe, Missing
from ironlaw.program import Program


class TrainingMode(Factor):
    """Plain is eval for models that ironlaw prepares, and as its author left it for a program of one's own."""

    name = "mode"
    summary = "module.train() or module.eval()"
    plain = "plain"
    levels = ("plain", "eval", "train")
    remedies: ClassVar = {"eval": "model.eval()"}
    acts_on = ActsOn.MODULE
    may_move = "the answers: batch statistics instead of learned ones, dropout"

    def change(self, level: str, program: Program) -> Program:
        """Switch every module."""
        if program.module is None:
            raise ArmFailed("this program has no torch module to switch", hint="leave the factor mode out")
        program.module.train(level == "train")
        return program

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """How many modules are in train mode."""
        if program.module is None:
            return Missing("no torch module")
        training = sum(bool(module.training) for module in program.module.modules())
        return f"{training} modules in train mode"


FACTOR = TrainingMode()
