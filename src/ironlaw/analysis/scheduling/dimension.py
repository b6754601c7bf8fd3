"""How much a started replicate measures."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from ironlaw.analysis.scheduling.components import Components, components
from ironlaw.analysis.scheduling.costs import Costs, costs_of
from ironlaw.analysis.scheduling.lengths import (
    Judged,
    Length,
    Outlook,
    Prices,
    alone_rounds,
    best_length,
    inferences_of,
    turn_length_s,
)
from ironlaw.analysis.statistics.paired import pair
from ironlaw.analysis.turns import times_of
from ironlaw.analysis.verdicts.planner import is_joint
from ironlaw.arm import Arm
from ironlaw.circumstance import ShortBudget, Supplement
from ironlaw.experiment import CauseState
from ironlaw.fact import Ceilings, CounterCheck, Reading
from ironlaw.missing import is_known
from ironlaw.phase import Phase
from ironlaw.plan import CEILINGS_S, Plan, Schedule
from ironlaw.recording import assemble
from ironlaw.situation import FIRST_INTERVAL, Dimension, Situation
from ironlaw.variant import PHASE

# Of the time that is left, what is planned with: starting varies, and a turn cannot be cut.
USABLE = 0.97
# Layers may be read, and code sampled, for these shares of what everything else took, but code so long an arm at
# least: 25 samples. Where that is used up, a replicate has none. The intervals of the account are over replicates: few
# samples in each of many are worth more than many in few.
LAYERS_SHARE = 0.05
CODE_SHARE = 0.07
CODE_LEAST_S = 0.15
# What the shortest sweep over layers takes, in inferences of each arm: two turns by the clock, one by either counter.
LEAST_SWEEP = 12
# What reading layers, and sampling code, takes the first time beside its turns, an arm: surveys, and resolving symbols.
# Of mobilenet_v2 on two virtual CPUs, by what lay between the facts: 0.4 to 0.7 s, and 0.02 to 0.25 s since the
# run keeps symbol tables. Twice that is reckoned with.
FIRST_LAYERS_S = 1.2
FIRST_CODE_S = 0.5
FIRST_SHARE = 0.25  # of the time that is left, at most
NO_TIME_S = 0.01  # what passes where nothing is read
# Layers and code are left out where they take replicates below this number, answers where they take a quarter of the
# time that is left.
FEWEST_WITH_EXTRAS = 4
ANSWERS_SHARE = 0.25
ASSUMED_PROBES = 64
# Of a language model in a phase: a causal model of transformers answers this number of them, a file fewer.
ASSUMED_IN_A_PHASE = 16
# Replicates of the arms requested alone, before experiments join, and the share of the time that these may take.
ALONE = 3
ALONE_SHARE = 0.4
# A first interval should be known by then, in seconds of the run: replicates before it have as few rounds as that
# takes, but these at least, if it is known by the later time then.
FIRST_BY_S, FIRST_AT_LAST_S = 4.0, 6.0
FIRST_ROUNDS = 2
# Rounds that a replicate should have at least, where a third of the budget is counted.
LEAST_ROUNDS = 4
COUNTED_SHARE = 1 / 3


Extras = frozenset[Supplement]  # of layers and code: what is measured beside the counted turns


def dimension(situation: Situation, *, tests: bool) -> Dimension:
    """Decide how much the replicate that has just started measures. `tests`: experiments may join later.

    The number of inferences decides if it is given; else the budget; else the rounds of the schedule.
    """
    schedule = situation.plan.schedule
    if schedule.inferences is not None:
        return _by_count(situation)
    return _Sizing.of(situation, tests=tests).dimension()


def share_out(total: int, parts: int) -> list[int]:
    """Divide `total` into `parts` integers that differ by at most one."""
    quotient, remainder = divmod(total, parts)
    return [quotient + (place < remainder) for place in range(parts)]


def turns_by_count(schedule: Schedule, replicate: int) -> tuple[int, ...]:
    """The inferences in each round of a replicate, such that all replicates together have exactly the requested
    number.
    """
    assert schedule.inferences is not None, "sized by count where a count is requested"
    share = share_out(schedule.inferences, schedule.most_replicates())[replicate]
    return tuple(share_out(share, min(schedule.rounds, share)))


def _by_count(situation: Situation) -> Dimension:
    costs, arms = costs_of(situation), situation.alive()
    turns = turns_by_count(situation.plan.schedule, situation.spent[-1].replicate)
    held = {arm.name: tuple(_fitting(arm, count, costs) for count in turns) for arm in arms}
    counted_s = sum(costs.inference_of(arm) * sum(held[arm.name]) for arm in arms)
    return Dimension(
        turns=held,
        layers_s=_layers_s(situation, counted_s),
        code_s=_code_s(situation, arms, counted_s),
        foreseen=situation.plan.schedule.most_replicates(),
    )


def _fitting(arm: Arm, shared: int, costs: Costs) -> int:
    """Reduce the inferences of an experiment's arm that spends longer between inferences than on them. Requested arms
    keep all.

    Its turn then takes about as long as those of other arms.
    """
    between_s = costs.between_s.get(arm.name, 0.0)
    if not arm.serves or not between_s:
        return shared
    one_s = costs.inference_s[arm.name]
    return max(1, round(shared * one_s / (one_s + between_s)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sizing:
    """The input for sizing a replicate by its budget."""

    situation: Situation
    tests: bool
    arms: tuple[Arm, ...]
    costs: Costs
    turns: dict[str, int]  # inferences a turn, by arm
    known: Components | None

    @classmethod
    def of(cls, situation: Situation, *, tests: bool) -> _Sizing:
        """Collect the input from the measurements so far."""
        costs, arms = costs_of(situation), situation.alive()
        asked = sum(not arm.serves for arm in arms) or len(arms)
        budget_s = situation.plan.schedule.budget_s or 1e7
        least_turns = FEWEST_WITH_EXTRAS * max(LEAST_ROUNDS, _groups(situation)) * asked
        length_s = turn_length_s(turn_s=costs.turn_s, longest_s=COUNTED_SHARE * budget_s / least_turns)
        limit_s = situation.plan.schedule.turn_limit_s
        turns = {}
        for arm in arms:
            one_s = costs.inference_of(arm)
            own = inferences_of(one_s, length_s=length_s)
            turns[arm.name] = _fitting(arm, max(1, min(own, int(limit_s / 2 / one_s))), costs)
        known = components_of(situation, requested_pairs(situation.plan))
        return cls(situation=situation, tests=tests, arms=arms, costs=costs, turns=turns, known=known)

    def dimension(self) -> Dimension:
        """Rounds, layers, code and answers."""
        schedule = self.situation.plan.schedule
        if schedule.budget_s is None:
            length = Length(replicates=schedule.most_replicates() - self._so_far(), rounds=schedule.rounds)
            return self._filled(length, extras=self._planned(), answers=True)
        answers_s = self._answers_s()
        answers = answers_s <= ANSWERS_SHARE * max(0.0, self.situation.left_s)
        reserved_s = answers_s * answers + self._ceilings_s()
        left_s = max(0.0, self.situation.left_s - reserved_s) * USABLE - self._stopping_s()
        length, extras = self._with_extras(left_s)
        return self._filled(self._hastened(length), extras=extras, answers=answers)

    def _with_extras(self, left_s: float) -> tuple[Length, Extras]:
        """The best length with as much beside it as fits: layers and code, code alone, or neither."""
        plain, so_far = self._length(left_s, extras=frozenset()), self._so_far()
        for extras in dict.fromkeys((self._planned(), self._planned() - {Supplement.LAYERS})):
            first_s = self._first_s(extras)
            rich = self._length(left_s - first_s - self._least_s(extras), extras=extras)
            if rich is None or first_s > FIRST_SHARE * left_s:
                continue
            if so_far + rich.replicates >= FEWEST_WITH_EXTRAS or plain is None or plain.replicates <= rich.replicates:
                return rich, extras
        return plain or Length(replicates=1, rounds=1), frozenset()

    def _planned(self) -> Extras:
        """What the plan wants measured beside the counted turns."""
        plan = self.situation.plan
        wanted = {Supplement.LAYERS: plan.layers, Supplement.CODE: plan.code}
        return frozenset(one for one, is_wanted in wanted.items() if is_wanted)

    def _so_far(self) -> int:
        """The replicates before the one that has just started."""
        return len(self.situation.spent) - 1

    def _hastened(self, length: Length) -> Length:
        """A length that lets a first interval be known in time, where that is possible."""
        before = FIRST_INTERVAL - self._so_far()  # replicates up to it, with this one
        if before <= 0:
            return length
        started_s = self.situation.elapsed_s + (before - 1) * self.costs.start_s
        shortest_s = before * FIRST_ROUNDS * self.round_s()
        if started_s + shortest_s > FIRST_AT_LAST_S:
            return length
        rounds = max(FIRST_ROUNDS, math.floor((FIRST_BY_S - started_s) / before / self.round_s()))
        return replace(length, rounds=min(length.rounds, rounds))

    def _length(self, left_s: float, *, extras: Extras) -> Length | None:
        """The best length; while experiments are still to join, for a part of the time, if three replicates fit into
        it.
        """
        prices = self._prices(extras=extras)
        plan, so_far = self.situation.plan, self._so_far()
        most = plan.schedule.most_replicates() - so_far
        if self.tests and not plan.standings and so_far < ALONE:
            rounds = alone_rounds(prices, self.known, left_s=left_s * ALONE_SHARE, replicates=ALONE - so_far)
            later = (left_s - (ALONE - so_far) * (prices.start_s + rounds * prices.round_s)) / max(prices.start_s, 1e-9)
            if rounds and later >= ALONE:
                return Length(replicates=ALONE - so_far + min(most, int(later / 2)), rounds=rounds)
        outlook = Outlook(
            left_s=left_s, most=most, is_open=plan.schedule.precision is not None, judged=tuple(self._judged())
        )
        return best_length(prices, self.known, outlook)

    def _judged(self) -> Iterator[Judged]:
        """What was requested, and with the same weight together the experiments that are open: each by the replicates
        that it ran in.
        """
        yield Judged(ran=self._rounds_so_far())
        plan = self.situation.plan
        is_open = [one for one in plan.standings if one.state is CauseState.OPEN]
        switched = [found for one in is_open if (found := switched_pairs(plan, {one.cause}))]
        known = components_of(self.situation, {names for found in switched for names in found})
        for found in switched:
            yield Judged(
                ran=self._rounds_of({name for names in found for name in names}),
                hypotheses=sum(one.hypotheses for one in is_open),
                known=known,
                weight=1 / len(switched),
            )

    def _rounds_so_far(self) -> tuple[int, ...]:
        """The rounds of the completed replicates."""
        rounds: dict[int, int] = {}
        for fact in self.situation.facts:
            if isinstance(fact, Reading):
                rounds[fact.replicate] = max(rounds.get(fact.replicate, 0), fact.round + 1)
        return tuple(rounds[number] for number in sorted(rounds))

    def _rounds_of(self, names: Collection[str]) -> tuple[int, ...]:
        """The same, of replicates in which these arms ran."""
        spent = self.situation.spent[:-1]
        return tuple(count for count, one in zip(self._rounds_so_far(), spent, strict=False) if {*names} <= {*one.arms})

    def _prices(self, *, extras: Extras) -> Prices:
        start_s, round_s = self.costs.start_s, self.round_s()
        counted_s = math.fsum(self.turns[arm.name] * self.costs.inference_s[arm.name] for arm in self.arms)
        more = 1 + LAYERS_SHARE * (Supplement.LAYERS in extras) + CODE_SHARE * (Supplement.CODE in extras)
        return Prices(start_s=more * start_s, round_s=more * round_s, counted_s=counted_s)

    def round_s(self) -> float:
        """One round of all arms, with what is between their turns."""
        return math.fsum(self.turns[arm.name] * self.costs.inference_of(arm) + self.costs.turn_s for arm in self.arms)

    def _first_s(self, extras: Extras) -> float:
        """The one-time cost of reading layers and code for the first time."""
        earlier = self.situation.spent[:-1]
        each_s = FIRST_LAYERS_S * (Supplement.LAYERS in extras and all(one.layers_s <= NO_TIME_S for one in earlier))
        each_s += FIRST_CODE_S * (Supplement.CODE in extras and all(one.code_s <= NO_TIME_S for one in earlier))
        return each_s * len(_read(self.arms))

    def _least_s(self, extras: Extras) -> float:
        """What layers and code take in this replicate at least, where they are due in it."""
        read = _read(self.arms)
        sweep_s = LEAST_SWEEP * math.fsum(self.costs.inference_of(arm) for arm in read)
        code_s = CODE_LEAST_S * len(read)
        is_swept = Supplement.LAYERS in extras and _is_layers_due(self.situation)
        return sweep_s * is_swept + code_s * (Supplement.CODE in extras and _is_code_due(self.situation))

    def _ceilings_s(self) -> float:
        """What measuring the machine's ceilings will take, where that is due."""
        if any(isinstance(one, Ceilings) for one in self.situation.facts):
            return 0.0
        plan = self.situation.plan
        due = len(plan.ceilings_due())
        while due > 1 and not plan.schedule.affords_ceilings(due * CEILINGS_S):
            due -= 1
        return CEILINGS_S * due

    def _stopping_s(self) -> float:
        stops = [one.stopping_s for one in self.situation.spent if one.counting_s > 0]
        return max(stops, default=0.0)

    def _answers_s(self) -> float:
        """The expected time of collecting outputs from arms that have given none: as long as the others took, or their
        probes take.
        """
        silent = [arm for arm in self.arms if arm.name not in self.situation.answered]
        if self.costs.answer_s:
            return self.costs.answer_s * len(silent)
        return sum(assumed_probes(arm) * self.costs.inference_of(arm) for arm in silent)

    def _filled(self, length: Length, *, extras: Extras, answers: bool) -> Dimension:
        counted_s = length.rounds * self.round_s()
        so_far = self._so_far()
        is_early = self._is_early(length)
        beside = frozenset[Supplement]() if is_early else extras
        return Dimension(
            turns={name: (count,) * length.rounds for name, count in self.turns.items()},
            layers_s=_layers_s(self.situation, counted_s) if Supplement.LAYERS in beside else 0.0,
            code_s=_code_s(self.situation, self.arms, counted_s) if Supplement.CODE in beside else 0.0,
            answers=answers and not is_early,
            foreseen=so_far + length.replicates,
            circumstances=self._left_out(extras=extras, answers=answers),
        )

    def _is_early(self, length: Length) -> bool:
        """Whether layers, code and answers wait: a first interval comes before them, if they still come before
        experiments are chosen, and if there is time for answers after it.
        """
        so_far = self._so_far()
        if self.situation.plan.schedule.budget_s is None or so_far >= FIRST_INTERVAL:
            return False
        replicate_s = self.costs.start_s + length.rounds * self.round_s()
        later_s = self.situation.left_s - (FIRST_INTERVAL - so_far) * replicate_s
        return so_far + length.replicates >= 2 * ALONE and self._answers_s() <= ANSWERS_SHARE * later_s

    def _left_out(self, *, extras: Extras, answers: bool) -> tuple[ShortBudget, ...]:
        lost = self._planned() - extras | ({Supplement.ANSWERS} if not answers else set())
        left_out = tuple(one for one in Supplement if one in lost)
        if not left_out or len(self.situation.spent) > 1:
            return ()
        budget_s = self.situation.plan.schedule.budget_s
        assert budget_s is not None, "nothing is left out for want of time without a budget"
        return (ShortBudget(budget_s=budget_s, left_s=max(0.0, self.situation.left_s), left_out=left_out),)


