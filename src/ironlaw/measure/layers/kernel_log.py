"""The kernels that oneDNN runs, from its verbose lines, captured around a piece of work."""

from __future__ import annotations

import contextlib
import ctypes
import os
import tempfile
from types import TracebackType

_LEADS = ("onednn_verbose,", "dnnl_verbose,")


class KernelLog:
    """Switches oneDNN's verbose mode on while it is entered, and keeps its lines out of the process's output.

    The lines come through the C library's standard output, so descriptor 1 points to a file meanwhile.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None)
        self._undo = contextlib.ExitStack()
        self._read_to = 0
        self._file = -1

    def __enter__(self) -> KernelLog:
        import torch

        if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]  # torch does not type it
            return self
        file = self._undo.enter_context(tempfile.TemporaryFile())
        self._libc.fflush(None)
        kept = os.dup(1)
        os.dup2(file.fileno(), 1)
        self._file = file.fileno()
        self._undo.callback(self._back, kept)
        self._undo.enter_context(torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON))  # type: ignore[no-untyped-call]  # torch does not type it
        return self

    def _back(self, kept: int) -> None:
        self._libc.fflush(None)
        os.dup2(kept, 1)
        os.close(kept)
        self._file = -1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    def cut(self) -> tuple[str, ...]:
        """The kernels that ran since the last cut, as `kernel_of` words them; none where oneDNN reports none."""
        if self._file == -1:
            return ()
        self._libc.fflush(None)
        end = os.lseek(self._file, 0, os.SEEK_END)
        text = os.pread(self._file, end - self._read_to, self._read_to).decode(errors="replace")
        self._read_to = end
        return tuple(kernel for line in text.splitlines() if (kernel := kernel_of(line)))


def kernel_of(line: str) -> str:
    """A verbose line's primitive, implementation and number formats: "convolution jit:avx512_core f32"; or nothing.

    Source: oneDNN's guide, Verbose Mode: ...,exec,cpu,PRIMITIVE,IMPLEMENTATION,PROP_KIND,MEMORY_DESCRIPTORS...
    """
    if not line.startswith(_LEADS):
        return ""
    fields = line.split(",")
    if "exec" not in fields:
        return ""
    at = fields.index("exec")
    if len(fields) < at + 6:
        return ""
    primitive, implementation, memory = fields[at + 2], fields[at + 3], fields[at + 5]
    formats = [_format(part) for part in memory.split(" ")]
    shown = dict.fromkeys(name for tensor, name in formats if tensor in ("src", "src0", "wei", "dst") and name)
    return " ".join((primitive, implementation, "-".join(shown)))


def _format(part: str) -> tuple[str, str]:
    """A memory descriptor's tensor and its number format: src:f32:a:blocked:abcd::f0, or src_f32::blocked:abcd:f0."""
    head = part.split(":")
    if "_" in head[0]:
        tensor, _, name = head[0].partition("_")
        return tensor, name
    return head[0], head[1] if len(head) > 1 else ""
