"""The recorder: runs a plan's replicates and rounds, and records every fact."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Protocol

from ironlaw.arm import Arm
from ironlaw.circumstance import Circumstance
from ironlaw.errors import BadInput
from ironlaw.fact import (
    SCHEMA,
    Activity,
    ArmPrepared,
    ArmStarted,
    CounterCheck,
    Ended,
    Ending,
    Fact,
    Failure,
    Header,
    Reading,
)
from ironlaw.machine import Machine
from ironlaw.measure.ceilings import ceilings_in_time
from ironlaw.measure.interruption import signal_of
from ironlaw.measure.layers.sweep import Allowance, Sweeps
from ironlaw.measure.messages import CodeTurn, Turn
from ironlaw.measure.progress import share_done
from ironlaw.measure.rounds import order_rounds, starting_order
from ironlaw.measure.stage import Stage
from ironlaw.measure.stopwatch import Laps, Stopwatch
from ironlaw.measure.warm_up import WarmUps, inference_s, warming_s
from ironlaw.missing import Maybe, Missing
from ironlaw.plan import Plan
from ironlaw.program import PreparedModel
from ironlaw.situation import FIRST_INTERVAL, Dimension, NextReplicate, ReplicateSpent, Situation
from ironlaw.watcher import Watcher

# A program of some nanoseconds would be called a million times for that, each call noted: it gets fewer samples.
CODE_MOST_INFERENCES = 20_000
MOST_REACHED = 0.99  # the rest is ending


class Sink(Protocol):
    """Receives facts in order; a RecordingWriter, or a list in tests."""

    def write(self, fact: Fact) -> None:
        """Keep one fact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """The decisions that the recorder requests from outside, since `measure` does not analyse.

    `next_replicate` is asked before each replicate: whether there is one, and which arms it measures. `dimension` is
    asked once they have started: how many rounds, of how many inferences.
    """

    next_replicate: Callable[[Situation], NextReplicate]
    dimension: Callable[[Situation], Dimension]


_FEWEST_POINTS = 2  # between which something can turn


@dataclass(slots=True)
class _Run:
    plan: Plan
    stage: Stage
    sink: Sink
    watcher: Watcher
    advice: Advice
    began_s: float
    watch: Stopwatch
    groups: int = 0
    facts: list[Fact] = field(default_factory=list)
    models: dict[str, PreparedModel] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    started: dict[str, ArmStarted] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    emptied: set[str] = field(default_factory=set)  # arms of which empty turns were measured
    warm_ups: WarmUps = field(default_factory=WarmUps)
    sweeps: Sweeps | None = None  # set when the counters are known, where layers are read
    spent: list[ReplicateSpent] = field(default_factory=list)
    preparing_s: float = 0.0
    prepared: int = 0
    foreseen: int = 1  # replicates, by what is planned now
    machine: Machine | None = None  # whose ceilings have not been measured
    reached: float = 0.0  # the share of the run that was reported as behind us
    knows: str = ""

    def keep(self, fact: Fact) -> None:
        if isinstance(fact, Circumstance) and fact in self.facts:
            return
        self.facts.append(fact)
        self.sink.write(fact)
        if isinstance(fact, Failure):
            self.failed.add(fact.arm)
        if isinstance(fact, ArmPrepared):
            self.models[fact.arm] = fact.prepared
        if isinstance(fact, ArmStarted):
            self.started[fact.arm] = fact
            self.warm_ups.note(self.plan.arm(fact.arm), fact)

    def keep_all(self, facts: Iterable[Fact]) -> None:
        for fact in facts:
            self.keep(fact)

    def situation(self) -> Situation:
        return Situation(
            plan=self.plan,
            facts=self.facts,
            elapsed_s=self.elapsed_s(),
            spent=tuple(self.spent),
            preparing_s=self.preparing_s,
            prepared=self.prepared,
            failed=frozenset(self.failed),
            answered=frozenset(self.answered),
        )

    def alive(self) -> tuple[Arm, ...]:
        return self.situation().alive()

    def elapsed_s(self) -> float:
        return self.stage.now_s() - self.began_s

    def left_s(self) -> float:
        return self.situation().left_s

    def say(self, doing: str, replicates: float = 0.0) -> None:
        """Report how far the run is, never less than before, and never all the way before it has ended.

        The whole is the expected time: the budget, or the expected time of the planned replicates if these end the run.
        """
        done = share_done(
            self.spent, self.plan.schedule, elapsed_s=self.elapsed_s(), replicates=replicates, foreseen=self.foreseen
        )
        self.reached = max(self.reached, min(MOST_REACHED, done))
        self.watcher.progressed(self.reached, f"{doing}; {self.knows}" if self.knows else doing)


