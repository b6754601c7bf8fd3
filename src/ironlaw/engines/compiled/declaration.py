"""What Inductor is and offers."""

from __future__ import annotations

from ironlaw.engine import Declaration, Offer
from ironlaw.engines.onednn import PERF_MAP
from ironlaw.engines.torch_modules.operators import OPERATORS

_OPTIONS = ("inductor.freezing", "inductor.fusion", "inductor.prepacking", "inductor.vectors")
# Loops are generated for an instruction set and a number of threads.
_COMPILED_IN = (*_OPTIONS, "isa", "threads", "oversubscribe", "phase")

DECLARATION = Declaration(
    title="torch.compile's Inductor",
    remedy="torch.compile(model)",
    extra="compiled",
    loads=("torch", "torch._inductor"),
    offers={
        "fp32": Offer(reads=_COMPILED_IN, opens=("weights",)),
        "bf16": Offer(reads=_COMPILED_IN, opens=("weights",)),
        "int8": Offer(reads=(*_COMPILED_IN, "int8-blocks"), makes=("torchao",)),
        "int8-weights": Offer(reads=_COMPILED_IN, makes=("torchao",)),
        "int4-weights": Offer(reads=_COMPILED_IN, makes=("torchao",)),
        "int8-dynamic": Offer(reads=(*_COMPILED_IN, "activation-ranges"), makes=("torchao",)),
    },
    options=("isa",),
    tools=("$CXX", "g++", "clang++"),
    tools_hint="no C++ compiler found: install g++, for example sudo apt-get install g++",
    candidates=("fp32", "bf16", "int8"),
    scripted=("denormals",),
    variations=(("malloc", "retain"),),
    operators=OPERATORS,
    leaves_by={"int8": "int8-blocks"},
    names_code=PERF_MAP,
    moves=True,
)