def assumed_probes(arm: Arm) -> int:
    """The number of inferences that an arm's answers are assumed to take, before any were collected."""
    return ASSUMED_IN_A_PHASE if is_known(Phase.read(arm.variant.level(PHASE))) else ASSUMED_PROBES


def requested_pairs(plan: Plan) -> set[tuple[str, str]]:
    """The requested comparisons, including the control's with itself."""
    wanted = ((plan.control_of(arm).name, arm.name) for arm in plan.arms if not arm.serves)
    return {(control, name) for control, name in wanted if control != name}


def switched_pairs(plan: Plan, causes: Collection[str]) -> set[tuple[str, str]]:
    """Of the experiments on causes: each arm without its last switch, and with it."""
    applied = {(entry.arm, entry.switches): entry.applied for entry in plan.experiments}
    return {
        (applied.get((entry.arm, entry.switches[:-1]), entry.arm), entry.applied)
        for entry in plan.experiments
        if entry.switches[-1].cause in causes and not entry.excluded and not is_joint(entry)
    }


def components_of(situation: Situation, pairs: Collection[tuple[str, str]]) -> Components | None:
    """The variances of these comparisons, as far as both arms have run."""
    turns = times_of(assemble(situation.facts))
    return components(pair(turns[one], turns[other]) for one, other in sorted(pairs) if {one, other} <= turns.keys())


