"""Verdicts: why two arms differ by the experiments of a recording, and what each cause contributes.

For a cause with a switch, let C', X' be control and changed arm with the switch applied. Its contribution to the
comparison is ln(C/X) - ln(C'/X'): the part of the advantage that disappears with it. Contributions are computed per
replicate, so their intervals include the spread between processes. Together with the unexplained rest they add up to
the comparison.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from statistics import median, stdev

from ironlaw.analysis.compare import voids
from ironlaw.analysis.statistics.interval import t_interval
from ironlaw.analysis.statistics.sequential import AT_ONCE, LookRule, final_rule, guarded_p_value
from ironlaw.analysis.verdicts.bench import Bench, Contribution, Key, contributions, mean_of, slower_loses
from ironlaw.analysis.verdicts.family import adjusted, p_value
from ironlaw.analysis.verdicts.overruled import Exact, overruled
from ironlaw.analysis.verdicts.shares import Shares, absorbed, factor_contributions, share_out_causes
from ironlaw.causes import cause_of
from ironlaw.estimate import Estimate
from ironlaw.explanation import CONTRIBUTION, ITSELF, NOT_TOGETHER, CauseVerdict, Design, Outcome
from ironlaw.factor import Direction
from ironlaw.missing import Maybe, Missing

FEWEST_REPLICATES = 3
# A cause whose whole interval is within this share of the difference does not explain it.
NEGLIGIBLE_SHARE = 0.05
_ROUNDING = 1e-9  # in ln units
_MORE = "more replicates"
_NOT_BEYOND = "the control differs from itself, by up to {:.1f} %, more than a tenth of the effect"
_IN_PROPORTION = (
    "it takes about the same share of both: without it the difference of their times changes, and their ratio is not "
    "shown to"
)
ABSORBED = "nothing of it is left where the other confirmed causes are removed before it"
NO_WHOLE = Missing("no difference is shown, so it has no share")

NOTHING_RAN = Missing("no experiment ran")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """The causes of one comparison, and the unexplained rest, in ln units."""

    causes: tuple[CauseVerdict, ...] = ()
    unexplained: Maybe[Estimate] = NOTHING_RAN
    unexplained_share: Maybe[Estimate] = NOTHING_RAN
    interaction: dict[str, Estimate] = field(default_factory=dict)


# By comparison, and by what was tested there and with which switches.
Family = Mapping[tuple[str, str, Key], float]


def family(on: Bench, comparisons: Iterable[tuple[str, str]]) -> Family:
    """The p-values of a recording's experiments, corrected for all that could have joined."""
    raw = p_values(on, comparisons)
    return adjusted(raw, hypotheses=len(raw) + on.plan.hypotheses_waiting())


def p_values(on: Bench, comparisons: Iterable[tuple[str, str]]) -> Family:
    """The uncorrected p-values of a recording's experiments, each with a spread of at least half the typical one.

    An experiment that left early has few replicates, and they may agree at random; see `guarded_p_value`.
    """
    raw: dict[tuple[str, str, Key], float] = {}
    values: dict[tuple[str, str, Key], list[float]] = {}
    for control, changed in comparisons:
        found = [*contributions(on, control, changed)]
        # What is removed before the levels that the arms differ in is what the judge may confirm, and nothing else: a
        # cause that both arms have as much of stays where it is, however surely its switch changes their ratio.
        alone = Judge(on=on, arms=(control, changed), among={}, rule=final_rule(on.plan.looks))
        likely = _confirmed(found, _verdicts(alone, found)[0])
        through, _ = factor_contributions(on, control, changed, likely)
        raw |= {(control, changed, item.key): _p_value(item) for item in (*found, *through)}
        values |= {(control, changed, item.key): list(item.parts.values()) for item in (*found, *through)}
    spreads = [stdev(parts) for parts in values.values() if len(parts) > 1]
    typical = median(spreads) if spreads else 0.0
    return {key: max(value, guarded_p_value(values[key], typical)) for key, value in raw.items()}


