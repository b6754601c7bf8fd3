"""The gate: whether a new recording breaks a rule that an old one, or its own control, sets.

Times of two recordings are not comparable: other load, temperature and memory placement differ between runs by more
than the spread within either. All arms of a recording share these, so each arm's time is compared *relative to its
control*: the change is ln(new arm / new control) - ln(old arm / old control). Instructions do not depend on the clock
and are compared directly.

The two recordings are independent, so the interval of the change is made from the two intervals (MOVER: Zou & Donner,
Statistics in Medicine 27 (2008) 1693). Each is widened to 1 - 0.05/m for m judgements (Bonferroni): a gate whose limits
are at or above zero fails two recordings of the same thing in at most 2.5 % of the cases, however many rules and arms
it has. A control that differs from itself widens the interval by as much as it may have moved.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ironlaw.analysis.compare import control_moved_by
from ironlaw.analysis.statistics.interval import CONFIDENCE, t_interval, t_quantile
from ironlaw.analysis.statistics.paired import mean_by
from ironlaw.analysis.summaries import total_column
from ironlaw.analysis.turns import PerInference, turns_of
from ironlaw.analysis.verdicts.bench import SMALLEST_EFFECT
from ironlaw.causes import CAUSES
from ironlaw.errors import BadInput, offer_closest
from ironlaw.estimate import Estimate
from ironlaw.explanation import CauseVerdict, Comparison, Explanation, Outcome
from ironlaw.gate import Gate, Judgement, Quantity, Rule, Ruling
from ironlaw.missing import Maybe, Missing, first_missing, is_known
from ironlaw.plan import Plan
from ironlaw.recording import Recording


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One recording's input to the gate: its explanation, and every arm's ln(instructions per inference)."""

    explanation: Explanation
    ln_instructions: dict[str, Maybe[Estimate]]

    @property
    def plan(self) -> Plan:
        """The plan of the recording."""
        assert is_known(self.explanation.plan)
        return self.explanation.plan

    def arms(self) -> tuple[str, ...]:
        """The arms that were requested, the control first."""
        return tuple(arm.name for arm in self.plan.asked())

    def is_control(self, arm: str) -> bool:
        """Whether others are compared with the arm, and it with none."""
        return self.control_of(arm) == arm

    def control_of(self, arm: str) -> str:
        """The control at the arm's own point, in its own phase."""
        return self.plan.control_of(self.plan.arm(arm)).name

    def comparison(self, arm: str) -> Comparison:
        """The arm against its control."""
        return next(item for item in self.explanation.comparisons if item.changed == arm)

    def degrees(self, arm: str) -> int:
        """Degrees of freedom behind the arm's intervals."""
        items = [item for item in self.explanation.comparisons if arm in (item.changed, item.control)]
        return max(1, min((len(item.replicates) for item in items), default=2) - 1)

    def control_moved_by(self, arm: str) -> float:
        """How far the arm's own control may have moved, in ln units."""
        varied = self.explanation.varied
        own = self.explanation if isinstance(varied, Missing) else varied.explanation_of(arm, self.explanation)
        return control_moved_by(own.control_check)


def side_of(recording: Recording, explanation: Explanation) -> Side:
    """Extract what the gate needs from a recording. Instructions are those of user mode if the modes were counted
    separately.
    """
    counted = {}
    for name, turns in turns_of(recording).items():
        user = turns.column("instructions:u")
        column = user if is_known(user) else total_column(turns, "instructions")
        counted[name] = column if isinstance(column, Missing) else _ln_mean(column, turns.replicate)
    return Side(explanation=explanation, ln_instructions=counted)


def _ln_mean(column: PerInference, replicate_of_turn: np.ndarray) -> Maybe[Estimate]:
    if not (column.value > 0).all():
        return Missing("instructions read as 0")
    replicate = replicate_of_turn[column.turn]
    return t_interval(mean_by(replicate, np.log(column.value), np.unique(replicate)))


def check_comparable(old: Recording, new: Recording) -> None:
    """Check that two recordings are comparable.

    Raises:
        BadInput: they differ in CPU (or one does not name it), model, batch, threads or control.
    """
    hint = (
        "record both on one machine with the same options; or both programs as arms of one recording: "
        "ironlaw run --arm old=OLD.py:F --arm new=NEW.py:F, then ironlaw compare FILE"
    )
    for recording, called in ((old, "old"), (new, "new")):
        if isinstance(recording.machine, Missing):
            reason = recording.machine.reason
            raise BadInput(f"the {called} recording does not name its machine: {reason}", hint=hint)
    cpus = [machine.cpu for machine in (old.machine, new.machine) if is_known(machine)]
    if len(set(cpus)) > 1:
        raise BadInput(f"the recordings were made on different machines: {cpus[0]} and {cpus[1]}", hint=hint)
    for what, before, after in (
        ("are of different models", old.plan.model, new.plan.model),
        ("ran with different batches", old.plan.batch, new.plan.batch),
        ("ran with different numbers of threads", old.plan.threads, new.plan.threads),
        ("have different controls", old.plan.control.name, new.plan.control.name),
    ):
        if before != after:
            raise BadInput(f"the recordings {what}: {before} and {after}", hint=hint)


