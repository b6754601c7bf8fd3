"""What the catalogue's causes are called in a sentence, and how each works."""

from __future__ import annotations

# Slug: a noun phrase that can be the subject of a sentence, and the mechanism as a clause.
CAUSES: dict[str, tuple[str, str]] = {
    "train-mode": ("training mode", "BatchNorm computes batch statistics and dropout runs in one arm"),
    "autograd": ("autograd", "the float arm records a graph for gradients; the int8 arm cannot"),
    "whole-process-counting": (
        "counting the whole process",
        "imports, loading and calibration are counted as if they were inference",
    ),
    "cold-start": ("cold first inferences", "the first inferences pay for compiling, packing and paging in"),
    "unequal-arms": ("unequal arms", "the arms differ in more than what is being compared"),
    "uncalibrated": ("missing calibration", "observers never saw data, so a broken model is being timed"),
    "constant-input": ("constant input", "ones or zeros reward sparsity, prediction and avoid denormals"),
    "not-quantized": ("a model that is not quantized", "float kernels are compared with float kernels"),
    "simulated-quantization": ("simulated quantization", "quantize and dequantize surround float kernels"),
    "thread-oversubscription": (
        "too many threads",
        "the thread pool is larger than the CPUs it may use, or another pool spins",
    ),
    "frequency": ("clock frequency", "the arms ran at different clock frequencies"),
    "noisy-host": ("a noisy host", "other work took time from the arms"),
    "process-layout": ("process layout", "where the process landed in memory moves small differences"),
    "pmu-misuse": ("misread counters", "multiplexed, wrapped or partial counts are read as truth"),
    "misleading-metric": ("a misleading metric", "a ratio moves against the time it is taken to explain"),
    "unequal-work": ("unequal work", "shape, batch or preprocessing differ between the arms"),
    "page-faults": (
        "page faults",
        "large activations are given back to the system and faulted in again at every inference",
    ),
    "simd-density": ("SIMD density", "one instruction does more multiply-accumulates"),
    "weight-traffic": ("weight traffic", "fewer bytes of weights come from memory"),
    "address-translation": ("address translation", "fewer, larger pages cover the same memory"),
    "cache-fit": ("cache fit", "the working set crosses the capacity of a cache"),
    "activation-traffic": ("activation traffic", "fewer bytes of activations move between layers"),
    "fusion": ("fusion", "fewer kernels run, and intermediate results are not stored"),
    "layout": ("memory layout", "one arm computes channels-last, the other pays for reordering"),
    "weak-baseline": ("a weak baseline", "the control runs a poor library for this model"),
    "denormals": ("denormals", "one arm computes on subnormal numbers, which take assists"),
    "dispatch-overhead": (
        "dispatch overhead",
        "the framework's cost per operator, whatever the operator does",
    ),
    "prepacking": ("prepacking", "weights are reordered once instead of at each call"),
    "context-switches": ("context switches", "the scheduler takes the CPU away more often in one arm"),
    "engine": ("the engine", "another engine brings its own allocator, layout and kernels"),
    "no-dot-product-isa": (
        "no dot-product instructions",
        "this CPU has no int8 dot product, so it is emulated in three instructions",
    ),
    "reference-kernel": ("a reference kernel", "a shape falls outside the fast path of the library"),
    "quantized-engine": (
        "the quantized backend",
        "another backend for quantized operators would suit this CPU",
    ),
    "quantize-dequantize": ("quantizing and dequantizing", "extra passes over the activations"),
    "unfused-qdq": (
        "unfused quantize/dequantize pairs",
        "something blocks the pattern the engine would fuse",
    ),
    "precision-islands": ("precision islands", "operators without an int8 form stay float in between"),
    "dynamic-quantization": (
        "finding ranges at each call",
        "the range of a layer's input is looked for at each call, before its values are quantized",
    ),
    "winograd": ("Winograd convolution", "the float arm needs fewer multiplications than direct int8"),
    "layout-conversion": ("layout conversion", "permutes and reorders run at each call"),
    "thread-scaling": ("thread scaling", "one arm uses the threads less well"),
    "unoptimised-op": ("an unoptimised operator", "a quantized operator runs scalar code"),
    "low-intensity": ("low arithmetic intensity", "requantizing each output costs more than computing it"),
    "signedness": ("signedness", "the sign and zero point of the operands cost extra instructions"),
    "fusion-regression": (
        "fusion that costs",
        "the fused or compiled kernel is worse than the separate ones",
    ),
    "regime": ("the regime", "the gain turns with batch, threads or shape"),
}


def cause_title(slug: str) -> str:
    """The cause as a noun phrase; one the catalogue does not hold is its slug, spelled out."""
    return CAUSES[slug][0] if slug in CAUSES else slug.replace("-", " ")


def cause_mechanism(slug: str) -> str:
    """How the cause works, as a clause; empty for one the catalogue does not hold."""
    return CAUSES[slug][1] if slug in CAUSES else ""
