"""weights: where the weights are in physical memory, with the same shapes, strides and arithmetic."""

from __future__ import annotations

import ctypes
import mmap
import os
from dataclasses import dataclass
from typing import Any

from ironlaw.errors import ArmFailed
from ironlaw.factor import ActsOn, Factor
from ironlaw.missing import Maybe
from ironlaw.program import Program

# Half of the smallest level-2 cache among CPUs in use for inference (512 KiB on Zen 3, 1 MiB and more on Xeons).
FRAME_BYTES = 256 << 10
_ALIASED, _REPEATED, _MAPPED = "aliased", "repeated", "mapped"
_PAGE_KIB = mmap.PAGESIZE >> 10
ALIASABLE = "aliasable_bytes"  # what a census calls the weights that an engine itself can alias
_KEPT: list[Any] = []
_MAP_FIXED = 0x10  # linux/mman.h; mmap's module does not export it


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What lies behind weights: the bytes after which their numbers repeat (None: they are the model's own), and
    whether all repetitions are the same physical memory.
    """

    period: int | None = None
    is_shared: bool = False


def memory_of(level: str) -> Memory:
    """What a level asks for."""
    name, _, kib = level.partition(":")
    if name not in (_ALIASED, _REPEATED):
        return Memory()
    return Memory(period=int(kib) << 10 if kib else FRAME_BYTES, is_shared=name == _ALIASED)


def with_own_memory(level: str) -> str:
    """The level with the same numbers as an aliased one, in memory of their own; empty of another level."""
    name, colon, kib = level.partition(":")
    return f"{_REPEATED}{colon}{kib}" if name == _ALIASED else ""


class Weights(Factor):
    """aliased: all weights share the same 256 KiB of physical memory, or as many as follow: aliased:16; repeated: the
    same numbers in memory of their own; mapped: the model's own numbers in the same kind of mapping.

    Caches hold physical lines, so aliased weights stay in the level-2 cache whatever their size, while every
    instruction, address stride and TLB entry stays the same; 16 KiB stay in the level-1 cache. Where operators take
    longer on some numbers (scalar exponentials, subnormal results), aliased weights change that as well: beside
    repeated, which computes the same numbers, they change nothing but where these come from. mapped separates the
    effect of small pages from that of traffic.
    """

    name = "weights"
    summary = "physical memory behind the weights"
    plain = "own"
    levels = ("own", _MAPPED, _REPEATED, _ALIASED, f"{_ALIASED}:16", f"{_REPEATED}:16")
    acts_on = ActsOn.MODULE  # or of an engine that reads the level
    changes_answers = True
    may_move = "the answers (weights repeat in each frame); pages of 4 KiB instead of huge ones (see weights=mapped)"

    def accepts(self, level: str) -> bool:
        """Accept frames of whole pages, of at least one."""
        name, _, kib = level.partition(":")
        if not kib:
            return level in (self.plain, _MAPPED, _REPEATED, _ALIASED)
        return name in (_REPEATED, _ALIASED) and kib.isdecimal() and int(kib) > 0 and int(kib) % _PAGE_KIB == 0

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
        memory = memory_of(level)
        start = address = _map(total, memory.period)
        for tensor in tensors:
            size = _padded(tensor.numel() * tensor.element_size())
            moved = _view(address, tensor)
            # Freeing the originals would move malloc's thresholds, and with them the page faults of every inference.
            _KEPT.append(tensor.data)
            tensor.data = moved
            address += size
        if memory.period is not None and not memory.is_shared:
            own = _map(total, None)
            ctypes.memmove(own, start, total)
            for tensor in tensors:
                tensor.data = _placed(own + tensor.data_ptr() - start, tensor)
        return program

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """The bytes of weights in the mapping, and the physical memory behind them."""
        tensors = _distinct(program.module)
        total = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        memory = memory_of(level)
        behind = min(total, memory.period or total) if memory.is_shared else total
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
    placed = _placed(address, tensor)
    # By one thread: of several that copy into aliased pages, any could be the last.
    ctypes.memmove(address, tensor.data_ptr(), tensor.numel() * tensor.element_size())
    return placed


def _placed(address: int, tensor: Any) -> Any:
    """A tensor of the same shape and strides, with the values that are at the address."""
    import torch

    memory = (ctypes.c_char * (tensor.numel() * tensor.element_size())).from_address(address)
    flat = torch.frombuffer(memory, dtype=tensor.dtype, count=tensor.numel())
    return torch.as_strided(flat, tensor.shape, tensor.stride())


FACTOR = Weights()