def judge_rules(
    old: Side | None, new: Side, rules: Sequence[Rule], *, arm: str | None = None, raw_clock: bool = False
) -> Gate:
    """Apply every rule to every arm, or to the named one. Without `old`, arms are judged against their control.

    Raises:
        BadInput: there is no rule, nothing can confirm a rule's cause, or the arm is in neither recording.
    """
    _check_rules(rules)
    control = new.plan.control.name
    arms = _judged_arms(old, new, raw_clock=raw_clock)
    if arm is not None:
        if arm not in arms:
            raise BadInput(f"no arm called {arm!r} can be judged", hint=offer_closest(arm, list(arms)))
        arms = (arm,)
    if not arms:
        raise BadInput("there is no arm besides the control", hint="record two arms or more")
    confidence = 1 - (1 - CONFIDENCE) / (len(arms) * len(rules))
    judged = [
        _judged(rule, name, old, new, confidence=confidence, raw_clock=raw_clock) for rule in rules for name in arms
    ]
    return Gate(
        control=control,
        has_several_controls=sum(map(new.is_control, new.arms())) > 1,
        is_raw_clock=raw_clock,
        is_single=old is None,
        confidence=confidence,
        judgements=tuple(judged),
    )


def _check_rules(rules: Sequence[Rule]) -> None:
    if not rules:
        raise BadInput("there is no rule", hint="for example time>+3%")
    provable = [slug for slug, cause in CAUSES.items() if cause.is_tested or cause.factors]
    for rule in rules:
        if rule.quantity is Quantity.CAUSE and rule.cause not in provable:
            raise BadInput(
                f"no experiment can confirm the cause {rule.cause!r}, so no rule can use it",
                hint=offer_closest(rule.cause, provable),
            )


def _judged_arms(old: Side | None, new: Side, *, raw_clock: bool) -> tuple[str, ...]:
    names = dict.fromkeys((*(old.arms() if old else ()), *new.arms()))
    controls = {name for side in (old, new) if side for name in side.arms() if side.is_control(name)}
    return tuple(name for name in names if raw_clock or name not in controls)


def _judged(rule: Rule, arm: str, old: Side | None, new: Side, *, confidence: float, raw_clock: bool) -> Judgement:
    for side, called in ((old, "old"), (new, "new")):
        if side is not None and arm not in side.arms():
            gap = Missing(f"{arm} is not in the {called} recording")
            return Judgement(rule=rule, arm=arm, ruling=Ruling.UNKNOWN, change_ln=gap, reason=gap.reason)
    match rule.quantity:
        case Quantity.CAUSE:
            return _judge_cause(rule, arm, old, new, confidence)
        case Quantity.TIME:
            change = _time_change(arm, old, new, confidence, raw_clock)
        case Quantity.INSTRUCTIONS:
            change = _instruction_change(arm, old, new, confidence)
    if isinstance(change, Missing):
        return Judgement(rule=rule, arm=arm, ruling=Ruling.UNKNOWN, change_ln=change, reason=change.reason)
    if change.low > rule.limit_ln:
        ruling = Ruling.BROKEN
    else:
        ruling = Ruling.HELD if change.high <= rule.limit_ln else Ruling.OPEN
    return Judgement(rule=rule, arm=arm, ruling=ruling, change_ln=change)


def _time_change(arm: str, old: Side | None, new: Side, confidence: float, raw_clock: bool) -> Maybe[Estimate]:
    """The growth of the arm's time in ln units: relative to its control, or absolute."""
    after = _ln_time(arm, new, confidence, raw_clock)
    if old is None:
        return after
    before = _ln_time(arm, old, confidence, raw_clock)
    return _minus(after, before)


def _ln_time(arm: str, side: Side, confidence: float, raw_clock: bool) -> Maybe[Estimate]:
    """ln(arm / control), or ln of its time in ns, with an interval of that confidence."""
    if raw_clock:
        wall = next(row.wall_ns for row in side.explanation.arms if row.arm == arm)
        value = wall if isinstance(wall, Missing) else wall.through(math.log)
    else:
        ratio = side.comparison(arm).ln_ratio
        value = ratio if isinstance(ratio, Missing) else ratio.negated()
    if isinstance(value, Missing):
        return value
    return _widened(value, side.degrees(arm), confidence, moved=side.control_moved_by(arm))


