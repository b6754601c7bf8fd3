"""weights=aliased of a file that is mapped into memory: all matrices over a few frames of physical memory; with
weights=repeated over copies of these.

Every address, block and stride stays as it is; only the pages behind the matrices become the same few, which a level-2
cache holds. A frame repeats after a whole number of pages and of blocks, so that scales stay scales. Norms, and the few
bytes of a matrix that share a page with its neighbours, keep their own memory.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ironlaw.engines.border.frames import mappings, over_frames
from ironlaw.errors import ArmFailed
from ironlaw.factors.weights import FRAME_BYTES, Memory
from ironlaw.models.gguf import TYPES, Gguf, Tensor

_BLOCKS = {name: size for name, _, size in TYPES.values()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """The whole pages of a matrix: where they begin in the file and in memory, and how a block lies at their start."""

    file_start: int
    address: int
    bytes: int
    kind: str
    offset: int  # of the first page from the start of a block


def matrices(header: Gguf) -> tuple[Tensor, ...]:
    """The tensors that aliasing maps onto the frames."""
    return tuple(tensor for tensor in header.tensors if len(tensor.sizes) > 1)


def alias(path: Path, header: Gguf, *, is_shared: bool) -> str:
    """Map all matrices of a file over a few frames of memory, or copies of these, and return what was done, in words.

    Raises:
        ArmFailed: the file is not mapped, or the kernel refuses the mappings.
    """
    pieces = [piece for tensor in matrices(header) if (piece := _piece(tensor, mappings(path)))]
    if not pieces:
        raise ArmFailed(
            "its matrices do not lie in the mapped file and cannot be aliased", hint="leave weights= out for this arm"
        )
    frames = sorted({(piece.kind, piece.offset) for piece in pieces})
    behind = 0
    for kind, offset in frames:
        equal = [piece for piece in pieces if (piece.kind, piece.offset) == (kind, offset)]
        memory = Memory(period=frame_bytes(kind, len(frames)), is_shared=is_shared)
        behind += over_frames([(piece.address, piece.bytes) for piece in equal], memory)
    total = sum(piece.bytes for piece in pieces)
    return f"{total / 1e6:.1f} MB of weights over {behind / 1e6:.2f} MB of memory"


def frame_bytes(kind: str, frames: int) -> int:
    """The size of a frame: whole pages and blocks, one period at least, and its part of what a level-2 cache holds."""
    period = math.lcm(mmap.PAGESIZE, _BLOCKS[kind])
    return max(1, FRAME_BYTES // frames // period) * period


def _piece(tensor: Tensor, mapped: Iterable[tuple[int, int, int]]) -> Piece | None:
    """The whole pages of a tensor within one mapping; None where there is none."""
    page = mmap.PAGESIZE
    first, last = -(-tensor.start // page) * page, (tensor.start + tensor.bytes) // page * page
    for offset, address, length in mapped:
        if offset <= first and last <= offset + length and last > first:
            return Piece(
                file_start=first,
                address=address + first - offset,
                bytes=last - first,
                kind=tensor.type,
                offset=(first - tensor.start) % _BLOCKS[tensor.type],
            )
    return None
