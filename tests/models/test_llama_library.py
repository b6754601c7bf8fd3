"""Parameters of llama.cpp are set where their defaults are found, in the layouts of two generations, or not at all."""

from __future__ import annotations

import ctypes
import struct

import pytest

from ironlaw.errors import ArmFailed
from ironlaw.models.llama_parameters import LOCKED, READ, keep_layout, set_cache_type, set_load

# llama_model_default_params() of xllamacpp 2026.10, without its pointers to functions.
WITH_MODE = bytes(16) + struct.pack("<5i", -1, 1, -1, 1, 0) + bytes(36) + bytes([0, 0, 1, 0, 0, 0, 0, 0])
# llama.h before llama_load_mode: pointers, layers on a GPU, split, main GPU, four pointers, flags.
WITH_FLAGS = bytes(16) + struct.pack("<4i", 0, 1, 0, 0) + bytes(32) + bytes([0, 1, 0, 0, 1, 0, 0, 0])
WITH_DIRECT = bytes(16) + struct.pack("<4i", 0, 1, 0, 0) + bytes(32) + bytes([0, 1, 0, 0, 0, 1, 0, 0])
# llama_context_default_params() of xllamacpp 2026.10 from the factors of YaRN on.
CONTEXT = struct.pack("<8I", 512, 2048, 512, 1, 0, 0, 1, 4) + b"\xff" * 16 + struct.pack("<6f", 0, 0, -1, -1, -1, -1)
CONTEXT += struct.pack("<If", 0, -1.0) + bytes(16) + struct.pack("<2I", 1, 1) + bytes(24) + b"\0\1\1\1\1\0\0\0"


def held(raw: bytes) -> ctypes.Structure:
    class Params(ctypes.Structure):
        _fields_ = (("raw", ctypes.c_uint8 * len(raw)),)

    return Params.from_buffer_copy(raw)


def changed(raw: bytes, params: ctypes.Structure) -> dict[int, int]:
    return {at: new for at, (old, new) in enumerate(zip(raw, bytes(params), strict=True)) if old != new}


@pytest.mark.parametrize(("level", "mode"), [(READ, 0), (LOCKED, 3)])
def test_the_mode_of_loading_is_set_and_nothing_else(level: str, mode: int) -> None:
    params = held(WITH_MODE)
    set_load(params, level, "lib.so")
    assert struct.unpack_from("<i", bytes(params), 24)[0] == mode
    assert set(changed(WITH_MODE, params)) <= set(range(24, 28))


@pytest.mark.parametrize(
    ("raw", "level", "flags"),
    [
        (WITH_FLAGS, READ, {65: 0}),
        (WITH_FLAGS, LOCKED, {66: 1}),
        (WITH_DIRECT, READ, {65: 0}),
        (WITH_DIRECT, LOCKED, {67: 1}),
    ],
)
def test_in_older_versions_the_flags_are_set(raw: bytes, level: str, flags: dict[int, int]) -> None:
    params = held(raw)
    set_load(params, level, "lib.so")
    assert changed(raw, params) == flags


@pytest.mark.parametrize(("raw", "at"), [(WITH_MODE, 74), (WITH_FLAGS, 68), (WITH_DIRECT, 69)])
def test_the_flag_of_repacking_is_cleared_and_nothing_else(raw: bytes, at: int) -> None:
    params = held(raw)
    keep_layout(params, "lib.so")
    assert changed(raw, params) == {at: 0}


def test_types_of_keys_and_values_are_set_together() -> None:
    params = held(CONTEXT)
    set_cache_type(params, "q8_0", "lib.so")
    at = CONTEXT.index(bytes(16) + struct.pack("<2I", 1, 1)) + 16
    assert changed(CONTEXT, params) == {at: 8, at + 4: 8}


def test_an_unknown_layout_is_refused_and_left_as_it_is() -> None:
    for raw in (bytes(200), WITH_MODE[:24] + struct.pack("<i", 7) + WITH_MODE[28:]):
        params = held(raw)
        with pytest.raises(ArmFailed, match="not known"):
            set_load(params, READ, "lib.so")
        with pytest.raises(ArmFailed, match="not known"):
            set_cache_type(params, "q4_0", "lib.so")
    for raw in (bytes(200), WITH_MODE[:74] + bytes(6)):
        params = held(raw)
        with pytest.raises(ArmFailed, match="not known"):
            keep_layout(params, "lib.so")
        assert bytes(params) == raw
