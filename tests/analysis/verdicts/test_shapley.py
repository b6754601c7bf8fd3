"""Shares of causes that were applied together: Shapley values worked by hand, and which causes keep a share."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw.analysis.verdicts.bench import Bench, Contribution
from ironlaw.analysis.verdicts.judgement import ABSORBED, family, judge
from ironlaw.analysis.verdicts.shares import Shares, _shapley, absorbed, share_out_causes
from ironlaw.arm import Arm
from ironlaw.estimate import Estimate
from ironlaw.experiment import Experiment, Switch
from ironlaw.explanation import Outcome
from ironlaw.plan import Plan, Schedule

SWITCHES = {
    "small": Switch(cause="denormals", factor="denormals", level="flushed"),
    "large": Switch(cause="autograd", factor="grad", level="off"),
    "larger": Switch(cause="train-mode", factor="mode", level="eval"),
}


def item(name: str, mean: float = 1.0) -> Contribution:
    switch = SWITCHES[name]
    return Contribution(cause=name, switches=(switch,), control="a", changed="b", parts={0: mean, 1: mean}, sign=1)


def test_two_causes_that_overlap_share_what_they_remove_together() -> None:
    # Alone 3 and 5, together 6: over both orders the first is worth (3 + (6 - 5)) / 2, the second (5 + (6 - 3)) / 2.
    removed = {
        frozenset(group): {0: value, 1: value} for group, value in (((), 0.0), ((0,), 3.0), ((1,), 5.0), ((0, 1), 6.0))
    }
    shares = _shapley([item("small"), item("large")], removed)
    assert shares[item("small").key] == ({0: 2.0, 1: 2.0}, (1.0, 3.0))
    assert shares[item("large").key] == ({0: 4.0, 1: 4.0}, (3.0, 5.0))


@pytest.mark.parametrize(
    ("orders", "expected"),
    [
        ({"small": (0.004, 0.15), "large": (0.8, 0.95)}, "small"),  # in one order next to nothing
        ({"small": (-0.02, 0.15), "large": (0.8, 0.95)}, "small"),
        ({"small": (0.0, 1.0), "large": (0.0, 1.2)}, "small"),  # each has what the other has: the larger one stays
        ({"small": (0.02, 0.15), "large": (0.8, 0.95)}, None),
        ({"small": None, "large": (0.8, 0.95)}, None),  # not removed together
    ],
)
def test_a_cause_adds_nothing_if_nothing_of_it_is_left_in_some_order(
    orders: dict[str, tuple[float, float] | None], expected: str | None
) -> None:
    for sign in (1, -1):
        shares: Shares = {}
        items = [replace(item(name), sign=sign) for name in orders]
        for one, edges in zip(items, orders.values(), strict=True):
            signed = None if edges is None else (min(sign * edge for edge in edges), max(sign * edge for edge in edges))
            shares[one.key] = ({0: sign * sum(edges or (0.0,)) / 2}, signed)
        found = absorbed(items, shares)
        assert (found.cause if found else None) == expected


@pytest.mark.parametrize(
    ("together", "sharing"), [(2, {"large": 0.2, "larger": 0.3}), (1, {"larger": 0.3})], ids=["enough", "too few"]
)
def test_of_causes_not_all_applied_together_the_largest_that_were_keep_a_share(
    together: int, sharing: dict[str, float]
) -> None:
    """Together means in as many replicates as an interval needs."""

    def applied(arm: str, *names: str) -> Experiment:
        switches = tuple(SWITCHES[name] for name in names)
        return Experiment(arm=arm, switches=switches, applied="+".join([arm, *names]))

    groups = [("small",), ("large",), ("larger",), ("larger", "large")]
    experiments = tuple(applied(arm, *names) for arm in ("a", "b") for names in groups)
    worth = {"small": 0.01, "large": 0.2, "larger": 0.3}
    ln_wall = {"a": 16.0, "b": 15.0}
    for entry in experiments:
        taken_away = sum(worth[name] for name in entry.applied.split("+")[1:]) if entry.arm == "a" else 0.0
        ln_wall[entry.applied] = ln_wall[entry.arm] - taken_away
    arms = tuple(replace(Arm.of("fp32"), name=name) for name in ("a", "b"))
    plan = Plan(model="m", arms=arms, schedule=Schedule(), experiments=experiments)
    ran = {name: together if "larger+large" in name else 4 for name in ln_wall}
    on = Bench(plan=plan, ln_wall={name: dict.fromkeys(range(ran[name]), value) for name, value in ln_wall.items()})
    shares = share_out_causes(on, "a", "b", [item(name, value) for name, value in worth.items()])
    assert {key[0]: round(parts[0], 6) for key, (parts, _) in shares.items()} == sharing


@pytest.mark.parametrize(("together", "outcome"), [(1.0, Outcome.UNDECIDED), (1.15, Outcome.CONFIRMED)])
def test_a_cause_whose_part_is_within_that_of_another_is_undecided(together: float, outcome: Outcome) -> None:
    """Alone the small one removes 0.15 and the large one 1.0 of the difference; `together` they remove this."""
    small, large = SWITCHES["large"], SWITCHES["larger"]
    removed = {(small,): 0.15, (large,): 1.0, (large, small): together}
    experiments = tuple(
        Experiment(arm=arm, switches=switches, applied="+".join([arm, *(one.cause for one in switches)]))
        for arm in ("a", "b")
        for switches in removed
    )
    jitter = (-1e-3, 5e-4, 0.0, -5e-4, 1e-3, 2e-4)
    means = {"a": 16.0, "b": 15.0}
    for entry in experiments:
        means[entry.applied] = means[entry.arm] - (removed[entry.switches] if entry.arm == "a" else 0.0)
    ln_wall = {
        name: {place: mean + jitter[(place + turn) % 6] for place in range(6)}
        for turn, (name, mean) in enumerate(means.items())
    }
    arms = tuple(replace(Arm.of("fp32"), name=name) for name in ("a", "b"))
    plan = Plan(model="m", arms=arms, schedule=Schedule(), experiments=experiments)
    on = Bench(plan=plan, ln_wall=ln_wall)
    found = judge(on, "a", "b", whole=Estimate(value=1.0, low=0.99, high=1.01), among=family(on, [("a", "b")]))
    verdicts = {one.cause: one for one in found.causes}
    assert verdicts[large.cause].outcome is Outcome.CONFIRMED
    assert verdicts[small.cause].outcome is outcome
    assert (verdicts[small.cause].reason == ABSORBED) is (outcome is Outcome.UNDECIDED)
    assert isinstance(found.unexplained, Estimate)
