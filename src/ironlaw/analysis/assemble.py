"""From a recording to its explanation: calls the parts of the analysis in order."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from ironlaw.analysis.account.difference import account
from ironlaw.analysis.account.executed import Sampled, sampled
from ironlaw.analysis.ceilings import ceilings_of
from ironlaw.analysis.compare import MOST_EXCUSED, Goal, absent, beside, compare, control_moved_by, excusing_noise
from ironlaw.analysis.concerns.circumstances import is_trained
from ironlaw.analysis.concerns.doubts import arm_doubts, comparison_doubts, control_doubts, recording_doubts
from ironlaw.analysis.concerns.ledger import ledger_doubts, precision_doubts
from ironlaw.analysis.concerns.outputs import answer_doubts, strays_among
from ironlaw.analysis.concerns.pool import pool_doubts
from ironlaw.analysis.concerns.validity import validity_doubts
from ironlaw.analysis.generation import gains_by_phase, generation
from ironlaw.analysis.graph_diff import with_graph_diff
from ironlaw.analysis.iron_law.misleading import misleading
from ironlaw.analysis.layers.ledger import ledger, reached
from ironlaw.analysis.points import explain_points
from ironlaw.analysis.run_time import run_time
from ironlaw.analysis.sensitivity.layers import float_form, replayed, sensitivity
from ironlaw.analysis.sensitivity.left import left_in_float, unlike_held_out
from ironlaw.analysis.statistics.association import associations
from ironlaw.analysis.statistics.paired import Pairs
from ironlaw.analysis.statistics.stopping import seconds_a_replicate
from ironlaw.analysis.summaries import summarise
from ironlaw.analysis.turns import ArmTurns, turns_of
from ironlaw.analysis.verdicts.bench import Bench, bench, cost_of_fault
from ironlaw.analysis.verdicts.frontier import frontiers
from ironlaw.analysis.verdicts.in_time import in_time
from ironlaw.analysis.verdicts.judgement import NOTHING_RAN, Family, family, judge
from ironlaw.analysis.verdicts.mixed import mixed
from ironlaw.analysis.verdicts.observation import observe
from ironlaw.analysis.verdicts.pareto import front
from ironlaw.analysis.verdicts.recommend import is_fit, recommend
from ironlaw.analysis.verdicts.scope import counted_in_scope
from ironlaw.analysis.verdicts.unswitched import consistent, with_bounds
from ironlaw.analysis.verdicts.untested import reasons_untested
from ironlaw.analysis.verdicts.waterfall import waterfall
from ironlaw.arm import Arm
from ironlaw.concern import Concern, Weight
from ironlaw.errors import BadInput, offer_closest
from ironlaw.estimate import Estimate
from ironlaw.explanation import ArmSummary, Comparison, Explanation
from ironlaw.explanation.account import Executed
from ironlaw.explanation.sensitivity import Sensitivity
from ironlaw.fact import Ceilings, Ending, has_ended_by
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.observed import Observed
from ironlaw.program import FAULTY
from ironlaw.recording import Recording
from ironlaw.variant import GIVEN, PRECISION


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The input of an explanation: the recording and its readings as tables."""

    recording: Recording
    turns: dict[str, ArmTurns]
    replicate_s: Maybe[float]
    _made: dict[tuple[str, str, Goal], tuple[Comparison, Pairs | None]] = field(default_factory=dict, repr=False)

    def compare(self, control: str, changed: str, *, goal: Goal | None = None) -> tuple[Comparison, Pairs | None]:
        """Compare any two arms by the same statistics, or give the reason why they cannot be compared."""
        for name in (control, changed):
            if not len(self.turns.get(name, ())):
                return absent(control, changed, self._why_no_turn(name)), None
        key = (control, changed, goal or self.goal())
        if key not in self._made:
            self._made[key] = compare(self.turns[control], self.turns[changed], self.recording.machine, goal=key[2])
        return self._made[key]

    def goal(self) -> Goal:
        """The precision requested by the plan, and whether the run stopped on it."""
        return Goal(
            precision=self.recording.plan.schedule.precision,
            stopped_on_it=self.stopped_on_precision(),
            replicate_s=self.replicate_s,
        )

    def stopped_on_precision(self) -> bool:
        """Whether the run ended because its intervals were narrow enough."""
        return has_ended_by(self.recording.ended, Ending.PRECISION)

    def _why_no_turn(self, name: str) -> str:
        for failure in self.recording.failures:
            if failure.arm == name:
                return f"{name} failed ({failure.stage})"  # why is reported once: in its own row
        return f"{name} took no turn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all comparisons of an explanation share: the control, and what is known about each arm."""

    evidence: Evidence
    control: str
    check: Maybe[Comparison]
    rows: tuple[ArmSummary, ...]
    samples: dict[str, Maybe[Sampled]]
    bench: Bench
    seen: dict[str, Observed]
    why_untested: Callable[[Comparison], Missing]

    @property
    def recording(self) -> Recording:
        """The recording that is explained."""
        return self.evidence.recording

    @property
    def by_name(self) -> dict[str, ArmSummary]:
        """The arms' rows by their names."""
        return {row.arm: row for row in self.rows}