def record(plan: Plan, stage: Stage, sink: Sink, *, watcher: Watcher, advice: Advice) -> Ending:
    """Run the plan on the stage; every fact goes to the sink the moment it is known.

    An arm that fails takes no further turns, and the others continue. Ctrl-C ends the run with what was recorded.

    Raises:
        BadInput: a model or input does not exist; nothing was measured.
    """
    run = _Run(plan, stage, sink, watcher, advice, began_s=stage.now_s(), watch=Stopwatch(stage.now_s))
    signal: Maybe[str] = Missing("no signal ended it")
    try:
        _open(run)
        ending = _run_replicates(run)
    except KeyboardInterrupt as interrupt:
        ending, signal = Ending.INTERRUPTED, signal_of(interrupt)
    except BaseException:
        stage.stop(at_once=True)
        raise
    try:
        _end(run, ending, signal)
    except KeyboardInterrupt:  # it had come to its end anyway
        _end(run, ending, signal)
    return ending


def _end(run: _Run, ending: Ending, signal: Maybe[str]) -> None:
    _stop(run, at_once=ending is Ending.INTERRUPTED)
    run.keep(run.watch.take())
    run.keep(Ended(why=ending, elapsed_s=run.elapsed_s(), signal=signal))


def _open(run: _Run) -> None:
    run.stage.begin(run.plan.schedule.budget_s)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    run.keep(Header(schema=SCHEMA, ironlaw=version("ironlaw"), started_utc=started))
    machine = run.stage.inspect()
    run.keep(machine)
    run.keep(run.plan)
    run.say("testing the counters")
    check: CounterCheck = run.stage.check_counters()
    run.keep(check)
    run.groups = len(check.groups)
    if run.plan.layers:
        run.sweeps = Sweeps(stage=run.stage, keep=run.keep, groups=run.groups, code=run.plan.code)
    run.machine = machine if run.plan.ceilings else None
    _prepare(run, run.plan.arms)


def _measure_ceilings(run: _Run) -> None:
    """Once: of what the machine can do at most, which nothing is decided by while the run continues."""
    if run.machine is not None:
        run.watch.turn_to(Activity.PREPARING)
        run.say("measuring the machine's ceilings", len(run.spent))
        run.keep_all(ceilings_in_time(run.plan, run.stage, run.machine))
        run.machine = None


def _prepare(run: _Run, arms: tuple[Arm, ...]) -> None:
    began_s = run.elapsed_s()
    run.watch.turn_to(Activity.PREPARING)
    run.say(f"preparing {len(arms)} arms")
    for fact in run.stage.prepare(arms):
        run.keep(fact)
        if isinstance(fact, Failure) and fact.stage == "input" and not _goes_on_without(run, fact.arm):
            raise BadInput(fact.reason, hint=fact.hint)
    run.preparing_s += run.elapsed_s() - began_s
    run.prepared += len(arms)


def _goes_on_without(run: _Run, name: str) -> bool:
    """Whether the input that failed is one arm's own, and another one is left there; or two other points are left."""
    failed, alive = run.plan.arm(name), run.alive()
    if any(arm.point == failed.point and failed.factory not in (None, arm.factory) for arm in alive):
        return True
    return len({arm.point for arm in alive if arm.point != failed.point}) >= _FEWEST_POINTS