def _groups(situation: Situation) -> int:
    return max((len(fact.groups) for fact in situation.facts if isinstance(fact, CounterCheck)), default=0)


def _read(arms: Sequence[Arm]) -> list[Arm]:
    """The arms whose layers and code are read: those requested."""
    return [arm for arm in arms if not arm.repeats and not arm.serves]


def _is_layers_due(situation: Situation) -> bool:
    """Whether earlier replicates have left anything of the share of layers."""
    used_s = math.fsum(one.layers_s for one in situation.spent)
    return situation.plan.layers and used_s <= LAYERS_SHARE * situation.elapsed_s


def _is_code_due(situation: Situation) -> bool:
    """Whether earlier replicates have left anything of the share of sampled code."""
    used_s = math.fsum(one.code_s for one in situation.spent)
    return situation.plan.code and used_s <= CODE_SHARE * situation.elapsed_s


def _layers_s(situation: Situation, counted_s: float) -> float:
    """The time for layers: the replicate's own share, at most the rest of the run's; 0 if that is used up."""
    spent = situation.spent
    if not _is_layers_due(situation) or not _read(situation.alive()):
        return 0.0
    used_s = math.fsum(one.layers_s for one in spent)
    left_s = (situation.elapsed_s - used_s + counted_s) * LAYERS_SHARE - used_s
    return max(0.0, min(left_s, (counted_s + spent[-1].starting_s) * LAYERS_SHARE))


def _code_s(situation: Situation, arms: Sequence[Arm], counted_s: float) -> float:
    """The time for code, at least `CODE_LEAST_S` per arm; 0 if earlier replicates have used up the run's share."""
    asked = len(_read(arms))
    if not _is_code_due(situation) or not asked:
        return 0.0
    return max((counted_s + situation.spent[-1].starting_s) * CODE_SHARE, CODE_LEAST_S * asked)
