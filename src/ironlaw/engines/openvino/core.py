"""OpenVINO's Core, one in each process."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def core() -> Any:
    """The openvino.Core of this process, which is never destroyed.

    Each Core's CPU plugin gives the thread an alternate signal stack and frees it with itself. Where the first of two
    is destroyed before the second, the thread keeps a stack that was freed (OpenVINO 2026.4), and the next signal that
    Python handles, such as Ctrl-C, ends the process.
    """
    import openvino

    return openvino.Core()
