"""The inputs of a replay by use: to calibrate, to choose by, held out; no input has two uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ironlaw.models import LoadedModel
from ironlaw.models.images import check_folder, crops_in_turn, decode_photo
from ironlaw.models.inputs import deal, leaves
from ironlaw.replay import Use

Arguments = tuple[Any, ...]
HELD_OUT = 256  # further crops; the same top class for 254 of them is a share of 0.992 with an interval from 0.972
MORE_TO_CHOOSE_BY = 64  # crops beside the probes: 64 would call 99 % only what agrees on every one
SEED = 7919  # apart from the seeds of the probes and of the crops that calibrate, which follow the run's seed


@dataclass(frozen=True, slots=True, kw_only=True)
class OneInput:
    """The arguments of one inference, how many rows they have, and the photographs that these are crops of."""

    arguments: Arguments
    rows: int
    photographs: tuple[int, ...] = ()


@dataclass(slots=True, kw_only=True)
class Inputs:
    """Inputs by use; `notes` state where uses could not be kept apart.

    `photographs` are the numbers of the photographs that the rows of each are crops of, where that is known.
    """

    by_use: dict[Use, list[Arguments]] = field(default_factory=dict)
    photographs: dict[Use, list[tuple[int, ...]]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def each(self) -> Iterator[tuple[Use, OneInput]]:
        """All of them, use after use."""
        for use, some in self.by_use.items():
            of = self.photographs.get(use, [()] * len(some))
            for arguments, photographs in zip(some, of, strict=True):
                yield use, OneInput(arguments=arguments, rows=count([arguments]), photographs=photographs)

    def first(self, counts: dict[Use, int]) -> Inputs:
        """The first inputs of each use, this number of them."""
        return Inputs(
            by_use={use: one[: counts[use]] for use, one in self.by_use.items() if use in counts},
            photographs={use: one[: counts[use]] for use, one in self.photographs.items() if use in counts},
            notes=self.notes,
        )


def inputs_of(model: LoadedModel, images: str | None, *, seed: int) -> Inputs:
    """Crops that calibrate, the shared probes and as many crops to choose by, further crops held out.

    Of other inputs than photographs there are no further ones: those of the probes that did not calibrate are dealt
    out. Where all did, every third of them calibrates in name only, and the note says so.
    """
    if model.preprocessing is not None:
        held_out, photographs = further_crops(model, images, seed=seed + SEED)
        more, _ = further_crops(model, images, seed=seed + 2 * SEED, count=MORE_TO_CHOOSE_BY)
        count = len({one for row in photographs for one in row})
        return Inputs(
            by_use={
                Use.CALIBRATING: model.calibration,
                Use.CHOOSING: [*model.probes, *more],
                Use.HELD_OUT: held_out,
            },
            photographs={Use.HELD_OUT: photographs},
            notes=(
                f"held-out inputs are crops of {count} photographs, and intervals are for crops of further ones: those "
                "of one photograph depend on each other",
            ),
        )
    dealt = deal(model.probes, model.calibration)
    return Inputs(
        by_use={
            Use.CALIBRATING: dealt.calibrating or model.calibration,
            Use.CHOOSING: dealt.choosing,
            Use.HELD_OUT: dealt.held_out,
        },
        notes=("all inputs calibrated the int8 arms: none is held out from that",) if dealt.calibrating else (),
    )


def further_crops(
    model: LoadedModel, images: str | None, *, seed: int, count: int = HELD_OUT
) -> tuple[list[Arguments], list[tuple[int, ...]]]:
    """Crops of the photographs that neither calibrated nor are among the probes, in batches as the model takes them;
    and of each batch the numbers of the photographs.
    """
    import numpy

    assert model.preprocessing is not None, "only photographs have further crops"
    photos = [decode_photo(path) for path in check_folder(images)]
    wide = int(leaves(model.probes[0])[0].shape[0])
    found = crops_in_turn(photos, model.preprocessing, count=-(-count // wide) * wide, seed=2 * seed)
    groups = [found[at : at + wide] for at in range(0, len(found), wide)]
    made: list[Arguments] = [(numpy.stack([crop for _, crop in group]),) for group in groups]
    return made, [tuple(number for number, _ in group) for group in groups]


def count(inputs: Iterable[Arguments]) -> int:
    """The total number of rows of some inputs."""
    return sum(int(leaves(one)[0].shape[0]) if leaves(one) and leaves(one)[0].shape else 1 for one in inputs)