def _run_replicates(run: _Run) -> Ending:
    while True:
        run.watch.turn_to(Activity.PLANNING)
        step = run.advice.next_replicate(run.situation())
        run.knows = step.knows
        if step.ending is not None:
            if math.isinf(run.left_s()):
                _measure_ceilings(run)
            _adopt(run, step.plan)
            return step.ending
        if len(run.spent) >= FIRST_INTERVAL:
            _measure_ceilings(run)
        _adopt(run, step.plan)
        run.watch.turn_to(Activity.PLANNING)
        run.keep(run.watch.take())
        _run_replicate(run, len(run.spent))
        if not run.alive():
            return Ending.FAILED


def _adopt(run: _Run, plan: Plan) -> None:
    """Continue with a plan that may have more arms, or fewer that take turns."""
    if plan == run.plan:
        return
    was, known = run.plan, {arm.name for arm in run.plan.arms}
    run.plan = plan
    run.keep(plan)
    joining = tuple(arm for arm in plan.arms if arm.name not in known)
    if joining:
        _prepare(run, joining)
    for asked in plan.replays:
        if asked not in was.replays and asked.arm in run.models:
            run.watch.turn_to(Activity.ANSWERS)
            run.say(f"replaying layers of {asked.arm}")
            run.keep_all(run.stage.replay(plan.arm(asked.arm), run.models[asked.arm], asked))


def _run_replicate(run: _Run, replicate: int) -> None:
    clock = Laps(run.stage.now_s)
    run.say(f"starting replicate {replicate + 1}", replicate)
    run.watch.turn_to(Activity.STARTING)
    order = starting_order(run.alive(), replicate, seed=run.plan.seed)
    for fact in run.stage.start(replicate, order, run.models, run.warm_ups.of(order)):
        if isinstance(fact, ArmStarted):
            run.watch.split({Activity.LOADING: fact.load_ns / 1e9, Activity.WARMING: warming_s(fact)})
        run.keep(fact)
    run.watch.turn_to(Activity.PLANNING)
    arms = run.alive()
    run.spent.append(ReplicateSpent(replicate=replicate, arms=tuple(arm.name for arm in arms), starting_s=clock.lap()))
    if not arms:
        _stop(run)
        return
    size = run.advice.dimension(run.situation())
    run.watch.turn_to(Activity.WAITING)
    run.foreseen = size.foreseen
    run.keep_all(size.circumstances)
    clock.lap()  # deciding that is not between turns: counted there, it made turns of 0.1 s ten times as long
    _count(run, replicate, arms, size)
    counting_s = clock.lap()
    _measure_nothing(run)
    clock.lap()  # nor is this
    _sweep(run, replicate, size)
    layers_s = clock.lap()
    _sample_code(run, replicate, size)
    code_s = clock.lap()
    # Behind the turns: the probes are large, and freeing them moves malloc's thresholds for what comes after.
    answered = _answer(run) if size.answers else 0
    answers_s = clock.lap()
    _stop(run)
    run.spent[-1] = replace(
        run.spent[-1],
        counting_s=counting_s,
        layers_s=layers_s,
        code_s=code_s,
        answers_s=answers_s,
        answered=answered,
        stopping_s=clock.lap(),
    )


def _count(run: _Run, replicate: int, arms: tuple[Arm, ...], size: Dimension) -> None:
    """Run the counted rounds, as long as the next one fits into the budget."""
    rng = random.Random(f"{run.plan.seed}/{replicate}")
    longest_s = 0.0
    for number, order in enumerate(order_rounds(len(arms), size.rounds, rng)):
        began_s = run.elapsed_s()
        if number > 0 and run.left_s() < longest_s:
            break
        _run_round(run, replicate, number, [arms[place] for place in order], size)
        longest_s = max(longest_s, run.elapsed_s() - began_s)
        doing = f"replicate {replicate + 1} of {max(run.foreseen, replicate + 1)}, round {number + 1} of {size.rounds}"
        run.say(doing, replicate + (number + 1) / size.rounds)


