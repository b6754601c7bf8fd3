"""The table of verdicts: every outcome an experiment can have, with every reason, from stated parts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw.analysis.verdicts import judgement
from ironlaw.analysis.verdicts.bench import Bench, Contribution
from ironlaw.analysis.verdicts.judgement import Family, Judge
from ironlaw.arm import Arm
from ironlaw.causes import cause_of
from ironlaw.experiment import Switch
from ironlaw.explanation import Outcome
from ironlaw.missing import Maybe, Missing
from ironlaw.observed import Observed
from ironlaw.plan import Plan, Schedule

ARMS = ("a", "b")
SWITCH = Switch(cause="page-faults", factor="malloc", level="retain")
COLD = Switch(cause="cache-fit", factor="cache", level="cold", adds=True)
KEY = (*ARMS, ("page-faults", "malloc=retain", "malloc=retain"))
LIKELY: Family = {KEY: 0.001}


def around(mean: float, spread: float, *, count: int = 8) -> dict[int, float]:
    """Values of that mean, half of them above and half below by the spread."""
    return {number: mean + (spread if number % 2 else -spread) for number in range(count)}


def item(parts: dict[int, float], in_time: dict[int, float] | None = None, *, sign: int = 1) -> Contribution:
    return Contribution(
        cause="page-faults",
        switches=(SWITCH,),
        control="a",
        changed="a+malloc=retain",
        parts=parts,
        sign=sign,
        in_time=in_time or {},
    )


def bench(**changes: object) -> Bench:
    arms = tuple(Arm.of("fp32") if name == "a" else Arm.of("int8") for name in ARMS)
    plan = Plan(model="m", arms=tuple(replace(arm, name=name) for arm, name in zip(arms, ARMS, strict=True)),
                schedule=Schedule())  # fmt: skip
    return replace(Bench(plan=plan, ln_wall={}), **changes)  # type: ignore[arg-type]  # of the fields of a bench


def seen(name: str, *, faults: float) -> Observed:
    return Observed(arm=bench().plan.arm(name), wall_ns=1e7, page_faults=faults, checks={}, census={}, cpus=1)


CLEAR = around(0.10, 0.005)
TABLE: dict[str, tuple[Contribution, Maybe[Family], Outcome, str]] = {
    "confirmed": (item(CLEAR), LIKELY, Outcome.CONFIRMED, ""),
    "confirmed on both scales": (item(CLEAR, around(0.08, 0.005)), LIKELY, Outcome.CONFIRMED, ""),
    "confirmed where it was predicted to slow": (
        item({key: -part for key, part in CLEAR.items()}, sign=-1),
        LIKELY,
        Outcome.CONFIRMED,
        "",
    ),
    "one replicate": (item({0: 0.1}), LIKELY, Outcome.UNDECIDED, ""),
    "the control moved": (item(CLEAR), Missing("the control moved"), Outcome.UNDECIDED, "the control moved"),
    "two replicates": (item(around(0.1, 1e-6, count=2)), LIKELY, Outcome.UNDECIDED, "2 replicates are too few"),
    "too small to matter": (item(around(0.003, 0.004)), LIKELY, Outcome.REFUTED, "the whole interval is within ±1.5 %"),
    "the gap stays": (item(CLEAR, around(0.002, 0.004)), LIKELY, Outcome.REFUTED, "it costs both the same"),
    "against the prediction": (item(CLEAR, sign=-1), LIKELY, Outcome.UNDECIDED, "goes against the prediction"),
    "holds nothing": (item(around(0.02, 0.05)), LIKELY, Outcome.UNDECIDED, "contains both zero and an effect"),
    "half of both times": (
        item(around(0.0, 0.004), around(0.2, 0.004)), LIKELY, Outcome.UNDECIDED, "the same share of both"),
    "half of both times, and a little more of the faster one's": (
        item(around(0.0, 0.004), around(0.2, 0.004), sign=-1), LIKELY, Outcome.UNDECIDED, "the same share of both"),
    "little of both times": (
        item(around(0.0, 0.004), around(0.01, 0.004)), LIKELY, Outcome.REFUTED, "the whole interval is within ±1.5 %"),
    "the gap may stay": (
        item(CLEAR, around(0.02, 0.05)), LIKELY, Outcome.UNDECIDED, "no change of their difference is shown"),
    "shown alone": (item(CLEAR), {KEY: 0.2, ("a", "b", ("x",)): 1.0}, Outcome.UNDECIDED, "not among 2 experiments"),
    "just above the level": (item(CLEAR), {KEY: 0.0501}, Outcome.UNDECIDED, "significant by itself, but not among 1"),
    "just below the level": (item(CLEAR), {KEY: 0.0499}, Outcome.CONFIRMED, ""),
    "worse in its own null": (item(around(0.10, 0.118)), {KEY: 0.0001}, Outcome.UNDECIDED, ""),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_every_outcome_has_its_reason(name: str) -> None:
    contribution, among, outcome, reason = TABLE[name]
    verdict = Judge(on=bench(), arms=ARMS, among=among).verdict(contribution)
    assert verdict.outcome is outcome
    assert reason in verdict.reason
    assert bool(verdict.reason) is bool(reason) or name in ("one replicate", "worse in its own null")


def test_an_effect_of_one_replicate_says_itself_why_it_is_none() -> None:
    verdict = Judge(on=bench(), arms=ARMS, among=LIKELY).verdict(item({0: 0.1}))
    assert isinstance(verdict.effect, Missing)


def test_what_both_arms_have_equally_is_no_cause_of_their_difference() -> None:
    equal = {name: seen(name, faults=900.0) for name in ARMS}
    verdict = Judge(on=bench(seen=equal), arms=ARMS, among=LIKELY).verdict(item(CLEAR))
    assert verdict.outcome is Outcome.UNDECIDED
    assert "both arms have the same amount of it" in verdict.reason
    unequal = {"a": seen("a", faults=900.0), "b": seen("b", faults=30.0)}
    assert Judge(on=bench(seen=unequal), arms=ARMS, among=LIKELY).verdict(item(CLEAR)).outcome is Outcome.CONFIRMED


@pytest.mark.parametrize(("loss", "outcome"), [(0.10, Outcome.UNDECIDED), (0.0, Outcome.CONFIRMED)])
def test_a_slower_arm_that_loses_by_cold_caches_too_has_not_outgrown_them(loss: float, outcome: Outcome) -> None:
    ln_wall = {
        "a": around(16.0, 0.001),
        "a+cache=cold": around(16.0 + loss, 0.001),
        "b": around(15.0, 0.001),
        "b+cache=cold": around(15.3, 0.001),
    }
    cold = Contribution(
        cause="cache-fit", switches=(COLD,), control="a", changed="a+cache=cold", others=("b", "b+cache=cold"),
        parts=CLEAR, sign=1,
    )  # fmt: skip
    verdict = Judge(on=bench(ln_wall=ln_wall), arms=ARMS, among={(*ARMS, cold.key): 0.001}).verdict(cold)
    assert verdict.outcome is outcome
    assert verdict.reason == (cause_of("cache-fit").if_slower_loses if outcome is Outcome.UNDECIDED else "")


def test_three_replicates_are_enough_and_two_are_not() -> None:
    assert judgement.FEWEST_REPLICATES == 3
    three = item(around(0.1, 1e-6, count=3))
    assert Judge(on=bench(), arms=ARMS, among=LIKELY).verdict(three).outcome is Outcome.CONFIRMED


def test_noise_is_judged_on_the_scale_on_which_it_is_likelier() -> None:
    # 0.10 +- 0.005 is beyond noise; 0.02 +- 0.05 of eight has t = 1.06, p = 0.33.
    assert judgement._p_value(item(CLEAR)) < 1e-8
    assert judgement._p_value(item(CLEAR, around(0.02, 0.05))) == pytest.approx(0.33, abs=0.01)


def test_few_replicates_that_agree_at_random_are_judged_by_what_others_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    # One mode of two, in five processes: no spread of its own. Others of the recording spread by 0.02.
    close = item(dict.fromkeys(range(5), 0.02))
    levels = [replace(SWITCH, level=level) for level in ("one", "other")]
    others = [replace(item(around(0.0, 0.02)), switches=(level,)) for level in levels]
    monkeypatch.setattr(judgement, "contributions", lambda *_: [close, *others])
    monkeypatch.setattr(judgement, "factor_contributions", lambda *_: ((), {}))
    assert judgement._p_value(close) == 0.0
    assert judgement.p_values(bench(), [ARMS])[KEY] == pytest.approx(0.0139, abs=0.0002)


@pytest.mark.parametrize(("other", "removed"), [(900.0, 0), (30.0, 1)])
def test_only_what_may_be_confirmed_is_removed_before_the_levels_that_arms_differ_in(
    other: float, removed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Else the family holds the p-value of another pair of arms than the one that is judged, maybe a noisier one.
    taken: list[Contribution] = []

    def divided(*given: list[Contribution]) -> tuple[tuple[()], dict[str, object]]:
        taken.extend(given[-1])
        return (), {}

    monkeypatch.setattr(judgement, "contributions", lambda *_: [item(CLEAR)])
    monkeypatch.setattr(judgement, "factor_contributions", divided)
    on = bench(seen={"a": seen("a", faults=900.0), "b": seen("b", faults=other)})
    judgement.p_values(on, [ARMS])
    assert taken == [item(CLEAR)] * removed


def differing(mean: float) -> dict[str, dict[int, float]]:
    """ln(wall) of both arms, which differ by `mean` ± 0.01."""
    return {"a": around(16.0 + mean, 0.01), "b": dict.fromkeys(range(8), 16.0)}


@pytest.mark.parametrize(
    ("whole", "part", "outcome"),
    [
        # around(0, 0.03) of eight: ±0.027. 5 % of the smallest in 1.0 ± 0.009 are 0.0496, in 0.3 ± 0.009 0.0146.
        (1.0, around(0.0, 0.03), Outcome.REFUTED),
        (0.3, around(0.0, 0.03), Outcome.UNDECIDED),
        (1.0, around(0.03, 0.045), Outcome.UNDECIDED),  # up to 0.07
        (0.0, around(0.0, 0.03), Outcome.UNDECIDED),  # no difference, so no share of it
        (1.0, around(0.03, 0.005), Outcome.CONFIRMED),  # 3 % of the difference, but shown
        (-1.0, around(0.0, 0.03), Outcome.REFUTED),
    ],
)
def test_what_is_not_shown_and_at_most_a_twentieth_of_the_difference_is_refuted(
    whole: float, part: dict[int, float], outcome: Outcome
) -> None:
    verdict = Judge(on=bench(ln_wall=differing(whole)), arms=ARMS, among=LIKELY).verdict(item(part))
    assert verdict.outcome is outcome
    if outcome is Outcome.REFUTED:
        assert verdict.reason == "the whole interval is within ±5.0 %, or 5 % of the difference"


def test_a_share_of_the_difference_refutes_nothing_where_nothing_may_be_judged() -> None:
    on = bench(ln_wall=differing(1.0))
    for among, part in ((Missing("the control moved"), around(0.0, 0.03)), (LIKELY, around(0.0, 0.001, count=2))):
        assert Judge(on=on, arms=ARMS, among=among).verdict(item(part)).outcome is Outcome.UNDECIDED
