"""What a recording itself gives reason to doubt: named with the arm, and silent where there is nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw.analysis.assemble import explain
from ironlaw.fact import Ended, Ending, Failure, FreeMemory, InterpreterStarted, NullReading
from ironlaw.measure.scripted import Script
from ironlaw.missing import Missing, is_known
from ironlaw.recording import Recording
from tests.analysis.stated import Law, Noise, recording
from tests.scripted import SOUND, explained, own

ARMS = {"fp32": Law(page_faults=3000), "int8": Law(instructions=10e6)}


def doubts(fact: Recording, slug: str) -> list[tuple[str, str]]:
    return [(concern.arm, concern.text) for concern in explain(fact).concerns if concern.slug == slug]


def test_a_run_that_was_interrupted_says_so() -> None:
    fact = recording(ARMS)
    stopped = replace(fact, ended=Ended(why=Ending.INTERRUPTED, elapsed_s=3.0))
    assert doubts(stopped, "cut-recording") == [("", "the run ended early (interrupted)")]
    assert not doubts(fact, "cut-recording")


def test_a_warm_up_that_never_became_steady_names_its_replicates() -> None:
    fact = recording(ARMS)
    started = tuple(
        replace(one, steady_at=Missing("still falling")) if one.arm == "int8" and one.replicate in (2, 5) else one
        for one in fact.started
    )
    assert doubts(replace(fact, started=started), "cold-start") == [
        ("int8", "never became steady while warming up in replicate 2, 5")
    ]


def test_time_that_the_host_took_is_a_doubt_from_one_percent_on() -> None:
    fact = recording(ARMS)
    stolen = tuple(replace(one, steal_ns=one.wall_ns // 50) for one in fact.readings)
    ((_, text),) = doubts(replace(fact, readings=stolen), "noisy-host")
    assert all(f"2.0 % of {name}'s" in text for name in ("fp32", "int8", "fp32 (again)"))
    little = tuple(replace(one, steal_ns=one.wall_ns // 200) for one in fact.readings)
    assert not doubts(replace(fact, readings=little), "noisy-host")


def test_waiting_for_a_cpu_is_a_doubt_where_it_is_much() -> None:
    fact = recording(ARMS)
    crowded = tuple(replace(one, waited_ns=one.wall_ns // 2 if one.arm == "int8" else 0) for one in fact.readings)
    ((_, text),) = doubts(replace(fact, readings=crowded), "noisy-host")
    assert "50.0 % of int8's" in text
    assert "fp32" not in text
    little = tuple(replace(one, waited_ns=one.wall_ns // 100) for one in fact.readings)
    assert not doubts(replace(fact, readings=little), "noisy-host")


def test_time_that_a_quota_stopped_an_arm_for_is_reported_with_its_share() -> None:
    fact = recording(ARMS)
    stopped = tuple(replace(one, throttled_ns=one.wall_ns // 4 if one.arm == "int8" else 0) for one in fact.readings)
    ((_, text),) = doubts(replace(fact, readings=stopped), "thread-oversubscription")
    assert text.endswith("25.0 % of int8's")
    assert not doubts(fact, "thread-oversubscription")


def with_memory(fact: Recording, *, memory: FreeMemory) -> Recording:
    """Each of the recording's arms takes 400 MiB, and each replicate has one interpreter."""
    arms = tuple(dict.fromkeys(one.arm for one in fact.started))
    started = tuple(replace(one, peak_rss_bytes=400 << 20) for one in fact.started)
    interpreters = tuple(
        InterpreterStarted(
            replicate=number,
            arms=arms,
            environment={},
            padding_bytes=0,
            start_ns=1,
            memory=memory,
        )
        for number in sorted({one.replicate for one in fact.started})
    )
    return replace(fact, started=started, interpreters=interpreters)


def test_scattered_memory_that_is_neither_compacted_nor_held_is_noted_once() -> None:
    fact = recording(ARMS)  # three arms, 1200 MiB
    much = FreeMemory(
        compacted=Missing("/proc/sys/vm/compact_memory: Permission denied"), scattered_bytes=3 << 30, held_bytes=2 << 30
    )
    ((_, text),) = doubts(with_memory(fact, memory=much), "scattered-memory")
    assert text.startswith("1.0 GiB of free memory lay in blocks below 64 KiB (/proc/sys/vm/compact_memory: Permission")
    held = replace(much, held_bytes=3 << 30)
    assert not doubts(with_memory(fact, memory=held), "scattered-memory")
    little = replace(much, scattered_bytes=500 << 20, held_bytes=0)
    assert not doubts(with_memory(fact, memory=little), "scattered-memory")


def test_threads_that_appear_while_counting_are_named() -> None:
    fact = recording(ARMS)
    grown = tuple(
        replace(one, threads_after=3) if one.arm == "fp32" and one.replicate == 1 else one for one in fact.readings
    )
    assert [arm for arm, _ in doubts(replace(fact, readings=grown), "threads-appeared")] == ["fp32"]


def test_each_lost_counter_is_named_with_its_reason() -> None:
    fact = recording(ARMS, lost={"cache-misses": "refused (ENOENT)"})
    assert doubts(fact, "lost-counter") == [("", "not counted: cache-misses (refused (ENOENT))")]


def test_counters_lost_for_one_reason_are_named_together() -> None:
    refused = "the kernel refused {} (ENOENT): this CPU does not expose it"
    lost = {name: refused.format(name) for name in ("L1-dcache-loads", "L1-dcache-load-misses", "branches:u")}
    fact = recording(ARMS, lost=lost | {"stalls": "stalls read 0"})
    assert [text for _, text in doubts(fact, "lost-counter")] == [
        f"not counted: L1-dcache-loads, L1-dcache-load-misses, branches:u ({refused.format('each')})",
        "not counted: stalls (stalls read 0)",
    ]