def _stop(run: _Run, *, at_once: bool = False) -> None:
    run.watch.turn_to(Activity.WAITING)
    run.keep_all(run.stage.stop(at_once=at_once))


def _sweep(run: _Run, replicate: int, size: Dimension) -> None:
    """Read layers, in the time that they are given."""
    arms = tuple(arm for arm in run.alive() if not arm.repeats and not arm.serves)
    if run.sweeps is None or not arms or not 0 < size.layers_s <= run.left_s():
        if run.sweeps is not None:
            run.sweeps.lost = set()
        return
    run.watch.turn_to(Activity.LAYERS)
    run.say("reading layers", replicate + 1)
    allowance = Allowance(
        budget_s=size.layers_s,
        turn_inferences=min(size.turns[arm.name][0] for arm in arms),
        inference_s={arm.name: inference_s(run.started[arm.name]) for arm in arms},
        rng=random.Random(f"{run.plan.seed}/{replicate}/layers"),
    )
    run.sweeps.sweep(arms, replicate, allowance)


def _sample_code(run: _Run, replicate: int, size: Dimension) -> None:
    """Sample the code of the arms that were requested: one turn each, in the time that they are given."""
    lost = run.sweeps.lost if run.sweeps else set()
    arms = [arm for arm in run.alive() if not arm.repeats and not arm.serves and arm.name not in lost]
    if not arms or not 0 < size.code_s <= run.left_s():
        return
    run.watch.turn_to(Activity.SAMPLING)
    run.say("sampling code", replicate + 1)
    random.Random(f"{run.plan.seed}/{replicate}/code").shuffle(arms)
    for arm in arms:
        wanted = round(size.code_s / len(arms) / max(_usual_s(run, arm, replicate), 1e-9))
        inferences = max(1, min(CODE_MOST_INFERENCES, wanted))
        order = CodeTurn(round=replicate, inferences=inferences)
        run.keep(run.stage.code_turn(arm, order))


def _usual_s(run: _Run, arm: Arm, replicate: int) -> float:
    """One inference of an arm in this replicate, by its counted turns: eager took twice as long while it warmed up."""
    mine = [one for one in run.facts if isinstance(one, Reading) and (one.arm, one.replicate) == (arm.name, replicate)]
    counted_s = [one.wall_ns / one.inferences / 1e9 for one in mine]
    return statistics.median(counted_s) if counted_s else inference_s(run.started[arm.name])


def _run_round(run: _Run, replicate: int, number: int, arms: list[Arm], size: Dimension) -> None:
    # Neighbouring replicates start with another group, so that each group meets each kind of round.
    group = (number + replicate) % run.groups if run.groups else -1
    for position, arm in enumerate(arms):
        if arm.name in run.failed:
            continue
        order = Turn(round=number, position=position, group=group, inferences=size.turns[arm.name][number])
        fact = run.stage.turn(arm, order)
        run.watch.split({Activity.COUNTED: fact.wall_ns / 1e9} if isinstance(fact, Reading) else {})
        run.keep(fact)


def _measure_nothing(run: _Run) -> None:
    """Empty turns of the arms of which there are none yet: what measuring adds to a turn."""
    for arm in run.alive():
        if arm.name not in run.emptied:
            run.emptied.add(arm.name)
            run.keep_all(run.stage.measure_nothing(arm))


def _answer(run: _Run) -> int:
    """Collect outputs from arms that have given none, while there is time; return their number."""
    run.watch.turn_to(Activity.ANSWERS)
    lost = run.sweeps.lost if run.sweeps else set()
    silent = tuple(arm for arm in run.alive() if arm.name not in run.answered and arm.name not in lost)
    if not silent or run.left_s() <= 0:
        return 0
    run.say(f"comparing what {len(silent)} arms answer")
    before = len(run.answered)
    for arm, facts in run.stage.answers(silent):
        run.answered.add(arm.name)
        run.keep_all(facts)
        if run.left_s() <= 0:
            break
    return len(run.answered) - before
