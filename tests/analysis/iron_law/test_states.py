"""The split of whole recordings: rotated groups, refused modes, lost counts; what is assumed is said."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ironlaw.analysis.assemble import explain
from ironlaw.analysis.iron_law.states import BY_CHAIN, BY_TICK, KERNEL_BY_TIME, KERNEL_IN_FREQUENCY, TOGETHER
from ironlaw.explanation.split import Split, Term
from ironlaw.missing import Missing, is_known
from ironlaw.recording import Recording
from tests.analysis.stated import BOTH_GROUPS, CACHE_GROUP, Law, Noise, recording

FP32 = Law(instructions=20e6, cpi=0.5, kernel_instructions=4e6, kernel_cpi=1.5, page_faults=3500)
INT8 = Law(instructions=8e6, cpi=0.7, kernel_instructions=1e6, kernel_cpi=1.2, ghz=2.8, utilisation=0.9)
ARMS = {"fp32": FP32, "int8": INT8}
NOISE = Noise(shared=0.05, own=0.02, rounds=0.02, drift=0.1)
USER_GROUP = (("instructions:u", "cycles:u"),)


def split_of(fact: Recording) -> Split:
    comparison = explain(fact).comparisons[0]
    assert is_known(comparison.split)
    assert is_known(comparison.ln_ratio)
    split = comparison.split
    assert split.total.ln.value == pytest.approx(comparison.ln_ratio.value, rel=1e-12)
    terms = [term for term in split.terms.values() if not isinstance(term, Missing)]
    assert math.fsum(term.ln.value for term in terms) == pytest.approx(split.total.ln.value, rel=1e-12)
    assert math.fsum(term.ns.value for term in terms) == pytest.approx(split.total.ns.value, rel=1e-12)
    return split


def ln(split: Split, term: Term) -> float:
    value = split.terms[term]
    assert not isinstance(value, Missing), value
    return value.ln.value


def known(split: Split) -> set[Term]:
    return {term for term, value in split.terms.items() if not isinstance(value, Missing)}


def weight(first: float, second: float) -> float:
    """The logarithmic mean, as the textbook writes it."""
    return (first - second) / math.log(first / second)


def by_hand() -> dict[Term, float]:
    """The stated laws split by LMDI-I, with the formula written out."""
    total = weight(FP32.wall_ns, INT8.wall_ns)
    per_cycle = [1 / (law.ghz * law.utilisation) for law in (FP32, INT8)]
    user = weight(FP32.user_cycles * per_cycle[0], INT8.user_cycles * per_cycle[1]) / total
    kernel = weight(FP32.kernel_cycles * per_cycle[0], INT8.kernel_cycles * per_cycle[1]) / total
    return {
        Term.INSTRUCTIONS: user * math.log(20e6 / 8e6),
        Term.CPI: user * math.log(0.5 / 0.7),
        Term.FREQUENCY: (user + kernel) * math.log(2.8 / 3.0),
        Term.UTILISATION: (user + kernel) * math.log(0.9 / 1.0),
        Term.KERNEL: kernel * math.log(6e6 / 1.2e6),
    }


def test_stated_laws_come_out_of_rotated_groups_as_by_hand() -> None:
    split = split_of(recording(ARMS, inferences=1000))
    assert split.assumptions == ()
    for term, expected in by_hand().items():
        assert ln(split, term) == pytest.approx(expected, rel=1e-5), term


def test_noise_and_drift_leave_the_split_exact_and_near_the_law() -> None:
    split = split_of(recording(ARMS, NOISE))
    for term, expected in by_hand().items():
        assert ln(split, term) == pytest.approx(expected, abs=0.05), term


def test_refused_kernel_cycles_are_replaced_by_its_cpu_time_and_that_is_said() -> None:
    split = split_of(recording(ARMS, groups=USER_GROUP, inferences=1000))
    assert split.assumptions == (KERNEL_BY_TIME,)
    for term, expected in by_hand().items():
        assert ln(split, term) == pytest.approx(expected, rel=1e-4), term


def test_user_mode_without_kernel_time_puts_the_kernel_into_frequency_and_says_so() -> None:
    fact = recording(ARMS, groups=USER_GROUP, inferences=1000)
    gap = Missing("this kernel does not separate them")
    untold = tuple(replace(one, user_ns=gap, kernel_ns=gap) for one in fact.readings)
    split = split_of(replace(fact, readings=untold))
    assert split.assumptions == (KERNEL_IN_FREQUENCY,)
    assert isinstance(split.terms[Term.KERNEL], Missing)
    user_share = [law.user_cycles / (law.user_cycles + law.kernel_cycles) for law in (FP32, INT8)]
    expected = math.log(2.8 / 3.0) + math.log(user_share[1] / user_share[0])
    assert ln(split, Term.FREQUENCY) == pytest.approx(expected, rel=1e-5)


def test_modes_counted_together_are_split_together_and_that_is_said() -> None:
    split = split_of(recording(ARMS, groups=(CACHE_GROUP,), inferences=1000))
    assert split.assumptions == (TOGETHER,)
    assert isinstance(split.terms[Term.KERNEL], Missing)
    assert ln(split, Term.INSTRUCTIONS) == pytest.approx(math.log(24e6 / 9e6), rel=1e-5)


def test_without_a_pmu_the_split_is_user_time_kernel_time_and_utilisation_as_by_hand() -> None:
    split = split_of(recording(ARMS, groups=(), inferences=1000))
    assert known(split) == {Term.CPU_TIME, Term.KERNEL, Term.UTILISATION}
    lost = split.terms[Term.INSTRUCTIONS]
    assert isinstance(lost, Missing)
    assert "this machine exposes no PMU" in lost.reason
    # User and kernel CPU time: 10/3 and 6/3 ms against 5.6/2.8 and 1.2/2.8 ms, the second arm 90 % utilised.
    total = weight(FP32.wall_ns, INT8.wall_ns)
    user, kernel = weight(10 / 3, 2.0 / 0.9) * 1e6 / total, weight(2.0, 1.2 / 2.8 / 0.9) * 1e6 / total
    assert ln(split, Term.CPU_TIME) == pytest.approx(user * math.log(10 / 3 / 2.0), rel=1e-5)
    assert ln(split, Term.KERNEL) == pytest.approx(kernel * math.log(2.0 / (1.2 / 2.8)), rel=1e-5)
    assert ln(split, Term.UTILISATION) == pytest.approx((user + kernel) * math.log(0.9), rel=1e-5)


def test_without_a_pmu_and_without_kernel_time_the_cpu_time_is_one_term() -> None:
    gap = Missing("this kernel does not separate them")
    fact = recording(ARMS, groups=(), inferences=1000)
    untold = tuple(replace(one, user_ns=gap, kernel_ns=gap) for one in fact.readings)
    split = split_of(replace(fact, readings=untold))
    assert known(split) == {Term.CPU_TIME, Term.UTILISATION}
    assert ln(split, Term.CPU_TIME) == pytest.approx(math.log(FP32.cpu_ns / INT8.cpu_ns), rel=1e-5)


def test_kernel_time_by_timer_tick_is_said_to_be_coarse() -> None:
    fact = recording(ARMS, groups=(), inferences=1000)
    assert is_known(fact.machine)
    assert split_of(fact).assumptions == ()
    ticking = replace(fact, machine=replace(fact.machine, cpu_time_split="by timer tick"))
    assert split_of(ticking).assumptions == (BY_TICK,)


def test_multiplexed_counts_are_gaps() -> None:
    fact = recording(ARMS, groups=(CACHE_GROUP,))
    shared = tuple(
        replace(one, counts=tuple(replace(count, running_ns=count.enabled_ns // 2) for count in one.counts))
        for one in fact.readings
    )
    explanation = explain(replace(fact, readings=shared))
    assert isinstance(explanation.arms[0].instructions, Missing)
    assert "multiplexed" in explanation.arms[0].instructions.reason
    split = explanation.comparisons[0].split
    assert is_known(split)
    assert known(split) == {Term.CPU_TIME, Term.KERNEL, Term.UTILISATION}


def test_counts_beyond_physical_bounds_are_gaps() -> None:
    fact = recording(ARMS, groups=(CACHE_GROUP,))
    wild = tuple(
        replace(one, counts=tuple(replace(count, raw=count.raw * 100) for count in one.counts)) for one in fact.readings
    )
    cycles = explain(replace(fact, readings=wild)).arms[0].cycles
    assert isinstance(cycles, Missing)
    assert "more than any clock gives" in cycles.reason


def test_a_replicate_without_counts_takes_the_mean_of_the_others_and_that_is_said() -> None:
    fact = recording(ARMS, inferences=1000)
    bare = tuple(replace(one, counts=()) if one.replicate == 3 else one for one in fact.readings)
    split = split_of(replace(fact, readings=bare))
    assert split.assumptions == (
        "replicate 3 of fp32 counted no cycles:u: the mean of the others is used",
        "replicate 3 of int8 counted no cycles:u: the mean of the others is used",
    )
    assert ln(split, Term.INSTRUCTIONS) == pytest.approx(by_hand()[Term.INSTRUCTIONS], rel=1e-4)


def test_counts_in_fewer_than_half_of_the_replicates_are_no_counts() -> None:
    fact = recording(ARMS)
    bare = tuple(replace(one, counts=()) if one.replicate > 2 else one for one in fact.readings)
    assert known(split_of(replace(fact, readings=bare))) == {Term.CPU_TIME, Term.KERNEL, Term.UTILISATION}


def test_a_cpu_clock_too_coarse_for_the_turns_leaves_no_split() -> None:
    fact = recording(ARMS)
    coarse = tuple(replace(one, cpu_ns=0) for one in fact.readings)
    split = explain(replace(fact, readings=coarse)).comparisons[0].split
    assert isinstance(split, Missing)
    assert "read 0" in split.reason


def test_rows_hold_the_stated_counts_per_inference() -> None:
    row = explain(recording(ARMS, inferences=1000, groups=BOTH_GROUPS)).arms[0]
    expected = {
        "instructions": 24e6,
        "cycles": 16e6,
        "ipc": 1.5,
        "frequency_hz": 3e9,
        "cache_references": 1e5,
        "cache_misses": 1e4,
        "cache_miss_share": 0.1,
        "page_faults": 3500,
        "cpu_ns": 16e6 / 3,
        "kernel_ns": 2e6,
    }
    for name, value in expected.items():
        assert getattr(row, name) == pytest.approx(value, rel=1e-6), name
    assert isinstance(row.branch_misses, Missing)


def clocked(fact: Recording, *, after: float = 1.0) -> Recording:
    """The recording of a machine without a PMU, with the clock by a chain: after a turn that many times that before."""
    readings = tuple(
        replace(
            reading,
            clock_before_mhz=round(1000 * ARMS.get(reading.arm, FP32).ghz),
            clock_after_mhz=round(1000 * ARMS.get(reading.arm, FP32).ghz * after),
        )
        for reading in fact.readings
    )
    return replace(fact, readings=readings)


def test_a_steady_clock_without_a_pmu_is_a_term_and_cpu_times_are_in_cycles() -> None:
    split = split_of(clocked(recording(ARMS, groups=(), inferences=1000)))
    expected, times = by_hand(), (FP32, INT8)
    per_cycle = [1 / (law.ghz * law.utilisation) for law in times]
    user = weight(FP32.user_cycles * per_cycle[0], INT8.user_cycles * per_cycle[1]) / weight(FP32.wall_ns, INT8.wall_ns)
    assert ln(split, Term.FREQUENCY) == pytest.approx(expected[Term.FREQUENCY], rel=1e-4)
    assert ln(split, Term.CPU_TIME) == pytest.approx(user * math.log(FP32.user_cycles / INT8.user_cycles), rel=1e-4)
    assert ln(split, Term.KERNEL) == pytest.approx(expected[Term.KERNEL], rel=1e-4)
    assert BY_CHAIN in split.assumptions


@pytest.mark.parametrize(("after", "is_term"), [(1.04, True), (1.08, False)])
def test_a_clock_that_changes_in_turns_is_no_term(after: float, is_term: bool) -> None:
    split = split_of(clocked(recording(ARMS, groups=(), inferences=1000), after=after))
    assert (Term.FREQUENCY in known(split)) is is_term
    assert (BY_CHAIN in split.assumptions) is is_term


def test_a_clock_that_is_not_known_is_no_term() -> None:
    split = split_of(recording(ARMS, groups=(), inferences=1000))
    assert Term.FREQUENCY not in known(split)
    assert BY_CHAIN not in split.assumptions


def test_a_pmus_own_frequency_is_taken_where_there_is_one() -> None:
    split = split_of(clocked(recording(ARMS, inferences=1000), after=1.02))
    assert ln(split, Term.FREQUENCY) == pytest.approx(by_hand()[Term.FREQUENCY], rel=1e-5)
    assert BY_CHAIN not in split.assumptions
