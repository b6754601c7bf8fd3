"""What an arm answers on the shared probes, kept so that arms can be compared before their speed is."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Mapping
from typing import Any

from ironlaw.errors import ArmFailed
from ironlaw.fact import Outputs
from ironlaw.missing import Maybe, Missing
from ironlaw.program import Program


def answer_probes(arm: str, program: Program, probes: list[tuple[Any, ...]]) -> Outputs:
    """Run the program once on every probe and keep what it answered, a row for each input of a batch.

    Raises:
        ArmFailed: an output holds no floating-point numbers.
    """
    import numpy as np

    found = [_rows(probe, program.answer(*probe)) for probe in probes]
    if len({(table.shape[1], classes) for table, classes in found}) > 1:
        raise ArmFailed("outputs differ in size from input to input", hint="give inputs of one shape")
    table = np.concatenate([table for table, _ in found]).astype("<f4")
    return Outputs(
        arm=arm,
        shape=table.shape,
        data=base64.b64encode(zlib.compress(table.tobytes(), 1)).decode(),
        input_digest=_digest(probes),
        classes=found[0][1],
    )


def leaves(output: Any) -> list[Any]:
    """The tensors or arrays inside an output, in order: itself, or those of a tuple, list, mapping or record."""
    if isinstance(output, Mapping):
        return [leaf for value in output.values() for leaf in leaves(value)]
    if isinstance(output, list | tuple):
        return [leaf for value in output for leaf in leaves(value)]
    return [output] if hasattr(output, "shape") else []


def _rows(probe: tuple[Any, ...], output: Any) -> tuple[Any, Maybe[int]]:
    """One row per input of a batch, its outputs one after the other; and how many classes a row begins with.

    Where outputs are not one per input, all of them are one row.
    """
    import numpy as np

    arrays = [_plain(leaf) for leaf in ([np.array(output)] if isinstance(output, int | float) else leaves(output))]
    if not arrays:
        raise ArmFailed(
            f"the output is a {type(output).__name__} without arrays or numbers",
            hint="return a tensor, an array, or a tuple, list or dict of them",
        )
    given = leaves(probe)
    batch = given[0].shape[0] if given and len(given[0].shape) else 1
    if any(array.ndim == 0 or array.shape[0] != batch for array in arrays):
        return np.concatenate([array.reshape(1, -1) for array in arrays], axis=1), _NO_CLASSES
    first = arrays[0]
    classes = first.shape[1] if first.ndim == 2 and first.shape[1] > 1 else _NO_CLASSES
    return np.concatenate([array.reshape(batch, -1) for array in arrays], axis=1), classes


_NO_CLASSES = Missing("the outputs are not classes")


def _plain(leaf: Any) -> Any:
    import numpy as np

    if not hasattr(leaf, "detach"):
        return np.asarray(leaf, dtype=np.float32)
    tensor = leaf.detach()
    return (tensor.dequantize() if tensor.is_quantized else tensor.float()).numpy()


def _digest(probes: list[tuple[Any, ...]]) -> str:
    import numpy as np

    seen = hashlib.sha256()
    for probe in probes:
        for leaf in leaves(probe):
            seen.update(np.ascontiguousarray(leaf).tobytes())
    return seen.hexdigest()
