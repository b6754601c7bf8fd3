"""When layers are read: a sweep over the arms behind the counted turns of a replicate, within its share of the run.

In the same processes as the counted turns, so that the luck of a process is the same and starting is paid once; behind
them, so that nothing which counts is disturbed; interleaved, so that all arms meet the same machine.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ironlaw.arm import Arm
from ironlaw.layer import LayerCall, LayerGraph, LayerReading, Probe
from ironlaw.measure.messages import LayerTurn, Survey
from ironlaw.measure.rounds import order_rounds
from ironlaw.measure.stage import Stage
from ironlaw.missing import Maybe, Missing
from ironlaw.recording import Fact, Failure

# Of the time that everything else took. Layers may add 30 %; surveys and the last turns are not foreseen exactly.
SHARE = 0.2
# A turn reads each inference and runs one alone beside it, and puts the readers in place.
_COST_OF_READING = 2.4
_CLOCK_ROUNDS = 2  # the times themselves; every other quantity only divides them
_MOST_INFERENCES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """What a sweep is given: the seconds it should take, and one inference of each arm in seconds."""

    budget_s: float
    inference_s: dict[str, float]
    rng: random.Random


@dataclass(slots=True, kw_only=True)
class Sweeps:
    """The layer turns of a run; keeps which arms can be read, and which have left the replicate at hand."""

    stage: Stage
    keep: Callable[[Fact], None]
    groups: int
    graphs: dict[str, LayerGraph] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    sweeps: int = 0

    def sweep(self, arms: Sequence[Arm], replicate: int, chance: Chance) -> None:
        """Survey the arms, then let each take a turn under every probe."""
        self.gone = set()
        first = self._probes()
        readable = [arm for arm in arms if self._survey(arm, replicate)]
        rounds = self._rounds()
        self.sweeps += 1
        if not readable:
            return
        one_s = sum(chance.inference_s[arm.name] for arm in readable) * len(rounds) * _COST_OF_READING
        inferences = max(1, min(_MOST_INFERENCES, int(chance.budget_s / one_s)))
        orders = order_rounds(len(readable), len(rounds), chance.rng)
        for number, ((probe, group), order) in enumerate(zip(rounds, orders, strict=True)):
            for position, place in enumerate(order):
                arm = readable[place]
                if self._is_lost(arm) or (self.graphs[arm.name].profiled_by and probe is not first[0]):
                    continue
                turn = LayerTurn(round=number, position=position, probe=probe, group=group, inferences=inferences)
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
        found = self.stage.survey(arm, Survey(() if known else self._probes()))
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
            self.gone.add(arm.name)
            fact = LayerGraph(arm=arm.name, calls=Missing(f"reading layers ended its process: {fact.reason}"))
        if isinstance(fact, LayerGraph):
            self.graphs[arm.name] = fact
        if isinstance(fact, LayerReading):
            fact = replace(fact, replicate=replicate)
        self.keep(fact)

    def _is_lost(self, arm: Arm) -> bool:
        return isinstance(self.graphs[arm.name].calls, Missing)


def _order(calls: Maybe[tuple[LayerCall, ...]]) -> Maybe[list[tuple[str, str, int]]]:
    return calls if isinstance(calls, Missing) else [(call.path, call.operator, call.repeat) for call in calls]
