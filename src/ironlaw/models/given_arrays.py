"""Inputs of a model file from an .npz file: one array for each input, by its name."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from ironlaw.errors import BadInput, offer_closest
from ironlaw.models.graph_inputs import GraphInput

_EXAMPLE = "numpy.savez('inputs.npz', NAME=array), one array for each input of the graph"


def check(path: str) -> None:
    """Check before anything starts that the file exists and is an .npz; shapes are checked once the model is known.

    Raises:
        BadInput: it is not.
    """
    _arrays(path)


def read(path: str, graph_inputs: list[GraphInput]) -> list[tuple[Any, ...]]:
    """Read the inputs of all inferences that the file holds.

    An array has the shape of its input, for one inference, or a leading dimension that counts the inferences.

    Raises:
        BadInput: an array is missing, is of no input, or has another type or other sizes than its input.
    """
    arrays = _arrays(path)
    names = [one.name for one in graph_inputs]
    for name in arrays:
        if name not in names:
            raise BadInput(
                f"{path} has an array {name!r}, and the graph no such input", hint=offer_closest(name, names)
            )
    columns = {one.name: _inferences(path, one, arrays) for one in graph_inputs}
    counts = {name: len(column) for name, column in columns.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} of {count}" for name, count in counts.items())
        raise BadInput(f"the arrays of {path} are of different numbers of inferences: {listed}", hint=_EXAMPLE)
    return list(zip(*(columns[name] for name in names), strict=True))


def _arrays(path: str) -> dict[str, Any]:
    import numpy

    try:
        # Opened here, since numpy leaves a file open that turns out to be damaged.
        with Path(path).open("rb") as file, numpy.load(file, allow_pickle=False) as held:
            if not isinstance(held, numpy.lib.npyio.NpzFile):
                raise BadInput(f"{path} holds one array without a name", hint=_EXAMPLE)
            return {name: held[name] for name in held.files}
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror or 'it is no .npz file'}", hint=_EXAMPLE) from None
    except (ValueError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise BadInput(f"{path} cannot be read as an .npz file: {error}", hint=_EXAMPLE) from None


def _inferences(path: str, one: GraphInput, arrays: dict[str, Any]) -> list[Any]:
    """One array for each inference."""
    import numpy

    if one.name not in arrays:
        raise BadInput(f"{path} has no array for the input {one.name!r}", hint=f"it has {', '.join(arrays) or 'none'}")
    array = arrays[one.name]
    shown = "x".join("?" if size is None else str(size) for size in one.shape) or "scalar"
    given = "x".join(map(str, array.shape)) or "scalar"
    wanted = numpy.dtype(one.dtype)
    is_lossless = numpy.can_cast(array.dtype, wanted, "same_kind") and array.dtype.kind == wanted.kind
    if not is_lossless or (array.dtype.kind in "iu" and array.size and not _fits(array, wanted)):
        raise BadInput(f"{path}: {one.name} is {array.dtype}, and the input is {one.dtype}", hint=f"give {one.dtype}")
    if array.ndim == len(one.shape):
        array = array[None]
    if array.ndim != len(one.shape) + 1 or any(
        size not in (None, has) for size, has in zip(one.shape, array.shape[1:], strict=True)
    ):
        raise BadInput(
            f"{path}: {one.name} has the sizes {given}, and the input {shown}",
            hint="give arrays of the input's sizes, or with one dimension more in front for several inferences",
        )
    return list(array.astype(wanted))


def _fits(array: Any, wanted: Any) -> bool:
    import numpy

    limits = numpy.iinfo(wanted)
    return bool(limits.min <= array.min() and array.max() <= limits.max)
