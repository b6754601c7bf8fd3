"""The break-even map of stated recordings and explanations: known answers, by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from ironlaw.estimate import Estimate
from ironlaw.explanation import (
    Comparison,
    Difference,
    Outcome,
)
from ironlaw.explanation.break_even import THE_GAIN, Axis, Gain, HostOutcome, Place
from ironlaw.explanation.split import Split, SplitTerm
from ironlaw.machine import Machine
from ironlaw.missing import Missing, is_known
from ironlaw.sweep.cluster import Done
from ironlaw.sweep.embedded import measure_alone
from ironlaw.sweep.store import Store
from ironlaw.sweep.survey import (
    NOT_YET,
    break_even_map,
    goes_with,
    holdings_of,
    inputs_to_repay,
    larger_hosts,
    turns_along,
    version_concerns,
)
from ironlaw.watcher import Unwatched
from tests.sweep.scripted import MACHINE, ScriptedRunner, plan

PLACE = Place(model="net", shape="", threads=1, batch=1, host="any")


def gain(difference: Difference, **where: object) -> Gain:
    causes = where.pop("causes", {})
    assert isinstance(causes, dict)
    return Gain(
        place=replace(PLACE, **where),  # type: ignore[arg-type]  # fields of Place
        control="fp32",
        changed="int8",
        difference=difference,
        speedup=Estimate(value=2.0, low=1.9, high=2.1),
        once_ns=Missing("not needed here"),
        inputs_to_repay=Missing("not needed here"),
        causes=causes,
        effects={name: Estimate(value=1.5, low=1.4, high=1.6) for name in causes},
    )


def comparison(saving: Estimate, difference: Difference = Difference.FASTER) -> Comparison:
    term = SplitTerm(ln=saving, ns=saving)
    return Comparison(
        control="fp32", changed="int8", difference=difference, ln_ratio=Estimate(value=0.7, low=0.6, high=0.8),
        rank=Missing("not needed"), replicates=(), split=Split(total=term, terms={}),
    )  # fmt: skip


def test_a_cost_of_ten_savings_is_repaid_after_ten_inferences() -> None:
    saving = Estimate(value=4e6, low=2e6, high=5e6)
    repaid = inputs_to_repay(comparison(saving), 40e6, batch=1)
    assert repaid == Estimate(value=10.0, low=8.0, high=20.0)
    assert inputs_to_repay(comparison(saving), 40e6, batch=8) == Estimate(value=80.0, low=64.0, high=160.0)


def test_what_costs_nothing_more_is_repaid_at_once() -> None:
    repaid = inputs_to_repay(comparison(Estimate(value=4e6, low=2e6, high=5e6)), -1e6, batch=1)
    assert repaid == Estimate(value=0.0, low=0.0, high=0.0)


def test_a_saving_that_may_be_nothing_may_never_repay() -> None:
    repaid = inputs_to_repay(comparison(Estimate(value=4e6, low=-1e6, high=5e6)), 40e6, batch=1)
    assert is_known(repaid)
    assert math.isinf(repaid.high)


@pytest.mark.parametrize("difference", [one for one in Difference if one is not Difference.FASTER])
def test_without_a_shown_gain_nothing_is_repaid(difference: Difference) -> None:
    saving = Estimate(value=4e6, low=2e6, high=5e6)
    assert isinstance(inputs_to_repay(comparison(saving, difference), 40e6, batch=1), Missing)


def test_the_sign_turns_between_neighbours_that_show_one() -> None:
    line = [
        gain(Difference.FASTER, batch=1),
        gain(Difference.SLOWER, batch=32),
        gain(Difference.NONE_SHOWN, batch=8),
        gain(Difference.FASTER, batch=4),
    ]
    (turn,) = turns_along(Axis.BATCH, line)
    assert (turn.before.place.batch, turn.after.place.batch) == (4, 32)
    assert list(turns_along(Axis.THREADS, line)) == []


def test_places_that_differ_in_more_than_the_axis_are_not_neighbours() -> None:
    line = [gain(Difference.FASTER, batch=1, host="a"), gain(Difference.SLOWER, batch=8, host="b")]
    assert list(turns_along(Axis.BATCH, line)) == []


def test_a_moved_control_turns_no_sign() -> None:
    line = [gain(Difference.FASTER, batch=1), gain(Difference.UNPROVEN, batch=8)]
    assert list(turns_along(Axis.BATCH, line)) == []


VNNI = Machine(architecture="x86_64", cpu="new", isa=("avx2", "avx512_vnni"), libc="glibc 2.36")
PLAIN = Machine(architecture="x86_64", cpu="old", isa=("avx2",), libc="glibc 2.36")


def on(host: str, speedup: float, *, batch: int = 1, difference: Difference = Difference.FASTER) -> Gain:
    interval = Estimate(value=speedup, low=speedup * 0.95, high=speedup * 1.05)
    return replace(gain(difference, host=host, batch=batch), speedup=interval)


def test_a_gain_that_is_larger_on_hosts_with_vnni_goes_with_vnni() -> None:
    gains = [on("new", 2.6), on("new", 2.4, batch=8), on("old", 1.2), on("old", 1.1, batch=8)]
    (holding,) = holdings_of(gains, {"new": VNNI, "old": PLAIN})
    assert holding.cause == THE_GAIN
    assert holding.hosts == {
        "new": HostOutcome(holds=2, of=2, effect=(2.4, 2.6)),
        "old": HostOutcome(holds=2, of=2, effect=(1.1, 1.2)),
    }
    assert holding.larger_on == ("new",)
    assert holding.goes_with == ("isa:avx512_vnni",)


@pytest.mark.parametrize(
    "gains",
    [
        [on("new", 1.25), on("old", 1.2)],  # the intervals overlap
        [on("new", 2.6), on("new", 1.1, batch=8), on("old", 1.2), on("old", 1.1, batch=8)],  # at one batch they do
        [on("new", 2.6), on("old", 1.2, batch=8)],  # no place is shared
        [on("new", 2.6), on("old", 1.2, difference=Difference.UNPROVEN)],
    ],
)
def test_a_gain_that_is_not_larger_at_every_shared_place_goes_with_nothing(gains: list[Gain]) -> None:
    assert larger_hosts(gains) == ()
    (holding,) = holdings_of(gains, {"new": VNNI, "old": PLAIN})
    assert (holding.larger_on, holding.goes_with) == ((), ())


def test_hosts_divide_at_the_largest_gap() -> None:
    assert set(larger_hosts([on("a", 2.6), on("b", 2.4), on("c", 1.2), on("d", 1.3)])) == {"a", "b"}


def test_a_confirmed_cause_goes_with_what_hosts_without_it_lack() -> None:
    confirmed, refuted = {"page-faults": Outcome.CONFIRMED}, {"page-faults": Outcome.REFUTED}
    gains = [gain(Difference.FASTER, host="new", causes=confirmed), gain(Difference.FASTER, host="old", causes=refuted)]
    holdings = {holding.cause: holding for holding in holdings_of(gains, {"new": VNNI, "old": PLAIN})}
    assert holdings["page-faults"].goes_with == ("isa:avx512_vnni",)


def test_an_undecided_cause_is_no_host_without_it() -> None:
    confirmed, undecided = {"page-faults": Outcome.CONFIRMED}, {"page-faults": Outcome.UNDECIDED}
    gains = [
        gain(Difference.FASTER, host="new", causes=confirmed),
        gain(Difference.FASTER, host="old", causes=undecided),
    ]
    holdings = {holding.cause: holding for holding in holdings_of(gains, {"new": VNNI, "old": PLAIN})}
    assert holdings["page-faults"].goes_with == ()
    assert holdings["page-faults"].hosts["old"].open == 1


def test_a_cause_that_holds_everywhere_goes_with_nothing() -> None:
    confirmed = {"page-faults": Outcome.CONFIRMED}
    gains = [gain(Difference.FASTER, host=host, causes=confirmed) for host in ("new", "old")]
    holdings = {holding.cause: holding for holding in holdings_of(gains, {"new": VNNI, "old": PLAIN})}
    assert all(outcome.always for outcome in holdings["page-faults"].hosts.values())
    assert holdings["page-faults"].goes_with == ()


def test_facts_are_reported_only_of_known_machines_on_both_sides() -> None:
    machines = {"new": VNNI, "old": PLAIN}
    assert goes_with(["new"], ["old"], machines) == ("isa:avx512_vnni",)
    assert goes_with(["new"], [], machines) == ()
    assert goes_with(["new"], ["old", "unknown"], machines) == ()


def test_one_host_is_not_compared() -> None:
    assert list(holdings_of([gain(Difference.FASTER)], {"any": VNNI})) == []


def test_a_version_that_is_not_the_same_everywhere_is_a_concern() -> None:
    (concern,) = version_concerns({"torch": {"2.6.0": {"a", "b"}, "2.5.1": {"c"}}, "numpy": {"2.0": {"a", "b", "c"}}})
    assert concern.slug == "versions-differ"
    assert concern.text == "torch is not the same everywhere in this sweep: 2.5.1 on c, 2.6.0 on a and b"


def test_the_map_of_scripted_cells_has_each_gain_and_each_gap(tmp_path: Path) -> None:
    wanted = plan(tmp_path)
    cells = list(wanted.cells())
    store = Store(wanted.out)
    runner = ScriptedRunner(journal=tmp_path / "journal")
    for cell in cells[:3]:
        outcome = measure_alone(runner, cell, store.aside(cell), tmp_path, Unwatched())
        assert isinstance(outcome, Done)
        store.keep(cell, outcome.written)
    drawn = break_even_map(wanted, store)
    store.close()
    assert (drawn.cells, drawn.measured) == (4, 3)
    assert [item.reason for item in drawn.absent] == [NOT_YET]
    assert [(one.place.threads, one.place.batch) for one in drawn.gains] == [(1, 1), (2, 1), (1, 8)]
    for one in drawn.gains:
        assert is_known(one.speedup)
        assert one.speedup.low < 2.0 < one.speedup.high  # the script halves the instructions
        assert one.difference is Difference.FASTER


def test_one_label_on_two_kinds_of_machine_is_two_hosts(tmp_path: Path) -> None:
    wanted = plan(tmp_path, threads=(1,), batches=(1, 8))
    store = Store(wanted.out)
    for cell, machine in zip(wanted.cells(), (MACHINE, replace(MACHINE, isa=("avx2", "avx512_vnni"))), strict=True):
        runner = ScriptedRunner(journal=tmp_path / "journal", machine=machine)
        outcome = measure_alone(runner, cell, store.aside(cell), tmp_path, Unwatched())
        assert isinstance(outcome, Done)
        store.keep(cell, outcome.written)
    drawn = break_even_map(wanted, store)
    store.close()
    assert [one.place.host for one in drawn.gains] == ["any, kind 1: scripted", "any, kind 2: scripted"]
