"""GGUF files of seeded decoders, in pairs of equal products and doubled bytes; each function writes one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.language_models import Made, gguf_file

# 283 million products a token: 1132 MB in float32, several times what last-level caches hold (300 MB here). xllamacpp's
# kernel for float32 loads each 32 bytes in two parts: with all weights in a cache it takes twice the time of float16's
# on Zen 5, where it and the bytes cover each other (docs/truth.md).
_BEYOND: dict[str, Any] = {"width": 2048, "heads": 16, "hidden": 5632, "layers": 6}
# 48 million: 95 MB in float16, of which a prompt uses each weight 512 times.
_PROMPTED: dict[str, Any] = {**_BEYOND, "layers": 1}
# 6 million: 12 MB in float16, inside last-level caches of 32 MB and beyond level 2.
_INSIDE: dict[str, Any] = {"width": 512, "heads": 8, "hidden": 1408, "layers": 2}
# 0.1 million: 0.44 MB in float32, less than half of a level-2 cache of 1 MiB.
_WITHIN: dict[str, Any] = {"width": 64, "heads": 4, "hidden": 176, "layers": 2}


def beyond_in_32(to: Path) -> None:
    """A decoder several times beyond the last-level cache, in float32."""
    gguf_file(to, Made(kind="F32", **_BEYOND))


def beyond_in_16(to: Path) -> None:
    """The same products in float16: half of the bytes."""
    gguf_file(to, Made(kind="F16", **_BEYOND))


def beyond_in_8(to: Path) -> None:
    """The same products in Q8_0: 27 % of the bytes."""
    gguf_file(to, Made(kind="Q8_0", **_BEYOND))


def prompted_in_16(to: Path) -> None:
    """A decoder beyond the last-level cache for a prompt, in float16."""
    gguf_file(to, Made(kind="F16", **_PROMPTED))


def prompted_in_8(to: Path) -> None:
    """The same products in Q8_0: 53 % of the bytes."""
    gguf_file(to, Made(kind="Q8_0", **_PROMPTED))


def inside_in_16(to: Path) -> None:
    """A decoder inside the last-level cache, in float16."""
    gguf_file(to, Made(kind="F16", **_INSIDE))


def inside_in_8(to: Path) -> None:
    """The same products in Q8_0: 53 % of the bytes."""
    gguf_file(to, Made(kind="Q8_0", **_INSIDE))


def within_in_32(to: Path) -> None:
    """A decoder inside the level-2 cache, in float32."""
    gguf_file(to, Made(kind="F32", **_WITHIN))


def within_in_16(to: Path) -> None:
    """The same products in float16."""
    gguf_file(to, Made(kind="F16", **_WITHIN))
