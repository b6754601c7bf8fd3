"""A factor: a property of a model's execution that can be varied while everything else stays the same.

Each file under factors/ defines a subclass and an instance named FACTOR, or a small family of one engine and a tuple
named FACTORS. To add a factor, add a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar

from ironlaw.code import InstructionClass
from ironlaw.missing import Maybe, Missing

if TYPE_CHECKING:
    from ironlaw.program import Program


# Layers in the name of an arm that leaves them in float, and their letters: a table has 80 columns.
MOST_NAMED, MOST_LETTERS = 2, 40


class Direction(Enum):
    """What an experiment predicts for the time of the changed arm against its control."""

    FASTER = "faster"
    SLOWER = "slower"


class ActsOn(Enum):
    """What a factor needs from an engine to have an effect."""

    PROCESS = "process"  # nothing: it changes the process, the inputs, or what is counted
    MODULE = "module"  # a torch module within reach
    ENGINE = "engine"  # that the engine reads it: the engine's declaration names it


class Factor:
    """A factor's levels, how each is applied, and its side effects. The cause's file names the levels that test it.

    By default the hooks do nothing; factors override them. `shapes_model`: engines read the factor when they prepare
    the model. Arms that differ only in other factors share one prepared model. `of_int8`: it decides how a model
    becomes int8; arms in float have no such factor. `changes_answers`: on purpose, so that arms that differ in it are
    not held to the answers of their control. `chosen_by_answers`: preparing compares answers to decide what stays in
    float, so that agreement on the inputs it compared proves nothing.
    """

    name: str
    summary: str
    plain: str
    levels: tuple[str, ...]
    alone: ClassVar[Mapping[str, str]] = {}  # level -> the word that stands for factor=level in a variant's name
    remedies: ClassVar[Mapping[str, str]] = {}  # level -> what a user changes to get it; only levels one would deploy
    shapes_model: bool = False
    of_int8: bool = False
    changes_answers: bool = False
    chosen_by_answers: bool = False
    acts_on: ActsOn = ActsOn.PROCESS
    may_move: str = "nothing else that is known"

    def accepts(self, level: str) -> bool:
        """Whether the level exists; factors with open levels (threads=N) override this."""
        return level in self.levels

    def remedy(self, level: str) -> str:
        """What a user changes to deploy the level; empty if it is not meant for deployment. Factors with open levels
        override this.
        """
        return self.remedies.get(level, "")

    def leaving(self, names: Sequence[str]) -> str:
        """The level that leaves layers of these names in float; empty for a factor that leaves none."""
        return ""

    def left_by(self, level: str) -> tuple[str, ...]:
        """The names of the layers that a level leaves in float."""
        return ()

    def short(self, level: str) -> str:
        """The level as names of arms have it; one that leaves more than a few layers, or long names, is shortened."""
        names = self.left_by(level)
        if not names or (len(names) <= MOST_NAMED and len(level) <= MOST_LETTERS):
            return level
        return f"{len(names)}-{sha256(level.encode()).hexdigest()[:4]}"

    def environment(self, level: str) -> Mapping[str, str]:
        """Variables that must be set before the interpreter starts; arms with any get an interpreter of their own."""
        return {}

    def pool_threads(self, level: str, threads: int) -> int:
        """The size of the engine's thread pool, if it is `threads` without this level."""
        return threads

    def enter(self, level: str) -> None:
        """Change the arm's process before its model is loaded."""

    def change(self, level: str, program: Program) -> Program:
        """The program with the level applied to its model, inputs or call."""
        return program

    def once_warm(self, level: str, at_work: Callable[[], tuple[int, ...]]) -> None:
        """Change the arm's process once it is warm and its pools have started; `at_work` runs some inferences and
        returns the ids of the threads that work in them.
        """

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """What is in effect, as read from the process rather than from the request."""
        return Missing(f"{self.name} cannot be read back")

    def forbidden(self, level: str) -> frozenset[InstructionClass]:
        """The instruction classes that no kernel of an arm at this level may execute."""
        return frozenset()

    def possible(self, level: str) -> Maybe[bool]:
        """True if this machine can apply the level, otherwise the reason."""
        return True
