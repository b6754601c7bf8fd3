"""Programs whose code is known, sampled in a process of their own: `python -m ... PROGRAM [TREATMENT ...]`.

Prints the CodeSamples of one turn as JSON, and on the line before it what the program knows about itself. Treatments
restrict the process as users' machines do, before anything is sampled.
"""

from __future__ import annotations

import ctypes
import importlib
import mmap
import os
import platform
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ironlaw.code import CodeSamples, SampledBy
from ironlaw.measure.layers.reading import run_plain
from ironlaw.measure.messages import CodeTurn
from ironlaw.measure.pmu.known_loop import map_executable
from ironlaw.measure.sampling.resolver import Resolver
from ironlaw.measure.sampling.symbols import perf_map_path
from ironlaw.measure.sampling.turns import CodeReader, open_sampler
from ironlaw.program import Program

PERIOD_NS = 1_000_003
CPU_S = 0.5
Infer = Callable[[], None]
Known = dict[str, float]

# Instructions without memory operands; the flag in /proc/cpuinfo that the CPU must have.
X86_LOOPS = {
    "amx": ("c4e2685ec1", "amx_int8"),  # tdpbuud tmm0, tmm1, tmm2
    "vnni evex": ("62f2754850c2 62f2754850da", "avx512_vnni"),  # vpdpbusd zmm
    "vnni vex": ("c4e27550c2", "avx_vnni"),  # vpdpbusd ymm
    "avx512-bf16": ("62f2764852c2", "avx512_bf16"),  # vdpbf16ps zmm
    "avx512-fp16": ("62f67548b8c2", "avx512_fp16"),  # vfmadd231ph zmm
    "avx512": ("62f27548b8c2", "avx512f"),  # vfmadd231ps zmm
    "avx2": ("c4e275b8c2", "fma"),  # vfmadd231ps ymm
    "sse": ("0f59c1 0f58d0", "sse2"),  # mulps; addps
    "scalar": ("f30f59c1 f30f58d0", "sse2"),  # mulss; addss
    "integer": ("4801f8", "fpu"),  # add rax, rdi
}
ARM_LOOPS = {
    "dot-product": (0x4E829420, "asimddp"),  # sdot v0.4s, v1.16b, v2.16b
    "i8mm": (0x4E82A420, "i8mm"),  # smmla
    "bf16": (0x6E42EC20, "bf16"),  # bfmmla
    "neon": (0x4E22CC20, "asimd"),  # fmla v0.4s, v1.4s, v2.4s
    "sve": (0x65A20020, "sve"),  # fmla z0.s, p0/m, z1.s, z2.s
    "integer": (0x8B020023, "fp"),  # add x3, x1, x2
}
# By name, the flag.
LOOPS: dict[str, str] = {
    "x86_64": {name: flag for name, (_, flag) in X86_LOOPS.items()},
    "aarch64": {name: flag for name, (_, flag) in ARM_LOOPS.items()},
}.get(platform.machine(), {})
MULTIPLY_ADDS = "avx2" if "avx2" in LOOPS else "neon"
_COUNT = 200_000


def loop(name: str, count: int = 150 * _COUNT) -> Infer:
    """A number of turns of the loop of that class; calling it from Python takes less than a hundredth of them."""
    if platform.machine() == "aarch64":
        # mov x9, x0; the instruction; subs x9, x9, #1; b.ne; ret
        word = ARM_LOOPS[name][0]
        return _called(struct.pack("<5I", 0xAA0003E9, word, 0xF1000529, 0x54FFFFC1, 0xD65F03C0), count)
    body = bytes.fromhex(X86_LOOPS[name][0] + "48ffcf 75")  # dec rdi; jnz back
    code = body + struct.pack("b", -(len(body) + 1))
    if name == "amx":
        _ask_for_tiles()
        return _called(bytes.fromhex("c4e2784906") + code + bytes.fromhex("c4e27849c0 c3"), count, _tile_shapes())
    return _called(code + bytes.fromhex("c5f877 c3" if name.startswith(("avx", "vnni")) else "c3"), count)


def _called(code: bytes, count: int, argument: ctypes.Array[ctypes.c_char] | None = None) -> Infer:
    function = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p)(map_executable(code))
    return lambda: function(count, argument)


def _ask_for_tiles() -> None:
    """Ask the kernel for the registers' state: ARCH_REQ_XCOMP_PERM of arch/x86/include/uapi/asm/prctl.h, XTILEDATA."""
    if ctypes.CDLL(None, use_errno=True).syscall(158, 0x1023, 18) != 0:
        raise OSError(ctypes.get_errno(), "the kernel gives no AMX tiles")


def _tile_shapes() -> ctypes.Array[ctypes.c_char]:
    """Operand of ldtilecfg: palette 1, and tiles of 16 rows of 64 bytes."""
    shapes = bytes([1, 0]) + bytes(14) + struct.pack("<16H", *[64] * 8, *[0] * 8) + bytes([16] * 8 + [0] * 8)
    return ctypes.create_string_buffer(shapes, 64)


