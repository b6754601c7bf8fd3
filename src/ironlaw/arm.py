"""An arm: a variant, or a user's own program, that a recording measures."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ironlaw.point import NOWHERE, THREADS, Point
from ironlaw.variant import Variant

AGAIN = " (again)"
HANDED_OVER = ".cloudpickle"  # ends the file of a program that Python code gave; it is deleted after the run


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """A program and the name it runs under.

    `factory` is `file.py:name` or `package.module:name` of a user's own program (or a model file), and None for a
    variant of the plan's model. `repeats` names the arm that this one runs again, as the control of the recording.
    `point` is where it is in what the recording varies.
    """

    name: str
    variant: Variant
    factory: str | None = None
    repeats: str | None = None
    serves: tuple[str, ...] = ()  # the causes it was added to test; empty: it was requested
    point: Point = NOWHERE

    @classmethod
    def of(cls, text: str) -> Arm:
        """The arm of a variant, named as the variant is written.

        Raises:
            BadInput: the text is not a variant.
        """
        return cls.running(Variant.parse(text))

    @classmethod
    def running(cls, variant: Variant) -> Arm:
        """The arm of a variant; one that leaves many layers in float is named by their number and a digest."""
        return cls(name=variant.short(), variant=variant)

    def again(self) -> Arm:
        """The control: the same program under a second name."""
        return replace(self, name=self.name + AGAIN, repeats=self.name)

    def at(self, point: Point) -> Arm:
        """The arm at a point, named after both; threads are a level of its variant."""
        threads = point.value(THREADS)
        variant = self.variant if threads is None else self.variant.with_level(THREADS, threads)
        return replace(self, name=f"{self.name} {point}", variant=variant, point=point)

    @property
    def base(self) -> str:
        """Its name without its point, by which arms of several points are the same arm."""
        return self.name.removesuffix(f" {self.point}") if self.point else self.name

    def prepared_as(self) -> str:
        """A key that is equal for arms that share one prepared model."""
        return f"{self.factory or ''}|{self.variant.shaping()}|{self.point.without(THREADS)}"
