"""Concerns about the recording, its arms and comparisons, each with what to do about it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ironlaw.analysis.compare import EXCUSED_SHARE, MOST_EXCUSED, control_moved_by, has_moved
from ironlaw.analysis.concerns.circumstances import circumstance_doubts
from ironlaw.analysis.concerns.shapes import shape_doubts
from ironlaw.analysis.concerns.standings import standing_doubts
from ironlaw.analysis.turns import ArmTurns
from ironlaw.causes.cold_start import CAUSE as COLD_START
from ironlaw.causes.noisy_host import CAUSE as NOISY_HOST
from ironlaw.causes.thread_oversubscription import CAUSE as THREAD_OVERSUBSCRIPTION
from ironlaw.concern import LOST_COUNTER, Concern, Weight
from ironlaw.explanation import Comparison
from ironlaw.fact import Ending, Meter
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.recording import Recording

NO_CONTROL = "no-control"
FEW_REPLICATES = "few-replicates"
ENOUGH_REPLICATES = 5  # below, the t interval is more than twice as wide as at ten
ENOUGH_ROUNDS = 3
COSTLY_MEASURING = 0.01  # of a turn
MUCH_SCATTERED = 0.5  # of the memory that the arms of a replicate take
NOISY_STEAL = 0.01  # of the wall time of the turns
MUCH_WAITED = 0.05  # likewise, all threads together: an arm that has its CPUs to itself waits for less than 0.01


def recording_doubts(recording: Recording, turns: dict[str, ArmTurns]) -> Iterator[Concern]:
    """Concerns about the run as a whole."""
    yield from circumstance_doubts(recording)
    yield from _length(recording, turns)
    yield from _counters(recording)
    yield from _interrupted(turns)
    yield from _scattered_memory(recording)
    yield from _cost_of_measuring(recording, turns)
    yield from standing_doubts(recording)


def arm_doubts(recording: Recording, turns: dict[str, ArmTurns], names: list[str]) -> Iterator[Concern]:
    """Concerns about single arms."""
    yield from _failures(recording)
    yield from _warm_up(recording, names)
    yield from _threads(recording, names)
    for name in names:
        if name in turns and len(turns[name]):
            yield from shape_doubts(turns[name])
        if name in turns and turns[name].impossible:
            yield Concern(
                slug="impossible-reading",
                text=f"{turns[name].impossible} turns read no wall time or no inference and are left out",
                fix="this is a bug of the meter or its clock; report it with the recording",
                arm=name,
            )


def control_doubts(check: Maybe[Comparison], has_control: bool) -> Iterator[Concern]:
    """Concerns that follow from the control's comparison with itself."""
    if isinstance(check, Missing):
        why = f"the control arm could not be compared ({check.reason})" if has_control else "no arm ran twice"
        yield Concern(
            slug=NO_CONTROL,
            text=f"{why}, so no control shows how large a difference noise alone makes here",
            fix="record again with a control arm that runs" if has_control else "ironlaw run adds a control by itself",
        )
        return
    moved = check.ln_ratio
    if is_known(moved) and has_moved(check):
        yield Concern(
            slug="control-moved",
            text=(
                f"{check.changed} is the same program as {check.control} and yet differs by "
                f"{moved.value * 100:+.2f} % [{moved.low * 100:+.2f}, {moved.high * 100:+.2f}]; "
                f"{_unproven(control_moved_by(check))}"
            ),
            fix="record again with more replicates, or on a quieter machine (ironlaw doctor names the noise)",
            arm=check.changed,
            weight=Weight.INVALIDATES if control_moved_by(check) > MOST_EXCUSED else Weight.DOUBTS,
        )


def _unproven(moved_by: float) -> str:
    if moved_by > MOST_EXCUSED:
        return "every difference of this recording is unproven"
    smallest = math.expm1(moved_by / EXCUSED_SHARE)
    return f"differences and effects below {smallest * 100:.0f} % are unproven"


def comparison_doubts(comparison: Comparison, left_out: tuple[int, ...]) -> Iterator[Concern]:
    """Concerns about one comparison."""
    by_t, by_rank = comparison.ln_ratio, comparison.rank
    if is_known(by_t) and is_known(by_rank) and by_t.excludes(0.0) != by_rank.excludes(0.0):
        without = "ranks" if by_t.excludes(0.0) else "the t interval"
        yield Concern(
            slug="rank-disagrees",
            text=(
                f"the two intervals disagree whether {comparison.changed} differs from {comparison.control}: "
                f"{without} cannot exclude that it does not"
            ),
            fix="single replicates carry the difference; record more of them",
            arm=comparison.changed,
        )
    if left_out:
        listed = ", ".join(str(number) for number in left_out)
        yield Concern(
            slug="cut-replicate",
            text=f"replicate {listed} ended before half of its rounds and is not used",
            fix="let the run finish, or raise --budget",
            arm=comparison.changed,
            weight=Weight.NOTES,
        )