def mixed(known: Known) -> Infer:
    """By its own clock of CPU time 30 % memset, 30 % page faults and 40 % multiply-adds, a part at a time."""
    buffer = ctypes.create_string_buffer(8 << 20)  # a call of ctypes takes a hundredth of setting 1 MiB
    memset = ctypes.CDLL(None).memset
    memset.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t)

    def set_memory() -> None:
        for _ in range(3):
            memset(buffer, 1, len(buffer))

    def fault() -> None:
        with mmap.mmap(-1, 16 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as fresh:
            fresh.madvise(23)  # MADV_POPULATE_WRITE: the faults without the stores that cause them

    parts = {"memset": (set_memory, 0.3), "faults": (fault, 0.3), "fma": (loop(MULTIPLY_ADDS, _COUNT), 0.4)}

    def infer() -> None:
        """A part after the other, each as long as many samples lie apart."""
        for name, (part, share) in parts.items():
            began = time.thread_time()
            while (spent := time.thread_time() - began) < 0.1 * share:
                part()
            known[name] = known.get(name, 0.0) + spent

    return infer


def pool(threads: int, *, fresh: bool) -> Callable[[Known], Infer]:
    """A loop of multiply-adds in a number of threads at once; `fresh`: started in each inference."""
    from concurrent.futures import ThreadPoolExecutor

    def program(known: Known) -> Infer:
        work = loop(MULTIPLY_ADDS, 200 * _COUNT)  # long beside the time between two samples
        if not fresh:
            kept = ThreadPoolExecutor(threads)

            def infer() -> None:
                for done in [kept.submit(work) for _ in range(threads)]:
                    done.result()

            return infer

        def infer_in_fresh() -> None:
            started = [threading.Thread(target=work) for _ in range(threads)]
            for one in started:
                one.start()
            for one in started:
                one.join()

        return infer_in_fresh

    return program


def interpreted(known: Known) -> Infer:
    """Nothing but Python."""

    def infer() -> None:
        total = {}
        for number in range(20_000):
            total[number % 7] = str(number)

    return infer


def squares(count: int) -> int:
    """One function of Python."""
    total = 0
    for number in range(count):
        total += number * number % 7
    return total


def remainders(count: int) -> int:
    """Another one."""
    rest = 1
    for number in range(count):
        rest = (31 * rest + number) % 1_000_003
    return rest


def two_functions(known: Known) -> Infer:
    """Both, two thirds and one third of the time or so."""

    def infer() -> None:
        for function, count in ((squares, 60_000), (remainders, 30_000)):
            began = time.thread_time()
            function(count)
            known[function.__name__] = known.get(function.__name__, 0.0) + time.thread_time() - began

    return infer


def compiled(source: str, function: str, *options: str) -> Callable[[Known], Infer]:
    """A function of C++ source, by g++ in the working folder."""

    def program(known: Known) -> Infer:
        library = os.path.join(os.getcwd(), f"lib{function}.so")
        command = ["g++", "-shared", "-fPIC", *options, "-x", "c++", "-", "-o", library]
        subprocess.run(command, input=source.encode(), check=True)
        call = getattr(ctypes.CDLL(library), function)
        return lambda: call(1000)

    return program


THROWING = """
#include <stdexcept>
static __attribute__((noinline)) void raise(int i) { if (i >= 0) throw std::runtime_error("planted"); }
extern "C" int throwing(int n) {
  int caught = 0;
  for (int i = 0; i < n; ++i) { try { raise(i); } catch (const std::exception&) { ++caught; } }
  return caught;
}
"""
SCALAR = """
float a[4096], b[4096];
extern "C" float scalar_conv(int n) {
  float sum = 0;
  for (int k = 0; k < n; ++k) for (int i = 0; i < 4096; ++i) sum += a[i] * b[i];
  return sum;
}
"""


def copying(known: Known) -> Infer:
    """A copy per layer."""
    import numpy as np

    held = np.zeros((512, 512), dtype=np.float32)

    def infer() -> None:
        for _ in range(4):
            held.copy()

    return infer


def int8(known: Known) -> Infer:
    """A large quantized layer of torch."""
    import torch

    torch.set_num_threads(1)
    layer = torch.nn.Sequential(torch.nn.Linear(1024, 1024)).eval()
    quantization: Any = torch.ao.quantization  # torch leaves it untyped
    quantized = quantization.quantize_dynamic(layer, {torch.nn.Linear}, torch.qint8)
    given = torch.randn(256, 1024)

    def infer() -> None:
        with torch.inference_mode():
            quantized(given)

    return infer


def convolution(known: Known) -> Infer:
    """One convolution of torch, whose kernel oneDNN generates."""
    import torch

    torch.set_num_threads(1)
    layer, given = torch.nn.Conv2d(64, 64, 3, padding=1).eval(), torch.rand(1, 64, 56, 56)

    def infer() -> None:
        with torch.inference_mode():
            layer(given)

    return infer


def elsewhere(known: Known) -> Infer:
    """What pins its thread to another CPU for an inference alone, as OpenVINO does."""
    own, other = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, {own})
    work = loop(MULTIPLY_ADDS)

    def infer() -> None:
        os.sched_setaffinity(0, {other})
        work()
        os.sched_setaffinity(0, {own})

    return infer


