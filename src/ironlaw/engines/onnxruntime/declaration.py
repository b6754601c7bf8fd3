"""The declaration of ONNX Runtime."""

from __future__ import annotations

from ironlaw.engine import Declaration, Offer
from ironlaw.engines.onnxruntime.operators import OPERATORS
from ironlaw.telemetry import TelemetryOff

_SESSION = ("session.arena", "session.optimization", "session.prepacking", "session.qdq", "session.spinning")

CAP = "IRONLAW_ONNXRUNTIME_ISA"  # what an interpreter knows its arms' isa= by

DECLARATION = Declaration(
    title="ONNX Runtime",
    remedy="export with torch.onnx.export and run it in ONNX Runtime",
    extra="onnxruntime",
    loads=("onnxruntime",),
    imports_first=("ironlaw.engines.onnxruntime.capping",),
    variables={"isa": CAP},
    offers={
        "fp32": Offer(opens=("weights",)),
        "int8": Offer(
            reads=(
                "quantization.bias-correction",
                "quantization.calibration",
                "quantization.format",
                "quantization.granularity",
                "quantization.signs",
                "quantization.smooth-quant",
                "float-nodes",
            ),
            makes=("onnx",),
            extra="onnx",
        ),
        "int8-dynamic": Offer(
            reads=("activation-ranges", "float-ops", "float-nodes", "quantization.granularity"),
            makes=("onnx",),
            extra="onnx",
        ),
        "given": Offer(
            reads=("accuracy-level", "activation-ranges", "float-ops", "float-nodes", "half", "phase"),
            opens=("weights",),
        ),
    },
    options=(*_SESSION, "isa"),
    scripted=("denormals", *_SESSION),
    files=(".onnx",),
    phases=("prefill:128", "decode:32"),
    recorded=("onnx", "onnxscript"),
    # Read while the library is loaded; before disable_telemetry_events can be called, it has made files in ~/.cache.
    telemetry_off=TelemetryOff(variables={"ORT_DISABLE_TELEMETRY": "1"}),
    candidates=("fp32", "int8", "int8-dynamic"),
    operators=OPERATORS,
    leaves_by={"int8": "float-nodes", "int8-dynamic": "float-nodes"},
    recalibrations={
        "int8": (
            ("quantization.bias-correction", "on"),
            ("precision", "int8-dynamic"),
            ("quantization.calibration", "percentile"),
            ("quantization.signs", "s8s8"),
            ("quantization.smooth-quant", "0.5"),
        )
    },
    moves=True,
)
