"""How long the ledger of a large model takes to explain: python -m benchmarks.ledger_speed [LAYERS].

Prints seconds for two arms of that many layers (1000 unless said), eight replicates, four probes; the aim is 2 s.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace

from tests.analysis.scripted_layers import FLOAT_ARM, INT8_ARM, recorded

from ironlaw.analysis.assemble import explain
from ironlaw.layer import LayerCall
from ironlaw.measure.layers.scripted import ScriptedLayer

KINDS = ("Conv2d", "BatchNorm2d", "ReLU", "add")


def chain(layers: int, *, is_functional: bool) -> tuple[ScriptedLayer, ...]:
    """Blocks of four layers; the additions as functions, of the model itself or of their block."""
    made = []
    for place in range(layers):
        kind, block = KINDS[place % 4], place // 4
        feeders = (place - 1, max(-1, place - 4)) if kind == "add" else (place - 1,)
        path = "" if kind == "add" and is_functional else f"block{block}" if kind == "add" else f"block{block}.{kind}"
        call = LayerCall(
            path=path,
            operator=kind,
            fed_by=tuple(dict.fromkeys(feeders)),
            is_functional=kind == "add",
            repeat=block if not path else 0,
        )
        made.append(ScriptedLayer(call=call, user_instructions=8e7 / layers))
    return tuple(made)


def main() -> None:
    """Record by script, explain for real."""
    layers = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    float_arm = replace(FLOAT_ARM, layers=chain(layers, is_functional=False))
    int8_arm = replace(INT8_ARM, layers=chain(layers, is_functional=True), user_instructions=9e7)
    recording = recorded(float_arm, int8_arm, replicates=8, turn_noise=0.01)
    began_s = time.perf_counter()
    explanation = explain(recording)
    took_s = time.perf_counter() - began_s
    rows = [len(one.ledger.rows) for one in explanation.comparisons if hasattr(one.ledger, "rows")]
    print(f"{layers} layers: {rows} rows explained in {took_s:.2f} s (aim: 2 s)")


if __name__ == "__main__":
    main()
