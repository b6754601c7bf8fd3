"""precision: the number format requested from the engine."""

from __future__ import annotations

from typing import ClassVar

from ironlaw.factor import Factor


class Precision(Factor):
    """fp32, or one of the ways to compute in fewer bits; `given` runs a user's own program unchanged."""

    name = "precision"
    summary = "number format of weights and activations"
    plain = "fp32"
    levels = ("fp32", "int8", "int8-dynamic", "int8-weights", "int4-weights", "bf16", "given")
    remedies: ClassVar = {
        "fp32": "keep fp32",
        "int8": "quantize statically: torch.ao.quantization prepare, calibrate on real inputs, convert",
        "int8-dynamic": "torch.ao.quantization.quantize_dynamic(model)",
        "int8-weights": "torchao.quantization.quantize_(model, Int8WeightOnlyConfig())",
        "int4-weights": "torchao.quantization.quantize_(model, PrototypeInt4WeightOnlyConfig(group_size=32))",
        "bf16": "model.to(torch.bfloat16), inputs likewise",
        "given": "use it as it is",
    }
    shapes_model = True
    may_move = "kernels, layout, memory traffic, dispatch: everything; it is the question, not an experiment"


FACTOR = Precision()
