"""From attached files to an explanation: one path for all formats."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ironlaw.analysis.account.difference import account
from ironlaw.analysis.account.executed import Sampled
from ironlaw.analysis.attached.arms import AttachedArm, AttachedPairs, attached_pairs
from ironlaw.analysis.attached.code import sampled_of
from ironlaw.analysis.attached.next_run import next_run
from ironlaw.analysis.attached.nodes import NodeTimes, ledger_of, operators_of, spent_by
from ironlaw.analysis.attached.times import ONE_REPEAT, is_between_processes, ln_ratio, mean_ns, mean_time
from ironlaw.analysis.compare import absent, difference_of
from ironlaw.analysis.concerns.attached import AttachedWhole, attached_doubts
from ironlaw.analysis.imported.perf_stat import explain_outputs
from ironlaw.analysis.verdicts.unswitched import consistent
from ironlaw.arm import Arm
from ironlaw.attachment import AttachedFile, Repeated, TimedWhole
from ironlaw.causes import CAUSES
from ironlaw.concern import Concern
from ironlaw.errors import BadInput
from ironlaw.explanation import HAS_INTERVAL, ArmSummary, Comparison, Difference, Explanation, ReadOnce
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.observed import Observed
from ironlaw.variant import Variant

_NO_MACHINE = Missing("attached files do not show which machine it was")
_NO_PLAN = Missing("attached files have no plan")
_NO_CONTROL = Missing("no file is of the same program as another one, in another process")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arm:
    """An arm with everything derived from its file alone."""

    name: str
    arm: AttachedArm
    row: ArmSummary
    nodes: Maybe[NodeTimes]
    code: Maybe[Sampled]
    seen: Observed


def explain_attached(files: Sequence[AttachedFile]) -> Explanation:
    """Explain attached files: each against the first, as far as each allows.

    Raises:
        BadInput: there is nothing to compare, or the files time different things.
    """
    found = attached_pairs(files)
    _require_one_kind(found)
    source = " and ".join(file.name for file in files)
    counts = [arm.attachment.counts for arm in found.arms]
    outputs = [output for output in counts if not isinstance(output, Missing)]
    if len(outputs) == len(found.arms):
        names = [arm.name for arm in found.arms]
        explanation = explain_outputs(list(zip(names, outputs, strict=True)))
        return replace(explanation, source=source, next_run=next_run(found.arms, explanation.comparisons))
    arms = [_arm(arm) for arm in found.arms]
    comparisons = tuple(_compare(arms[one], arms[other]) for one, other in found.pairs)
    return Explanation(
        machine=_NO_MACHINE,
        plan=_NO_PLAN,
        arms=tuple(arm.row for arm in arms),
        comparisons=comparisons,
        concerns=(*_faults(arms), *attached_doubts([(arm.name, arm.attachment) for arm in found.arms], _whole(found))),
        control_check=_NO_CONTROL,
        next_run=next_run(found.arms, comparisons),
        source=source,
        times_are=_times_are(found),
    )


def _times_are(found: AttachedPairs) -> str:
    words = {arm.attachment.times_are for arm in found.arms}
    return words.pop() if len(words) == 1 else "time"


def _faults(arms: Sequence[_Arm]) -> Iterator[Concern]:
    """The faults that causes find in a single arm: called int8, but executed no int8 operator."""
    for arm in arms:
        for cause in CAUSES.values():
            if arm.seen.census and (concern := cause.concern(arm.seen, "")) is not None:
                yield concern


def _whole(found: AttachedPairs) -> AttachedWhole:
    known = [arm.attachment.times for arm in found.arms if not isinstance(arm.attachment.times, Missing)]
    means = [(times, mean_time(times)) for times in known]
    return AttachedWhole(
        pairs=found.pairs,
        alone=found.alone,
        without_interval=next((mean.reason for _, mean in means if isinstance(mean, Missing)), ""),
        is_of_one_process=any(
            times.repeated is Repeated.WITHIN and not isinstance(mean, Missing) for times, mean in means
        ),
    )


def _require_one_kind(found: AttachedPairs) -> None:
    for one, other in found.pairs:
        first, second = found.arms[one], found.arms[other]
        kinds = {first.attachment.timed, second.attachment.timed}
        if len(kinds) > 1 and TimedWhole.UNKNOWN not in kinds:
            raise BadInput(
                f"{first.name} times {first.attachment.timed.value}, and {second.name} {second.attachment.timed.value}",
                hint="attach two files of one kind",
            )


def _arm(arm: AttachedArm) -> _Arm:
    attachment = arm.attachment
    row = _row(arm)
    wall_ns = row.wall_ns.value if not isinstance(row.wall_ns, Missing) else row.wall_ns_once
    nodes: Maybe[NodeTimes] = Missing("the file holds no time of the whole")
    if not isinstance(wall_ns, Missing):
        nodes = NodeTimes.of(arm.name, attachment, wall_ns)
    code = sampled_of(attachment.code)
    level = f"given@{attachment.engine}" if attachment.engine else "given"
    seen = Observed(
        arm=Arm(name=arm.name, variant=Variant.parse(level), factory=arm.name),
        wall_ns=0.0 if isinstance(wall_ns, Missing) else wall_ns,
        page_faults=Missing("the file does not count them"),
        checks={},
        census=dict(attachment.census),
        cpus=1,
        nodes=attachment.named,
        executed=code if isinstance(code, Missing) else code.executed,
        spent=spent_by(nodes),
    )
    row = replace(row, executed=seen.executed, computes_int8=_computes_int8(seen))
    return _Arm(name=arm.name, arm=arm, row=row, nodes=nodes, code=code, seen=seen)


def _computes_int8(seen: Observed) -> Maybe[bool]:
    if "int8_operators" in seen.census or seen.integer_share is not None:
        return seen.computes_int8
    return Missing("the file does not name what it multiplies")


def _row(arm: AttachedArm) -> ArmSummary:
    """The arm's row: its time, and why nothing else is known."""
    times, gap = arm.attachment.times, Missing(_times_only(arm.attachment.title))
    empty = ArmSummary(
        arm=arm.name,
        inferences=Missing("the file does not report their number"),
        wall_ns=times if isinstance(times, Missing) else ONE_REPEAT,
        wall_ns_once=times if isinstance(times, Missing) else mean_ns(times),
        user_ns=gap,
        kernel_ns=gap,
        cpu_ns=gap,
        instructions=gap,
        cycles=gap,
        ipc=gap,
        cache_references=gap,
        cache_misses=gap,
        cache_miss_share=gap,
        context_switches=gap,
        page_faults=gap,
    )
    if isinstance(times, Missing):
        return empty
    mean = mean_time(times)
    row = replace(empty, cpu_ns=mean_ns(times)) if times.is_cpu_time else empty
    if isinstance(mean, Missing):
        return replace(row, wall_ns=mean)
    return replace(row, inferences=mean.count, wall_ns=mean.interval, wall_ns_once=HAS_INTERVAL)


