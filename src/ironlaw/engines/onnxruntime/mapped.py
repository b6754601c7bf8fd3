"""weights=mapped, =repeated and =aliased in ONNX Runtime: a session whose weights lie in a mapped file.

The session's optimised graph is written with its weights outside of it, laid out as kernels pack them, and opened
again: the same operators then read their weights from the mapped file, and not from memory of the session. For
aliased, the pages of the mapping become the same few KiB of physical memory; for repeated, copies of these.
"""

from __future__ import annotations

import importlib.util
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ironlaw.engines.border.failures import explained
from ironlaw.engines.border.frames import mappings, over_frames
from ironlaw.errors import ArmFailed
from ironlaw.factors.weights import Memory

_SAVED = "session.optimized_model_external_initializers_"
SMALLEST = 4096  # bytes of a constant that goes to the file: a page, so that scales and biases keep their own memory
FLOATS = ("FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE")
# Of the bytes of the weights, what has to be read from the mapping: a kernel may keep a copy that it packs itself.
_LEAST_MAPPED = 0.5
_HINT = "leave weights= out for this arm"


def open_mapped(
    opening: Callable[[Path | None, Any], Any],
    options: Callable[[], Any],
    feed: dict[str, Any],
    *,
    memory: Memory,
) -> tuple[Any, str]:
    """A session over mapped weights, and what lies behind them.

    `opening` opens the arm's file, or another one, with some of the options that `options` makes.

    Raises:
        ArmFailed: the weights are not in float, are not read from the mapping, or answers differ before they alias.
    """
    if importlib.util.find_spec("onnx") is None:
        raise ArmFailed("the weights of a session are read by onnx, which is not installed", hint="pip install onnx")
    with tempfile.TemporaryDirectory(prefix="ironlaw-weights-") as folder, explained("mapping the weights"):
        graph, weights = Path(folder) / "optimized.onnx", Path(folder) / "weights.bin"
        plain = opening(None, _saving(options(), graph, weights))
        bytes_held = _held_bytes(graph)
        session = opening(graph, _as_it_is(options()))
        before = plain.run(None, feed)
        if not _are_same(before, session.run(None, feed)):
            raise ArmFailed("this file answers differently once it is optimised and opened again", hint=_HINT)
        ranges = [(address, length) for _, address, length in mappings(weights)]
        total = sum(length for _, length in ranges)
        if total < _LEAST_MAPPED * bytes_held:
            raise ArmFailed(
                f"ONNX Runtime reads {total / 1e6:.1f} of {bytes_held / 1e6:.1f} MB of weights from a mapped file, and "
                "the rest from its own copies",
                hint=_HINT,
            )
        behind = total if memory.period is None else over_frames(ranges, memory)
    if memory.period is not None:
        _refuse_unread(before, session.run(None, feed))
    return session, f"{total / 1e6:.1f} MB of weights over {behind / 1e6:.2f} MB of memory"


def _saving(options: Any, graph: Path, weights: Path) -> Any:
    """Options of a session that writes its optimised graph, and its packed weights beside it."""
    options.optimized_model_filepath = str(graph)
    options.add_session_config_entry(f"{_SAVED}file_name", weights.name)
    options.add_session_config_entry(f"{_SAVED}min_size_in_bytes", str(SMALLEST))
    options.add_session_config_entry("session.save_external_prepacked_constant_initializers", "1")
    return options


def _as_it_is(options: Any) -> Any:
    """Options of a session that optimises nothing: the graph is optimised already."""
    import onnxruntime

    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return options


def _held_bytes(graph: Path) -> int:
    """The bytes of the constants that were written outside of a graph.

    Raises:
        ArmFailed: there are none, or some are no floating-point numbers: scales among them would alias codes.
    """
    import onnx

    outside = [
        tensor
        for tensor in onnx.load(str(graph), load_external_data=False).graph.initializer
        if tensor.data_location == onnx.TensorProto.EXTERNAL
    ]
    kinds = {onnx.TensorProto.DataType.Name(tensor.data_type) for tensor in outside}
    if not outside or kinds - set(FLOATS):
        said = f"weights of {', '.join(sorted(kinds - set(FLOATS))).lower()}" if outside else "no weights to alias"
        raise ArmFailed(f"this session has {said}", hint=_HINT)
    widths = {one: onnx.helper.tensor_dtype_to_np_dtype(one).itemsize for one in {one.data_type for one in outside}}
    return sum(math.prod(tensor.dims) * widths[tensor.data_type] for tensor in outside)


def _are_same(one: list[Any], other: list[Any]) -> bool:
    import numpy

    return all(numpy.array_equal(first, second) for first, second in zip(one, other, strict=True))


def _refuse_unread(before: list[Any], after: list[Any]) -> None:
    """Check that what was aliased is what the session reads.

    Raises:
        ArmFailed: it answers as before, or no longer with numbers.
    """
    import numpy

    if _are_same(before, after):
        raise ArmFailed("ONNX Runtime does not read its weights from the mapped file", hint=_HINT)
    if not all(bool(numpy.isfinite(output).all()) for output in after if output.dtype.kind == "f"):
        raise ArmFailed("with its weights aliased this file answers with infinite numbers", hint=_HINT)
