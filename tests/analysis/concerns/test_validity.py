"""Validity: every fault of part A that an arm can show is named, for that arm, with its weight and a fix."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw.analysis.assemble import explain
from ironlaw.arm import Arm
from ironlaw.code import CodeSamples, CodeSite, InstructionClass, LoopWork, SampledBy, SampleMode
from ironlaw.concern import Concern, Weight
from ironlaw.measure.scripted import ArmScript, Script
from ironlaw.missing import Maybe
from ironlaw.observed import ENOUGH_MULTIPLYING
from tests.scripted import SOUND, SOUND_CENSUS, explained, own, recorded

Facts = dict[str, Maybe[bool]]
Counts = dict[str, Maybe[float]]
INT8: Counts = {"int8_operators": 20.0, "float_share": 0.1}


def showing(*, checks: Facts | None = None, census: Counts | None = None) -> ArmScript:
    return replace(SOUND, checks={**SOUND.checks, **(checks or {})}, census={**SOUND.census, **(census or {})})


def concerns(law: ArmScript, *, name: str = "b") -> dict[str, Concern]:
    script = Script(arms={"a": SOUND, name: law}, turn_noise=0.002)
    found = explained((own("a"), own(name)), script, replicates=3).concerns
    return {one.slug: one for one in found if one.arm == name}


@pytest.mark.parametrize(
    ("slug", "law"),
    [
        ("train-mode", showing(checks={"training": True})),
        ("autograd", showing(checks={"records_graph": True})),
        ("constant-input", showing(checks={"constant_input": True})),
        ("uncalibrated", showing(census={**INT8, "unit_scales": 9.0})),
        ("simulated-quantization", showing(census={"fake_quantize_operators": 8.0})),
        ("thread-oversubscription", showing(census={"threads": 8.0})),
        ("unequal-arms", showing(census={"threads": 2.0})),
    ],
)
def test_a_fault_is_named_for_the_arm_that_has_it_with_a_fix(slug: str, law: ArmScript) -> None:
    found = concerns(law)
    assert slug in found
    assert found[slug].fix


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        (("1 (BatchNorm2d)",), "runs in train mode: 1 (BatchNorm2d) runs in training mode"),
        (("1 (Dropout)", "2 (Dropout)"), "2 of its layers run in training mode, the first 1 (Dropout)"),
    ],
)
def test_the_layers_that_compute_as_in_training_are_named(layers: tuple[str, ...], said: str) -> None:
    recording = recorded((own("a"), own("b")), Script(arms={"a": SOUND, "b": showing(checks={"training": True})}))
    started = tuple(replace(one, training_layers=layers) if one.arm == "b" else one for one in recording.started)
    (found,) = [one for one in explain(replace(recording, started=started)).concerns if one.slug == "train-mode"]
    assert said in found.text


@pytest.mark.parametrize("slug", ["train-mode", "autograd", "constant-input", "uncalibrated", "simulated-quantization"])
def test_a_sound_arm_is_not_accused(slug: str) -> None:
    assert slug not in concerns(SOUND)


def test_an_arm_called_int8_that_executes_none_is_named() -> None:
    assert "not-quantized" in concerns(SOUND, name="my-int8")
    assert "not-quantized" not in concerns(showing(census=INT8), name="my-int8")


def test_a_fault_that_was_asked_for_is_a_note() -> None:
    arms = (Arm.of("fp32"), Arm.of("fp32+mode=train"))
    script = Script(arms={"fp32": SOUND, "fp32+mode=train": showing(checks={"training": True})}, turn_noise=0.002)
    found = [one for one in explained(arms, script, replicates=3).concerns if one.slug == "train-mode"]
    assert [one.weight for one in found] == [Weight.NOTES]


def test_an_engine_that_shows_nothing_is_not_accused() -> None:
    blind = replace(SOUND, checks={}, census={})
    found = concerns(blind, name="my-int8")
    assert not {"not-quantized", "train-mode", "autograd", "thread-oversubscription"} & set(found)


def test_census_of_a_sound_arm_is_complete() -> None:
    assert set(SOUND_CENSUS) == set(SOUND.census)


def sampled(name: str, *sites: CodeSite) -> CodeSamples:
    """One turn with these samples."""
    return CodeSamples(
        arm=name, replicate=0, round=0, inferences=1, wall_ns=10**9, plain_ns=0, cpu_ns=10**9, period_ns=5 * 10**6,
        by=SampledBy.CPU_CLOCK, sites=sites,
    )  # fmt: skip


def multiplying(kind: InstructionClass, count: int, *, symbol: str = "mkl_blas_avx512_sgemm_kernel") -> CodeSite:
    """Samples in a loop that multiplies and adds floating-point numbers."""
    return CodeSite(
        object="libtorch_cpu.so", symbol=symbol, offset=0, instructions=kind, work=LoopWork.MULTIPLY_ADD,
        mode=SampleMode.USER, count=count,
    )  # fmt: skip


@pytest.mark.parametrize("count", [ENOUGH_MULTIPLYING - 1, ENOUGH_MULTIPLYING])
def test_enough_samples_in_float_accuse_an_arm_called_int8_whose_operators_are_unknown(count: int) -> None:
    blind = replace(SOUND, checks={}, census={})
    recording = recorded((own("a"), own("my-int8")), Script(arms={"a": blind, "my-int8": blind}), replicates=3)
    samples = sampled("my-int8", multiplying(InstructionClass.AVX512, count))
    found = [one.text for one in explain(replace(recording, code_samples=(samples,))).concerns]
    said = "computed in floating point: of 100 samples that multiply and add, 0 do so in integers"
    accused = [text for text in found if "computed in floating point" in text]
    assert [said in text for text in accused] == ([True] if count >= ENOUGH_MULTIPLYING else [])


def beyond_cap(*sites: CodeSite, cap: str = "avx2") -> list[str]:
    """What is said of an arm with a cap that has these samples."""
    name = f"fp32+isa={cap}"
    recording = recorded((Arm.of("fp32"), Arm.of(name)), Script(arms={"fp32": SOUND, name: SOUND}), replicates=3)
    found = explain(replace(recording, code_samples=(sampled(name, *sites),))).concerns
    return [one.text for one in found if one.slug == "unequal-arms"]


def test_a_cap_that_the_executed_instructions_disprove_is_named() -> None:
    def all_of(kind: InstructionClass) -> CodeSite:
        return multiplying(kind, ENOUGH_MULTIPLYING)

    assert beyond_cap(all_of(InstructionClass.AVX512)) == [
        "runs with isa=avx2, and 100 % of its kernels' samples execute avx512: the cap did not take"
    ]
    assert beyond_cap(all_of(InstructionClass.AVX2)) == []
    copy = multiplying(InstructionClass.AVX512, ENOUGH_MULTIPLYING, symbol="memcpy")
    assert beyond_cap(copy) == [], "the C library knows no cap"
    assert beyond_cap(all_of(InstructionClass.AVX512), cap="avx512") == []
    assert len(beyond_cap(all_of(InstructionClass.VNNI), cap="avx512")) == 1
    assert len(beyond_cap(all_of(InstructionClass.AMX), cap="avx512_vnni")) == 1


def test_few_samples_disprove_no_cap() -> None:
    assert beyond_cap(multiplying(InstructionClass.AVX512, ENOUGH_MULTIPLYING - 1)) == []
    below = multiplying(InstructionClass.AVX2, ENOUGH_MULTIPLYING)
    assert beyond_cap(multiplying(InstructionClass.AVX512, 2), below) == [], "two may be decoded wrongly"
    assert len(beyond_cap(multiplying(InstructionClass.AVX512, 3), below)) == 1
    many = multiplying(InstructionClass.AVX2, 4 * ENOUGH_MULTIPLYING)
    assert beyond_cap(multiplying(InstructionClass.AVX512, 3), many) == [], "less than one in a hundred"
