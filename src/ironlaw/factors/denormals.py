"""denormals: whether the CPU computes on subnormal numbers or treats them as zero."""

from __future__ import annotations

import ctypes
import ctypes.util
import platform
from typing import ClassVar

from ironlaw.errors import ArmFailed
from ironlaw.factor import Factor
from ironlaw.missing import Maybe
from ironlaw.program import Program


class Denormals(Factor):
    """flushed: flush-to-zero and denormals-are-zero, set before the thread pool starts so that it inherits them."""

    name = "denormals"
    summary = "subnormal numbers"
    plain = "kept"
    levels = ("kept", "flushed")
    remedies: ClassVar = {"flushed": "torch.set_flush_denormal(True) before the first inference"}
    may_move = "the answers, by less than 1.2e-38"

    def enter(self, level: str) -> None:
        """Set the CPU's mode; threads that start later inherit it."""
        place = _PLACES.get(platform.machine())
        libm = ctypes.util.find_library("m")
        if place is None or libm is None or not _set(ctypes.CDLL(libm), *place):
            raise ArmFailed("subnormal numbers cannot be flushed here", hint="leave denormals=flushed out")

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """The computed value of half the smallest normal number."""
        import numpy as np

        halved = (np.full(1, np.finfo(np.float32).tiny) * np.float32(0.5)).view(np.int32)[0]
        return "flushed to zero" if halved == 0 else "kept"


# glibc's fenv_t holds a control word of 32 bits: where it is, and the bits that flush. x86: MXCSR's FTZ and DAZ
# (bits/fenv.h; Intel's manual, volume 1, 10.2.3). Arm: FPCR's FZ (Arm Architecture Reference Manual, C5.2.8).
_PLACES = {"x86_64": (28, 0x8040), "aarch64": (0, 1 << 24)}


def _set(libm: ctypes.CDLL, offset: int, bits: int) -> bool:
    environment = (ctypes.c_char * 64)()
    if libm.fegetenv(environment) != 0:
        return False
    word = ctypes.c_uint32.from_buffer(environment, offset)
    word.value |= bits
    return bool(libm.fesetenv(environment) == 0)


FACTOR = Denormals()
