"""The Reshapes that ONNX Runtime's optimizer inserts around a MatMul of three dimensions to compute it as a Gemm."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ironlaw.layer import LayerCall, Origin

BEFORE_GEMM, BEHIND_GEMM = "gemm_input_reshape", "gemm_output_reshape"  # what their nodes are called
_PRODUCT = re.compile("Gemm|MatMul")  # a quantizer may since have made another product of the Gemm


def origins_of_reshapes(calls: Sequence[LayerCall], names: Sequence[str]) -> Iterator[tuple[Origin, ...]]:
    """The layer that each call belongs to if it is such a Reshape, by the `names` of the nodes; nothing else has one.

    Only next to a product whose form it has: a profile without its graph does not show what reads what.
    """
    for place, (call, name) in enumerate(zip(calls, names, strict=True)):
        step = {BEFORE_GEMM: 1, BEHIND_GEMM: -1}.get(name, 0)
        gemm = calls[place + step] if step and 0 <= place + step < len(calls) else None
        if gemm is None or not _PRODUCT.search(gemm.operator):
            yield ()
            continue
        reads = call.outputs == gemm.inputs[:1] if step > 0 else call.inputs == gemm.outputs[:1]
        origin = Origin(path=gemm.path, operator=gemm.operator, is_functional=gemm.is_functional, repeat=gemm.repeat)
        yield (origin,) if reads else ()
