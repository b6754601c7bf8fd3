"""mode: whether BatchNorm and dropout behave as in training."""

from __future__ import annotations

from typing import ClassVar

from ironlaw.errors import ArmFailed
from ironlaw.factor import ActsOn, Factor
from ironlaw.missing import Maybe, Missing
from ironlaw.program import Program


class TrainingMode(Factor):
    """Plain is eval for models that ironlaw prepares, and unchanged for a user's own program."""

    name = "mode"
    summary = "module.train() or module.eval()"
    plain = "plain"
    levels = ("plain", "eval", "train")
    remedies: ClassVar = {"eval": "model.eval()"}
    acts_on = ActsOn.MODULE
    may_move = "the answers: batch statistics instead of learned ones, dropout"

    def change(self, level: str, program: Program) -> Program:
        """Set the mode of every module."""
        if program.module is None:
            raise ArmFailed("this program has no torch module to switch", hint="leave the factor mode out")
        program.module.train(level == "train")
        return program

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """The number of modules in train mode."""
        if program.module is None:
            return Missing("no torch module")
        training = sum(bool(module.training) for module in program.module.modules())
        return f"{training} modules in train mode"


FACTOR = TrainingMode()
