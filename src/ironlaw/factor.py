"""A factor: something about a model's execution that can be varied while everything else stays.

Each file under factors/ defines a subclass and an instance named FACTOR, or a small family of one engine and a tuple
named FACTORS; nothing else has to be touched to add one.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from ironlaw.code import InstructionClass
from ironlaw.missing import Maybe, Missing

if TYPE_CHECKING:
    from ironlaw.program import Program


class Direction(Enum):
    """What an experiment predicts for the time of the changed arm against its control."""

    FASTER = "faster"
    SLOWER = "slower"


class ActsOn(Enum):
    """What a factor needs of an engine to do something."""

    PROCESS = "process"  # nothing: it changes the process, the inputs, or what is counted
    MODULE = "module"  # a torch module within reach
    ENGINE = "engine"  # that the engine reads it: the engine's declaration names it


class Factor:
    """Levels, how each is applied, and what it may move besides. Which cause a level tests is in the cause's file.

    The hooks do nothing unless a factor overrides them. `shapes_model` says that engines read the factor when they
    prepare the model, so that arms differing only in other factors share one prepared model.
    """

    name: str
    summary: str
    plain: str
    levels: tuple[str, ...]
    alone: ClassVar[Mapping[str, str]] = {}  # level -> the word that stands for factor=level in a variant's name
    remedies: ClassVar[Mapping[str, str]] = {}  # level -> what a user changes to get it; only levels one would deploy
    shapes_model: bool = False
    acts_on: ActsOn = ActsOn.PROCESS
    may_move: str = "nothing else that is known"

    def accepts(self, level: str) -> bool:
        """Whether the level exists; factors with open levels (threads=N) override this."""
        return level in self.levels

    def remedy(self, level: str) -> str:
        """What a user changes to get the level; empty where it is not for deployment. Of open levels: override this."""
        return self.remedies.get(level, "")

    def environment(self, level: str) -> Mapping[str, str]:
        """Variables that must be set before the interpreter starts; arms with any get an interpreter of their own."""
        return {}

    def pool_threads(self, level: str, threads: int) -> int:
        """How many threads the engine's pool gets, where the arm without this level gives it `threads`."""
        return threads

    def enter(self, level: str) -> None:
        """Change the arm's process before its model is loaded."""

    def change(self, level: str, program: Program) -> Program:
        """The program with the level applied to its model, inputs or call."""
        return program

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """What is in effect now, read from the process and not from what was requested."""
        return Missing(f"{self.name} cannot be read back")

    def forbidden(self, level: str) -> frozenset[InstructionClass]:
        """Instruction classes that no kernel of an arm at this level may execute."""
        return frozenset()

    def possible(self, level: str) -> Maybe[bool]:
        """Whether this machine can apply the level: True, or the reason why not."""
        return True
