"""isa: the widest vector instructions that the libraries may use."""

from __future__ import annotations

import ctypes
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ironlaw.code import InstructionClass
from ironlaw.errors import ArmFailed
from ironlaw.factor import ActsOn, Factor
from ironlaw.missing import Maybe, Missing
from ironlaw.program import Program

# level -> what each library calls it: oneDNN (ONEDNN_MAX_CPU_ISA) and OpenVINO, ATen, FBGEMM.
_CAPS = {
    "avx2": ("AVX2", "avx2", "avx2"),
    "avx512": ("AVX512_CORE", "avx512", "avx512"),
    "avx512_vnni": ("AVX512_CORE_VNNI", "avx512", "avx512"),
}
_NEEDS = {"avx2": "avx2", "avx512": "avx512f", "avx512_vnni": "avx512_vnni"}
_ABOVE_VNNI = frozenset({InstructionClass.AMX, InstructionClass.AVX512_BF16, InstructionClass.AVX512_FP16})
_ABOVE_AVX512 = _ABOVE_VNNI | {InstructionClass.VNNI}
_FORBIDDEN = {
    "avx2": _ABOVE_AVX512 | {InstructionClass.AVX512},
    "avx512": _ABOVE_AVX512,
    "avx512_vnni": _ABOVE_VNNI,
}
_UNKNOWN = "not reported"  # where the library does not report it
# fbgemm/Utils.h, enum class inst_set_t.
_FBGEMM_NAMES = ("none", "avx2", "avx512", "avx512_ymm", "avx512_vnni", "avx512_vnni_ymm", "sve")


def caps(level: str) -> Mapping[str, str]:
    """The environment variables of oneDNN, OpenVINO, ATen, FBGEMM and MKL for a level.

    OpenVINO generates some of its kernels without oneDNN, and wants the same cap for both (its pull request 36980).
    """
    onednn, aten, fbgemm = _CAPS[level]
    return {
        "ONEDNN_MAX_CPU_ISA": onednn,
        "OV_CPU_MAX_ISA": onednn,
        "ATEN_CPU_CAPABILITY": aten,
        "FBGEMM_ENABLE_INSTRUCTIONS": fbgemm,
        "MKL_ENABLE_INSTRUCTIONS": aten.upper(),
    }


class Isa(Factor):
    """A cap below what the CPU has, set in the arm's own process.

    oneDNN, OpenVINO, ATen, FBGEMM and MKL read their variable once per process, when they first compute, not at import.
    """

    name = "isa"
    summary = "widest vector instructions allowed"
    plain = "all"
    levels = ("all", "avx2", "avx512", "avx512_vnni")
    acts_on = ActsOn.ENGINE
    may_move = "frequency (wide vectors lower it on some CPUs), the shapes of the kernels picked"

    def possible(self, level: str) -> Maybe[bool]:
        """A cap below what the CPU has."""
        flags = _flags()
        if _NEEDS.get(level) not in flags:
            return Missing(f"this CPU has no {level}")
        if level == "avx2" and not any(flag.startswith(("avx512", "avx_vnni", "amx")) for flag in flags):
            return Missing("this CPU has nothing above AVX2, so the cap would do nothing")
        return True

    def forbidden(self, level: str) -> frozenset[InstructionClass]:
        """The instruction classes above the cap."""
        return _FORBIDDEN.get(level, frozenset())

    def enter(self, level: str) -> None:
        """Set the libraries' variables, and check that ATen and FBGEMM have not read theirs yet.

        Raises:
            ArmFailed: one has, so that the arm would run without its cap.
        """
        os.environ.update(caps(level))
        if "torch" not in sys.modules:
            return
        _, aten, fbgemm = _CAPS[level]
        import torch

        found = {"ATen": torch.backends.cpu.get_cpu_capability().lower(), "FBGEMM": _fbgemm()}
        for library, wanted in (("ATen", aten), ("FBGEMM", fbgemm)):
            if found[library] not in (wanted, _UNKNOWN):
                raise ArmFailed(
                    f"isa={level} came too late: {library} uses {found[library]} already",
                    hint="make sure that nothing computes during its import",
                )

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """What ATen and FBGEMM report, and the oneDNN kernels of one inference."""
        if "torch" not in sys.modules:
            return Missing("the program imported no torch, whose libraries report their instructions")
        import torch

        parts = [f"ATen {torch.backends.cpu.get_cpu_capability()}"]
        parts.append(f"FBGEMM {_fbgemm()}")
        kernels = onednn_kernels(program)
        parts.append(f"oneDNN {', '.join(kernels)}" if kernels else "oneDNN ran nothing")
        return "; ".join(parts)


def onednn_kernels(program: Program) -> list[str]:
    """The oneDNN implementations that one inference runs (brgconv:avx512_core ...), from its own verbose log."""
    import torch

    with tempfile.TemporaryFile("w+") as log:
        out = os.dup(1)
        os.dup2(log.fileno(), 1)
        try:
            verbose = torch.backends.mkldnn.verbose
            with verbose(torch.backends.mkldnn.VERBOSE_ON):  # type: ignore[no-untyped-call]  # torch leaves it untyped
                program.answer(*program.inputs[0])
            ctypes.CDLL(None).fflush(None)
        finally:
            os.dup2(out, 1)
            os.close(out)
        log.seek(0)
        found = re.findall(r"exec,cpu,\w+,([^,]+),", log.read())
    return sorted(set(found))


def _fbgemm() -> str:
    """FBGEMM's own choice; its C++ function is exported by torch's library."""
    import torch

    library = Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"
    try:
        chosen = ctypes.CDLL(str(library))["_ZN6fbgemm20fbgemmInstructionSetEv"]()
    except (OSError, AttributeError):
        return _UNKNOWN
    return _FBGEMM_NAMES[chosen] if 0 <= chosen < len(_FBGEMM_NAMES) else f"instruction set {chosen}"


def _flags() -> set[str]:
    for row in Path("/proc/cpuinfo").read_text().splitlines():
        if row.startswith("flags"):
            return set(row.split(":", 1)[1].split())
    return set()


FACTOR = Isa()
