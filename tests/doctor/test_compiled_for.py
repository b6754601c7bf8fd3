"""An engine whose package was built for fewer instructions than the CPU has is a finding."""

from __future__ import annotations

import pytest

from ironlaw.doctor import compiled_for
from ironlaw.doctor.finding import Health
from ironlaw.machine import Machine
from ironlaw.missing import Missing

from .test_diagnosis import machine

AMX, AVX2_ONLY = ("avx2", "avx512f", "avx512_vnni", "amx_int8"), ("avx2", "fma")


def of(has: tuple[str, ...]) -> Machine:
    return machine(isa=has)


def test_kernels_below_what_the_cpu_has_cost_something() -> None:
    found = compiled_for.finding(of(AMX), "llamacpp", AVX2_ONLY)
    assert found.state is Health.COSTS
    assert "compiled for AVX2, though this CPU has AMX" in found.text
    assert "GGML_NATIVE" in found.fix


def test_kernels_for_the_best_that_the_cpu_has_are_good() -> None:
    assert compiled_for.finding(of(AVX2_ONLY), "llamacpp", AVX2_ONLY).state is Health.GOOD


def test_a_library_that_cannot_be_loaded_is_unknown() -> None:
    assert compiled_for.finding(of(AMX), "llamacpp", Missing("it cannot be loaded: x")).state is Health.UNKNOWN


def test_the_installed_library_is_asked_in_a_process_of_its_own() -> None:
    if "llamacpp" not in compiled_for.built_engines():
        pytest.skip("no package with llama.cpp's library is installed")
    said = compiled_for.ask("llamacpp")
    assert not isinstance(said, Missing)
    assert all(name == name.lower() for name in said)
