"""Laws of the split: it adds up, it turns its sign with the arms, and it gives whole what only one arm has."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironlaw.analysis.iron_law.lmdi import Classes, Decomposition, State, decompose, log_mean
from ironlaw.analysis.iron_law.split import counterfactuals, read_once, split_with_intervals
from ironlaw.analysis.turns import Floats
from ironlaw.explanation.split import Term
from ironlaw.missing import Maybe, Missing, is_known

ABSENT = Missing("refused")
amounts = st.floats(1e-3, 1e9)
ratios = st.floats(0.05, 20.0)


@st.composite
def states(draw: st.DrawFn, *, replicates: int = 3, kernel: bool | None = None) -> State:
    """An arm with any times, counts and number of threads (utilisation up to 20)."""

    def some(values: st.SearchStrategy[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.array(draw(st.lists(values, min_size=replicates, max_size=replicates)))

    wall_ns = some(st.floats(1e3, 1e10))
    has_kernel = draw(st.booleans()) if kernel is None else kernel
    frontend = some(st.floats(0.0, 1.0))
    return State(
        wall_ns=wall_ns,
        cpu_ns=wall_ns * some(ratios),
        classes=Classes(
            instructions=some(amounts),
            cycles_per_ns=some(st.floats(0.1, 5.0)),
            kernel_cycles_per_ns=some(st.floats(0.001, 5.0)) if has_kernel else np.zeros(replicates),
            kernel_instructions=some(amounts),
            cpi_shares={"frontend": frontend, "backend": 1 - frontend},
        ),
        kernel_time_share=some(st.floats(0.0, 1.0)),
    )


def known(split: Decomposition) -> list[np.ndarray[tuple[int], np.dtype[np.float64]]]:
    return [term for term in split.terms.values() if not isinstance(term, Missing)]


def without_pmu(state: State, clock: Maybe[Floats] = ABSENT) -> State:
    return State(
        wall_ns=state.wall_ns,
        cpu_ns=state.cpu_ns,
        classes=ABSENT,
        kernel_time_share=state.kernel_time_share,
        clock_per_ns=clock,
    )


clocks = st.lists(st.floats(0.1, 6.0), min_size=3, max_size=3).map(np.array)


@given(states(), states(), clocks, clocks)
def test_the_terms_add_up_with_a_clock_that_no_pmu_counted(
    control: State, changed: State, first: Floats, second: Floats
) -> None:
    split = decompose(without_pmu(control, first), without_pmu(changed, second))
    assert Term.FREQUENCY in {term for term, value in split.terms.items() if not isinstance(value, Missing)}
    scale = sum(np.abs(term) for term in known(split))
    assert np.all(np.abs(sum(known(split)) - split.ln_ratio) <= 1e-12 * (1 + scale))


def test_a_faster_clock_without_a_pmu_is_all_frequency_where_both_clocks_are_known() -> None:
    slow, fast = timed(user_ns=3e6, kernel_ns=1e6, ghz=2.0), timed(user_ns=2e6, kernel_ns=2e6 / 3, ghz=3.0)
    terms = ns(slow, fast)
    assert terms[Term.FREQUENCY] == pytest.approx(4e6 / 3, rel=1e-12)
    assert math.fsum(abs(value) for value in terms.values()) == pytest.approx(4e6 / 3, rel=1e-9)
    unclocked = ns(slow, timed(user_ns=2e6, kernel_ns=2e6 / 3))
    assert Term.FREQUENCY not in unclocked
    assert unclocked[Term.CPU_TIME] == pytest.approx(1e6, rel=1e-12)


@given(states(), states(), st.booleans())
def test_the_terms_add_up_to_the_difference_of_every_replicate(control: State, changed: State, pmu: bool) -> None:
    if not pmu:
        control, changed = without_pmu(control), without_pmu(changed)
    split = decompose(control, changed)
    scale = sum(np.abs(term) for term in known(split))
    assert np.all(np.abs(sum(known(split)) - split.ln_ratio) <= 1e-12 * (1 + scale))


@given(states(), states())
def test_the_parts_of_a_term_add_up_to_it(control: State, changed: State) -> None:
    for pair in ((control, changed), (without_pmu(control), without_pmu(changed))):
        split = decompose(*pair)
        assert bool(split.parts) == is_known(pair[0].classes)
        for term, parts in split.parts.items():
            whole = split.terms[term]
            assert not isinstance(whole, Missing)
            values = [part for part in parts.values() if not isinstance(part, Missing)]
            scale = sum(np.abs(value) for value in values)
            assert np.all(np.abs(sum(values) - whole) <= 1e-9 * (1 + scale))


@given(states(), states())
def test_swapping_the_arms_turns_every_sign(control: State, changed: State) -> None:
    forth, back = decompose(control, changed), decompose(changed, control)
    for term, value in forth.terms.items():
        other = back.terms[term]
        if isinstance(value, Missing):
            assert other == value
        else:
            assert not isinstance(other, Missing)
            assert value == pytest.approx(-other, rel=1e-9, abs=1e-12)


@given(states())
def test_an_arm_against_itself_differs_in_nothing(arm: State) -> None:
    for term in known(decompose(arm, arm)):
        assert np.all(term == 0)


@given(states(), states())
def test_values_with_intervals_add_up_in_ln_and_in_ns(control: State, changed: State) -> None:
    decomposition = decompose(control, changed)
    split = split_with_intervals(decomposition, ())
    assert is_known(split)
    terms = [term for term in split.terms.values() if not isinstance(term, Missing)]
    ln_scale = math.fsum(abs(term.ln.value) for term in terms)
    ns_scale = math.fsum(abs(term.ns.value) for term in terms)
    assert abs(math.fsum(term.ln.value for term in terms) - split.total.ln.value) <= 1e-12 * (1 + ln_scale)
    times = [math.exp(float(arm.ln_wall.mean())) for arm in (control, changed)]
    # As in ln, times the time: terms of replicates may cancel in their mean, and leave the rounding of what they were.
    rounding = 1e-12 * (max(times) + ns_scale)
    assert abs(math.fsum(term.ns.value for term in terms) - split.total.ns.value) <= rounding
    assert abs(split.total.ns.value - (times[0] - times[1])) <= 1e-9 * max(times)


@given(states(replicates=1), states(replicates=1))
def test_one_replicate_adds_up_without_any_interval(control: State, changed: State) -> None:
    decomposition = decompose(control, changed)
    assert isinstance(split_with_intervals(decomposition, ()), Missing)
    once = read_once(decomposition, ())
    terms = [term for term in once.terms.values() if not isinstance(term, Missing)]
    scale = math.fsum(abs(term.ns) for term in terms)
    assert abs(math.fsum(term.ns for term in terms) - (once.control_ns - once.changed_ns)) <= 1e-9 * (
        scale + once.control_ns
    )


@given(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9))
def test_the_logarithmic_mean_is_symmetric_and_lies_between(first: float, second: float) -> None:
    a, b = np.array([first]), np.array([second])
    mean = log_mean(a, b)
    assert mean == log_mean(b, a)
    assert min(first, second) * (1 - 1e-12) <= mean[0] <= max(first, second) * (1 + 1e-12)
    assert log_mean(a, a) == a
    assert log_mean(a, np.zeros(1)) == 0


def law(*, user: float, kernel: float, ghz: float = 3.0, use: float = 1.0) -> State:
    """One replicate with these user and kernel cycles; 2 instructions a cycle."""
    cpu_ns = (user + kernel) / ghz
    return State(
        wall_ns=np.array([cpu_ns / use]),
        cpu_ns=np.array([cpu_ns]),
        classes=Classes(
            instructions=np.array([2 * user]),
            cycles_per_ns=np.array([user / cpu_ns]),
            kernel_cycles_per_ns=np.array([kernel / cpu_ns]),
            kernel_instructions=np.array([kernel]),
        ),
    )


def ns(control: State, changed: State) -> dict[Term, float]:
    once = read_once(decompose(control, changed), ())
    return {term: value.ns for term, value in once.terms.items() if not isinstance(value, Missing)}


def test_a_kernel_class_that_vanishes_enters_whole() -> None:
    terms = ns(law(user=6e6, kernel=3e6), law(user=6e6, kernel=0))  # 3 ms against 2 ms
    assert terms[Term.KERNEL] == pytest.approx(1e6, rel=1e-12)
    assert terms[Term.INSTRUCTIONS] == pytest.approx(0, abs=1e-6)
    appeared = ns(law(user=6e6, kernel=0), law(user=6e6, kernel=3e6))
    assert appeared[Term.KERNEL] == pytest.approx(-1e6, rel=1e-12)


def test_half_the_instructions_at_equal_cpi_is_all_instructions() -> None:
    terms = ns(law(user=6e6, kernel=0), law(user=3e6, kernel=0))
    assert terms[Term.INSTRUCTIONS] == pytest.approx(1e6, rel=1e-12)
    assert terms[Term.CPI] == pytest.approx(0, abs=1e-6)


def test_a_faster_clock_is_all_frequency() -> None:
    terms = ns(law(user=5e6, kernel=1e6, ghz=2.0), law(user=5e6, kernel=1e6, ghz=3.0))
    assert terms[Term.FREQUENCY] == pytest.approx(1e6, rel=1e-12)
    assert math.fsum(abs(value) for value in terms.values()) == pytest.approx(1e6, rel=1e-9)


def test_two_threads_at_equal_work_are_all_utilisation() -> None:
    terms = ns(law(user=5e6, kernel=1e6), law(user=5e6, kernel=1e6, use=2.0))
    assert terms[Term.UTILISATION] == pytest.approx(1e6, rel=1e-12)


def test_missing_cpu_time_makes_every_term_missing_for_that_reason() -> None:
    control = law(user=6e6, kernel=0)
    broken = State(wall_ns=control.wall_ns, cpu_ns=ABSENT, classes=control.classes)
    assert set(decompose(control, broken).terms.values()) == {ABSENT}


def timed(*, user_ns: float, kernel_ns: float, use: float = 1.0, ghz: float | None = None) -> State:
    """One replicate of which only CPU times are known and, if it is given, the clock."""
    cpu_ns = user_ns + kernel_ns
    return State(
        wall_ns=np.array([cpu_ns / use]),
        cpu_ns=np.array([cpu_ns]),
        classes=ABSENT,
        kernel_time_share=np.array([kernel_ns / cpu_ns]),
        clock_per_ns=ABSENT if ghz is None else np.array([ghz]),
    )


def test_without_counts_kernel_time_that_vanishes_enters_whole() -> None:
    terms = ns(timed(user_ns=2e6, kernel_ns=1e6), timed(user_ns=2e6, kernel_ns=0))
    assert terms[Term.KERNEL] == pytest.approx(1e6, rel=1e-12)
    assert terms[Term.CPU_TIME] == pytest.approx(0, abs=1e-6)


def test_without_counts_user_time_alone_changes_user_time_alone() -> None:
    terms = ns(timed(user_ns=3e6, kernel_ns=1e6), timed(user_ns=1e6, kernel_ns=1e6))
    assert terms[Term.CPU_TIME] == pytest.approx(2e6, rel=1e-12)
    assert terms[Term.KERNEL] == pytest.approx(0, abs=1e-6)
    assert terms[Term.UTILISATION] == pytest.approx(0, abs=1e-6)


def test_a_counterfactual_kernel_time_leaves_user_time_and_utilisation() -> None:
    pair = timed(user_ns=3e6, kernel_ns=1e6, use=0.5), timed(user_ns=1e6, kernel_ns=2e6)
    times = read_once(decompose(*pair), ()).counterfactuals_ns
    assert times[Term.KERNEL] == pytest.approx((3e6 + 2e6) / 0.5, rel=1e-12)
    assert times[Term.CPU_TIME] == pytest.approx((1e6 + 1e6) / 0.5, rel=1e-12)


def test_missing_counts_and_kernel_time_leave_cpu_time_and_utilisation() -> None:
    control, changed = without_pmu(law(user=6e6, kernel=0)), law(user=3e6, kernel=0, use=2.0)
    terms = decompose(control, changed).terms
    assert {term for term, value in terms.items() if not isinstance(value, Missing)} == {
        Term.CPU_TIME,
        Term.UTILISATION,
    }
    assert terms[Term.INSTRUCTIONS] == ABSENT


def test_a_counterfactual_swaps_one_factor_and_nothing_else() -> None:
    control, changed = law(user=6e6, kernel=3e6), law(user=2e6, kernel=1e6, ghz=2.0, use=0.5)
    once = read_once(decompose(control, changed), ())
    assert once.counterfactuals_ns[Term.INSTRUCTIONS] == pytest.approx((2e6 + 3e6) / 3, rel=1e-12)
    assert once.counterfactuals_ns[Term.CPI] == pytest.approx(3e6, rel=1e-12)  # equal CPI
    assert once.counterfactuals_ns[Term.KERNEL] == pytest.approx((6e6 + 1e6) / 3, rel=1e-12)
    assert once.counterfactuals_ns[Term.FREQUENCY] == pytest.approx(9e6 / 2, rel=1e-12)
    assert once.counterfactuals_ns[Term.UTILISATION] == pytest.approx(6e6, rel=1e-12)


def test_counterfactuals_have_intervals_where_there_are_replicates() -> None:
    one = law(user=6e6, kernel=3e6)
    assert counterfactuals(decompose(one, one)) == ()


def test_user_mode_alone_splits_with_the_kernel_term_missing() -> None:
    def user_only(user: float) -> State:
        state = law(user=user, kernel=0)
        assert is_known(state.classes)
        classes = Classes(
            instructions=state.classes.instructions,
            cycles_per_ns=state.classes.cycles_per_ns,
            kernel_cycles_per_ns=ABSENT,
            kernel_instructions=ABSENT,
        )
        return State(wall_ns=state.wall_ns, cpu_ns=state.cpu_ns, classes=classes)

    terms = decompose(user_only(6e6), user_only(3e6)).terms
    assert terms[Term.KERNEL] == ABSENT
    instructions = terms[Term.INSTRUCTIONS]
    assert not isinstance(instructions, Missing)
    assert instructions[0] == pytest.approx(math.log(2), rel=1e-12)
