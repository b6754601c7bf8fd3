"""When layers are read: a sweep over the arms after the counted turns of a replicate, within its share of the run.

Layers are read in the same processes as the counted turns, so that both share what varies between processes; after
them, so that no counted turn is disturbed; and interleaved, so that all arms run on the machine in the same state.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ironlaw.arm import Arm
from ironlaw.fact import Fact, Failure
from ironlaw.layer import LayerCall, LayerCode, LayerGraph, LayerReading, Probe
from ironlaw.measure.messages import LayerTurn, SurveyLayers
from ironlaw.measure.rounds import order_rounds
from ironlaw.measure.stage import Stage
from ironlaw.missing import Maybe, Missing

# Of the time that everything else took. Layers may add 30 %; surveys and the last turns are not foreseen exactly.
SHARE = 0.2
_AROUND = 1.5  # plain inferences around those under the clock, and the one or few that warm the caches
_COST_OF_READING = 1.2  # of an inference that is read, with putting the readers in place
# And however short it is: one of 0.1 us took 3.6 us to be read once and run alone once, 10 us on a busy machine.
_SHORTEST_S = 10e-6
_CLOCK_ROUNDS = 2  # the times themselves; every other quantity only divides them. Even, so that both ways come first
_MOST_SETS = 10
# Of inferences whose code is sampled, however short the other turns: 150 samples, of which a function without a name
# that takes a tenth of the time has enough to be judged by the operators that it ran in.
_CODE_S = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """The limits of a sweep: its time, that of one inference of each arm (s), and the inferences of a counted turn."""

    budget_s: float
    turn_inferences: int
    inference_s: dict[str, float]
    rng: random.Random


@dataclass(slots=True, kw_only=True)
class Sweeps:
    """The layer turns of a run; remembers which arms can be read, and which have left the current replicate."""

    stage: Stage
    keep: Callable[[Fact], None]
    groups: int
    code: bool = False  # whether one more turn of each arm samples the code of each layer
    graphs: dict[str, LayerGraph] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    sweeps: int = 0

    def sweep(self, arms: Sequence[Arm], replicate: int, allowance: Allowance) -> None:
        """Survey the arms, then let each take a turn under every probe."""
        self.lost = set()
        readable = [arm for arm in arms if self._survey(arm, replicate)]
        rounds = self._rounds()
        self.sweeps += 1
        if not readable:
            return
        one_s = sum(
            allowance.inference_s[arm.name] * (1 + _COST_OF_READING + _AROUND * (probe is Probe.CLOCK)) + _SHORTEST_S
            for arm in readable
            for probe, _ in rounds
        ) + self.code * sum(allowance.inference_s[arm.name] * _COST_OF_READING for arm in readable)
        # Half of a counted turn read and half alone: as many inferences after one cold start as in a counted turn.
        inferences = max(1, min(allowance.turn_inferences // 2, int(allowance.budget_s / one_s)))
        sets = max(1, min(_MOST_SETS, int(allowance.budget_s / (one_s * inferences))))
        planned = rounds * sets + [(Probe.CODE, -1)] * self.code
        orders = order_rounds(len(readable), len(planned), allowance.rng)
        for number, ((probe, group), order) in enumerate(zip(planned, orders, strict=True)):
            for position, place in enumerate(order):
                arm = readable[place]
                is_profiled = bool(self.graphs[arm.name].profiled_by)
                # Each profiled turn opens a session of its own: a few long ones instead of many short ones.
                if self._is_lost(arm) or (is_profiled and number >= _CLOCK_ROUNDS and probe is not Probe.CODE):
                    continue
                count = inferences * sets if is_profiled or probe is Probe.CODE else inferences
                if probe is Probe.CODE:
                    count = max(count, math.ceil(_CODE_S / max(allowance.inference_s[arm.name], _SHORTEST_S)))
                turn = LayerTurn(round=number, position=position, probe=probe, group=group, inferences=count)
                self._note(self.stage.layer_turn(arm, turn), arm, replicate)

    def _probes(self) -> tuple[Probe, ...]:
        counted = (Probe.GROUP,) if self.groups else ()
        return (Probe.CLOCK, Probe.CPU, Probe.FAULTS, *counted)

    def _rounds(self) -> list[tuple[Probe, int]]:
        """Probes in their order; of the event groups one a sweep, the next one in the next."""
        clock, *others = self._probes()
        group = self.sweeps % self.groups if self.groups else -1
        return [(clock, -1)] * _CLOCK_ROUNDS + [(probe, group if probe is Probe.GROUP else -1) for probe in others]

    def _survey(self, arm: Arm, replicate: int) -> bool:
        """Whether the arm can be read in this replicate."""
        known = self.graphs.get(arm.name)
        if known is not None and isinstance(known.calls, Missing):
            return False
        found = self.stage.survey(arm, SurveyLayers(() if known else self._probes()))
        if not isinstance(found, LayerGraph) or isinstance(found.calls, Missing):
            self._note(found, arm, replicate)
            return False
        if known is None:
            self._note(found, arm, replicate)
        elif _order(known.calls) != _order(found.calls):
            reason = f"replicate {replicate + 1} called other layers than the first one"
            self._note(LayerGraph(arm=arm.name, calls=Missing(reason)), arm, replicate)
            return False
        return True

    def _note(self, fact: Fact, arm: Arm, replicate: int) -> None:
        if isinstance(fact, Failure):
            self.lost.add(arm.name)
            fact = LayerGraph(arm=arm.name, calls=Missing(f"reading layers ended its process: {fact.reason}"))
        if isinstance(fact, LayerGraph):
            self.graphs[arm.name] = fact
        if isinstance(fact, LayerReading | LayerCode):
            fact = replace(fact, replicate=replicate)
        self.keep(fact)

    def _is_lost(self, arm: Arm) -> bool:
        return isinstance(self.graphs[arm.name].calls, Missing)


def _order(calls: Maybe[tuple[LayerCall, ...]]) -> Maybe[list[tuple[str, str, int]]]:
    return calls if isinstance(calls, Missing) else [(call.path, call.operator, call.repeat) for call in calls]