def judge(
    on: Bench, control: str, changed: str, *, whole: Estimate, among: Maybe[Family], moved_by: float = 0.0
) -> Attribution:
    """Judge every cause that was tested for one comparison, whose ln-ratio is `whole`.

    `among` is the recording's family of p-values, or why nothing can be confirmed: the control moved, or the arms
    compute different functions. `moved_by` is how far a control that differs from itself may have moved, in ln units.
    """
    judged = Judge(on=on, arms=(control, changed), among=among, rule=final_rule(on.plan.looks), moved_by=moved_by)
    found = [*contributions(on, control, changed)]
    verdicts, aside = _verdicts(judged, found)
    confirmed = _confirmed(found, verdicts)
    total = on.series((1.0, control), (-1.0, changed))
    shared = share_out_causes(on, control, changed, confirmed)
    while (item := absorbed(confirmed, shared)) is not None:
        place = found.index(item)
        verdicts[place] = replace(verdicts[place], outcome=Outcome.UNDECIDED, reason=ABSORBED)
        confirmed = [one for one in confirmed if one is not item]
        shared = share_out_causes(on, control, changed, confirmed)
    through, rest = factor_contributions(on, control, changed, confirmed if shared else [])
    # The only factor in which the arms differ: the comparison is that switch, and no part of itself.
    itself = [item for item in through if item.design is Design.PAIR]
    for item in through:
        if item not in itself:
            found.append(item)
            verdicts.append(judged.verdict(item))
            if verdicts[-1].outcome is Outcome.CONFIRMED and (shared or not confirmed):
                shared[item.key] = (item.parts, None)
    causes = tuple(
        _with_share(verdict, shared.get(item.key), whole, total) for item, verdict in zip(found, verdicts, strict=True)
    )
    left, left_share = _left_over(total, whole, shared, verdicts)
    for item in itself:
        verdict = judged.verdict(item)
        is_rest = verdict.outcome is Outcome.CONFIRMED and _is_rest(item, total, shared)
        causes += (replace(verdict, share=left_share if is_rest else ITSELF),)
        if is_rest or not shared:
            left = left_share = ITSELF
    ordered = sorted(causes, key=aside.__contains__)  # of a cause, the experiment that decides is the first
    return Attribution(causes=(*ordered,), unexplained=left, unexplained_share=left_share, interaction=rest)


def _confirmed(found: Iterable[Contribution], verdicts: Iterable[CauseVerdict]) -> list[Contribution]:
    return [item for item, verdict in zip(found, verdicts, strict=True) if verdict.outcome is Outcome.CONFIRMED]


def _verdicts(judged: Judge, found: list[Contribution]) -> tuple[list[CauseVerdict], list[CauseVerdict]]:
    """A verdict on each, and those among them that an exact experiment has overruled."""
    alone = [judged.verdict(item) for item in found]
    exact = _exact(judged, [*zip(found, alone, strict=True)])
    verdicts = [overruled(verdict, exact) for verdict in alone]
    return verdicts, [verdict for verdict in verdicts if verdict not in alone]


def _exact(judged: Judge, found: list[tuple[Contribution, CauseVerdict]]) -> list[Exact]:
    """The experiments that remove a cause and little else, the comparison itself among them."""
    on, (control, changed) = judged.on, judged.arms
    exact = [
        Exact(switch=str(switch), verdict=verdict)
        for item, verdict in found
        for switch in dict.fromkeys(switch for side in item.by_side() for switch in side)
        if switch.factor in cause_of(item.cause).exact
    ]
    differing = on.plan.arm(control).variant.differing(on.plan.arm(changed).variant)
    itself = [item for item in factor_contributions(on, control, changed, [])[0] if item.design is Design.PAIR]
    for item in itself:
        if set(differing) <= set(cause_of(item.cause).exact):
            exact.append(Exact(switch=f"{differing[0]}, in which the arms differ,", verdict=judged.verdict(item)))
    return exact


def _is_rest(item: Contribution, total: Mapping[int, float], shared: Shares) -> bool:
    """Whether an effect is all that the shared causes leave of the difference: in every replicate that has them or,
    where a cause was tested beside another arm than the compared one, as far as the noise of both allows.
    """
    keys = set(item.parts).intersection(total, *(parts for parts, _ in shared.values())) if shared else set()
    left = [total[key] - sum(parts[key] for parts, _ in shared.values()) - item.parts[key] for key in sorted(keys)]
    if not left or all(abs(part) < _ROUNDING for part in left):
        return bool(left)
    beyond = t_interval(left)
    return isinstance(beyond, Estimate) and not beyond.excludes(0.0)


