"""Verdicts: what the experiments of a recording say about why two arms differ, and what each cause is worth.

For a cause with a switch, let C', X' be control and changed arm with the switch thrown. Its contribution to the
comparison is ln(C/X) - ln(C'/X'): how much of the advantage goes away with it. Contributions are formed per replicate,
so each has an interval that includes the spread between processes, and all of them add up with the unexplained rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ironlaw.estimate import Estimate
from ironlaw.explain.bench import Bench, Contribution, contributions, mean_of
from ironlaw.explain.interval import CONFIDENCE, t_interval
from ironlaw.explain.shares import Shares, factor_contributions, share_out_causes
from ironlaw.explanation import CauseVerdict, Outcome
from ironlaw.factor import Direction
from ironlaw.missing import Maybe, Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The causes of one comparison, and what they leave over, in ln units."""

    causes: tuple[CauseVerdict, ...] = ()
    unexplained: Maybe[Estimate] = Missing("no experiment ran")
    interaction: dict[str, Estimate] = field(default_factory=dict)


def judge(on: Bench, control: str, changed: str, *, whole: float, trusted: bool) -> Judgement:
    """Verdicts on every cause that was tested for one comparison, whose ln-ratio is `whole`.

    `trusted` is False in a recording whose control moved: then nothing is confirmed.
    """
    found = [*contributions(on, control, changed)]
    verdicts = [_verdict(on, item, trusted=trusted) for item in found]
    confirmed = [item for item, verdict in zip(found, verdicts, strict=True) if verdict.outcome is Outcome.CONFIRMED]
    total = on.series((1.0, control), (-1.0, changed))
    shared = share_out_causes(on, control, changed, confirmed)
    through, rest = factor_contributions(on, control, changed, confirmed if shared else [])
    for item in through:
        verdict = _verdict(on, item, trusted=trusted)
        verdicts.append(verdict)
        if verdict.outcome is Outcome.CONFIRMED and (shared or not confirmed):
            shared[item.cause] = (item.parts, None)
    causes = tuple(_with_share(verdict, shared.get(verdict.cause), whole) for verdict in verdicts)
    return Judgement(causes=causes, unexplained=_left_over(total, whole, shared, verdicts), interaction=rest)


def _verdict(on: Bench, item: Contribution, *, trusted: bool) -> CauseVerdict:
    values = [item.sign * part for part in item.parts.values()]
    effect = t_interval(values)
    outcome, reason = _decide(values, effect, on, trusted=trusted)
    if outcome is Outcome.CONFIRMED and not _holds_in_time(on, item):
        outcome, reason = Outcome.UNDECIDED, "it changes the ratio of the times, and is not shown to change their gap"
    return CauseVerdict(
        cause=item.cause,
        outcome=outcome,
        control=item.control,
        changed=item.changed,
        design=item.design,
        others=item.others,
        predicts=_direction(item),
        effect=effect,
        evidence={"contribution_ln": mean_of(item.parts), "replicates": float(len(values))},
        reason="; ".join(part for part in (reason, item.note) if part),
    )


def _decide(values: Sequence[float], effect: Maybe[Estimate], on: Bench, *, trusted: bool) -> tuple[Outcome, str]:
    """Confirmed: the interval, widened for the number of experiments, excludes zero as predicted."""
    if isinstance(effect, Missing):
        return Outcome.UNDECIDED, effect.reason
    if not trusted:
        return Outcome.UNDECIDED, "the control arm moved: nothing is confirmed in this recording"
    if len(values) < 3:
        return Outcome.UNDECIDED, f"{len(values)} replicates are too few"
    if effect.lies_within(on.smallest):
        return Outcome.REFUTED, f"the whole interval is within ±{on.smallest:.1%}"
    family = t_interval(values, confidence=_family(on))
    if isinstance(family, Estimate) and family.low > 0:
        return Outcome.CONFIRMED, ""
    if effect.high < 0:
        return Outcome.UNDECIDED, "the effect goes against the prediction"
    if effect.low > 0:
        return Outcome.UNDECIDED, f"shown alone, but not among {on.tests} experiments judged together"
    return Outcome.UNDECIDED, "the interval holds both nothing and something that would matter"


def _holds_in_time(on: Bench, item: Contribution) -> bool:
    """Whether the part is shown on the scale of time too; see Contribution."""
    if not item.in_time:
        return True
    family = t_interval([item.sign * part for part in item.in_time.values()], confidence=_family(on))
    return isinstance(family, Estimate) and family.low > 0


def _family(on: Bench) -> float:
    """The confidence of each of several intervals that hold together at the usual one (Bonferroni)."""
    return 1 - (1 - CONFIDENCE) / on.tests


def _direction(item: Contribution) -> Direction:
    """What is predicted for the changed arm of the experiment."""
    slows = item.switches[0].slows() if item.switches else item.sign < 0
    return Direction.SLOWER if slows else Direction.FASTER


def _with_share(
    verdict: CauseVerdict, part: tuple[dict[int, float], tuple[float, float] | None] | None, whole: float
) -> CauseVerdict:
    if verdict.outcome is not Outcome.CONFIRMED:
        return verdict
    if part is None:
        gap = Missing("it overlaps with another confirmed cause, and the two were not measured together")
        return replace(verdict, share=gap)
    mean = mean_of(part[0]) / whole if whole else 0.0
    span = [mean, *(edge / whole for edge in part[1] or () if whole)]
    return replace(verdict, share=Estimate(value=mean, low=min(span), high=max(span)))


def _left_over(total: dict[int, float], whole: float, shared: Shares, verdicts: list[CauseVerdict]) -> Maybe[Estimate]:
    """What no confirmed cause accounts for; with all of their parts it adds up to `whole`.

    Experiments may have fewer replicates than the comparison, so the interval is theirs, moved to the value that
    adds up.
    """
    if not verdicts:
        return Missing("no experiment ran")
    if any(verdict.outcome is Outcome.CONFIRMED for verdict in verdicts) and not shared:
        return Missing("confirmed causes overlap and were not measured together")
    rest = total
    for parts, _ in shared.values():
        rest = {key: value - parts[key] for key, value in rest.items() if key in parts}
    left = t_interval(list(rest.values()))
    if isinstance(left, Missing):
        return left
    value = whole - sum(mean_of(parts) for parts, _ in shared.values())
    return Estimate(value=value, low=value - left.half_width, high=value + left.half_width)
