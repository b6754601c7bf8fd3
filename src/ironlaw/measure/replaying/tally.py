"""The answers of a changed network against the float one's, summed over inputs."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ironlaw.fact import kept_places
from ironlaw.missing import Maybe
from ironlaw.replay import NO_CLASSES, NOT_KEPT, Given, KeptAnswers, Own, Photograph

MOST = 1e18  # of a sum of squares that a recording holds


@dataclass(slots=True)
class _Photograph:
    """Sums over crops of one photograph."""

    inputs: int = 0
    same_top: int = 0
    cosines: float = 0.0

    def add_top(self, *, is_same: bool) -> None:
        self.inputs += 1
        self.same_top += is_same

    def add_cosine(self, cosine: float) -> None:
        self.inputs += 1
        self.cosines += cosine

    def fact(self) -> Photograph:
        return Photograph(inputs=self.inputs, same_top=self.same_top, cosine=round(self.cosines / self.inputs, 7))


@dataclass(slots=True)
class AnswerTally:
    """Sums over the inputs of one use; `most` numbers of a row are kept where outputs are no classes."""

    most: int
    inputs: int = 0
    signal: float = 0.0
    noise: float = 0.0
    same_top: int = 0
    not_finite: int = 0
    has_classes: bool = True
    cosines: list[float] = field(default_factory=list)
    kept: list[Any] = field(default_factory=list)
    by_photograph: dict[int, _Photograph] = field(default_factory=dict)

    def add(self, expected: list[Any], given: list[Any], rows: int, photographs: Sequence[int] = ()) -> None:
        """One inference: the outputs of both networks, for `rows` inputs; the photographs that these are crops of."""
        import numpy as np

        one, other = flat(expected, rows), flat(given, rows)
        finite = np.isfinite(one) & np.isfinite(other)
        self.inputs += len(one)
        self.not_finite += int((~np.isfinite(other)).sum())
        gap = np.where(finite, one - other, 0.0)
        self.signal += float(np.square(np.where(finite, one, 0.0)).sum())
        self.noise += float(np.square(gap).sum())
        if is_classes(expected, rows):
            is_same_top = finite.all(axis=1) & (one.argmax(axis=1) == other.argmax(axis=1))
            self.same_top += int(is_same_top.sum())
            for number, is_same in zip(photographs, is_same_top, strict=False):
                self.by_photograph.setdefault(number, _Photograph()).add_top(is_same=bool(is_same))
        else:
            self.has_classes = False
            self.kept.append(some(other, self.most).astype("<f4"))
        lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        products = (one * other).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            found = np.where(lengths > 0, products / lengths, 0.0)
        cosines = [float(value) for value in np.nan_to_num(found.clip(-1, 1))]
        self.cosines += cosines
        if not self.has_classes:
            for number, cosine in zip(photographs, cosines, strict=False):
                self.by_photograph.setdefault(number, _Photograph()).add_cosine(cosine)

    def given(self) -> Given:
        """As a fact."""
        same: Maybe[int] = self.same_top if self.has_classes else NO_CLASSES
        return Given(
            inputs=self.inputs,
            signal=min(self.signal, MOST),
            noise=min(self.noise, MOST),
            same_top=same,
            cosines=() if self.has_classes else tuple(round(one, 7) for one in self.cosines),
            photographs=tuple(one.fact() for _, one in sorted(self.by_photograph.items())),
            not_finite=self.not_finite,
            kept=NOT_KEPT if self.has_classes else packed(self.kept),
        )


@dataclass(slots=True)
class OwnTally:
    """Sums of squares of one tensor, and of the error that int8 adds to it."""

    signal: float = 0.0
    noise: float = 0.0

    def add(self, expected: Any, given: Any) -> None:
        """One inference."""
        import numpy as np

        one, other = np.asarray(expected, np.float64), np.asarray(given, np.float64)
        self.signal += float(np.square(one).sum())
        self.noise += float(np.square(one - other).sum())

    def own(self) -> Own:
        """As a fact."""
        return Own(signal=min(self.signal, MOST), noise=min(self.noise, MOST))


def flat(outputs: list[Any], rows: int) -> Any:
    """The outputs as one row per input; as a single row if one output has another number of rows."""
    import numpy as np

    arrays = [np.asarray(one, dtype=np.float64) for one in outputs]
    whole = any(one.ndim == 0 or one.shape[0] != rows for one in arrays)
    return np.concatenate([one.reshape(1 if whole else rows, -1) for one in arrays], axis=1)


def is_classes(outputs: list[Any], rows: int) -> bool:
    """Whether the only output is a row of scores for each input."""
    return len(outputs) == 1 and outputs[0].ndim == 2 and outputs[0].shape[0] == rows and outputs[0].shape[1] > 1


def some(table: Any, most: int) -> Any:
    """The numbers of each row that are kept."""
    width = table.shape[1]
    return table if width <= most else table[:, kept_places(width, most)]


def packed(tables: list[Any]) -> str:
    """Rows of float32 as text; rows whose length differs from the first one's are left out."""
    import numpy as np

    same_width = [one for one in tables if one.shape[1] == tables[0].shape[1]]
    return base64.b64encode(zlib.compress(np.concatenate(same_width).astype("<f4").tobytes(), 1)).decode()


def kept_answers(outputs: list[list[Any]], rows: list[int], most: int) -> KeptAnswers | None:
    """Some numbers of the float network's answers; None for scores of classes, and where there are none."""
    if not outputs or is_classes(outputs[0], rows[0]):
        return None
    tables = [some(flat(one, wide), most) for one, wide in zip(outputs, rows, strict=True)]
    same_width = [one for one in tables if one.shape[1] == tables[0].shape[1]]
    return KeptAnswers(
        rows=sum(len(one) for one in same_width),
        kept=tables[0].shape[1],
        forms=_forms(outputs[0], rows[0]),
        data=packed(same_width),
    )


def _forms(outputs: list[Any], rows: int) -> tuple[tuple[int, ...], ...]:
    """The shapes of the outputs in a row, as `flat` lays them out."""
    whole = any(one.ndim == 0 or one.shape[0] != rows for one in outputs)
    return tuple(tuple(map(int, one.shape if whole else one.shape[1:])) for one in outputs)