PROGRAMS: dict[str, Callable[[Known], Infer]] = {
    **{name: lambda known, name=name: loop(name) for name in LOOPS},  # type: ignore[misc]  # its default
    "mixed": mixed,
    "pool": pool(2, fresh=False),
    "fresh threads": pool(2, fresh=True),
    "interpreted": interpreted,
    "two functions": two_functions,
    "throwing": compiled(THROWING, "throwing", "-O1"),
    "scalar kernel": compiled(SCALAR, "scalar_conv", "-O2", "-fno-tree-vectorize"),
    "copying": copying,
    "int8": int8,
    "convolution": convolution,
    "elsewhere": elsewhere,
}


_LONGER = {"mixed": 8, "two functions": 4}  # turns, for shares that are compared with numbers


def refuse(number: int) -> None:
    """Let the kernel answer a system call with EPERM from now on, as a container's filter does (seccomp(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    load, equal, give = 0x20, 0x15, 0x06  # BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JEQ | BPF_K, BPF_RET | BPF_K
    allow, refused = 0x7FFF0000, 0x00050001  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | EPERM
    rows = [(load, 0, 0, 0), (equal, 0, 1, number), (give, 0, 0, refused), (give, 0, 0, allow)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *row) for row in rows))
    program = struct.pack("@HxxxxxxP", len(rows), ctypes.addressof(code))
    no_new_privileges, set_filter, mode = 38, 22, 2
    if libc.prctl(no_new_privileges, 1, 0, 0, 0) or libc.prctl(set_filter, mode, program, 0, 0):
        raise OSError(ctypes.get_errno(), "no filter")


def drop_privileges() -> None:
    """An ordinary user, who may read his own memory as every user's program may."""
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: changing the user took it away


TREATMENTS: dict[str, Callable[[], None]] = {
    "no perf": lambda: refuse({"x86_64": 298, "aarch64": 241}[platform.machine()]),
    "no timers": lambda: refuse({"x86_64": 222, "aarch64": 107}[platform.machine()]),
    "unprivileged": drop_privileges,
}


NO_CYCLES = "no cycles"  # by the CPU clock also where a PMU could count
SHORT = "short"  # two turns: an emulated CPU takes ten times as long for them


def main(name: str, *treatments: str) -> None:
    """Sample a program for CPU_S after the treatments, and print the fact."""
    known: Known = {}
    infer = PROGRAMS[name](known)
    program = Program(infer=infer, inputs=[()])
    run_plain(program, [()])
    began = time.process_time()
    run_plain(program, [()])
    turns = 2 if SHORT in treatments else _LONGER.get(name, 1)
    inferences = max(1, round(turns * CPU_S / (time.process_time() - began)))
    resolver = Resolver(perf_map_path())
    # What is imported on the way must be there before the process may read less.
    CodeReader(program, name, 0, resolver=resolver).turn(CodeTurn(round=0, inferences=1), [()])
    for needed in ("elftools.elf.elffile", "cxxfilt"):
        importlib.import_module(needed)
    for treatment in treatments:
        if treatment not in (NO_CYCLES, SHORT):
            TREATMENTS[treatment]()
    known.clear()
    by_perf = (SampledBy.CPU_CLOCK,) if NO_CYCLES in treatments else (SampledBy.CYCLES, SampledBy.CPU_CLOCK)
    sampler = open_sampler(period_ns=PERIOD_NS, by_perf=by_perf)
    reader = CodeReader(program, name, 0, resolver=resolver, sampler=sampler)
    fact = reader.turn(CodeTurn(round=0, inferences=inferences), [()] * inferences)
    perf_map_path().unlink(missing_ok=True)
    sys.stdout.buffer.write(msgspec.json.encode(known) + b"\n" + msgspec.json.encode(fact) + b"\n")


def sampled(
    name: str, *treatments: str, folder: str | None = None, environment: Mapping[str, str] | None = None
) -> tuple[CodeSamples, Known]:
    """What main prints, from a process of its own."""
    command = [sys.executable, "-m", "tests.hardware.sampled.known_code", name, *treatments]
    search = os.pathsep.join([os.getcwd(), *filter(None, [os.environ.get("PYTHONPATH")])])
    ended = subprocess.run(
        command,
        capture_output=True,
        cwd=folder,
        # OpenBLAS, which numpy loads, starts threads that spin for their first 30 ms: code the programs do not know of.
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **(environment or {}), "PYTHONPATH": search},
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    known, fact = ended.stdout.splitlines()[-2:]
    return msgspec.json.decode(fact, type=CodeSamples), msgspec.json.decode(known, type=Known)


if __name__ == "__main__":
    main(*sys.argv[1:])
