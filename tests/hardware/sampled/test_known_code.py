"""Samples of programs whose code is known: classes, categories, threads, and processes that may not be sampled."""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ironlaw.analysis.account.kernels import categorised
from ironlaw.code import CodeSamples, CodeSite, InstructionClass, LoopWork, SampledBy, SampleMode
from ironlaw.engines.onednn import PERF_MAP
from ironlaw.explanation.account import Category
from ironlaw.factors.isa import caps
from ironlaw.measure.sampling.address_space import GENERATED
from ironlaw.missing import Missing, is_known
from tests.hardware.sampled.known_code import LOOPS, NO_CYCLES, sampled

pytestmark = pytest.mark.hardware

FLAGS = set(Path("/proc/cpuinfo").read_text().split())
PARANOID = Path("/proc/sys/kernel/perf_event_paranoid")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")


def sites(fact: CodeSamples) -> tuple[CodeSite, ...]:
    if isinstance(fact.sites, Missing):
        pytest.skip(f"this machine takes no samples: {fact.sites.reason}")
    return fact.sites


def shares(fact: CodeSamples) -> dict[Category, float]:
    counts: Counter[Category] = Counter()
    for site, category in categorised(sites(fact)):
        counts[category] += site.count
    return {category: count / counts.total() for category, count in counts.items()}


def share_of(fact: CodeSamples, instructions: InstructionClass) -> float:
    """Among the samples in user mode: what interrupts the program is not its loop."""
    user = [site for site in sites(fact) if site.mode is SampleMode.USER]
    return sum(site.count for site in user if site.instructions is instructions) / sum(site.count for site in user)


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_that_runs_is_read_as_its_class(name: str) -> None:
    if LOOPS[name] not in FLAGS:
        pytest.skip(f"this CPU has no {LOOPS[name]}")
    fact, _ = sampled(name)
    assert share_of(fact, InstructionClass(name.split(maxsplit=1)[0])) >= 0.98
    assert fact.unsampled_ns == 0


def test_a_program_of_known_parts_reads_as_it_measured_itself() -> None:
    """Within 2 points, and what a sample of that size allows: three standard errors of a share (binomial)."""
    fact, known = sampled("mixed")
    found = shares(fact)
    spent, count = sum(known.values()), sum(site.count for site in sites(fact))

    def as_known(part: str) -> Any:
        share = known[part] / spent
        return pytest.approx(share, abs=0.02 + 3 * math.sqrt(share * (1 - share) / count))

    assert count > 2000
    assert found[Category.REORDER] == as_known("memset")
    # The kernel's locks and lists are not only those of faults: they count as other code of the kernel.
    assert found[Category.PAGE_FAULTS] + found[Category.KERNEL] == as_known("faults")
    assert found[Category.PAGE_FAULTS] > found[Category.KERNEL]
    assert sum(found.get(one, 0.0) for one in (Category.KERNELS, Category.MATRIX)) == as_known("fma")


@needs_compiler
def test_an_exception_per_call_is_located(tmp_path: Path) -> None:
    found = shares(sampled("throwing", folder=str(tmp_path))[0])
    assert found[Category.EXCEPTIONS] > 0.5
    assert shares(sampled("interpreted")[0]).get(Category.EXCEPTIONS, 0.0) == 0.0


@needs_compiler
def test_a_scalar_kernel_is_located_by_name_and_class(tmp_path: Path) -> None:
    fact, _ = sampled("scalar kernel", folder=str(tmp_path))
    most = sites(fact)[0]
    assert (most.object, most.symbol) == ("libscalar_conv.so", "scalar_conv")
    assert most.instructions in (InstructionClass.SCALAR, InstructionClass.NEON)
    assert most.work in (LoopWork.ARITHMETIC, LoopWork.MULTIPLY_ADD)
    assert share_of(fact, most.instructions) > 0.9


