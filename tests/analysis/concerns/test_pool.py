"""Whether an arm kept to its threads: a known answer in each direction, and the null case."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.analysis.concerns.pool import pool_doubts
from ironlaw.analysis.turns import turns_of
from ironlaw.recording import Recording
from tests.analysis.stated import Law, recording


def slugs(recorded: Recording) -> list[tuple[str, str]]:
    return [(concern.slug, concern.arm) for concern in pool_doubts(recorded, turns_of(recorded))]


def two(utilisation: float) -> Recording:
    return recording({"fp32": Law(), "other": Law(utilisation=utilisation)})


def test_one_thread_that_works_all_the_time_raises_no_doubt() -> None:
    assert slugs(two(1.0)) == []


def test_an_arm_that_keeps_two_cpus_busy_where_one_was_given_is_no_equal() -> None:
    assert slugs(two(2.0)) == [("unequal-arms", "other")]


def test_two_cpus_are_no_doubt_where_two_threads_were_given() -> None:
    recorded = two(2.0)
    plans = tuple(replace(plan, threads=2) for plan in recorded.plans)
    assert slugs(replace(recorded, plans=plans)) == []


def test_fewer_working_threads_than_given_are_noted() -> None:
    recorded = two(1.0)
    plans = tuple(replace(plan, threads=2) for plan in recorded.plans)
    started = tuple(replace(fact, working_threads=1) for fact in recorded.started)
    found = slugs(replace(recorded, plans=plans, started=started))
    assert found == [("idle-threads", "fp32"), ("idle-threads", "other")]


def test_a_thread_that_may_leave_the_arms_cpus_is_reported() -> None:
    recorded = two(1.0)
    started = tuple(replace(fact, thread_cpus=(0, 3) if fact.arm == "other" else (0,)) for fact in recorded.started)
    assert slugs(replace(recorded, started=started)) == [("unequal-arms", "other")]