def _p_value(item: Contribution) -> float:
    """The larger p-value of both scales, if the part must show on both; see Contribution."""
    return max(p_value(list(scale.values())) for scale in (item.parts, item.in_time) if scale or scale is item.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Judges the experiments of one comparison."""

    on: Bench
    arms: tuple[str, str]
    among: Maybe[Family]
    rule: LookRule = AT_ONCE
    moved_by: float = 0.0

    def verdict(self, item: Contribution) -> CauseVerdict:
        """The outcome of one experiment, with its numbers."""
        values = signed_parts(item)
        effect = t_interval(values)
        outcome, reason, decided_by = self._decide(item, effect)
        if outcome is Outcome.UNDECIDED and self._explains_little(item):
            most = f"±{100 * self.negligible():.1f} %, or {100 * NEGLIGIBLE_SHARE:.0f} % of the difference"
            outcome, reason, decided_by = Outcome.REFUTED, f"the whole interval is within {most}", ""
        return CauseVerdict(
            cause=item.cause,
            outcome=outcome,
            control=item.control,
            changed=item.changed,
            design=item.design,
            others=item.others,
            predicts=_direction(item),
            effect=effect,
            evidence={CONTRIBUTION: mean_of(item.parts), "replicates": float(len(values))},
            reason="; ".join(part for part in (reason, item.note) if part),
            decided_by=decided_by,
        )

    def _decide(self, item: Contribution, effect: Maybe[Estimate]) -> tuple[Outcome, str, str]:
        """The outcome, its reason, and what would decide it.

        Confirmed: significant among all experiments, and in the predicted direction on both scales.
        """
        if isinstance(effect, Missing):
            return Outcome.UNDECIDED, "", ""  # the effect itself says why
        if isinstance(self.among, Missing):
            return Outcome.UNDECIDED, self.among.reason, ""
        if len(item.parts) < FEWEST_REPLICATES:
            return Outcome.UNDECIDED, f"{len(item.parts)} replicates are too few", _MORE
        if (not_shown := self._not_shown(item, effect)) is not None:
            return not_shown
        if any(self.on.is_equal_in(*self.arms, switch) for side in item.by_side() for switch in side):
            return (
                Outcome.UNDECIDED,
                "both arms have the same amount of it: if it costs one of them more, it interacts with another cause",
                "",
            )
        if voids(self.moved_by, effect):
            return Outcome.UNDECIDED, _NOT_BEYOND.format(math.expm1(self.moved_by) * 100), _MORE
        if (reason := cause_of(item.cause).if_slower_loses) and slower_loses(self.on, item):
            return Outcome.UNDECIDED, reason, ""
        # What is judged can differ from what the family was made of by the switches held: the worse one counts.
        by_noise = max(self.among.get((*self.arms, item.key), 0.0), _p_value(item))
        if by_noise >= self.rule.error:
            count = len(self.among) + self.on.plan.hypotheses_waiting()
            return Outcome.UNDECIDED, f"significant by itself, but not among {count} experiments judged together", _MORE
        return Outcome.CONFIRMED, "", ""

    def _not_shown(self, item: Contribution, effect: Estimate) -> tuple[Outcome, str, str] | None:
        """The outcome of an effect that is not shown as predicted on both scales; None for one that is."""
        in_time = _in_time(item)
        if effect.low <= 0 <= effect.high and self._costs_in_proportion(in_time):
            return Outcome.UNDECIDED, _IN_PROPORTION, ""
        if self._is_within(signed_parts(item), self.on.smallest):
            return Outcome.REFUTED, f"the whole interval is within ±{100 * self.on.smallest:.1f} %", ""
        if in_time is not None and self._is_within(signed_in_time(item), self.on.smallest):
            most = f"±{100 * self.on.smallest:.1f} %"
            return (
                Outcome.REFUTED,
                f"it costs both the same: the difference of their times changes by less than {most}",
                "",
            )
        if effect.high < 0:
            return Outcome.UNDECIDED, "the effect goes against the prediction", ""
        if effect.low <= 0:
            return Outcome.UNDECIDED, "the interval contains both zero and an effect that would matter", _MORE
        if in_time is not None and in_time.low <= 0:
            return (
                Outcome.UNDECIDED,
                "it changes the ratio of the times, but no change of their difference is shown",
                _MORE,
            )
        return None

    def _is_within(self, values: list[float], most: float) -> bool:
        """Whether the whole interval is within ±`most`."""
        # An effect is the difference of two ratios, each of which may be as far off as the control is from itself.
        estimate = t_interval(values, confidence=self.rule.confidence)
        return isinstance(estimate, Estimate) and estimate.lies_within(most - 2 * self.moved_by)

    def negligible(self) -> float:
        """The half-width, in ln units, of an effect that is negligible in this comparison.

        The absolute one, or NEGLIGIBLE_SHARE of the smallest difference in its interval if that is larger.
        """
        control, changed = self.arms
        whole = t_interval(list(self.on.series((1.0, control), (-1.0, changed)).values()))
        if isinstance(whole, Missing) or not whole.excludes(0.0):
            return self.on.smallest
        return max(self.on.smallest, NEGLIGIBLE_SHARE * min(abs(whole.low), abs(whole.high)))

    def _explains_little(self, item: Contribution) -> bool:
        """Whether the whole interval is negligible beside the difference. Asked only about what is not confirmed: an
        effect that is shown keeps its verdict, however small.
        """
        if isinstance(self.among, Missing) or len(item.parts) < FEWEST_REPLICATES:
            return False
        return self._is_within(signed_parts(item), self.negligible()) and not self._costs_in_proportion(_in_time(item))

    def _costs_in_proportion(self, in_time: Estimate | None) -> bool:
        """Whether the difference of the times is shown to change without the cause by more than is negligible. Where
        the ratio of the times stays, it takes the same share of both, as reading twice the bytes does; whose effect is
        larger is then random, and with it the sign.
        """
        most = self.negligible()
        return in_time is not None and (in_time.low > most or in_time.high < -most)


def _in_time(item: Contribution) -> Estimate | None:
    """The part on the scale of time, positive as predicted; None if it has none. See Contribution."""
    estimate = t_interval(signed_in_time(item))
    return estimate if isinstance(estimate, Estimate) else None


def signed_parts(item: Contribution) -> list[float]:
    """The part of ln(C/X) in each replicate, positive as predicted."""
    return [item.sign * part for part in item.parts.values()]


def signed_in_time(item: Contribution) -> list[float]:
    """The part on the scale of time in each replicate, positive as predicted; empty if it has none."""
    return [item.sign * part for part in item.in_time.values()]


def _direction(item: Contribution) -> Direction:
    """The direction predicted for the changed arm of the experiment."""
    slows = item.switches[0].slows() if item.switches else item.sign < 0
    return Direction.SLOWER if slows else Direction.FASTER


def _with_share(
    verdict: CauseVerdict,
    part: tuple[dict[int, float], tuple[float, float] | None] | None,
    whole: Estimate,
    total: dict[int, float],
) -> CauseVerdict:
    if verdict.outcome is not Outcome.CONFIRMED:
        return verdict
    if part is None:
        return replace(verdict, share=NOT_TOGETHER)
    if not whole.excludes(0.0):
        return replace(verdict, share=NO_WHOLE)
    share = share_of(part[0], total, whole.value)
    if isinstance(share, Missing):
        return replace(verdict, share=share)
    edges = [edge / whole.value for edge in part[1] or ()]
    evidence = {**verdict.evidence}
    if edges:
        evidence |= {"least share over orders": min(edges), "largest share over orders": max(edges)}
    widened = replace(share, low=min(share.low, *edges, share.value), high=max(share.high, *edges, share.value))
    return replace(verdict, share=widened, evidence=evidence)


def share_of(parts: dict[int, float], total: dict[int, float], whole: float) -> Maybe[Estimate]:
    """A part over the whole with its 95 % interval, by the linearised variance of a ratio of means.

    Part and whole are paired by replicate, so that shared variation cancels. Source: Cochran, Sampling Techniques, 3rd
    ed., section 2.11.
    """
    share = mean_of(parts) / whole
    residuals = [(part - share * total[key]) / whole for key, part in parts.items() if key in total]
    spread = t_interval(residuals)
    if isinstance(spread, Missing):
        return spread
    return Estimate(value=share, low=share - spread.half_width, high=share + spread.half_width)


def _left_over(
    total: dict[int, float], whole: Estimate, shared: Shares, verdicts: list[CauseVerdict]
) -> tuple[Maybe[Estimate], Maybe[Estimate]]:
    """The part that no confirmed cause explains, and its share. All parts add up to `whole`.

    Experiments may have fewer replicates than the comparison. The interval is theirs, centred on the value that adds
    up.
    """
    if not verdicts:
        return NOTHING_RAN, NOTHING_RAN
    if any(verdict.outcome is Outcome.CONFIRMED for verdict in verdicts) and not shared:
        gap = Missing("confirmed causes overlap and were not measured together")
        return gap, gap
    rest = total
    for parts, _ in shared.values():
        rest = {key: value - parts[key] for key, value in rest.items() if key in parts}
    left = t_interval(list(rest.values()))
    if isinstance(left, Missing):
        return left, left
    value = whole.value - sum(mean_of(parts) for parts, _ in shared.values())
    estimate = Estimate(value=value, low=value - left.half_width, high=value + left.half_width)
    if not whole.excludes(0.0):
        return estimate, NO_WHOLE
    spread = share_of(rest, total, whole.value)
    if isinstance(spread, Missing):
        return estimate, spread
    share = value / whole.value
    return estimate, Estimate(value=share, low=share - spread.half_width, high=share + spread.half_width)