def test_one_refusal_that_loses_them_all_is_quoted_as_it_is() -> None:
    refused = "the kernel refused instructions:u (ENOENT)"
    fact = recording(ARMS, lost=dict.fromkeys(("instructions", "cycles"), refused))
    assert doubts(fact, "lost-counter") == [("", f"not counted: instructions, cycles ({refused})")]


def test_few_replicates_and_few_rounds_are_doubts() -> None:
    assert doubts(recording(ARMS, replicates=4), "few-replicates")
    assert not doubts(recording(ARMS, replicates=5), "few-replicates")
    assert doubts(recording(ARMS, rounds=2), "short-recording")
    assert not doubts(recording(ARMS, rounds=3), "short-recording")


def test_an_arm_that_took_no_part_in_a_replicate_had_no_few_rounds_in_it() -> None:
    """Arms of experiments join and leave: a run of 22 replicates was said to have 0 rounds in each."""
    fact = recording(ARMS, rounds=4, replicates=6)
    first = fact.readings[0].arm
    rare = tuple(one for one in fact.readings if one.arm == first or one.replicate == 0)
    assert not doubts(replace(fact, readings=rare), "short-recording")


def test_no_control_arm_is_a_doubt() -> None:
    assert doubts(recording(ARMS, control=False), "no-control")
    assert not doubts(recording(ARMS), "no-control")


def test_a_control_that_failed_is_a_doubt_that_names_it_and_its_reason_is_given_once() -> None:
    fact = recording(ARMS)
    kept = tuple(one for one in fact.readings if not one.arm.endswith("(again)"))
    failure = Failure(arm="fp32 (again)", replicate=0, stage="turn", reason="killed by SIGSEGV")
    failed = replace(fact, readings=kept, failures=(failure,))
    ((_, text),) = doubts(failed, "no-control")
    assert "fp32 (again) failed (turn)" in text
    with_reason = [(one.slug, one.arm) for one in explain(failed).concerns if "killed by SIGSEGV" in one.text]
    assert with_reason == [("arm-failed", "fp32 (again)")]


def test_a_reading_without_time_is_left_out_and_said() -> None:
    fact = recording(ARMS)
    broken = (replace(fact.readings[0], wall_ns=0), *fact.readings[1:])
    assert len(doubts(replace(fact, readings=broken), "impossible-reading")) == 1
    assert not doubts(fact, "impossible-reading")


def test_measuring_that_costs_more_than_one_percent_of_a_turn_is_a_doubt() -> None:
    fact = recording(ARMS)
    turn_ns = next(one.wall_ns for one in fact.readings if one.arm == "fp32")
    dear = replace(fact, nulls=(NullReading(arm="fp32", replicate=0, wall_ns=turn_ns // 20),))
    cheap = replace(fact, nulls=(NullReading(arm="fp32", replicate=0, wall_ns=turn_ns // 2000),))
    assert [arm for arm, _ in doubts(dear, "costly-measuring")] == ["fp32"]
    assert not doubts(cheap, "costly-measuring")


def test_an_empty_turn_counts_an_inference_whatever_its_own_length() -> None:
    fact = recording(ARMS)
    of_fp32 = next(one for one in fact.readings if one.arm == "fp32")
    each_ns = of_fp32.wall_ns // of_fp32.inferences
    for share, said in ((20, ["fp32"]), (2000, [])):
        null = NullReading(arm="fp32", replicate=0, wall_ns=each_ns * 1000 // share, inferences=1000)
        assert [arm for arm, _ in doubts(replace(fact, nulls=(null,)), "costly-measuring")] == said


def test_a_run_whose_empty_turns_are_long_says_that_measuring_costs_too_much() -> None:
    said = {}
    for cost_ns in (0.0, 2e6):
        script = Script(arms={"a": replace(SOUND, measuring_ns=cost_ns), "b": SOUND})
        concerns = explained((own("a"), own("b")), script, replicates=3).concerns
        said[cost_ns] = {one.arm: one.text for one in concerns if one.slug == "costly-measuring"}
    assert said[0.0] == {}
    assert set(said[2e6]) == {"a"}
    assert "measuring takes" in said[2e6]["a"]


def test_one_wild_replicate_makes_the_two_intervals_disagree_and_that_is_said() -> None:
    fact = recording({"fp32": Law(), "same": Law(instructions=19.8e6)}, Noise(own=0.001))
    wild = tuple(
        replace(one, wall_ns=one.wall_ns * 2 // 3) if one.arm == "same" and one.replicate == 0 else one
        for one in fact.readings
    )
    comparison = explain(replace(fact, readings=wild)).comparisons[0]
    assert is_known(comparison.ln_ratio)
    assert is_known(comparison.rank)
    assert comparison.ln_ratio.excludes(0) is not comparison.rank.excludes(0)
    assert [arm for arm, _ in doubts(replace(fact, readings=wild), "rank-disagrees")] == ["same"]
    assert not doubts(fact, "rank-disagrees")


@pytest.mark.parametrize("slug", ["bimodal-arm", "skewed-arm", "process-layout", "control-moved", "costly-measuring"])
def test_a_usual_recording_raises_none_of_these(slug: str) -> None:
    assert not doubts(recording(ARMS, Noise(own=0.01, rounds=0.005)), slug)