def _length(recording: Recording, turns: dict[str, ArmTurns]) -> Iterator[Concern]:
    if recording.was_cut:
        yield Concern(
            slug="cut-recording",
            text="the recording has no end: it was cut, and only what was recorded before is explained",
            fix="record again, or use it as it is",
        )
    elif is_known(recording.ended) and recording.ended.why in (Ending.INTERRUPTED, Ending.FAILED):
        why, received = recording.ended.why.value, recording.ended.signal
        yield Concern(
            slug="cut-recording",
            text=f"the run ended early ({why} by {received})" if is_known(received) else f"the run ended early ({why})",
            fix="record again, or use it as it is",
        )
    if not any(len(table.replicate) for table in turns.values()):
        return  # nothing was measured that few replicates could put in doubt
    replicates = {int(number) for table in turns.values() for number in np.unique(table.replicate)}
    if len(replicates) < ENOUGH_REPLICATES:
        yield Concern(
            slug=FEW_REPLICATES,
            text=f"{len(replicates)} replicates: the intervals are wide, and no rank-based check is possible"
            if len(replicates) > 1
            else "1 replicate: there is no interval, and nothing is proven",
            fix=f"raise --budget; {ENOUGH_REPLICATES} replicates at least, 8 or more are better",
        )
    # Of the arms that took part: those of experiments join and leave.
    rounds = [
        len(np.unique(table.round[table.replicate == one])) for table in turns.values() for one in set(table.replicate)
    ]
    usual = float(np.median(rounds)) if rounds else 0.0
    if usual < ENOUGH_ROUNDS:
        yield Concern(
            slug="short-recording",
            text=f"a replicate has {usual:g} round{'s' if usual > 1 else ''}: positions in a round do not balance out",
            fix="raise --budget",
        )


def _counters(recording: Recording) -> Iterator[Concern]:
    counters = recording.counters
    if isinstance(counters, Missing):
        yield Concern(slug=LOST_COUNTER, text=f"no counters: {counters.reason}", fix="record again")
        return
    if counters.meter is Meter.CLOCK and not counters.lost:
        why = counters.slots.reason if isinstance(counters.slots, Missing) else "the PMU was not used"
        yield Concern(
            slug=LOST_COUNTER,
            text=f"instructions and cycles were not counted: {why}",
            fix="ironlaw doctor shows what would allow them here",
        )
    for reason, events in counters.lost_together().items():
        yield Concern(
            slug=LOST_COUNTER,
            text=f"not counted: {', '.join(events)} ({reason})",
            fix="ironlaw doctor shows what would allow it here",
        )


def _cost_of_measuring(recording: Recording, turns: dict[str, ArmTurns]) -> Iterator[Concern]:
    """A concern for each arm of which measuring takes a large share: the time of an empty turn against that of a real
    one.

    Both are taken per inference, since an empty turn may have another number of inferences than the arm's.
    """
    asked = {arm.name for arm in recording.plan.asked()}  # what is true of an arm is true of its experiments
    for name, table in turns.items():
        if name not in asked:
            continue
        nulls = [null for null in recording.nulls if null.arm == name]
        if not nulls or not len(table):
            continue
        lengths = [
            float(np.median(table.inferences)) if isinstance(n.inferences, Missing) else n.inferences for n in nulls
        ]
        empty_ns = [null.wall_ns / max(length, 1) for null, length in zip(nulls, lengths, strict=True)]
        share = float(np.median(empty_ns)) / float(np.median(table.wall_ns))
        if share > COSTLY_MEASURING:
            yield Concern(
                slug="costly-measuring",
                text=f"measuring takes {100 * share:.1f} % of this arm's turns",
                fix="run more inferences per turn: raise --budget or --n",
                arm=name,
            )


def _interrupted(turns: dict[str, ArmTurns]) -> Iterator[Concern]:
    """CPU time that arms were denied, by what took it."""
    for quantity, least, slug, text, fix in _TAKEN:
        shares = _shares_above(least, turns, quantity)
        if shares:
            yield Concern(slug=slug, text=text.format(shares), fix=fix)