def explain(recording: Recording, *, control: str | None = None, changed: str | None = None) -> Explanation:
    """Explain a recording: every arm against the control, with intervals and concerns.

    `control` replaces the plan's first arm; `changed` restricts the explanation to one comparison. An arm that repeats
    another is compared with that one; if they differ, every difference is unproven. If arms are at several points,
    each is compared with the control of its own point, unless arms are named.

    Raises:
        BadInput: there is no arm of that name.
        RecordingUnreadable: the recording was cut before its plan.
    """
    plan = recording.plan
    if control is None and changed is None and len(plan.points()) > 1:
        return explain_points(
            recording,
            counted_in_scope(recording, turns_of(recording)),
            partial(_explained, controls=len(plan.points())),
        )
    return _explained(recording, control=control, changed=changed, controls=max(1, len(plan.points())))


def _explained(
    recording: Recording, *, controls: int, control: str | None = None, changed: str | None = None
) -> Explanation:
    """One point, or all arms of a recording; `controls` are how many the whole recording has."""
    plan = recording.plan
    names = [arm.name for arm in plan.arms]
    chosen = _known(control, names) or plan.control.name
    pairs = _compared(recording, names, chosen=chosen, only=_known(changed, names))
    ground = _ground(recording, chosen, controls)
    concerns = _doubts_of_arms(ground)
    strays = strays_among(concerns)
    agreeing = [pair for pair in pairs if not {*pair} & strays]
    among: Maybe[Family] = _MOVED if control_moved_by(ground.check) > MOST_EXCUSED else family(ground.bench, agreeing)
    comparisons = []
    for pair in pairs:
        judged_among = among if pair in agreeing else _otherwise(*pair, strays)
        comparison, doubts = _comparison(ground, pair, judged_among)
        concerns += [doubt for doubt in doubts if doubt not in concerns]  # a control's is the same in every comparison
        comparisons.append(comparison)
    concerns += precision_doubts(recording, plan.asked())
    return _concluded(ground, tuple(comparisons), concerns)


def _ground(recording: Recording, control: str, controls: int) -> Ground:
    gathered = turns_of(recording)
    turns = counted_in_scope(recording, gathered)
    evidence = Evidence(recording=recording, turns=turns, replicate_s=seconds_a_replicate(recording))
    rows = summarise(recording, turns, [arm.name for arm in recording.plan.arms])
    rows = tuple(replace(row, generation=generation(row, recording)) for row in rows)
    samples = {row.arm: sampled(recording, row.arm, turns.get(row.arm)) for row in rows}
    seen = {name: _having(seen, samples.get(name)) for name, seen in observe(recording, turns).items()}
    return Ground(
        evidence=evidence,
        control=control,
        check=_control_check(evidence, recording.plan.arm(control), controls),
        rows=tuple(
            replace(
                _with_speedup(row, evidence, _control_of(recording, row.arm, control)),
                executed=_executed(samples[row.arm]),
                computes_int8=seen[row.arm].computes_int8 if row.arm in seen else row.computes_int8,
            )
            for row in rows
        ),
        samples=samples,
        bench=bench(recording, turns),
        seen=seen,
        why_untested=reasons_untested(recording, gathered),
    )


def _doubts_of_arms(ground: Ground) -> list[Concern]:
    """The concerns about the recording or single arms, those about validity first."""
    recording, plan, turns = ground.recording, ground.recording.plan, ground.evidence.turns
    concerns = [*recording_doubts(recording, turns)]
    concerns += arm_doubts(recording, turns, [arm.name for arm in plan.arms if not arm.serves])
    concerns += control_doubts(ground.check, any(arm.repeats for arm in plan.arms))
    asked = {arm.name for arm in plan.asked() if arm.variant.should_answer_as(plan.control_of(arm).variant)}
    exact = {arm.name for arm in plan.arms if _is_in_format_of(plan.control, arm)}
    faulty = {name: arm.nodes.get(FAULTY, ()) for name, arm in ground.seen.items()}
    trained = is_trained(recording)
    concerns += answer_doubts(ground.rows, asked, plan.agreement, trained=trained, exact=exact, faulty=faulty)
    concerns += pool_doubts(recording, turns)
    return [*validity_doubts(recording, ground.seen, partial(cost_of_fault, ground.bench), ground.by_name), *concerns]


