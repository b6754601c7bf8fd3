"""Concerns about attached files: how they were made, how they differ, and what they cannot show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ironlaw.analysis.concerns.doubts import FEW_REPLICATES, NO_CONTROL
from ironlaw.attachment import Attachment, TimedWhole
from ironlaw.causes.cold_start import CAUSE as COLD_START
from ironlaw.causes.unequal_arms import CAUSE as UNEQUAL_ARMS
from ironlaw.concern import Concern, Weight

LACKS = "file-lacks"
LACKING = "the files do not show"  # how the text of each of these begins


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedWhole:
    """The files as a whole: the indices of compared arms, what only one file has, and what repeats allow.

    `without_interval` is why a time has no interval, if one has none. `is_of_one_process`: an interval is of repeats
    within one process.
    """

    pairs: tuple[tuple[int, int], ...]
    alone: tuple[str, ...]
    without_interval: str
    is_of_one_process: bool


def attached_doubts(arms: Sequence[tuple[str, Attachment]], whole: AttachedWhole) -> tuple[Concern, ...]:
    """All concerns about the arms (name and attachment), those about the comparison first."""
    doubts = [*_differing(arms, whole.pairs)]
    for name, attachment in arms:
        doubts += _of_arm(name, attachment)
    doubts += _of_all(whole)
    doubts += _lacking([attachment for _, attachment in arms])
    return tuple(doubts)


def _differing(arms: Sequence[tuple[str, Attachment]], pairs: Sequence[tuple[int, int]]) -> Iterator[Concern]:
    """What the files state differently: versions, threads, shapes."""
    for one, other in pairs:
        (first, control), (second, changed) = arms[one], arms[other]
        for name, value in control.stated.items():
            theirs = changed.stated.get(name, value)
            if theirs != value:
                yield Concern(
                    slug=UNEQUAL_ARMS.slug,
                    text=f"the files state different {name}: {value} in {first}, {theirs} in {second}",
                    fix=f"make both with the same {name}, unless that is what you compare",
                    arm=second,
                )


def _of_arm(arm: str, attachment: Attachment) -> Iterator[Concern]:
    if attachment.included:
        yield Concern(
            slug=COLD_START.slug,
            text=f"the time includes {attachment.included}",
            fix="run each with two numbers of inferences: the difference is that of the inferences alone"
            if attachment.timed is TimedWhole.PROCESS
            else "let several runs go before the one that is timed, or attach a file of several",
            arm=arm,
        )
    if attachment.left_out:
        yield Concern(
            slug="warm-up-left-out",
            text=f"left out as warm-up: {attachment.left_out}",
            fix="",
            arm=arm,
            weight=Weight.NOTES,
        )
    if attachment.disturbs:
        yield Concern(
            slug="profiling-distorts",
            text=f"{attachment.disturbs}; the ratio of two profiles is not that of two plain runs",
            fix="ironlaw run times the plain inferences, and layers in turns of their own",
            arm=arm,
        )
    for note in attachment.notes:
        yield Concern(slug="attached-as", text=note, fix="", arm=arm, weight=Weight.NOTES)


def _of_all(whole: AttachedWhole) -> Iterator[Concern]:
    if whole.without_interval:
        yield Concern(
            slug=FEW_REPLICATES,
            text=f"there is no interval: {whole.without_interval}",
            fix="repeat each several times, in new processes",
        )
    if whole.is_of_one_process:
        yield Concern(
            slug="one-process",
            text=(
                "the repeats of a file are of one process: its interval does not hold what another process would "
                "differ by, so it proves nothing"
            ),
            fix="ironlaw run starts each arm in several processes",
        )
    yield Concern(
        slug=NO_CONTROL,
        text="the files were made one after the other: a change of the machine in between looks like a cause",
        fix="ironlaw run interleaves the arms and runs one of them twice",
    )
    if whole.alone:
        yield Concern(
            slug="without-counterpart",
            text=f"in one file only, and compared with nothing: {', '.join(whole.alone)}",
            fix="attach files of the same benchmarks",
            weight=Weight.NOTES,
        )


def _lacking(attachments: Sequence[Attachment]) -> Iterator[Concern]:
    lacks = {lack.what: lack for attachment in attachments for lack in attachment.lacks}
    for lack in lacks.values():
        yield Concern(slug=LACKS, text=f"{LACKING} {lack.what}: {lack.why}", fix=lack.fix)
    yield Concern(
        slug=LACKS,
        text=f"{LACKING} the answers: whether the arms compute the same is unknown",
        fix="ironlaw run compares the outputs on the same inputs",
    )
