"""Plants of language models in phases: bytes of weights within and beyond the caches, and weights widened in calls."""

from __future__ import annotations

from .plant import Plant

IN_BFLOAT16 = ("simd-density", "one arm multiplies in bfloat16, by AMX where the CPU has it, and the other in float32")
IN_FLOAT = (
    "weight-decompression",
    "both multiply in float, which in int8 is 1.14 times as fast on Zen 5; and widening costs what more bytes cost",
)
FIVE_TIMES_THE_BYTES = ("weight-traffic", "weights that were widened once are 107 MB, read for each prompt, and not 21")
FROM_THE_LAST_CACHE = (
    "weight-traffic",
    "aliased weights stay in level 2, and reading 12 MB from the last-level cache may cost more than that",
)
IN_VNNI = ("simd-density", "level 4 multiplies in int8 dot products where the CPU has them, and level 0 in float")

DECODERS = (
    Plant(
        name="llamacpp-weight-traffic",
        control=("f32", "beyond_in_32"),
        changed=("f16", "beyond_in_16"),
        cause="weight-traffic",
        engine="llamacpp",
        levels=("+phase=decode:8", "+phase=decode:8"),
        budget_s=70.0,
    ),
    Plant(
        name="llamacpp-weight-traffic-in-8",
        control=("f16", "beyond_in_16"),
        changed=("q8", "beyond_in_8"),
        cause="weight-traffic",
        engine="llamacpp",
        levels=("+phase=decode:8", "+phase=decode:8"),
        budget_s=70.0,
    ),
    Plant(
        name="llamacpp-prefill",
        control=("f16", "prompted_in_16"),
        changed=("q8", "prompted_in_8"),
        absent="weight-traffic",
        engine="llamacpp",
        levels=("+phase=prefill:512", "+phase=prefill:512"),
        budget_s=100.0,
    ),
    Plant(
        name="llamacpp-inside-the-last-cache",
        control=("f16", "inside_in_16"),
        changed=("q8", "inside_in_8"),
        absent="weight-traffic",
        engine="llamacpp",
        levels=("+phase=decode:8", "+phase=decode:8"),
        also=(FROM_THE_LAST_CACHE,),
        budget_s=50.0,
    ),
    Plant(
        name="llamacpp-within-the-cache",
        control=("f32", "within_in_32"),
        changed=("f16", "within_in_16"),
        absent="weight-traffic",
        engine="llamacpp",
        levels=("+phase=decode:8", "+phase=decode:8"),
        budget_s=40.0,
    ),
    Plant(
        name="decoder-weight-traffic",
        control=("fp32", "beyond_in_32"),
        changed=("bf16", "beyond_in_16"),
        cause="weight-traffic",
        file="decoders",
        levels=("+phase=decode:8", "+phase=decode:8"),
        also=(IN_BFLOAT16,),
        budget_s=120.0,
    ),
    Plant(
        name="decoder-prefill",
        control=("fp32", "prompted_in_32"),
        changed=("bf16", "prompted_in_16"),
        absent="weight-traffic",
        file="decoders",
        # Memory is kept in both, so that the time goes to experiments on weights.
        levels=("+phase=prefill:256+malloc=retain", "+phase=prefill:256+malloc=retain"),
        also=(IN_BFLOAT16,),
        budget_s=130.0,
    ),
    Plant(
        name="decoder-within-the-cache",
        control=("fp32", "within_in_32"),
        changed=("bf16", "within_in_16"),
        absent="weight-traffic",
        file="decoders",
        levels=("+phase=decode:8", "+phase=decode:8"),
        also=(IN_BFLOAT16,),
        budget_s=40.0,
    ),
    Plant(
        name="onnx-prefill-widened",
        control=("level0", "four_bits_by_128"),
        changed=("level4", "four_bits_by_128"),
        cause="weight-decompression",
        engine="onnxruntime",
        levels=("+phase=prefill:128", "+phase=prefill:128+accuracy-level=4"),
        also=(IN_VNNI,),
        budget_s=40.0,
    ),
    Plant(
        name="onnx-prefill-widened-at-no-cost",
        control=("level0", "four_bits_by_32"),
        changed=("once", "four_bits_by_32"),
        absent="weight-decompression",
        engine="onnxruntime",
        levels=("+phase=prefill:256", "+phase=prefill:256+float-ops=MatMulNBits"),
        also=(IN_FLOAT, FIVE_TIMES_THE_BYTES),
        budget_s=60.0,
    ),
)