def _comparison(ground: Ground, arms: tuple[str, str], among: Maybe[Family]) -> tuple[Comparison, list[Concern]]:
    """Compare one arm with its control: ledger, account, causes, and the concerns about them."""
    control, other = arms
    comparison, pairs = ground.evidence.compare(control, other)
    recording, rows = ground.recording, ground.by_name
    doubts = [] if pairs is None else [*comparison_doubts(comparison, pairs.left_out)]
    if is_known(comparison.ln_ratio):
        shown = comparison.ln_ratio.value if comparison.ln_ratio.excludes(0.0) else 0.0
        comparison = replace(comparison, misleading=misleading(rows[control], rows[other], shown))
    comparison = with_graph_diff(_with_ledger(comparison, pairs, recording), recording)
    comparison = _with_account(comparison, ground.samples, rows)
    if is_known(comparison.ledger):
        doubts += ledger_doubts(comparison, comparison.ledger)
    comparison = _with_causes(beside(comparison, ground.check), ground, among)
    comparison = _with_bounds(in_time(comparison, rows), rows, ceilings_of(recording, other))
    return _with_signatures(comparison, ground.seen, recording), doubts


def _concluded(ground: Ground, comparisons: tuple[Comparison, ...], concerns: list[Concern]) -> Explanation:
    """The explanation: the comparisons, and what follows from all arms and concerns together."""
    recording, plan, rows, on = ground.recording, ground.recording.plan, ground.rows, ground.bench
    moved_by, trained = control_moved_by(ground.check), is_trained(recording)
    repeats = {arm.name for arm in plan.arms if arm.repeats}
    invalid = {concern.arm for concern in concerns if concern.weight is Weight.INVALIDATES}
    strays = strays_among(concerns)
    agreeing = {ground.control, *(row.arm for row in rows if is_fit(row, plan.agreement, trained=trained))} - strays
    turns = {name: table for name, table in ground.evidence.turns.items() if name not in repeats}
    sensitivities = {name: _sensitivity(ground, name) for name in replayed(recording)}
    left = left_in_float(recording, sensitivities, lambda one, other: ground.evidence.compare(one, other)[0])
    astray = unlike_held_out(recording)
    return Explanation(
        machine=recording.machine,
        plan=plan,
        arms=rows,
        comparisons=comparisons,
        concerns=tuple(concerns),
        front=front(on, ground.by_name),
        mixed=mixed(recording, on, agreeing, trusted=not moved_by),
        recommendation=recommend(on, rows, moved_by=moved_by, trained=trained, invalid=invalid, strays=strays | astray),
        associations=associations(turns),
        control_check=ground.check,
        was_cut=recording.was_cut or has_ended_by(recording.ended, Ending.INTERRUPTED),
        stopped_on_precision=ground.evidence.stopped_on_precision(),
        stopped_when_settled=has_ended_by(recording.ended, Ending.SETTLED),
        ceilings=reached(ceilings_of(recording, plan.control.name)),
        waterfall=waterfall(on),
        run=run_time(recording),
        gains_by_phase=gains_by_phase(on) if not moved_by else (),
        sensitivities=sensitivities,
        left_in_float=left,
        frontiers=frontiers(recording, on, sensitivities, lambda one, other: ground.evidence.compare(one, other)[0]),
    )


def _sensitivity(ground: Ground, arm: str) -> Maybe[Sensitivity]:
    """What the layers of an arm do to its answers, with the times of its float form's ledger."""
    control = float_form(ground.recording, arm)
    if isinstance(control, Missing):
        return sensitivity(ground.recording, arm, control, control)
    comparison, pairs = ground.evidence.compare(control, arm)
    found = _with_ledger(comparison, pairs, ground.recording).ledger
    return sensitivity(ground.recording, arm, found, found if isinstance(found, Missing) else control)


def _with_ledger(comparison: Comparison, pairs: Pairs | None, recording: Recording) -> Comparison:
    if pairs is None or not len(pairs.replicates) or not recording.plan.layers:
        return comparison
    return replace(comparison, ledger=ledger(recording, comparison, pairs))


def _executed(arm: Maybe[Sampled]) -> Maybe[Executed]:
    return arm if isinstance(arm, Missing) else arm.executed


def _having(seen: Observed, samples: Maybe[Sampled] | None) -> Observed:
    """What is known about an arm, completed by its executed code."""
    return seen if samples is None else replace(seen, executed=_executed(samples))


def _with_account(
    comparison: Comparison, samples: dict[str, Maybe[Sampled]], rows: dict[str, ArmSummary]
) -> Comparison:
    pair = (comparison.control, comparison.changed)
    unsampled = next((gap for name in pair if isinstance(gap := samples[name], Missing)), None)
    if unsampled is not None:
        return replace(comparison, account=unsampled)
    control, changed = (rows[name].wall_ns for name in pair)
    if isinstance(control, Missing) or isinstance(changed, Missing):
        why = next(time.reason for time in (control, changed) if isinstance(time, Missing))
        return replace(comparison, account=Missing(f"a time has no interval: {why}"))
    found = account(samples[pair[0]], samples[pair[1]], control_ns=control.value, changed_ns=changed.value)
    return replace(comparison, account=found)


