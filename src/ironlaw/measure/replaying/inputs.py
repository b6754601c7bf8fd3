"""The inputs of a replay by use: to calibrate, to choose by, held out; no input has two uses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ironlaw.models import LoadedModel
from ironlaw.models.images import check_folder, crops, decode_photo
from ironlaw.models.inputs import leaves
from ironlaw.replay import Use

Arguments = tuple[Any, ...]
HELD_OUT = 256  # further crops; the same top class for 254 of them is a share of 0.992 with an interval from 0.972
_SEED = 7919  # apart from the seeds of the probes and of the crops that calibrate, which follow the run's seed


@dataclass(slots=True, kw_only=True)
class Inputs:
    """Inputs by use; `notes` state where uses could not be kept apart."""

    by_use: dict[Use, list[Arguments]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def first(self, counts: dict[Use, int]) -> Inputs:
        """The first inputs of each use, this number of them."""
        return Inputs(by_use={use: one[: counts.get(use, 0)] for use, one in self.by_use.items()}, notes=self.notes)


def inputs_of(model: LoadedModel, images: str | None, *, seed: int) -> Inputs:
    """Crops that calibrate, the shared probes to choose by, further crops held out.

    Of other inputs than photographs there are no further ones: those of the probes that did not calibrate are dealt
    out. Where all did, every third of them calibrates in name only, and the note says so.
    """
    if model.preprocessing is not None:
        return Inputs(
            by_use={
                Use.CALIBRATING: model.calibration,
                Use.CHOOSING: model.probes,
                Use.HELD_OUT: further_crops(model, images, seed=seed),
            },
            notes=(
                f"crops of {len(check_folder(images))} photographs depend on each other: over further photographs the "
                "intervals would be wider",
            ),
        )
    known = {_digest(one) for one in model.calibration}
    fresh = [one for one in model.probes if _digest(one) not in known]
    if len(fresh) >= 2:
        return Inputs(by_use={Use.CALIBRATING: model.calibration, Use.CHOOSING: fresh[::2], Use.HELD_OUT: fresh[1::2]})
    return Inputs(
        by_use={
            Use.CALIBRATING: model.probes[::3],
            Use.CHOOSING: model.probes[1::3],
            Use.HELD_OUT: model.probes[2::3],
        },
        notes=("all inputs calibrated the int8 arms: none is held out from that",),
    )


def further_crops(model: LoadedModel, images: str | None, *, seed: int, count: int = HELD_OUT) -> list[Arguments]:
    """Crops of the photographs that neither calibrated nor are among the probes, in batches as the model takes them."""
    import numpy

    assert model.preprocessing is not None, "only photographs have further crops"
    photos = [decode_photo(path) for path in check_folder(images)]
    wide = int(leaves(model.probes[0])[0].shape[0])
    found = crops(photos, model.preprocessing, count=-(-count // wide) * wide, seed=2 * (seed + _SEED))
    return [(numpy.stack(found[at : at + wide]),) for at in range(0, len(found), wide)]


def _digest(arguments: Arguments) -> str:
    import numpy

    seen = hashlib.sha256()
    for leaf in leaves(arguments):
        seen.update(numpy.ascontiguousarray(leaf).tobytes())
    return seen.hexdigest()


def count(inputs: Iterable[Arguments]) -> int:
    """The total number of rows of some inputs."""
    return sum(int(leaves(one)[0].shape[0]) if leaves(one) and leaves(one)[0].shape else 1 for one in inputs)
