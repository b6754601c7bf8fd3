"""The declaration of OpenVINO."""

from __future__ import annotations

from ironlaw.engine import Declaration, Offer
from ironlaw.engines.onednn import PERF_MAP
from ironlaw.engines.openvino.operators import OPERATORS
from ironlaw.telemetry import TelemetryOff

_NNCF = ("nncf",)
_PLUGIN = ("plugin.dynamic-quantization", "plugin.low-precision", "plugin.precision", "plugin.snippets")
_TOOLS = (
    "nncf.accuracy-control", "nncf.bias-correction", "nncf.granularity", "nncf.overflow-fix", "nncf.preset",
    "nncf.ranges", "nncf.smooth-quant",
)  # fmt: skip
_SURGERY = ("float-ops", "float-nodes")

DECLARATION = Declaration(
    title="OpenVINO",
    remedy="convert with openvino.convert_model and compile it for CPU",
    extra="openvino",
    loads=("openvino",),
    offers={
        "fp32": Offer(opens=("weights",)),
        "bf16": Offer(),
        "int8": Offer(reads=(*_SURGERY, *_TOOLS), makes=_NNCF),
        "int8-weights": Offer(reads=_SURGERY, makes=_NNCF),
        "given": Offer(reads=(*_SURGERY, "phase"), opens=("weights",)),
    },
    files=(".onnx", ".xml"),
    phases=("prefill:128", "decode:32"),
    options=(*_PLUGIN, "isa"),
    scripted=("denormals", *_PLUGIN),
    # OpenVINO and NNCF report through this package, and use stubs where it is missing. Its opt_in_out --opt_out
    # writes to the user's home and reports the opting out.
    telemetry_off=TelemetryOff(withheld=("openvino_telemetry",)),
    candidates=("fp32", "bf16", "int8"),
    operators=OPERATORS,
    leaves_by={"int8": "float-nodes"},
    recalibrations={
        "int8": (
            ("nncf.overflow-fix", "off"),
            ("nncf.ranges", "quantile"),
            ("nncf.ranges", "histogram"),
            ("nncf.preset", "mixed"),
            ("nncf.bias-correction", "full"),
            ("nncf.smooth-quant", "0.5"),
            ("nncf.accuracy-control", "0.99"),
        )
    },
    # EfficientNet-Lite0: 35 s by 64 inputs to choose by, of 9 s for the arm itself, and 189 of 10 s by 171.
    longer={("nncf.accuracy-control", "0.99"): 8.0},
    names_code=PERF_MAP,
)
