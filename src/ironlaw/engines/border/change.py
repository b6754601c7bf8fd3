"""A change to a model that preserves its function: what it changed, and how well the outputs agree."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

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
