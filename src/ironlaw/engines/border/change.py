"""A change to a model that preserves its function: what it changed, and how well the outputs agree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ironlaw.errors import ArmFailed
from ironlaw.variant import Variant

# A cosine below this between the outputs before and after says that more was changed than was meant: int4 weights and
# ranges over other inputs keep it above 0.99 where a network has learned anything, and noise of rounding above 0.9.
LEAST_COSINE = 0.9


@dataclass(slots=True, kw_only=True)
class Changed:
    """What surgery changed in a model, per factor, as counted in the model afterwards."""

    done: dict[str, str] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """One note per factor."""
        return tuple(f"{name}: {text}" for name, text in self.done.items())

    def add_cosine(self, cosine: float) -> None:
        """Add the cosine of the outputs to each factor's note; for several factors it is that of all changes
        together.
        """
        said = f"; cosine with the outputs before {cosine:.4f}" + (" (all changes together)" * (len(self.done) > 1))
        for name in self.done:
            self.done[name] += said

    def accept(self, before: list[Any], after: list[Any], *, is_same: bool, engine: str) -> None:
        """Accept the change for what it does to the outputs, and add how close they stay.

        `is_same` is whether the engine still runs the same operators.

        Raises:
            ArmFailed: it does, or the outputs differ by more than was meant.
        """
        said = " and ".join(self.done)
        if is_same:
            raise ArmFailed(
                f"{said} changes the model, but {engine} still runs the same operators", hint=f"leave {said} out"
            )
        cosine = least_cosine(before, after)
        if cosine < LEAST_COSINE:
            raise ArmFailed(
                f"with {said} changed, the outputs have a cosine of {cosine:.3f} with those before",
                hint="leave the level out: it changes more in this model than intended",
            )
        self.add_cosine(cosine)


def steps_of(variant: Variant, known: Iterable[str]) -> list[tuple[str, str]]:
    """The levels of a variant that surgery applies, by factor, in the order of the steps it knows."""
    changed = dict(variant.changed)
    return [(name, changed[name]) for name in known if name in changed]


def least_cosine(before: list[Any], after: list[Any]) -> float:
    """The smallest cosine over outputs: 1 if both are zero, and 0 if shapes differ or an output is not finite."""
    import numpy

    least = 1.0
    for one, other in zip(before, after, strict=True):
        first, second = (numpy.asarray(value, dtype=numpy.float64).ravel() for value in (one, other))
        if first.shape != second.shape or not numpy.isfinite(second).all():
            return 0.0
        sizes = float(numpy.linalg.norm(first)), float(numpy.linalg.norm(second))
        if not any(sizes):
            continue
        least = min(least, float(first @ second) / (sizes[0] * sizes[1]) if all(sizes) else 0.0)
    return least
