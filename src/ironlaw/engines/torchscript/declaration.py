"""The declaration of TorchScript."""

from __future__ import annotations

from ironlaw.engine import Declaration, Offer
from ironlaw.engines.onednn import PERF_MAP
from ironlaw.engines.torch_modules.operators import OPERATORS

DECLARATION = Declaration(
    title="TorchScript",
    remedy="torch.jit.freeze(torch.jit.trace(model, example))",
    extra="torch",
    loads=("torch",),
    offers={"fp32": Offer(), "int8": Offer()},
    options=("isa",),
    candidates=("fp32", "int8"),
    scripted=("denormals",),
    variations=(("malloc", "retain"),),
    operators=OPERATORS,
    names_code=PERF_MAP,
    moves=True,
)
