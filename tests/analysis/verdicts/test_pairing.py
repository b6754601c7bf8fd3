"""One cause tested by different switches on the two sides of a comparison, and by several switches on one pair."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw.analysis.verdicts.bench import Bench, contributions
from ironlaw.analysis.verdicts.judgement import family, judge
from ironlaw.analysis.verdicts.planner import _joinable
from ironlaw.arm import Arm
from ironlaw.estimate import Estimate
from ironlaw.experiment import Experiment, Switch
from ironlaw.explanation import Outcome
from ironlaw.missing import Missing, is_known
from ironlaw.plan import Plan, Schedule

RETAIN = Switch(cause="page-faults", factor="malloc", level="retain")
ARENA = Switch(cause="page-faults", factor="session.arena", level="on")
FLUSHED = Switch(cause="denormals", factor="denormals", level="flushed")
# Per replicate, what one arm has beyond another differs by so much: an interval needs some spread.
JITTER = {0: 0.0, 1: 0.001, 2: -0.001, 3: 0.0005}
WHOLE = Estimate(value=1.0, low=0.99, high=1.01)


def applied_to(arm: str, switch: Switch, *, excluded: str = "") -> Experiment:
    return Experiment(
        arm=arm, switches=(switch,), applied=arm if excluded else f"{arm}+{switch}", excluded=excluded
    )  # fmt: skip


def on(experiments: list[Experiment], ln_wall: dict[str, float]) -> Bench:
    arms = tuple(replace(Arm.of("fp32"), name=name) for name in ("a", "b"))
    plan = Plan(model="m", arms=arms, schedule=Schedule(), experiments=tuple(experiments))
    walls = {
        name: {number: value + jitter * (1 + place) for number, jitter in JITTER.items()}
        for place, (name, value) in enumerate(ln_wall.items())
    }
    return Bench(plan=plan, ln_wall=walls)


DIFFERENT = on(
    [applied_to("a", RETAIN), applied_to("b", ARENA)],
    {"a": 16.0, "b": 15.0, "a+malloc=retain": 15.6, "b+session.arena=on": 14.9},
)


def test_two_switches_of_one_cause_face_each_other() -> None:
    (item,) = contributions(DIFFERENT, "a", "b")
    assert item.by_side() == ((RETAIN,), (ARENA,))
    # The control loses 0.4 by its own switch, the changed arm 0.1 by its own.
    assert item.parts[0] == pytest.approx(0.3)
    assert (item.control, item.changed, item.others) == ("a", "a+malloc=retain", ("b", "b+session.arena=on"))


def test_a_cause_with_a_switch_per_engine_is_confirmed_with_its_share() -> None:
    verdicts = judge(DIFFERENT, "a", "b", whole=WHOLE, among=family(DIFFERENT, [("a", "b")]))
    (verdict,) = verdicts.causes
    assert verdict.outcome is Outcome.CONFIRMED
    assert not isinstance(verdict.share, Missing)
    assert verdict.share.value == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(("moved_by", "outcome"), [(0.029, Outcome.CONFIRMED), (0.031, Outcome.UNDECIDED)])
def test_an_effect_is_confirmed_if_the_control_moved_by_a_tenth_at_most(moved_by: float, outcome: Outcome) -> None:
    among = family(DIFFERENT, [("a", "b")])
    (verdict,) = judge(DIFFERENT, "a", "b", whole=WHOLE, among=among, moved_by=moved_by).causes
    assert is_known(verdict.effect)
    assert verdict.effect.low == pytest.approx(0.3, abs=0.005)
    assert verdict.outcome is outcome
    assert ("by up to 3.1 %, more than a tenth of the effect" in verdict.reason) == (outcome is Outcome.UNDECIDED)


@pytest.mark.parametrize(("moved_by", "outcome"), [(0.0, Outcome.REFUTED), (0.03, Outcome.UNDECIDED)])
def test_nothing_is_refuted_that_a_control_that_moved_could_hide(moved_by: float, outcome: Outcome) -> None:
    bench = on(
        [applied_to("a", RETAIN), applied_to("b", RETAIN)],
        {"a": 16.0, "b": 15.0, "a+malloc=retain": 16.0, "b+malloc=retain": 15.0},
    )
    among = family(bench, [("a", "b")])
    (verdict,) = judge(bench, "a", "b", whole=WHOLE, among=among, moved_by=moved_by).causes
    assert verdict.outcome is outcome


def test_switches_of_different_causes_do_not_face_each_other() -> None:
    bench = on(
        [applied_to("a", RETAIN), applied_to("b", FLUSHED)],
        {"a": 16.0, "b": 15.0, "a+malloc=retain": 15.6, "b+denormals=flushed": 14.9},
    )
    assert not [*contributions(bench, "a", "b")]


def test_what_is_put_in_the_way_does_not_face_what_is_taken_away() -> None:
    adding = replace(ARENA, level="off", adds=True)
    bench = on(
        [applied_to("a", RETAIN), applied_to("b", adding)],
        {"a": 16.0, "b": 15.0, "a+malloc=retain": 15.6, "b+session.arena=off": 15.2},
    )
    assert not [*contributions(bench, "a", "b")]


def test_two_switches_of_one_cause_on_one_pair_are_two_experiments_with_shares_of_their_own() -> None:
    packed = replace(FLUSHED, factor="session.prepacking", level="off")
    excluded = [applied_to("b", switch, excluded="it has none") for switch in (FLUSHED, packed)]
    both = Experiment(arm="a", switches=(FLUSHED, packed), applied="a+both")
    bench = on(
        [applied_to("a", FLUSHED), applied_to("a", packed), *excluded, both],
        {"a": 16.0, "b": 15.0, "a+denormals=flushed": 15.6, "a+session.prepacking=off": 15.8, "a+both": 15.4},
    )
    among = family(bench, [("a", "b")])
    assert {key for _, _, key in among} == {
        ("denormals", "denormals=flushed", "denormals=flushed"),
        ("denormals", "session.prepacking=off", "session.prepacking=off"),
    }
    found = {verdict.changed: verdict for verdict in judge(bench, "a", "b", whole=WHOLE, among=among).causes}
    for name, part in {"a+denormals=flushed": 0.4, "a+session.prepacking=off": 0.2}.items():
        share = found[name].share
        assert not isinstance(share, Missing)
        assert share.value == pytest.approx(part, abs=0.01)


def test_a_side_that_stays_as_it_is_says_why_once_by_what_was_known_last() -> None:
    again = [applied_to("b", RETAIN, excluded=f"it has {faults} page faults") for faults in (3, 2)]
    bench = on([applied_to("a", RETAIN), *again], {"a": 16.0, "b": 15.0, "a+malloc=retain": 15.6})
    (item,) = contributions(bench, "a", "b")
    assert item.note == "b was not switched: it has 2 page faults"


def test_of_two_levels_of_one_factor_only_the_larger_is_taken_away_with_others() -> None:
    item = next(iter(contributions(DIFFERENT, "a", "b")))
    same_factor = replace(item, switches=(replace(RETAIN, level="jemalloc"),))
    elsewhere = replace(item, switches=(FLUSHED,), facing=None)
    assert _joinable([item, same_factor, elsewhere]) == [item, elsewhere]