def _with_speedup(row: ArmSummary, evidence: Evidence, control: str) -> ArmSummary:
    ln_ratio = evidence.compare(control, row.arm)[0].ln_ratio
    return replace(row, speedup=ln_ratio.through(math.exp) if isinstance(ln_ratio, Estimate) else ln_ratio)


_MOVED = Missing("the control differs from itself: nothing is confirmed in this recording")


def _otherwise(control: str, changed: str, strays: set[str]) -> Missing:
    """Why no cause can be confirmed: the arms do not compute the same function (level 0 of the verdict ladder)."""
    name = changed if changed in strays else control
    return Missing(f"{name} gives different outputs: nothing is confirmed for it")


def _is_in_format_of(control: Arm, arm: Arm) -> bool:
    """Whether both are known to compute in the same number format; never known of a user's own program."""
    levels = {one.variant.level(PRECISION) for one in (control, arm)}
    return len(levels) == 1 and GIVEN not in levels


def _with_causes(comparison: Comparison, ground: Ground, among: Maybe[Family]) -> Comparison:
    if isinstance(comparison.ln_ratio, Missing):
        return comparison
    judged = judge(
        ground.bench,
        comparison.control,
        comparison.changed,
        whole=comparison.ln_ratio,
        among=among,
        moved_by=control_moved_by(ground.check),
    )
    if judged.unexplained == NOTHING_RAN:
        why = ground.why_untested(comparison)
        judged = replace(judged, unexplained=why, unexplained_share=why)
    return replace(
        comparison,
        causes=judged.causes,
        unexplained=judged.unexplained,
        unexplained_share=judged.unexplained_share,
        interaction=judged.interaction,
    )


def _with_bounds(comparison: Comparison, rows: dict[str, ArmSummary], ceilings: Maybe[Ceilings]) -> Comparison:
    """Add the causes of which only a bound is known, and what ceilings show about the others."""
    if not (comparison.causes and is_known(comparison.ln_ratio)):
        return comparison
    control, changed = rows[comparison.control], rows[comparison.changed]
    return replace(comparison, causes=with_bounds(comparison.causes, control, changed, ceilings))


def _with_signatures(comparison: Comparison, seen: dict[str, Observed], recording: Recording) -> Comparison:
    """Add the causes that readings of one arm are only consistent with."""
    pair = comparison.control, comparison.changed
    if not is_known(comparison.ln_ratio) or not all(name in seen for name in pair):
        return comparison
    found = consistent(comparison, seen[pair[0]], seen[pair[1]], recording.machine)
    return replace(comparison, causes=(*comparison.causes, *found))


def _known(name: str | None, names: list[str]) -> str | None:
    if name is not None and name not in names:
        raise BadInput(f"no arm of this recording is called {name!r}", hint=offer_closest(name, names))
    return name


def _compared(recording: Recording, names: list[str], *, chosen: str, only: str | None) -> list[tuple[str, str]]:
    """The pairs of arms to compare: those requested, each with its control, unless one is named."""
    if only is not None:
        if only == chosen:
            raise BadInput(f"{only!r} cannot be compared with itself", hint="name two different arms")
        return [(chosen, only)]
    asked = {arm.name for arm in recording.plan.asked()}
    found = [(_control_of(recording, name, chosen), name) for name in names if name in asked]
    return [(control, name) for control, name in found if control != name]


def _control_of(recording: Recording, name: str, chosen: str) -> str:
    """The arm that one is compared with: the chosen one, but within its own phase of generation only."""
    plan = recording.plan
    arm, control = plan.arm(name), plan.arm(chosen)
    is_like = plan.control_of(arm) is plan.control_of(control)
    return chosen if is_like else plan.control_of(arm).name


def _control_check(evidence: Evidence, control: Arm, controls: int) -> Maybe[Comparison]:
    """The comparison with itself of the control at the same point; `controls` are those of the whole recording."""
    for arm in evidence.recording.plan.arms:
        if arm.repeats and arm.point == control.point:
            # Not held to the goal: an interval widened to it would hide that the control moved.
            goal = replace(evidence.goal(), stopped_on_it=False)
            comparison, pairs = evidence.compare(arm.repeats, arm.name, goal=goal)
            if pairs is None:
                assert isinstance(comparison.ln_ratio, Missing)
                return comparison.ln_ratio
            return excusing_noise(comparison, among=controls)
    return Missing("the recording has no control arm")
