"""Recordings that vary a setting: each point by itself, and where the difference turns."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironlaw.analysis.assemble import explain
from ironlaw.analysis.brief import briefly
from ironlaw.analysis.points import at_point
from ironlaw.arm import Arm
from ironlaw.explanation import Difference, Explanation, Outcome
from ironlaw.explanation.varied import GainSeries, Varied
from ironlaw.measure.scripted import ArmScript, Script
from ironlaw.missing import is_known
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.point import NOWHERE, points_of
from ironlaw.recording import Recording, assemble
from tests.scripted import run_script

BATCHES = ("1", "4", "16")
NOISE = 0.01
SEED = 2  # of which the controls hold still, as of nineteen in twenty


def varied_recording(
    changed: dict[str, float],
    *,
    noise: float = NOISE,
    replicates: int = 8,
    broken: str = "",
    setting: str = "batch",
    is_alone: bool = False,
) -> Recording:
    """fp32, and int8 unless `is_alone`, at every value: int8 with that many times fp32's instructions of one cycle."""
    points = points_of({setting: tuple(changed)})
    arms = tuple(arm.at(point) for point in points for arm in (Arm.of("fp32"), Arm.of("int8"))[: 1 if is_alone else 2])
    laws = {f"fp32 {setting}={value}": ArmScript(user_instructions=1e7) for value in changed}
    laws |= {
        f"int8 {setting}={value}": ArmScript(user_instructions=1e7 * times, fails_in=0 if value == broken else None)
        for value, times in changed.items()
    }
    schedule = Schedule(replicates=replicates, rounds=4, inferences=4 * replicates, budget_s=None)
    plan = Plan(model="scripted", arms=with_control(arms), schedule=schedule, seed=SEED)
    script = Script(arms=laws, turn_noise=noise, shared_spread=noise, seed=SEED)
    return assemble(run_script(plan, script))


def varied(explanation: Explanation) -> Varied:
    assert is_known(explanation.varied)
    return explanation.varied


def only_series(recording: Recording) -> GainSeries:
    (series,) = varied(explain(recording)).series
    return series


def test_a_gain_that_becomes_a_loss_confirms_that_it_turns_and_between_which_values() -> None:
    series = only_series(varied_recording({"1": 0.5, "4": 0.8, "16": 1.3}))
    assert (series.outcome, series.control, series.changed) == (Outcome.CONFIRMED, "fp32", "int8")
    assert [gain.difference for gain in series.gains] == [Difference.FASTER, Difference.FASTER, Difference.SLOWER]
    (turn,) = series.turns
    assert (turn.first, turn.second) == ("4", "16")
    assert is_known(turn.interaction)
    assert turn.interaction.low < math.log(1.3 / 0.8) < turn.interaction.high
    assert is_known(series.change)
    assert series.change.low < math.log(1.3 / 0.5) < series.change.high


def test_a_gain_at_every_value_refutes_that_it_turns_however_much_it_changes() -> None:
    series = only_series(varied_recording({"1": 0.3, "4": 0.5, "16": 0.8}))
    assert series.outcome is Outcome.REFUTED
    assert series.turns == ()
    assert is_known(series.change)
    assert series.change.excludes(0.0)


def test_a_value_at_which_nothing_is_shown_leaves_undecided_whether_it_turns() -> None:
    series = only_series(varied_recording({"1": 0.5, "4": 0.7, "16": 1.0}))
    assert series.outcome is Outcome.UNDECIDED
    assert [gain.difference for gain in series.gains][2] is Difference.NONE_SHOWN


def test_values_between_which_nothing_is_shown_are_passed_over() -> None:
    series = only_series(varied_recording({"1": 0.5, "4": 1.0, "16": 1.5}))
    assert series.outcome is Outcome.CONFIRMED
    assert [(turn.first, turn.second) for turn in series.turns] == [("1", "16")]


def test_no_turn_is_claimed_of_programs_that_are_equal_everywhere() -> None:
    for seed in range(3):
        series = only_series(varied_recording({"1": 1.0, "4": 1.0, "16": 1.0}, noise=0.02 + seed / 1000))
        assert series.outcome is not Outcome.CONFIRMED


