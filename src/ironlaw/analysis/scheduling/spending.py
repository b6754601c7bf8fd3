"""Which experiments run in a replicate: those that readings call for, that are open, and that fit into the budget.

The decision is repeated after every replicate, from all readings so far. Experiments join in order of what they could
explain, and leave when they are settled or cannot be decided in time. An arm that left may return if another experiment
needs it. Early confirmation follows a stricter rule: see statistics/sequential.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ironlaw.analysis.scheduling.costs import Costs
from ironlaw.analysis.scheduling.dimension import LEAST_ROUNDS
from ironlaw.analysis.statistics.sequential import (
    FEWEST_TO_SETTLE,
    INTERIM,
    INTERIM_ERROR,
    is_due,
    replicates_to_decide,
)
from ironlaw.analysis.verdicts.bench import Bench, Contribution, bench, contributions
from ironlaw.analysis.verdicts.judgement import Family, Judge, p_values, signed_in_time, signed_parts
from ironlaw.analysis.verdicts.planner import Wanted, arms_for, called_for, explainable, is_joint, joint
from ironlaw.causes import cause_of
from ironlaw.experiment import CauseStanding, CauseState, Experiment, Switch
from ironlaw.explanation import CauseVerdict, Outcome
from ironlaw.missing import is_known
from ironlaw.plan import Plan
from ironlaw.recording import Recording
from ironlaw.situation import ReplicateSpent, Situation

# An experiment joins where this number of replicates of it fits: the first at which it may be settled, and one more.
WORTH_JOINING = FEWEST_TO_SETTLE + 1
# With less than that, and nothing else to spend time on, as many as a verdict needs at all, and one more.
LEAST_WORTH_JOINING = 4
# Hopeless: needs this many times the replicates that the budget buys; the spread is hardly known after a few.
HOPELESS_TIMES = 2.0
# Joint arms are chosen after this number of replicates of single ones, when large causes show, and then rest.
JOINT_AFTER = 3
JOINT_REPLICATES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Affordable:
    """The number of replicates that the time left allows, by number of arms. `rounds` are those of the last one."""

    left_s: float
    costs: Costs
    last: ReplicateSpent
    rounds: int

    def replicate_s(self, arms: int) -> float:
        """The time of a replicate that measures, per arm, no longer than it takes to start or than the last one did.

        One that measured for long is divided: LEAST_ROUNDS of it are worth having, and the last one before experiments
        join is as long as is left of its share of the time.
        """
        start_s = self.costs.starting_s(arms=arms, last=len(self.last.arms))
        measuring_s = self.last.counting_s * arms / max(1, len(self.last.arms))
        return start_s + min(measuring_s, max(start_s, measuring_s * min(0.5, LEAST_ROUNDS / max(1, self.rounds))))

    def replicates(self, arms: int, *, prepared: int = 0) -> float:
        """The number of replicates of this number of arms, after preparing further arms."""
        if math.isinf(self.left_s):
            return math.inf
        left_s = self.left_s - prepared * self.costs.prepare_s
        return max(0.0, left_s) / max(self.replicate_s(arms), 1e-9)


def spend(situation: Situation, recording: Recording, wanted: Wanted, costs: Costs) -> Plan:
    """The plan of the next replicate, with experiments joined and removed."""
    last = situation.spent[-1]
    rounds = len({one.round for one in recording.readings if one.replicate == last.replicate})
    affordable = Affordable(left_s=situation.left_s, costs=costs, last=last, rounds=rounds)
    return _Spending(situation=situation, recording=recording, wanted=wanted, affordable=affordable).plan()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spending:
    situation: Situation
    recording: Recording
    wanted: Wanted
    affordable: Affordable

    def plan(self) -> Plan:
        """Determine what readings call for, judge what ran, and choose."""
        plan = self._with_new_evidence()
        on = bench(replace(self.recording, plans=(*self.recording.plans, plan)))
        planned = {_arms_of(entry) for entry in plan.experiments}
        waiting = [entry for entry in called_for(self.recording, self.wanted) if _arms_of(entry) not in planned]
        is_look = plan.experiments != () and is_due(_replicates_with_experiments(on), plan.looks)
        plan = replace(plan, looks=plan.looks + is_look)
        standings = self._standings(on, plan, waiting, is_look=is_look)
        open_causes = [cause for cause, standing in standings.items() if standing.state is CauseState.OPEN]
        joins = self._joining(plan, waiting, open_causes, standings)
        together = self._joint(on, plan, standings)
        added = [*joins, *(entry for entry in together if entry not in plan.experiments)]
        arms = arms_for(plan, added)
        plan = replace(plan, arms=(*plan.arms, *arms), experiments=(*plan.experiments, *added))
        for entry in joins:
            slug = entry.switches[-1].cause
            standings[slug] = replace(standings[slug], state=CauseState.OPEN)
            open_causes.append(slug)
        old = _superseded(plan, called_for(self.recording, self.wanted))
        needed = (_needed(on, plan, open_causes) | _with_parts(plan, together)) - old
        resting = tuple(arm.name for arm in plan.arms if arm.serves and arm.name not in needed)
        return replace(plan, resting=resting, standings=tuple(standings.values()))

    def _with_new_evidence(self) -> Plan:
        """The plan without exclusions of arms that by now show the cause; the others with what the arms read by now."""
        plan = self.situation.plan
        shown = {_arms_of(entry): entry for entry in called_for(self.recording, self.wanted) if entry.excluded}
        kept = [shown.get(_arms_of(entry)) if entry.excluded else entry for entry in plan.experiments]
        return replace(plan, experiments=tuple(entry for entry in kept if entry is not None))

    # --- how experiments stand

    def _standings(
        self, on: Bench, plan: Plan, waiting: Sequence[Experiment], *, is_look: bool
    ) -> dict[str, CauseStanding]:
        """The standing of each cause, judged again if an interim look is due."""
        before = {standing.cause: standing for standing in plan.standings}
        found = _found(on, plan)
        raw = p_values(on, [(control.name, arm.name) for control, arm in plan.pairs()])
        hypotheses = len(raw) + plan.hypotheses_waiting()
        standings: dict[str, CauseStanding] = {}
        for slug in dict.fromkeys([*before, *(entry.switches[-1].cause for entry in (*plan.experiments, *waiting))]):
            items = found.get(slug, [])
            known = before.get(slug, CauseStanding(cause=slug, state=CauseState.WAITING))
            known = replace(known, hypotheses=max(1, len(items) or _sides(waiting, slug)))
            if known.state is CauseState.OPEN and self._reads_no_more(on, plan, slug, items):
                known = replace(known, state=CauseState.STUCK)
            elif is_look and items and known.state is CauseState.OPEN:
                known = self._looked_at(on, known, items, raw, hypotheses)
            elif any(entry.switches[-1].cause == slug for entry in waiting) and known.state is not CauseState.OPEN:
                known = replace(known, state=CauseState.WAITING)  # new evidence calls for another experiment on it
            standings[slug] = known
        return standings

    def _reads_no_more(
        self, on: Bench, plan: Plan, slug: str, items: Sequence[tuple[tuple[str, str], Contribution]]
    ) -> bool:
        """Whether arms that its experiments need failed, or ran often enough with nothing to compare them with."""
        failed = {failure.arm for failure in self.recording.failures}
        if items:
            return all(failed & {*item.arms} for _, item in items)
        own = [entry for entry in plan.experiments if entry.switches[-1].cause == slug and not entry.excluded]
        ran = [len(on.ln_wall.get(entry.applied, ())) for entry in own if entry.applied not in failed]
        return min(ran, default=FEWEST_TO_SETTLE) >= FEWEST_TO_SETTLE

    def _looked_at(
        self,
        on: Bench,
        known: CauseStanding,
        items: Sequence[tuple[tuple[str, str], Contribution]],
        raw: Family,
        hypotheses: int,
    ) -> CauseStanding:
        states, seconds = [], []
        among = {key: min(1.0, hypotheses * value) for key, value in raw.items()}
        for arms, item in items:
            values = signed_parts(item)
            if len(values) < FEWEST_TO_SETTLE:
                states.append(CauseState.OPEN)
                continue
            judge = Judge(on=on, arms=arms, among=among, rule=INTERIM)
            verdict = judge.verdict(item)
            outcome = verdict.outcome
            scales = [(values, judge.negligible())]
            if item.in_time:
                scales.append((signed_in_time(item), on.smallest))
            more = replicates_to_decide(*scales, hypotheses=hypotheses) - len(values)
            arms_needed = len(self._asked()) + len({*item.arms} - set(self._asked()))
            if outcome is Outcome.CONFIRMED:
                states.append(CauseState.CONFIRMED)
            elif outcome is Outcome.REFUTED:
                states.append(CauseState.REFUTED)
            elif among.get((*arms, item.key), 1.0) < INTERIM_ERROR or _is_barred(verdict):
                states.append(CauseState.STUCK)
            elif more > HOPELESS_TIMES * self.affordable.replicates(arms_needed):
                states.append(CauseState.HOPELESS)
                seconds.append(more * self.affordable.replicate_s(arms_needed))
            else:
                states.append(CauseState.OPEN)
        state = next(one for one in _WORST_FIRST if one in states)
        longest = max((one for one in seconds if math.isfinite(one)), default=None)
        return replace(known, state=state, seconds=longest)

    def _asked(self) -> list[str]:
        return [arm.name for arm in self.situation.alive() if not arm.serves]

    # --- what joins

    def _joining(
        self, plan: Plan, waiting: Sequence[Experiment], open_causes: Sequence[str], standings: dict[str, CauseStanding]
    ) -> list[Experiment]:
        """Add the experiments cause by cause, as long as enough replicates of all open ones fit."""
        running = {*self._asked(), *_needed_by_plan(plan, open_causes)}
        chosen: list[Experiment] = []
        for slug in self._in_order(waiting):
            group = [entry for entry in waiting if entry.switches[-1].cause == slug]
            added = arms_for(plan, [*chosen, *group])
            names = running | {arm.name for arm in added} | _with_parts(plan, group)
            fitting = self.affordable.replicates(len(names), prepared=len(added))
            least = WORTH_JOINING if open_causes or chosen else LEAST_WORTH_JOINING
            if fitting >= least:
                chosen += group
            else:
                seconds = max(0.0, WORTH_JOINING - fitting) * self.affordable.replicate_s(len(names))
                standings[slug] = replace(standings[slug], seconds=seconds)
        return chosen

    def _in_order(self, waiting: Sequence[Experiment]) -> list[str]:
        """The causes in order: confounders first, then those that could explain most."""
        slugs = list(dict.fromkeys(entry.switches[-1].cause for entry in waiting))
        could = {slug: explainable(self.recording, self.wanted, cause_of(slug)) for slug in slugs}
        return sorted(slugs, key=lambda slug: (not cause_of(slug).is_confounder, -could[slug]))

    def _joint(self, on: Bench, plan: Plan, standings: dict[str, CauseStanding]) -> list[Experiment]:
        """Joint arms of two large causes, until they have run often enough together with the single ones."""
        planned = [entry for entry in plan.experiments if is_joint(entry)]
        if planned:
            ran = _shared_replicates(on, _with_parts(plan, planned))
            causes = {switch.cause for entry in planned for switch in entry.switches}
            settled = {CauseState.REFUTED, CauseState.STUCK, CauseState.HOPELESS}
            is_over = any(standings[slug].state in settled for slug in causes if slug in standings)
            return [] if ran >= JOINT_REPLICATES or is_over else planned
        if _replicates_with_experiments(on) < JOINT_AFTER:
            return []
        proposed = joint(self.recording)
        names = {*self._asked(), *_with_parts(plan, proposed)}
        fitting = self.affordable.replicates(len(names), prepared=len(proposed))
        return proposed if fitting >= LEAST_WORTH_JOINING else []


_WORST_FIRST = (CauseState.OPEN, CauseState.CONFIRMED, CauseState.HOPELESS, CauseState.STUCK, CauseState.REFUTED)


def _arms_of(entry: Experiment) -> tuple[str, tuple[Switch, ...], str]:
    """What an experiment compares. Why an arm is excluded is worded with what it read, which varies."""
    return entry.arm, entry.switches, entry.applied


def _is_barred(verdict: CauseVerdict) -> bool:
    """Whether an effect is read that something else than its noise keeps from being confirmed."""
    return is_known(verdict.effect) and verdict.effect.low > 0 and not verdict.decided_by


def _found(on: Bench, plan: Plan) -> dict[str, list[tuple[tuple[str, str], Contribution]]]:
    """The measured contributions by cause, each with its comparison."""
    found: dict[str, list[tuple[tuple[str, str], Contribution]]] = {}
    for control, arm in plan.pairs():
        for item in contributions(on, control.name, arm.name):
            if item.parts:
                found.setdefault(item.cause, []).append(((control.name, arm.name), item))
    return found


def _sides(waiting: Iterable[Experiment], slug: str) -> int:
    """The number of comparisons in which a waiting cause could be judged: the arms, besides the control, that it would
    be tested on.
    """
    return max(1, len({entry.arm for entry in waiting if entry.switches[-1].cause == slug}) - 1)


def _replicates_with_experiments(on: Bench) -> int:
    """The number of replicates in which an arm of an experiment ran."""
    serving = [arm.name for arm in on.plan.arms if arm.serves]
    return len({number for name in serving for number in on.ln_wall.get(name, ())})


def _shared_replicates(on: Bench, names: Iterable[str]) -> int:
    tables = [set(on.ln_wall.get(name, ())) for name in names]
    return len(set.intersection(*tables)) if tables else 0


def _needed(on: Bench, plan: Plan, causes: Sequence[str]) -> set[str]:
    """The arms of experiments that open causes need."""
    read = {
        name for slug, items in _found(on, plan).items() if slug in causes for _, item in items for name in item.arms
    }
    return read | _needed_by_plan(plan, causes)


def _needed_by_plan(plan: Plan, causes: Sequence[str]) -> set[str]:
    """The same by the plan alone, for causes whose arms have not run yet."""
    own = [entry for entry in plan.experiments if entry.switches[-1].cause in causes and not is_joint(entry)]
    return _with_parts(plan, own)


def _superseded(plan: Plan, called: Sequence[Experiment]) -> set[str]:
    """Arms of experiments that have to run in another form by now: with a confounder held that showed later."""
    needed = {name for entry in called for name in _own_arms(entry)}
    return {
        name
        for entry in plan.experiments
        for other in called
        if entry.arm == other.arm
        and entry.switches[-1] == other.switches[-1]
        and entry.switches != other.switches
        and not entry.excluded
        and not is_joint(entry)
        for name in _own_arms(entry)
    } - needed


def _with_parts(plan: Plan, entries: Iterable[Experiment]) -> set[str]:
    """The arms of experiments, and all arms with a subset of their switches, which they are compared with.

    Causes that are removed together on one side can leave one of them to be removed on the other, which excludes the
    rest: the arm for that is an experiment on a single cause.
    """
    names: set[str] = set()
    for entry in entries:
        if entry.excluded:
            continue
        names |= _own_arms(entry)
        for other in plan.experiments:
            is_facing = other.arm == entry.arm or is_joint(entry)
            if is_facing and not other.excluded and set(other.switches) < set(entry.switches):
                names |= _own_arms(other)
    return names


def _own_arms(entry: Experiment) -> set[str]:
    """The arms that an experiment adds to the requested ones."""
    return {entry.applied, entry.beside} - {""}
