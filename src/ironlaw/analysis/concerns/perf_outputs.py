"""Concerns about saved outputs of `perf stat`: what they omit, and what they count besides inferences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ironlaw.analysis.concerns.doubts import FEW_REPLICATES, NO_CONTROL
from ironlaw.causes.pmu_misuse import CAUSE as PMU_MISUSE
from ironlaw.causes.whole_process_counting import CAUSE as WHOLE_PROCESS_COUNTING
from ironlaw.concern import LOST_COUNTER, Concern, Weight


def output_doubts(
    arm: str, *, lost: Mapping[str, list[str]], scaled: Mapping[str, float], unread: Iterable[str]
) -> Iterator[Concern]:
    """The concerns about one output. `lost` holds the unknown events by reason; `scaled`, the share of the time for
    which each multiplexed event was counted.
    """
    for reason, events in lost.items():
        yield Concern(
            slug=LOST_COUNTER,
            text=f"not known: {', '.join(events)} ({reason})",
            fix="count on a machine whose PMU is open to you, in groups that fit its counters",
            arm=arm,
        )
    if scaled:
        each = ", ".join(f"{event} {100 * share:.2f} %" for event, share in scaled.items())
        yield Concern(
            slug=PMU_MISUSE.slug,
            text=f"counted part of the time only, and scaled up to the whole by perf: {each}",
            fix="count fewer events at once, so that none is multiplexed: perf stat -e with at most four of the PMU's",
            arm=arm,
        )
    for line in unread:
        yield Concern(
            slug="unread-line",
            text=f"this line is not understood and not used: {line}",
            fix="save the output without options that add rows",
            arm=arm,
            weight=Weight.NOTES,
        )


def outputs_doubts(*, uncounted_runs: str, is_of_one_run: bool, is_user_only: bool) -> Iterator[Concern]:
    """The concerns about all outputs together; `uncounted_runs` is why the number of runs is unknown, if it is."""
    yield Concern(
        slug=WHOLE_PROCESS_COUNTING.slug,
        text="perf stat counts the whole process: start, imports, loading and warm-up are included in every number",
        fix="run each with two numbers of inferences: the difference is that of the inferences alone",
    )
    yield Concern(
        slug=NO_CONTROL,
        text="the outputs were made one after the other: a change of the machine in between looks like a cause",
        fix="ironlaw run interleaves the arms and runs one of them twice",
    )
    if uncounted_runs:
        yield Concern(slug=FEW_REPLICATES, text=uncounted_runs, fix="save the text: perf stat -r 10 -o FILE")
    if is_of_one_run:
        yield Concern(
            slug=FEW_REPLICATES,
            text="an output is from one run: the spread between runs is unknown",
            fix="perf stat -r 10",
        )
    if is_user_only:
        yield Concern(
            slug="user-mode-only",
            text="instructions, cycles and IPC are of user mode only (:u); the kernel's work is not included",
            fix="sudo sysctl kernel.perf_event_paranoid=1, and count without :u",
        )