def test_code_that_onednn_generates_is_named_by_its_own_perf_map() -> None:
    def named(fact: CodeSamples) -> set[str]:
        return {site.symbol for site in sites(fact) if site.object == GENERATED and site.symbol[:5] != "loop "}

    fact, _ = sampled("convolution", environment=PERF_MAP)
    assert any("conv" in one or "gemm" in one for one in named(fact))
    assert shares(fact)[Category.MATRIX] > 0.5
    assert not named(sampled("convolution")[0])


def test_python_and_copies_are_located() -> None:
    assert shares(sampled("interpreted")[0])[Category.INTERPRETER] > 0.9
    assert shares(sampled("copying")[0])[Category.REORDER] > 0.7


@pytest.mark.parametrize("name", ["pool", "fresh threads"])
def test_every_thread_is_sampled_also_one_started_meanwhile(name: str) -> None:
    fact, _ = sampled(name)
    theirs = sum(site.count for site in sites(fact) if not site.called_by_turn)
    assert theirs / sum(site.count for site in sites(fact)) > 0.9
    assert theirs * fact.period_ns == pytest.approx(fact.cpu_ns, rel=0.1)
    assert fact.unsampled_ns == 0


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one CPU")
def test_a_thread_is_sampled_where_an_engine_pins_it_for_an_inference() -> None:
    fact, _ = sampled("elsewhere", NO_CYCLES)
    assert sum(site.count for site in sites(fact)) * fact.period_ns == pytest.approx(fact.cpu_ns, rel=0.1)


def test_where_perf_is_refused_a_timer_samples_user_code_and_says_so() -> None:
    fact, _ = sampled("pool", "no perf")
    assert is_known(fact.sites)
    assert fact.by is SampledBy.TIMER
    assert fact.kernel_seen is False
    assert all(site.mode is SampleMode.USER for site in fact.sites)
    assert fact.sites[0].work is LoopWork.MULTIPLY_ADD
    assert not fact.sites[0].called_by_turn


def test_time_of_threads_that_a_timer_cannot_reach_is_recorded() -> None:
    fact, _ = sampled("fresh threads", "no perf")
    assert fact.unsampled_ns > 0.8 * fact.cpu_ns


def test_where_all_is_refused_samples_are_missing_with_every_reason() -> None:
    fact, _ = sampled("integer", "no perf", "no timers")
    assert isinstance(fact.sites, Missing)
    assert "EPERM" in fact.sites.reason
    assert "timer_create" in fact.sites.reason
    assert fact.kernel_seen is False


@needs_root
def test_an_ordinary_user_samples_user_code_alone_where_the_kernel_says_so() -> None:
    level = int(PARANOID.read_text())
    fact, _ = sampled("integer", "unprivileged")
    assert is_known(fact.sites)
    assert fact.by is (SampledBy.TIMER if level > 2 else SampledBy.CPU_CLOCK)
    assert fact.kernel_seen is (level < 2)
    assert share_of(fact, InstructionClass.INTEGER) >= 0.98


@pytest.mark.skipif(not FLAGS & {"amx_int8", "avx512_vnni", "avx_vnni"}, reason="this CPU has no dot products of bytes")
def test_int8_runs_on_its_instructions_and_not_where_they_are_capped() -> None:
    pytest.importorskip("torch")

    def dots(fact: CodeSamples) -> float:
        return sum(share_of(fact, one) for one in (InstructionClass.AMX, InstructionClass.VNNI))

    assert dots(sampled("int8")[0]) > 0.3
    assert dots(sampled("int8", environment=caps("avx2"))[0]) == 0.0


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python before 3.12 names its functions for no profiler")
def test_the_functions_of_python_have_the_interpreters_time_as_they_measured_it() -> None:
    """Within 3 points and three standard errors: the stack of a sample names the function that ran."""
    fact, known = sampled("two functions")
    assert is_known(fact.functions)
    counts = {one.name: one.count for one in fact.functions}
    whole = sum(counts.values())
    for name, spent_s in known.items():
        share = spent_s / sum(known.values())
        allowed = 0.03 + 3 * math.sqrt(share * (1 - share) / whole)
        assert counts[name] / whole == pytest.approx(share, abs=allowed)