def _instruction_change(arm: str, old: Side | None, new: Side, confidence: float) -> Maybe[Estimate]:
    """The growth of the arm's instructions in ln units, against the old recording or against the control."""
    before = new.ln_instructions.get(new.control_of(arm)) if old is None else old.ln_instructions.get(arm)
    never = Missing("instructions were not counted: no turn was read")
    sides = [(new.ln_instructions.get(arm, never), new), (before or never, old or new)]
    gap = first_missing(*(value for value, _ in sides))
    if gap is not None:
        return Missing(f"instructions were not counted: {gap.reason}")
    after, earlier = (
        _widened(value, side.degrees(arm), confidence) for value, side in sides if isinstance(value, Estimate)
    )
    return _minus(after, earlier)


def _widened(estimate: Estimate, degrees: int, confidence: float, *, moved: float = 0.0) -> Estimate:
    """A 95 % interval with these degrees of freedom, widened to another confidence and by the control's difference."""
    factor = t_quantile(degrees, (1 + confidence) / 2) / t_quantile(degrees, (1 + CONFIDENCE) / 2)
    value = estimate.value
    low, high = value - estimate.low, estimate.high - value
    return Estimate(value=value, low=value - low * factor - moved, high=value + high * factor + moved)


def _minus(one: Maybe[Estimate], other: Maybe[Estimate]) -> Maybe[Estimate]:
    """The difference of two independent estimates, its interval from theirs (MOVER)."""
    if isinstance(one, Missing):
        return one
    if isinstance(other, Missing):
        return other
    value = one.value - other.value
    below = math.hypot(one.value - one.low, other.high - other.value)
    above = math.hypot(one.high - one.value, other.value - other.low)
    return Estimate(value=value, low=value - below, high=value + above)


def _judge_cause(rule: Rule, arm: str, old: Side | None, new: Side, confidence: float) -> Judgement:
    """Judge whether a cause's effect changed by an amount that matters; with one recording, whether it is confirmed."""
    sides = [side for side in (old, new) if side is not None]
    untested = [side for side in sides if not side.comparison(arm).causes]
    if untested:
        gap = Missing("no experiment ran" + (" in one of the recordings" if len(sides) > len(untested) else ""))
        return Judgement(rule=rule, arm=arm, ruling=Ruling.UNKNOWN, change_ln=gap, reason=gap.reason)
    verdicts = [side.comparison(arm).foremost().get(rule.cause) for side in sides]
    said = " before, ".join("not suspected" if item is None else item.outcome.value for item in verdicts)
    said += " now" if len(verdicts) > 1 else ""
    effects = [_effect(verdict, side, arm, confidence) for verdict, side in zip(verdicts, sides, strict=True)]
    change = effects[0] if len(effects) == 1 else _minus(effects[1], effects[0])
    if len({verdict.design for verdict in verdicts if verdict}) > 1:
        change = Missing("the two experiments had different designs")
    return Judgement(
        rule=rule, arm=arm, ruling=_cause_ruling(verdicts, change), change_ln=change, reason=f"{rule.cause}: {said}"
    )


def _effect(verdict: CauseVerdict | None, side: Side, arm: str, confidence: float) -> Maybe[Estimate]:
    if verdict is None:
        return Missing("was not suspected, so it was not tested")
    if isinstance(verdict.effect, Missing):
        return verdict.effect
    return _widened(verdict.effect, side.degrees(arm), confidence, moved=side.control_moved_by(arm))


def _cause_ruling(verdicts: Sequence[CauseVerdict | None], change: Maybe[Estimate]) -> Ruling:
    confirmed = [verdict is not None and verdict.outcome is Outcome.CONFIRMED for verdict in verdicts]
    if len(verdicts) == 1:
        return Ruling.BROKEN if confirmed[0] else Ruling.HELD
    if isinstance(change, Missing):
        # Tested in one of them only, since nothing pointed to it in the other: a cause came, or went.
        if any(verdict is None for verdict in verdicts):
            return Ruling.BROKEN if any(confirmed) else Ruling.HELD
        same = len({(verdict.outcome, verdict.design) for verdict in verdicts if verdict}) == 1
        return Ruling.HELD if same else Ruling.UNKNOWN
    if change.low > SMALLEST_EFFECT or change.high < -SMALLEST_EFFECT:
        return Ruling.BROKEN
    return Ruling.HELD if change.lies_within(SMALLEST_EFFECT) else Ruling.OPEN