# What took time, from which share on it is reported, and in which words; shares stand for the braces.
_TAKEN = (
    (
        "steal_ns",
        NOISY_STEAL,
        NOISY_HOST.slug,
        "other guests of the host used CPU time while arms ran (steal): {}",
        "record on a quieter machine, or with more replicates",
    ),
    (
        "throttled_ns",
        NOISY_STEAL,
        THREAD_OVERSUBSCRIPTION.slug,
        "the CPU quota of the cgroup stopped arms that had used it up: {}",
        "raise cpu.max (docker run --cpus), or use fewer threads",
    ),
    (
        "waited_ns",
        MUCH_WAITED,
        NOISY_HOST.slug,
        "runnable threads waited for busy CPUs, for as much as {} time; threads that work together all wait "
        "for the slowest",
        "run nothing else on the CPUs of the arms, and give them no more threads than CPUs",
    ),
)


def _shares_above(least: float, turns: dict[str, ArmTurns], quantity: str) -> str:
    """The arms in which a quantity took more than that share of the time, in words; empty if there are none."""
    shares = {}
    for name, table in turns.items():
        taken = table.column(quantity)
        if is_known(taken) and len(taken.turn):
            shares[name] = float(taken.value.sum() / table.wall_ns[taken.turn].sum())
    return ", ".join(f"{100 * share:.1f} % of {name}'s" for name, share in shares.items() if share > least)


def _scattered_memory(recording: Recording) -> Iterator[Concern]:
    """Fragmented memory is given to the arms that start first, so that an arm's share of it varies between
    processes.
    """
    taken: dict[int, int] = {}
    for arm in recording.started:
        peak = arm.peak_rss_bytes
        taken[arm.replicate] = taken.get(arm.replicate, 0) + (peak if is_known(peak) else 0)
    for interpreter in recording.interpreters:
        memory = interpreter.memory
        if not is_known(memory.scattered_bytes):
            continue
        left = memory.scattered_bytes - memory.held_bytes
        if left > MUCH_SCATTERED * taken.get(interpreter.replicate, 0) > 0:
            why = f" ({memory.compacted.reason})" if isinstance(memory.compacted, Missing) else ""
            yield Concern(
                slug="scattered-memory",
                text=(
                    f"{left / 2**30:.1f} GiB of free memory lay in blocks below 64 KiB{why}: the order in which arms "
                    "start decides which gets them. It changes from replicate to replicate, so intervals are wider, "
                    "not wrong"
                ),
                fix="echo 1 | sudo tee /proc/sys/vm/compact_memory; as root, ironlaw does it before replicate 1",
                weight=Weight.NOTES,
            )
            return


def _failures(recording: Recording) -> Iterator[Concern]:
    """Arms that failed; the failure of an arm added for an experiment affects that experiment only."""
    added = {arm.name for arm in recording.plan.arms if arm.serves}
    for failure in recording.failures:
        where = "while it was prepared" if failure.replicate < 0 else f"in replicate {failure.replicate}"
        yield Concern(
            slug="arm-failed",
            text=f"failed {where} ({failure.stage}): {failure.reason}",
            fix=failure.hint or "run this arm alone to see its output",
            arm=failure.arm,
            weight=Weight.NOTES if failure.arm in added else Weight.DOUBTS,
        )


def _warm_up(recording: Recording, names: list[str]) -> Iterator[Concern]:
    for name in names:
        judged = [fact for fact in recording.started if fact.arm == name and fact.warm_up_judged]
        never = [fact for fact in judged if not is_known(fact.steady_at)]
        if never:
            listed = ", ".join(str(fact.replicate) for fact in never)
            yield Concern(
                slug=COLD_START.slug,
                text=f"never became steady while warming up in replicate {listed}",
                fix="its times may still include start-up cost; give it a longer warm-up",
                arm=name,
            )


def _threads(recording: Recording, names: list[str]) -> Iterator[Concern]:
    at_start = {(fact.arm, fact.replicate): fact.threads for fact in recording.started}
    grown = sorted(
        {
            (reading.arm, reading.replicate)
            for reading in recording.readings
            if reading.threads_after > at_start.get((reading.arm, reading.replicate), reading.threads_after)
        }
    )
    for name in names:
        listed = ", ".join(str(replicate) for arm, replicate in grown if arm == name)
        if listed:
            yield Concern(
                slug="threads-appeared",
                text=f"threads appeared after counting began in replicate {listed}; their work is not counted",
                fix="set the number of threads before the first inference",
                arm=name,
            )
