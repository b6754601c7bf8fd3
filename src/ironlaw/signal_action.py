"""struct sigaction of the C library, for signal handlers that are machine code."""

from __future__ import annotations

import ctypes

SA_SIGINFO, SA_RESTART = 4, 0x10000000


class SignalAction(ctypes.Structure):
    """Its handler, 1024 bits of mask, flags, and what the library fills in itself; on x86-64 and 64-bit Arm."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_ubyte * 128),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )
