"""Inputs held out from calibration and choice, beside what a float arm answers on them, as a file for a script.

Run as `python -m ironlaw.measure.replaying.held_out ORDER`, with the fields of `HeldOutOrder` in JSON, it writes the
file and prints a `HeldOut`: loading the float arm may need torch, which the command line does not load.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from ironlaw.engines import engine
from ironlaw.measure.replaying.inputs import SEED, further_crops
from ironlaw.measure.replaying.order import answer_of
from ironlaw.models import saved
from ironlaw.models.inputs import as_array, is_array
from ironlaw.program import PreparedModel
from ironlaw.variant import ENGINE, Variant

MOST_BYTES = 64 << 20  # of inputs; 111 crops of 224 pixels


class HeldOutOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A prepared float arm, and the file to write."""

    variant: str
    prepared: PreparedModel
    threads: int
    seed: int
    images: str | None
    file: str


class HeldOut(msgspec.Struct, frozen=True, kw_only=True):
    """How many inputs were written, and whether they calibrated as well, because the model came with no others."""

    count: int
    calibrated: bool


def write_held_out(order: HeldOutOrder) -> HeldOut:
    """Write the inputs, an array for each argument, and the float arm's outputs."""
    import numpy

    variant = Variant.parse(order.variant)
    folder = Path(order.prepared.path).parent
    model = saved.load(folder, probes=True)
    if model.preprocessing is not None:
        inputs, _ = further_crops(model, order.images, seed=order.seed + SEED)
        calibrated = False
    else:
        inputs, calibrated = saved.held_out(folder, model.probes)
    first = [as_array(one).shape for one in inputs[0] if is_array(one)]
    equal = [one for one in inputs if [as_array(each).shape for each in one if is_array(each)] == first]
    size = sum(as_array(one).nbytes for one in inputs[0] if is_array(one))
    taken = equal[: max(1, MOST_BYTES // max(1, size))]
    answer = answer_of(engine(variant.level(ENGINE)).load(variant, order.prepared, model, threads=order.threads))
    answers = [answer(*one) for one in taken]
    arrays: dict[str, Any] = {}
    for place, argument in enumerate(taken[0]):
        if is_array(argument):
            arrays[f"input{place}"] = numpy.stack([as_array(one[place]) for one in taken])
    for place in range(len(answers[0])):
        arrays[f"output{place}"] = numpy.stack([one[place] for one in answers])
    numpy.savez_compressed(order.file, **arrays)
    return HeldOut(count=len(taken), calibrated=calibrated)


if __name__ == "__main__":
    print(msgspec.json.encode(write_held_out(msgspec.json.decode(sys.argv[1], type=HeldOutOrder))).decode())
