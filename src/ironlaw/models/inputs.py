"""Arguments of inferences, to time, to calibrate and to compare: arrays, and tensors where torch is used."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ironlaw.circumstance import Circumstance
from ironlaw.models import images, torch_use
from ironlaw.models.images import Preprocessing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Arguments = tuple[Any, ...]


def leaves(given: Any) -> list[Any]:
    """The tensors or arrays inside arguments or an output, in order; numbers, texts and None are left out.

    `given` is one of them, or a tuple, list, mapping or record of any depth that holds them.
    """
    if isinstance(given, Mapping):
        return [leaf for value in given.values() for leaf in leaves(value)]
    if isinstance(given, list | tuple):
        return [leaf for value in given for leaf in leaves(value)]
    return [given] if hasattr(given, "shape") else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """What a model is called with: in turns, to calibrate, and to compare answers; and what is to be doubted in it."""

    turns: list[Arguments]
    calibration: list[Arguments]
    probes: list[Arguments]
    preprocessing: Preprocessing | None = None  # of photographs; None where there are none
    circumstances: tuple[Circumstance, ...] = ()


def from_photos(folder: str | None, how: Preprocessing, *, batch: int, seed: int) -> Examples:
    """The photographs in turn, for calibration and probes crops of them; each as batches of one tensor.

    Raises:
        BadInput: the folder's images cannot be used.
    """
    photos = [images.decode_photo(path) for path in images.check_folder(folder)]
    turns = images.standard(photos, how)
    # Every input is full: with a batch above 1, the photographs go round.
    shown = [[turns[(first + i) % len(turns)] for i in range(batch)] for first in range(len(turns))]
    calibration = images.crops(photos, how, count=_full(images.CALIBRATION, batch), seed=2 * seed + 1)
    probes = images.crops(photos, how, count=_full(images.PROBES, batch), seed=2 * seed)
    return Examples(
        turns=[_stack(group) for group in shown],
        calibration=_batches(calibration, batch),
        probes=_batches(probes, batch),
        preprocessing=how,
    )


# Of given inputs, where twice as many others are left: more add time and little else. EfficientNet-Lite0 in OpenVINO's
# int8 agreed on 90.2 % of 1280 further crops by 64 that calibrated, and on 89.5 % by 300.
MOST_CALIBRATING = 64


def from_given(given: list[Arguments], circumstances: tuple[Circumstance, ...]) -> Examples:
    """A user's own inputs, all of them in turn and as probes.

    All calibrate as well. Of three times MOST_CALIBRATING or more only that many do, spread evenly over them, so that
    preparing takes no longer and the others are held out from calibrating.
    """
    calibration = given
    if len(given) >= 3 * MOST_CALIBRATING:
        calibration = [given[place * len(given) // MOST_CALIBRATING] for place in range(MOST_CALIBRATING)]
    return Examples(turns=given, calibration=calibration, probes=given, circumstances=circumstances)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealt:
    """The inputs that answers are compared on, by what they may be used for: no input has two uses.

    `calibrating` is empty where some of them did not calibrate: the model's own calibration inputs do.
    """

    calibrating: list[Arguments]
    choosing: list[Arguments]
    held_out: list[Arguments]


def deal(probes: list[Arguments], calibration: list[Arguments]) -> Dealt:
    """Of probes that did not calibrate every second is held out, the others are to choose by.

    Where all did, a third each calibrates in name only, is to choose by and held out.
    """
    known = {_digest(one) for one in calibration}
    fresh = [one for one in probes if _digest(one) not in known]
    if len(fresh) >= 2:
        return Dealt(calibrating=[], choosing=fresh[::2], held_out=fresh[1::2])
    return Dealt(calibrating=probes[::3], choosing=probes[1::3], held_out=probes[2::3])


def _digest(arguments: Arguments) -> str:
    import numpy

    seen = hashlib.sha256()
    for leaf in leaves(arguments):
        seen.update(numpy.ascontiguousarray(_in_bytes(leaf) if torch_use.is_tensor(leaf) else leaf).tobytes())
    return seen.hexdigest()


def _in_bytes(tensor: Any) -> Any:
    """The bytes of a tensor, also of a number format or layout that arrays do not have."""
    import torch

    plain = tensor.detach()
    plain = plain.dequantize() if plain.is_quantized else plain.to_dense()
    return plain.contiguous().flatten().view(torch.uint8).numpy()


def one_batch(batches: list[Arguments]) -> Arguments:
    """All images of several batches as one."""
    import numpy
    import torch

    return (torch.from_numpy(numpy.concatenate([images_of_one for (images_of_one,) in batches])),)


def _full(count: int, batch: int) -> int:
    return -(-count // batch) * batch


def _batches(crops: list[NDArray[np.float32]], batch: int) -> list[Arguments]:
    return [_stack(crops[first : first + batch]) for first in range(0, len(crops), batch)]


def _stack(crops: list[NDArray[np.float32]]) -> Arguments:
    import numpy

    return (numpy.stack(crops),)


def described(arguments: Arguments) -> str:
    """The types and shapes of the arguments of one inference: float32 1x3x224x224."""

    def one(value: Any) -> str:
        if not hasattr(value, "shape") or not hasattr(value, "dtype"):
            return type(value).__name__
        kind = str(value.dtype).removeprefix("torch.")
        return f"{kind} {'x'.join(str(length) for length in value.shape) or 'scalar'}"

    return ", ".join(one(value) for value in arguments)


def as_tensors(arguments: Arguments) -> Arguments:
    """The arguments with every array replaced by a tensor that shares its memory."""
    import numpy
    import torch

    def one(value: Any) -> Any:
        if isinstance(value, numpy.ndarray):
            return torch.from_numpy(value if value.flags.writeable else value.copy())
        if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
            return type(value)(map(one, value))
        return {key: one(part) for key, part in value.items()} if type(value) is dict else value

    return tuple(map(one, arguments))


def as_array(value: Any) -> Any:
    """An array unchanged, or a tensor as an array that shares its memory."""
    return value.detach().numpy() if torch_use.is_tensor(value) else value


def is_array(value: Any) -> bool:
    """Whether an argument is a tensor or an array, and not a constant."""
    return hasattr(value, "shape") and hasattr(value, "dtype")


def fitting(program: Any, examples: Examples) -> Examples:
    """The examples as a program takes them.

    A torch module takes tensors. A callable is given photographs as tensors where torch is installed, and whatever its
    author gave as it is.
    """
    is_given = examples.preprocessing is None
    if not (torch_use.is_module(program) or (callable(program) and torch_use.is_installed() and not is_given)):
        return examples
    return replace(
        examples,
        turns=list(map(as_tensors, examples.turns)),
        calibration=list(map(as_tensors, examples.calibration)),
        probes=list(map(as_tensors, examples.probes)),
    )
