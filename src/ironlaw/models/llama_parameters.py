"""llama.cpp's structures of parameters, whose layout depends on its version: only what can be checked is set.

A default has to be where it is expected, and what was set is read back by the caller.
"""

from __future__ import annotations

import ctypes
import struct

from ironlaw.errors import ArmFailed

# Larger than either structure of parameters has ever been; the library reads as much of it as it knows.
ROOM = 1024
# What llama_context_params begins with, by default: tokens of context, of a batch and of a micro-batch, sequences.
FIRST = (512, 2048, 512, 1)
# Of the flags in it, by default: embeddings off, KQV offloaded, timings off, operators offloaded, SWA full, KV apart.
FLAGS, NO_PERF = b"\0\1\1\1\1\0", 2
# How weights come into memory.
MAPPED, READ, LOCKED = "mapped", "read", "locked"
# ggml_type by the names that llama.cpp's tools take, where its context names types of keys and values.
CACHE_TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "bf16": 30}
# In llama_context_params: two null pointers, both types as float16, two null pointers.
_CACHE_AT, _CACHE_DEFAULT = 16, b"\0" * 16 + struct.pack("<2I", 1, 1) + b"\0" * 16
# In llama_model_params: layers on a GPU, how they are split, then llama_load_mode (automatic, or mapped).
_LOAD_AT, _BEFORE_LOAD, _LOAD_DEFAULTS = 24, struct.pack("<2i", -1, 1), (-1, 1)
_LOADS = {READ: 0, LOCKED: 3}
# Older ones have flags instead: vocabulary alone, mapped, in some direct, locked, checked, repacked.
_SWITCHES_AT, _SWITCHES = 64, (b"\0\1\0\0\1", b"\0\1\0\0\0\1")
# Flags beside a mode: vocabulary alone, checked, repacked, no memory of the host, none at all.
_FLAGS_AT, _FLAGS_BESIDE = 72, b"\0\0\1\0\0"


def unknown_layout(name: str) -> ArmFailed:
    """The error of a library whose parameters are not where they are known to be."""
    return ArmFailed(
        f"{name} lays out its parameters in a way that is not known", hint="install another version of its package"
    )


def set_cache_type(params: ctypes.Structure, level: str, name: str) -> None:
    """Set both types of keys and values, where their defaults are found in the parameters of a context.

    Raises:
        ArmFailed: they are not, or in several places.
    """
    raw = bytes(params)
    if raw.count(_CACHE_DEFAULT) != 1:
        raise unknown_layout(name)
    at = raw.index(_CACHE_DEFAULT) + _CACHE_AT
    ctypes.memmove(ctypes.addressof(params) + at, struct.pack("<2I", CACHE_TYPES[level], CACHE_TYPES[level]), 8)


def set_load(params: ctypes.Structure, level: str, name: str) -> None:
    """Set how weights come into memory in the parameters of a model, by its mode or, in older versions, by flags.

    Raises:
        ArmFailed: neither is where it is known to be.
    """
    raw, start = bytes(params), ctypes.addressof(params)
    if raw[_LOAD_AT - 8 : _LOAD_AT] == _BEFORE_LOAD and struct.unpack_from("<i", raw, _LOAD_AT)[0] in _LOAD_DEFAULTS:
        ctypes.memmove(start + _LOAD_AT, struct.pack("<i", _LOADS[level]), 4)
        return
    flags = next((one for one in _SWITCHES if raw[_SWITCHES_AT:].startswith(one)), None)
    if flags is None:
        raise unknown_layout(name)
    ctypes.memset(start + _SWITCHES_AT + 1, int(level == LOCKED), 1)
    ctypes.memset(start + _SWITCHES_AT + len(flags) - 3, int(level == LOCKED), 1)


def keep_layout(params: ctypes.Structure, name: str) -> None:
    """Let weights keep the layout that they have in the file, in the parameters of a model as they are by default.

    Raises:
        ArmFailed: the flag is not where it is known to be.
    """
    raw, start = bytes(params), ctypes.addressof(params)
    if raw[_LOAD_AT - 8 : _LOAD_AT] == _BEFORE_LOAD and raw[_FLAGS_AT:].startswith(_FLAGS_BESIDE):
        ctypes.memset(start + _FLAGS_AT + _FLAGS_BESIDE.index(1), 0, 1)
        return
    flags = next((one for one in _SWITCHES if raw[_SWITCHES_AT:].startswith(one)), None)
    if flags is None:
        raise unknown_layout(name)
    ctypes.memset(start + _SWITCHES_AT + len(flags) - 1, 0, 1)
