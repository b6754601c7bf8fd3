"""weights: where the weights are in physical memory, with the same shapes, strides and arithmetic."""

from __future__ import annotations

import ctypes
import mmap
import os
from typing import Any

from ironlaw.errors import ArmFailed
from ironlaw.factor import ActsOn, Factor
from ironlaw.missing import Maybe
from ironlaw.program import Program

# Half of the smallest level-2 cache among CPUs in use for inference (512 KiB on Zen 3, 1 MiB and more on Xeons).
FRAME_BYTES = 256 << 10
_ALIASED, _MAPPED = "aliased", "mapped"
_PAGE_KIB = mmap.PAGESIZE >> 10
ALIASABLE = "aliasable_bytes"  # what a census calls the weights that an engine itself can alias
_KEPT: list[Any] = []
_MAP_FIXED = 0x10  # linux/mman.h; mmap's module does not export it


def frame_bytes(level: str) -> int | None:
    """The physical memory that weights share at a level; None where each has its own."""
    name, _, kib = level.partition(":")
    if name != _ALIASED:
        return None
    return int(kib) << 10 if kib else FRAME_BYTES


class Weights(Factor):
    """aliased: all weights share the same 256 KiB of physical memory, or as many as follow: aliased:16; mapped: each
    has its own, in the same kind of mapping.

    Caches hold physical lines, so aliased weights stay in the level-2 cache whatever their size, while every
    instruction, address stride and TLB entry stays the same; 16 KiB stay in the level-1 cache. mapped separates the
    effect of small pages from that of traffic.
    """

    name = "weights"
    summary = "physical memory behind the weights"
    plain = "own"
    levels = ("own", _MAPPED, _ALIASED, f"{_ALIASED}:16")
    acts_on = ActsOn.MODULE  # or of an engine that reads the level
    changes_answers = True
    may_move = "the answers (weights repeat in each frame); pages of 4 KiB instead of huge ones (see weights=mapped)"

    def accepts(self, level: str) -> bool:
        """Accept frames of whole pages, of at least one."""
        name, _, kib = level.partition(":")
        if not kib:
            return level in (self.plain, _MAPPED, _ALIASED)
        return name == _ALIASED and kib.isdecimal() and int(kib) > 0 and int(kib) % _PAGE_KIB == 0

    def change(self, level: str, program: Program) -> Program:
        """Move every floating-point weight into the mapping."""
        import torch

        if program.module is None or not hasattr(program.module, "parameters"):
            raise ArmFailed("this program shows no weights to alias", hint="leave weights= out for this arm")
        tensors = _distinct(program.module)
        if not tensors:
            raise ArmFailed(
                "this model's weights are packed by its engine and cannot be aliased",
                hint="leave weights= out for int8 arms",
            )
        if not all(type(tensor) in (torch.Tensor, torch.nn.Parameter) for tensor in tensors):
            raise ArmFailed("weights of few bits cannot be aliased", hint="leave weights= out for this arm")
        total = sum(_padded(tensor.numel() * tensor.element_size()) for tensor in tensors)
        address = _map(total, frame_bytes(level))
        for tensor in tensors:
            size = _padded(tensor.numel() * tensor.element_size())
            moved = _view(address, tensor)
            # Freeing the originals would move malloc's thresholds, and with them the page faults of every inference.
            _KEPT.append(tensor.data)
            tensor.data = moved
            address += size
        return program

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """The bytes of weights in the mapping, and the physical memory behind them."""
        tensors = _distinct(program.module)
        total = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        behind = min(total, frame_bytes(level) or total)
        return f"{total / 1e6:.1f} MB of weights over {behind / 1e6:.2f} MB of memory"


def _distinct(module: Any) -> list[Any]:
    """Floating-point weights, each once, in the module's order.

    Only those of two or more dimensions: vectors (bias, BatchNorm) are small, and a variance aliased with other weights
    could be negative.
    """
    import torch

    seen: dict[int, Any] = {}
    for tensor in [*module.parameters(), *module.buffers()]:
        if isinstance(tensor, torch.Tensor) and tensor.is_floating_point() and tensor.dim() > 1:
            seen.setdefault(id(tensor), tensor)
    return list(seen.values())


def _padded(size: int) -> int:
    return -(-size // 64) * 64


def _map(total: int, frame: int | None) -> int:
    """The address of a readable and writable range of `total` bytes, which repeats one frame of that size."""
    length = -(-total // (frame or FRAME_BYTES)) * (frame or FRAME_BYTES)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    access = mmap.PROT_READ | mmap.PROT_WRITE
    fd = os.memfd_create("ironlaw-weights")
    os.ftruncate(fd, frame or length)
    start = libc.mmap(None, length, access, mmap.MAP_SHARED if not frame else mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS,
                      -1 if frame else fd, 0)  # fmt: skip
    if start in (None, ctypes.c_void_p(-1).value):
        raise ArmFailed(
            f"mmap of {length} bytes failed: {os.strerror(ctypes.get_errno())}", hint="check the free memory"
        )
    for offset in range(0, length, frame) if frame else ():
        got = libc.mmap(start + offset, frame, access, mmap.MAP_SHARED | _MAP_FIXED, fd, 0)
        if got != start + offset:
            raise ArmFailed("the kernel allows no more mappings", hint="sudo sysctl vm.max_map_count=262144")
    return int(start)


def _view(address: int, tensor: Any) -> Any:
    """A tensor of the same shape, strides and values at the address (until an alias overwrites the values)."""
    import torch

    memory = (ctypes.c_char * (tensor.numel() * tensor.element_size())).from_address(address)
    flat = torch.frombuffer(memory, dtype=tensor.dtype, count=tensor.numel())
    view = torch.as_strided(flat, tensor.shape, tensor.stride())
    view.copy_(tensor)
    return view


FACTOR = Weights()