def test_values_are_ordered_by_their_size_and_not_by_how_they_were_typed() -> None:
    series = only_series(varied_recording({"16": 1.5, "1": 0.5, "4": 0.7}))
    assert [gain.value for gain in series.gains] == ["1", "4", "16"]
    assert [(turn.first, turn.second) for turn in series.turns] == [("4", "16")]


def test_each_comparison_is_with_the_control_of_its_own_point() -> None:
    explanation = explain(varied_recording({"1": 0.5, "16": 1.3}))
    pairs = [(one.control, one.changed) for one in explanation.comparisons]
    assert pairs == [("fp32 batch=1", "int8 batch=1"), ("fp32 batch=16", "int8 batch=16")]


def test_a_point_says_what_its_arms_would_say_alone() -> None:
    recording = varied_recording({"1": 0.5, "16": 1.3})
    whole = explain(recording)
    for found in varied(whole).points:
        alone = explain(at_point(recording, found.point))
        assert alone == found.explanation
        assert [arm.arm for arm in alone.arms] == [arm.name for arm in recording.plan.arms if arm.point == found.point]
        assert is_known(alone.plan)
        assert alone.plan.batch == int(found.point.value("batch") or 0)


def test_a_point_at_which_an_arm_failed_leaves_the_others_their_verdicts() -> None:
    series = only_series(varied_recording({"1": 0.5, "4": 0.7, "16": 1.3}, broken="4"))
    assert [gain.difference for gain in series.gains] == [Difference.FASTER, Difference.UNPROVEN, Difference.SLOWER]
    assert series.gain("4").reason == "int8 batch=4 failed (start)"
    assert series.outcome is Outcome.CONFIRMED


def test_arms_of_two_points_are_compared_where_both_are_named() -> None:
    recording = varied_recording({"1": 0.5, "16": 1.3})
    explanation = explain(recording, control="int8 batch=1", changed="int8 batch=16")
    (comparison,) = explanation.comparisons
    assert comparison.difference is Difference.SLOWER
    assert not is_known(explanation.varied)


def test_a_history_compares_within_points_too() -> None:
    found = briefly(varied_recording({"1": 0.5, "16": 1.3}))
    assert [(one.changed, one.difference) for one in found.comparisons] == [
        ("int8 batch=1", Difference.FASTER),
        ("int8 batch=16", Difference.SLOWER),
    ]


def test_a_word_is_a_value_as_well_and_is_taken_in_the_order_given() -> None:
    series = only_series(varied_recording({"tall": 0.5, "short": 1.4}, setting="form"))
    assert [gain.value for gain in series.gains] == ["tall", "short"]
    assert series.outcome is Outcome.CONFIRMED


@given(st.permutations(["1", "4", "16"]))
def test_the_order_of_the_points_in_the_plan_changes_no_verdict(order: list[str]) -> None:
    times = {"1": 0.5, "4": 0.8, "16": 1.3}
    series = only_series(varied_recording({value: times[value] for value in order}, noise=1e-4, replicates=3))
    assert [gain.value for gain in series.gains] == ["1", "4", "16"]
    assert [(turn.first, turn.second) for turn in series.turns] == [("4", "16")]


def test_two_settings_give_a_series_along_each_with_the_other_held() -> None:
    points = points_of({"batch": ("1", "8"), "threads": ("1", "2")})
    assert [str(point) for point in points] == [
        "batch=1 threads=1", "batch=1 threads=2", "batch=8 threads=1", "batch=8 threads=2"
    ]  # fmt: skip
    arm = Arm.of("int8").at(points[1])
    assert (arm.name, str(arm.variant), arm.base) == ("int8 batch=1 threads=2", "int8+threads=2", "int8")
    assert arm.again().name == "int8 batch=1 threads=2 (again)"


def test_the_last_change_is_the_sum_of_the_changes_between_neighbours() -> None:
    recording = varied_recording({"1": 0.5, "4": 1.2, "16": 0.6}, noise=1e-3)
    series = only_series(recording)
    assert [(turn.first, turn.second) for turn in series.turns] == [("1", "4"), ("4", "16")]
    parts = [turn.interaction.value for turn in series.turns if is_known(turn.interaction)]
    assert is_known(series.change)
    assert sum(parts) == pytest.approx(series.change.value)


def test_an_arm_that_varies_nothing_is_at_no_point() -> None:
    assert not NOWHERE
    assert Arm.of("fp32").prepared_as() == "|fp32|"
