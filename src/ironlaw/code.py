"""Executed code: samples of the instruction pointer, resolved to object, symbol and instruction class."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ironlaw.missing import Maybe, Missing
from ironlaw.ranges import Amount, Ordinal, Positive


class InstructionClass(Enum):
    """The widest kind of arithmetic in the loop around a sample; the value is its name in machine-readable output."""

    __hash__ = object.__hash__  # each member is one object; Enum hashes its name in Python

    AMX = "amx"
    VNNI = "vnni"  # dot products of bytes or words: VPDPBUSD and its family, EVEX and VEX
    AVX512_BF16 = "avx512-bf16"
    AVX512_FP16 = "avx512-fp16"
    AVX512 = "avx512"
    AVX2 = "avx2"  # 256 bits, with or without FMA
    SSE = "sse"  # 128 bits; in recordings of earlier versions also scalar floating point
    SCALAR = "scalar"  # one floating-point number at a time
    SVE = "sve"
    I8MM = "i8mm"
    DOT_PRODUCT = "dot-product"  # SDOT, UDOT
    BF16 = "bf16"  # BFMMLA, BFDOT
    NEON = "neon"
    INTEGER = "integer"  # general-purpose registers only
    UNKNOWN = "unknown"  # the kernel's code, or bytes that could not be read or decoded


class LoopWork(Enum):
    """What the loop around a sample does, by its most specific instruction."""

    __hash__ = object.__hash__  # each member is one object; Enum hashes its name in Python

    INTEGER_MULTIPLY_ADD = "integer-multiply-add"  # of bytes or words: dot products, matrix tiles, pairs
    MULTIPLY_ADD = "multiply-add"  # of floating point: fused multiply-adds, dot products, tiles, sums of products
    RUNNING_MEAN = "running-mean"  # divides by a counter: Welford's mean and variance
    BYTE_TABLE = "byte-table"  # sums or divides floating-point numbers that bytes select in a table: a softmax of bytes
    CONVERSION = "conversion"  # between number formats
    ARITHMETIC = "arithmetic"  # on vectors or floating point, none of the above
    SPIN = "spin"  # general-purpose registers alone, with the instruction for waiting loops (pause)
    MOVE = "move"  # loads, stores and shuffles of vectors alone; in general-purpose registers, from array to array
    CONTROL = "control"  # general-purpose registers alone
    UNKNOWN = "unknown"


class SampleMode(Enum):
    """The mode of the CPU when the sample was taken."""

    __hash__ = object.__hash__  # each member is one object; Enum hashes its name in Python

    USER = "user"
    KERNEL = "kernel"


class SampledBy(Enum):
    """What took the samples."""

    CPU_CLOCK = "cpu-clock"  # the kernel's software clock, by perf_event_open
    TIMER = "timer"  # a CPU-time timer whose signal handler stores the pointer; limited to the kernel's tick
    CYCLES = "cycles"  # the PMU's cycle counter


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSite:
    """Samples in one symbol, in loops of one instruction class.

    `offset` is the location of most of them, from the start of the symbol or, without a symbol, of the object.
    """

    object: str  # file name without its folder; "[kernel]", "[generated]", "[stack]" ... for what no file backs
    symbol: str  # demangled; empty where none is known
    near: str = ""  # without a symbol: the exported one before it, which shows the part of the library
    offset: int
    instructions: InstructionClass
    work: LoopWork
    mode: SampleMode
    count: Positive
    called_by_turn: bool = True  # by the thread that ran the inference; False: by another thread of the pool
    function: Amount = 0  # without a symbol: where the function around it begins, by the unwind table; 0: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonFunction:
    """Samples in the interpreter's own code while it ran one Python function, in inferences of their own."""

    name: str  # qualified; empty where the stack showed none
    file: str  # name without its folder
    count: Positive


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSamples:
    """One sampling turn: the code that the threads of an arm executed during its inferences.

    Times in ns over the whole turn. `wall_ns` is that of the sampled inferences, `plain_ns` that of as many inferences
    in the same turn without sampling (0 where there were none), `cpu_ns` the CPU time of all threads while sampled.
    `period_ns` is the CPU time of one thread between two samples. `lost` samples were dropped by the kernel.
    """

    arm: str
    replicate: Ordinal
    round: Ordinal
    inferences: Positive
    wall_ns: Amount
    plain_ns: Amount
    cpu_ns: Amount
    period_ns: Positive
    by: SampledBy
    kernel_seen: Maybe[bool] = True  # whether samples in the kernel's code were taken too
    threads: Ordinal = 1  # that spent CPU time
    lost: Amount = 0
    unsampled_ns: Amount = 0  # part of `cpu_ns`: of threads that could not be sampled
    sites: Maybe[tuple[CodeSite, ...]] = Missing("were not taken")
    functions: Maybe[tuple[PythonFunction, ...]] = Missing("the interpreter's functions were not sampled")
