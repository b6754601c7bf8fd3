"""grad: whether autograd records the forward pass."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from ironlaw.factor import ActsOn, Factor
from ironlaw.missing import Maybe
from ironlaw.program import Program


class Grad(Factor):
    """Plain is off (inference_mode) for modules, and unchanged for a user's own callable."""

    name = "grad"
    summary = "autograd recording"
    plain = "plain"
    levels = ("plain", "off", "on")
    remedies: ClassVar = {"off": "with torch.inference_mode(): ..."}
    acts_on = ActsOn.MODULE
    may_move = "how long activations live: a recorded graph keeps them until the output is dropped"

    def change(self, level: str, program: Program) -> Program:
        """Replace the guard around all turns."""
        import torch

        return replace(program, guard=torch.inference_mode if level == "off" else torch.enable_grad)

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """What torch reports while the arm runs."""
        import torch

        return "autograd on" if torch.is_grad_enabled() else "autograd off"


FACTOR = Grad()