def _times_only(title: str) -> str:
    """The sentence that the file has nothing but times; titles of several things have no article."""
    return f"{title} {'holds' if title.startswith(('a ', 'an ')) else 'hold'} times only"


def _compare(control: _Arm, changed: _Arm) -> Comparison:
    first, second = control.arm.attachment.times, changed.arm.attachment.times
    if isinstance(first, Missing) or isinstance(second, Missing):
        gap = first if isinstance(first, Missing) else second
        assert isinstance(gap, Missing)
        made = absent(control.name, changed.name, gap.reason)
        return replace(made, causes=consistent(made, control.seen, changed.seen, _NO_MACHINE))
    ratio = ln_ratio(first, second)
    before, after = mean_ns(first), mean_ns(second)
    made = Comparison(
        control=control.name,
        changed=changed.name,
        difference=Difference.UNPROVEN,
        ln_ratio=ratio,
        rank=Missing("the files do not pair their repeats"),
        replicates=(),
        split=Missing("the files hold times only: nothing divides them into instructions, cycles and frequency"),
        once=ReadOnce(ln_ratio=math.log(before / after), control_ns=before, changed_ns=after, terms={}),
        ledger=ledger_of(control.nodes, changed.nodes),
        operators=operators_of(control.nodes, changed.nodes),
        account=account(control.code, changed.code, control_ns=before, changed_ns=after),
    )
    # Repeats of one process do not show by how much another process would differ: they prove nothing.
    if is_between_processes(first) and is_between_processes(second):
        made = replace(made, difference=difference_of(made))
    return replace(made, causes=consistent(_by_value(made), control.seen, changed.seen, _NO_MACHINE))


def _by_value(comparison: Comparison) -> Comparison:
    """The comparison as faster or slower by its bare values, if no interval contradicts, to find the slower arm's
    signatures.
    """
    if comparison.difference is not Difference.UNPROVEN or isinstance(comparison.once, Missing):
        return comparison
    if is_known(comparison.ln_ratio) and not comparison.ln_ratio.excludes(0.0):
        return comparison
    is_faster = comparison.once.ln_ratio > 0
    return replace(comparison, difference=Difference.FASTER if is_faster else Difference.SLOWER)
