"""weights=mapped, =repeated and =aliased in OpenVINO: its packed float weights over other frames of physical memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ironlaw.engines.border.constant_pages import Pages, constant_ranges, float_pages
from ironlaw.engines.border.frames import over_frames, read_bytes
from ironlaw.errors import ArmFailed
from ironlaw.factors.weights import Memory

_SMALLEST = 1 << 14  # bytes of a constant that counts as weights
# Of the bytes of the weights, what inferences have to read from the mapping.
_LEAST_READ = 0.8
_HINT = "leave weights= out for this arm"

Answers = Callable[[int], Sequence[Any]]


def remap(model: Any, before: Pages, answers: Answers, *, memory: Memory) -> str:
    """Map the float weights of a loaded model over other frames, and return what was done, in words.

    `model` is the source of the loaded model, `before` the pages before it was loaded; `answers` runs it on one of its
    inputs, by number.

    Raises:
        ArmFailed: its weights are not found or not in float, or its answers become infinite.
    """
    expected = weight_bytes(model)
    if not expected:
        raise ArmFailed("this model has no weights in float that could be aliased", hint=_HINT)
    plain = answers(0)
    readings = [float_pages()]
    answers(-1)
    readings.append(float_pages())
    ranges = constant_ranges(before, readings)
    if not ranges:
        raise ArmFailed("OpenVINO's packed weights were not found in memory", hint=_HINT)
    others = read_bytes()
    behind = over_frames(ranges, memory, is_private=True)
    _check(plain, answers(0), repeats=memory.period is not None)
    read = read_bytes() - others
    if read < _LEAST_READ * expected:
        raise ArmFailed(
            f"OpenVINO reads {read / 1e6:.1f} of {expected / 1e6:.1f} MB of weights from the mapping, and the rest "
            "from memory that was not found",
            hint=_HINT,
        )
    return f"{read / 1e6:.1f} MB of weights over {min(behind, read) / 1e6:.2f} MB of memory"


def weight_bytes(model: Any) -> int:
    """The bytes of the matrices that a model has in float32, without tables of which an inference reads some rows."""
    sizes = [
        math.prod(node.output(0).get_shape()) * node.output(0).get_element_type().size
        for node in model.get_ordered_ops()
        if node.get_type_name() == "Constant"
        and node.output(0).get_element_type().get_type_name() == "f32"
        and len(node.output(0).get_shape()) > 1
        and not _is_looked_up(node)
    ]
    return sum(size for size in sizes if size >= _SMALLEST)


def _is_looked_up(constant: Any) -> bool:
    """Whether nothing reads a constant but what selects rows of it."""
    readers = constant.output(0).get_target_inputs()
    return all(reader.get_node().get_type_name() == "Gather" for reader in readers)


def _check(before: Sequence[Any], after: Sequence[Any], *, repeats: bool) -> None:
    """Check that the mapped pages are what the model reads.

    Raises:
        ArmFailed: with numbers that repeat it answers as before, or no longer with numbers; mapped, differently.
    """
    import numpy

    same = all(numpy.array_equal(first, second) for first, second in zip(before, after, strict=True))
    if same and repeats:
        raise ArmFailed("OpenVINO does not read its weights from the memory that was mapped", hint=_HINT)
    if not same and not repeats:
        raise ArmFailed("with its weights mapped this model answers differently", hint=_HINT)
    if not all(bool(numpy.isfinite(output).all()) for output in after if output.dtype.kind == "f"):
        raise ArmFailed("with repeated weights this model answers with infinite numbers", hint=_HINT)
