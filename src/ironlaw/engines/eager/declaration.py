"""The declaration of eager PyTorch. A user's own program runs here unchanged, and needs torch only if it imports it."""

from __future__ import annotations

from ironlaw.engine import Declaration, Offer
from ironlaw.engines.onednn import PERF_MAP
from ironlaw.engines.torch_modules.operators import OPERATORS

# torch.load reads its settings from the second.
_TORCH = ("torch", "torch.utils.serialization.config")

DECLARATION = Declaration(
    title="eager PyTorch",
    remedy="run it in eager PyTorch",
    extra="torch",
    offers={
        "fp32": Offer(reads=("fusion",), loads=_TORCH),
        "int8": Offer(reads=("fusion", "calibration", "quantized-engine", "int8-blocks"), loads=_TORCH),
        "int8-dynamic": Offer(reads=("fusion", "quantized-engine"), loads=_TORCH),
        # torchao holds the classes of its tensors, which a saved module names.
        "int8-weights": Offer(reads=("fusion",), loads=(*_TORCH, "torchao"), extra="compiled"),
        "int4-weights": Offer(reads=("fusion",), loads=(*_TORCH, "torchao"), extra="compiled"),
        "bf16": Offer(reads=("fusion",), loads=_TORCH),
        # OpenVINO, called by a program, pins the threads of each inference to the CPU that it was loaded on.
        "given": Offer(reads=("fusion", "quantized-engine"), uses=("torch",), stays=True),
    },
    options=("isa", "phase"),
    shows_module=True,
    recorded=("torchvision",),
    candidates=("fp32", "fp32+fused", "bf16", "int8", "int8+fused", "int8-dynamic"),
    variations=(("malloc", "retain"), ("layout", "channels_last")),
    scripted=("denormals", "layout"),
    is_plain=True,
    operators=OPERATORS,
    leaves_by={"int8": "int8-blocks"},
    names_code=PERF_MAP,
    moves=True,
)
