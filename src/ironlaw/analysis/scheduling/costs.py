"""The costs of the parts of a replicate, as measured so far in the run, in seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, median

from ironlaw.arm import Arm
from ironlaw.fact import ArmStarted, InterpreterStarted, Reading
from ironlaw.machine import Machine
from ironlaw.missing import is_known
from ironlaw.situation import Situation

# Reading counters and clocks around a turn took 0.33 and 0.51 ms (benchmarks/README.md, overhead), an order and its
# answer as long again. Holds for the first replicate alone; after that it is measured.
ASSUMED_TURN_S = 1e-3
# An inference that reads as no time at all (an empty callable) takes a call of a Python function at least.
SHORTEST_INFERENCE_S = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """The costs of a run, in seconds.

    `inference_s` and `between_s` are by arm: one inference, and the untimed work before each. `turn_s` is the overhead
    of a turn. `start_s` is starting and stopping a replicate of the arms that ran in the last one; `arm_start_s`, the
    part of it per arm; `prepare_s`, preparing one arm; `answer_s`, collecting one arm's outputs.
    """

    inference_s: dict[str, float]
    between_s: dict[str, float]
    turn_s: float
    start_s: float
    arm_start_s: float
    prepare_s: float
    answer_s: float

    def inference_of(self, arm: Arm) -> float:
        """One inference with the work before it; the average of the others for an arm that has not run."""
        known = self.inference_s.get(arm.name)
        if known is None:
            return fmean(self.inference_s.values()) if self.inference_s else SHORTEST_INFERENCE_S
        return known + self.between_s.get(arm.name, 0.0)

    def starting_s(self, *, arms: int, last: int) -> float:
        """Starting and stopping a replicate of `arms` arms, given that the last one had `last`."""
        return max(0.0, self.start_s + (arms - last) * self.arm_start_s)


def costs_of(situation: Situation) -> Costs:
    """Estimate the costs; at least one replicate must have started."""
    started = _latest_starts(situation)
    inference_s = {name: _warm_s(fact) for name, fact in started.items()}
    inference_s |= _measured_s(situation)
    between_s = {name: fact.between_ns / 1e9 for name, fact in started.items()}
    answers = [(one.answers_s, one.answered) for one in situation.spent if one.answered]
    return Costs(
        inference_s={name: max(one_s, SHORTEST_INFERENCE_S) for name, one_s in inference_s.items()},
        between_s=between_s,
        turn_s=_turn_s(situation, between_s),
        start_s=_start_s(situation),
        arm_start_s=_arm_start_s(situation),
        prepare_s=situation.preparing_s / max(1, situation.prepared),
        answer_s=sum(spent for spent, _ in answers) / sum(count for _, count in answers) if answers else 0.0,
    )


def _latest_starts(situation: Situation) -> dict[str, ArmStarted]:
    return {fact.arm: fact for fact in situation.facts if isinstance(fact, ArmStarted)}


def _warm_s(started: ArmStarted) -> float:
    warm = started.warm_up_ns[len(started.warm_up_ns) // 2 :]
    return median(warm) / 1e9 if warm else SHORTEST_INFERENCE_S


def _measured_s(situation: Situation) -> dict[str, float]:
    """The median over turns of the time per inference."""
    found: dict[str, list[float]] = {}
    for fact in situation.facts:
        if isinstance(fact, Reading) and fact.inferences > 0 and fact.wall_ns > 0:
            found.setdefault(fact.arm, []).append(fact.wall_ns / fact.inferences / 1e9)
    return {name: median(values) for name, values in found.items()}


def _turn_s(situation: Situation, between_s: dict[str, float]) -> float:
    """The overhead per turn: orders, answers, reading counters, feeding inputs."""
    finished = {one.replicate: one.counting_s for one in situation.spent if one.counting_s > 0}
    turns, inside_s = 0, 0.0
    for fact in situation.facts:
        if isinstance(fact, Reading) and fact.replicate in finished:
            turns += 1
            inside_s += fact.wall_ns / 1e9 + between_s.get(fact.arm, 0.0) * fact.inferences
    if not turns:
        return ASSUMED_TURN_S
    return max(0.0, math.fsum(finished.values()) - inside_s) / turns


def _start_s(situation: Situation) -> float:
    """The cost of a start, from the replicates with as many arms as the last one, without the run's first if others are
    known.

    Some replicates wait until their interpreter has imported, others find it ready. The result is the mean of both
    medians. If only the first replicate is known, what it alone does is left out; see `_after_first_s`.
    """
    if not situation.spent:
        return 0.0
    last = situation.spent[-1]
    similar = [one for one in situation.spent if len(one.arms) == len(last.arms)]
    stops = [one.stopping_s for one in similar if one.counting_s > 0]
    stopping_s = median(stops) if stops else 0.0
    later = [one for one in similar if one.replicate > 0]
    if not later:
        return _after_first_s(situation) + stopping_s
    interpreters = _interpreters_s(situation)
    ready = [one.starting_s for one in later if one.starting_s < interpreters.get(one.replicate, 0.0)]
    waiting = [one.starting_s for one in later if one.starting_s >= interpreters.get(one.replicate, 0.0)]
    return fmean(median(kind) for kind in (ready, waiting) if kind) + stopping_s


def _after_first_s(situation: Situation) -> float:
    """The second start, when only the first is known: without compacting memory, and with half of its warm-up.

    Its interpreter imports beside the first start if a CPU is idle, else before it.
    """
    first = situation.spent[0]
    importing_s = _interpreters_s(situation).get(first.replicate, 0.0)
    started = [fact for fact in situation.facts if isinstance(fact, ArmStarted) and fact.replicate == first.replicate]
    warming_s = math.fsum(math.fsum(fact.warm_up_ns) for fact in started if fact.warm_up_judged) / 1e9
    again_s = max(0.0, first.starting_s - _compacting_s(situation) - warming_s / 2)
    if _has_idle_cpu(situation):
        return max(again_s, importing_s)
    return again_s + (importing_s if first.starting_s < importing_s else 0.0)


def _compacting_s(situation: Situation) -> float:
    """Compacting memory before the first replicate."""
    memories = [fact.memory for fact in situation.facts if isinstance(fact, InterpreterStarted)]
    took_ns = [one.compaction_ns for one in memories if is_known(one.compaction_ns)]
    return max(took_ns, default=0) / 1e9


def _has_idle_cpu(situation: Situation) -> bool:
    """Whether a CPU is left beside those that the arms run on."""
    allowed = {cpu for fact in situation.facts if isinstance(fact, Machine) for cpu in fact.cpus_allowed}
    taken = {cpu for fact in situation.facts if isinstance(fact, ArmStarted) for cpu in fact.cpus}
    return bool(taken) and bool(allowed - taken)


def _interpreters_s(situation: Situation) -> dict[int, float]:
    """The time that each replicate's interpreters took to start and import, in parallel."""
    found: dict[int, float] = {}
    for fact in situation.facts:
        if isinstance(fact, InterpreterStarted):
            found[fact.replicate] = max(found.get(fact.replicate, 0.0), fact.start_ns / 1e9)
    return found


def _arm_start_s(situation: Situation) -> float:
    """An arm's part of a start: the time without the interpreter's own start, divided equally."""
    if not situation.spent:
        return 0.0
    last = situation.spent[-1]
    own_s = _interpreters_s(situation).get(last.replicate, 0.0)
    if last.starting_s < own_s:  # it had been started ahead
        own_s = 0.0
    return max(0.0, last.starting_s - own_s) / max(1, len(last.arms))
