"""What was planted where, and what else is truly there: declared before anything is measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).with_name("programs.py")
FILES = {
    "compiled": Path(__file__).with_name("compiled_programs.py"),
    "onnxruntime": Path(__file__).with_name("onnx_programs.py"),
    "openvino": Path(__file__).with_name("openvino_programs.py"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """Two programs that differ by one cause, which `control` has unless said otherwise.

    `is_fault` marks a cause that makes the comparison invalid (catalogue, part A): it is named by a validity concern.
    `also` holds causes that are truly there besides, each with the reason: confirming them is not false. They are
    written down here and nowhere else, so that a surprising confirmation is a false one until it is shown in this
    file why it is not.
    """

    name: str
    control: tuple[str, str]  # the arm's name, and its factory in programs.py
    changed: tuple[str, str]
    cause: str = ""  # empty: a null
    is_fault: bool = False
    also: tuple[tuple[str, str], ...] = ()
    engine: str = ""  # where the factories are those of FILES, which write files for an engine or give it modules
    levels: tuple[str, str] = ("", "")  # behind given@ENGINE or fp32@ENGINE, of control and changed arm
    budget_s: float = 30.0
    file: str = ""  # of FILES, where the factories are in another one than the engine's

    @property
    def source(self) -> Path:
        """The file of its factories."""
        return FILES.get(self.file or self.engine, PROGRAMS)

    def arms(self) -> tuple[tuple[str, str], ...]:
        """Names and sources."""
        return tuple((name, f"{self.source}:{factory}") for name, factory in (self.control, self.changed))


FBGEMM = ("quantized-engine", "both arms run by FBGEMM, which is not what torch prefers here and lacks the kernel")
INT8_DENSITY = ("simd-density", "one arm computes in int8 and the other in float")
FLOAT_LAYOUT = (
    "layout",
    "the float convolutions take 2.45 ms contiguous and 2.30 ms channels_last, in which int8 convolutions always are",
)
FITS_INT8 = (
    "cache-fit",
    "100 MB of float weights exceed the last cache of most CPUs (32 MB here), 25 MB of int8 ones do not",
)
FEWER_CALLS = (
    "dispatch-overhead",
    "unfused calls 25 operators through Python where fused calls 9; that is part of how fusion works",
)

UNFUSED_STORES = (
    "page-faults",
    "loops apart store results of 2 MB, which glibc gives back to the system and faults in again",
)
COMPILING_S = 100.0  # two packages and those of experiments take a C++ compiler 10 s each

PLANTS = (
    Plant(
        name="page-faults",
        control=("allocates", "large_activations"),
        changed=("reuses", "reused_activations"),
        cause="page-faults",
    ),
    Plant(
        name="denormals",
        control=("subnormal", "subnormal_weights"),
        changed=("normal", "normal_weights"),
        cause="denormals",
    ),
    Plant(
        name="weight-traffic",
        control=("float", "large_linear"),
        changed=("dynamic", "large_linear_int8"),
        cause="weight-traffic",
        also=(FITS_INT8, INT8_DENSITY),
    ),
    Plant(
        name="dispatch-overhead",
        control=("eager", "tiny"),
        changed=("traced", "tiny_traced"),
        cause="dispatch-overhead",
    ),
    Plant(
        name="train-mode",
        control=("training", "in_train_mode"),
        changed=("evaluating", "in_eval_mode"),
        cause="train-mode",
        is_fault=True,
    ),
    Plant(
        name="autograd",
        control=("graph", "recording_a_graph"),
        changed=("plain", "recording_nothing"),
        cause="autograd",
        is_fault=True,
    ),
    Plant(
        name="quantized-engine",
        control=("qnnpack", "int8_by_qnnpack"),
        changed=("x86", "int8_by_x86"),
        cause="quantized-engine",
    ),
    Plant(
        name="reference-kernel",
        control=("grouped", "int8_grouped"),
        changed=("dense", "int8_dense"),
        cause="reference-kernel",
        also=(FBGEMM,),
    ),
    Plant(
        name="dynamic-quantization",
        control=("dynamic", "ranges_looked_for"),
        changed=("known", "ranges_known"),
        cause="dynamic-quantization",
    ),
    Plant(
        name="thread-oversubscription",
        control=("greedy", "greedy"),
        changed=("modest", "modest"),
        cause="thread-oversubscription",
        is_fault=True,
    ),
    Plant(
        name="constant-input",
        control=("ones", "fed_ones"),
        changed=("drawn", "float_convolutions"),
        cause="constant-input",
        is_fault=True,
    ),
    Plant(
        name="simulated-quantization",
        control=("float", "float_convolutions"),
        changed=("int8", "still_simulated"),
        cause="simulated-quantization",
        is_fault=True,
    ),
    Plant(
        name="not-quantized",
        control=("float", "float_convolutions"),
        changed=("int8", "never_quantized"),
        cause="not-quantized",
        is_fault=True,
    ),
    Plant(
        name="uncalibrated",
        control=("float", "float_convolutions"),
        changed=("int8", "uncalibrated"),
        cause="uncalibrated",
        is_fault=True,
        also=(INT8_DENSITY, FLOAT_LAYOUT),
    ),
    Plant(
        name="layout",
        control=("contiguous", "contiguous"),
        changed=("channels-last", "channels_last"),
        cause="layout",
    ),
    Plant(
        name="fusion",
        control=("unfused", "unfused"),
        changed=("fused", "fused"),
        cause="fusion",
        also=(FEWER_CALLS,),
    ),
    Plant(
        name="simd-density",
        control=("float", "float_convolutions"),
        changed=("int8", "int8_by_x86"),
        cause="simd-density",
        also=(FLOAT_LAYOUT,),
    ),
    Plant(
        name="onnx-reference-kernel",
        control=("dynamic", "convolutions_dynamic"),
        changed=("float", "convolutions"),
        cause="reference-kernel",
        engine="onnxruntime",
    ),
    Plant(
        name="onnx-dynamic-quantization",
        control=("dynamic", "ranges_looked_for"),
        changed=("known", "ranges_known"),
        cause="dynamic-quantization",
        engine="onnxruntime",
    ),
    Plant(
        name="onnx-weight-decompression",
        control=("widened", "widened_in_every_call"),
        changed=("level4", "multiplied_in_int8"),
        cause="weight-decompression",
        engine="onnxruntime",
    ),
    Plant(
        name="onnx-unfused-qdq",
        control=("pairs", "convolutions_pairs"),
        changed=("float", "convolutions"),
        cause="unfused-qdq",
        engine="onnxruntime",
        levels=("+session.qdq=kept", "+session.qdq=kept"),
    ),
    Plant(
        name="onnx-thread-oversubscription",
        control=("greedy", "convolutions"),
        changed=("modest", "convolutions"),
        cause="thread-oversubscription",
        is_fault=True,
        engine="onnxruntime",
        levels=("+oversubscribe=yes", ""),
    ),
    Plant(
        name="onnx-not-quantized",
        control=("float", "convolutions"),
        changed=("int8", "convolutions"),
        cause="not-quantized",
        is_fault=True,
        engine="onnxruntime",
    ),
    Plant(
        name="null-onnx-float",
        control=("one", "convolutions"),
        changed=("two", "convolutions"),
        engine="onnxruntime",
    ),
    Plant(
        name="null-onnx-dynamic",
        control=("one", "convolutions_dynamic"),
        changed=("two", "convolutions_dynamic"),
        engine="onnxruntime",
    ),
    Plant(
        name="openvino-reference-kernel",
        control=("quantized", "rising_int8"),
        changed=("float", "rising"),
        cause="reference-kernel",
        engine="openvino",
    ),
    Plant(
        name="openvino-unfused-qdq",
        control=("pairs", "convolutions_int8"),
        changed=("fused", "convolutions_int8"),
        cause="unfused-qdq",
        engine="openvino",
        levels=("+plugin.low-precision=off", ""),
        also=(INT8_DENSITY,),
    ),
    Plant(
        name="openvino-weight-decompression",
        control=("widened", "products_compressed"),
        changed=("multiplied", "products_compressed"),
        cause="weight-decompression",
        engine="openvino",
        levels=("+plugin.dynamic-quantization=off", ""),
    ),
    Plant(
        name="openvino-simd-density",
        control=("float", "convolutions"),
        changed=("int8", "convolutions_int8"),
        cause="simd-density",
        engine="openvino",
    ),
    Plant(
        name="openvino-thread-oversubscription",
        control=("greedy", "convolutions"),
        changed=("modest", "convolutions"),
        cause="thread-oversubscription",
        is_fault=True,
        engine="openvino",
        levels=("+oversubscribe=yes", ""),
    ),
    Plant(
        name="openvino-not-quantized",
        control=("float", "convolutions"),
        changed=("int8", "convolutions"),
        cause="not-quantized",
        is_fault=True,
        engine="openvino",
    ),
    Plant(
        name="null-openvino-float",
        control=("one", "convolutions"),
        changed=("two", "convolutions"),
        engine="openvino",
    ),
    Plant(
        name="null-openvino-int8",
        control=("one", "convolutions_int8"),
        changed=("two", "convolutions_int8"),
        engine="openvino",
    ),
    Plant(
        name="recompilation",
        control=("longer", "ever_longer"),
        changed=("one", "one_length"),
        cause="recompilation",
        file="compiled",
        budget_s=COMPILING_S,
    ),
    Plant(
        name="cast-per-call",
        control=("converting", "converted_in_every_call"),
        changed=("converted", "converted_once"),
        cause="cast-per-call",
        file="compiled",
        budget_s=60.0,
    ),
    Plant(
        name="compiled-fusion",
        control=("apart", "chain"),
        changed=("fused", "chain"),
        cause="fusion",
        engine="compiled",
        levels=("+inductor.fusion=off", ""),
        also=(UNFUSED_STORES,),
        budget_s=COMPILING_S,
    ),
    Plant(
        name="compiled-prepacking",
        control=("stored", "few_rows"),
        changed=("packed", "few_rows"),
        cause="prepacking",
        engine="compiled",
        levels=("+inductor.prepacking=off", ""),
        budget_s=COMPILING_S,
    ),
    Plant(
        name="compiled-simd-density",
        control=("scalars", "squashed"),
        changed=("vectors", "squashed"),
        cause="simd-density",
        engine="compiled",
        levels=("+inductor.vectors=off", ""),
        budget_s=COMPILING_S,
    ),
    Plant(
        name="compiled-page-faults",
        control=("returned", "blown"),
        changed=("retained", "blown"),
        cause="page-faults",
        engine="compiled",
        levels=("", "+malloc=retain"),
        budget_s=COMPILING_S,
    ),
    Plant(
        name="compiled-cache-fit",
        control=("cold", "in_the_cache"),
        changed=("warm", "in_the_cache"),
        cause="cache-fit",
        engine="compiled",
        levels=("+cache=cold", ""),
        budget_s=COMPILING_S,
    ),
    Plant(
        name="compiled-thread-oversubscription",
        control=("greedy", "squashed"),
        changed=("modest", "squashed"),
        cause="thread-oversubscription",
        is_fault=True,
        engine="compiled",
        levels=("+oversubscribe=yes", ""),
        budget_s=COMPILING_S,
    ),
    Plant(
        name="null-compiled-loops",
        control=("one", "squashed"),
        changed=("two", "squashed"),
        engine="compiled",
        budget_s=COMPILING_S,
    ),
    Plant(
        name="null-compiled-products",
        control=("one", "few_rows"),
        changed=("two", "few_rows"),
        engine="compiled",
        budget_s=COMPILING_S,
    ),
    Plant(name="null-convolutions", control=("one", "float_convolutions"), changed=("two", "float_convolutions")),
    Plant(name="null-renamed", control=("one", "small_linear"), changed=("two", "small_linear_again")),
    Plant(name="null-int8", control=("one", "int8_by_x86"), changed=("two", "int8_by_x86")),
    Plant(name="null-page-faults", control=("one", "large_activations"), changed=("two", "large_activations")),
    Plant(name="null-tiny", control=("one", "tiny"), changed=("two", "tiny")),
)  # fmt: skip
BY_NAME = {plant.name: plant for plant in PLANTS}
