"""The recorder: takes a plan through its replicates and rounds, and writes down everything that becomes known."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Protocol

from ironlaw.arm import Arm
from ironlaw.concern import Concern
from ironlaw.errors import BadInput
from ironlaw.experiment import Experiment
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
from ironlaw.measure.layers.sweep import SHARE, Chance, Sweeps
from ironlaw.measure.messages import CodeTurn, Turn
from ironlaw.measure.rounds import order_rounds
from ironlaw.measure.sizing import replicates_by_count, replicates_by_precision, turns_by_budget, turns_by_count
from ironlaw.measure.stage import Stage
from ironlaw.measure.stopwatch import Stopwatch
from ironlaw.plan import Plan
from ironlaw.program import PreparedModel

# Sampling turns may take this share of what the rest of a replicate took, and at least so long an arm: 60 samples.
CODE_SHARE = 0.15
CODE_LEAST_S = 0.2
# A program of some nanoseconds would be called a million times for that, each call noted: it gets fewer samples.
CODE_MOST_INFERENCES = 20_000
# What sampling adds is measured in the first replicates: there each turn has as many inferences without it.
CODE_PLAIN_REPLICATES = 3


class Sink(Protocol):
    """Takes facts in the order in which they become known; a RecordingWriter, or a list in tests."""

    def write(self, fact: Fact) -> None:
        """Keep one fact."""


class Watcher(Protocol):
    """Is told how far the run is."""

    def progressed(self, done: float, doing: str) -> None:
        """`done` is the share of the run behind us, 0 to 1; `doing` says what happens now."""


class Unwatched:
    """A watcher that does not look."""

    def progressed(self, done: float, doing: str) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Arms to add to the plan, what they are for, and arms that take no further turns."""

    arms: tuple[Arm, ...] = ()
    experiments: tuple[Experiment, ...] = ()
    retired: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What the recorder asks between replicates; both answers come from outside, since measuring does not think.

    `more_arms` is asked after each replicate, with all facts so far: experiments whose need the readings show.
    `growth` is how many times longer it will have made a round, so that the first replicate does not take what the
    others need. `is_enough` is asked after every replicate whether the run may stop before its schedule.
    """

    more_arms: Callable[[Sequence[Fact]], Proposal] = lambda facts: Proposal()
    growth: float = 1.0
    is_enough: Callable[[Sequence[Fact]], bool] = lambda facts: False


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
    sweeps: Sweeps | None = None  # set when the counters are known, where layers are read
    swept_s: float = 0.0
    reached: float = 0.0  # the share of the run that was said to be behind us
    turns: tuple[int, ...] = ()  # inferences in each round of the replicate at hand; empty: to be sized

    def keep(self, fact: Fact) -> None:
        if isinstance(fact, Concern) and fact in self.facts:
            return
        self.facts.append(fact)
        self.sink.write(fact)
        if isinstance(fact, Failure):
            self.failed.add(fact.arm)
        if isinstance(fact, ArmPrepared):
            self.models[fact.arm] = fact.prepared
        if isinstance(fact, ArmStarted):
            self.started[fact.arm] = fact

    def alive(self) -> tuple[Arm, ...]:
        return tuple(arm for arm in self.plan.arms if arm.name not in self.failed and arm.name not in self.plan.retired)

    def elapsed_s(self) -> float:
        return self.stage.now_s() - self.began_s

    def left_s(self) -> float:
        budget_s = self.plan.schedule.budget_s
        return math.inf if budget_s is None else budget_s - self.elapsed_s()

    def replicates(self) -> int:
        return replicates_by_count(self.plan.schedule)


def record(plan: Plan, stage: Stage, sink: Sink, *, watcher: Watcher, advice: Advice) -> Ending:
    """Run the plan on the stage; every fact goes to the sink the moment it is known.

    An arm that fails takes no further turns and the others go on. Ctrl-C ends the run with what there is.

    Raises:
        BadInput: a model or input does not exist; nothing was measured.
    """
    run = _Run(plan, stage, sink, watcher, advice, began_s=stage.now_s(), watch=Stopwatch(stage.now_s))
    try:
        _open(run)
        ending = _run_replicates(run)
    except KeyboardInterrupt:
        ending = Ending.INTERRUPTED
    except BaseException:
        stage.stop()
        raise
    try:
        _end(run, ending)
    except KeyboardInterrupt:  # it had come to its end anyway
        _end(run, ending)
    return ending


def _end(run: _Run, ending: Ending) -> None:
    _stop(run)
    run.keep(run.watch.take())
    run.keep(Ended(why=ending, elapsed_s=run.elapsed_s()))


def _open(run: _Run) -> None:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    run.keep(Header(schema=SCHEMA, ironlaw=version("ironlaw"), started_utc=started))
    machine = run.stage.inspect()
    run.keep(machine)
    run.keep(run.plan)
    run.watcher.progressed(0.0, "testing the counters")
    check: CounterCheck = run.stage.check_counters()
    run.keep(check)
    run.groups = len(check.groups)
    if run.plan.layers:
        run.sweeps = Sweeps(stage=run.stage, keep=run.keep, groups=run.groups)
    if run.plan.ceilings:
        run.watcher.progressed(_share(run), "measuring the machine's ceilings")
        run.keep(run.stage.measure_ceilings(machine))
    _prepare(run, run.plan.arms)


def _prepare(run: _Run, arms: tuple[Arm, ...]) -> None:
    run.watch.turn_to(Activity.PREPARING)
    run.watcher.progressed(_share(run), f"preparing {len(arms)} arms")
    for fact in run.stage.prepare(arms):
        run.keep(fact)
        if isinstance(fact, Failure) and fact.stage == "input" and not _goes_on_without(run, fact.arm):
            raise BadInput(fact.reason, hint=fact.hint)


def _goes_on_without(run: _Run, name: str) -> bool:
    """Whether the input that failed is one arm's own, and an arm with another one is left."""
    source = run.plan.arm(name).factory
    return source is not None and any(arm.factory != source for arm in run.alive())


def _run_replicates(run: _Run) -> Ending:
    took_s: list[float] = []
    for replicate in range(run.replicates()):
        # A replicate that is cut in the middle still counts; one that could hardly start is left out.
        if took_s and run.left_s() < statistics.fmean(took_s) / 2:
            return Ending.BUDGET
        began_s = run.elapsed_s()
        _run_replicate(run, replicate)
        if not run.alive():
            return Ending.FAILED
        took_s.append(run.elapsed_s() - began_s)
        run.watch.turn_to(Activity.PLANNING)
        _add_arms(run)
        run.watch.turn_to(Activity.PLANNING)
        run.keep(run.watch.take())
        if run.plan.schedule.precision is not None and run.advice.is_enough(run.facts):
            return Ending.PRECISION
    return Ending.COMPLETE


def _run_replicate(run: _Run, replicate: int) -> None:
    began_s = run.elapsed_s()
    run.watcher.progressed(_share(run, replicate), f"starting replicate {replicate + 1}")
    run.watch.turn_to(Activity.STARTING)
    for fact in run.stage.start(replicate, _in_starting_order(run, replicate), run.models):
        if isinstance(fact, ArmStarted):
            run.watch.split({Activity.LOADING: fact.load_ns / 1e9, Activity.WARMING: _warming_s(fact)})
        run.keep(fact)
    run.watch.turn_to(Activity.WAITING)
    arms = run.alive()
    if not arms:
        _stop(run)
        return
    start_s = run.elapsed_s() - began_s
    _size(run, replicate, start_s=start_s)
    rng = random.Random(f"{run.plan.seed}/{replicate}")
    for number, order in enumerate(order_rounds(len(arms), len(run.turns), rng)):
        if run.left_s() <= 0 and number > 0:
            break
        _run_round(run, replicate, number, [arms[place] for place in order])
        doing = f"replicate {replicate + 1} of {run.replicates()}, round {number + 1} of {len(run.turns)}"
        run.watcher.progressed(_share(run, replicate + (number + 1) / len(run.turns)), doing)
    counted_s = run.elapsed_s() - began_s
    _sweep(run, replicate, counted_s=counted_s)
    _sample_code(run, replicate, counted_s=counted_s)
    # Behind the turns: the probes are large, and freeing them moves malloc's thresholds for what comes after.
    gone = run.sweeps.gone if run.sweeps else set()
    _answer(run, tuple(arm for arm in run.alive() if arm.name not in gone))
    _stop(run)


def _warming_s(started: ArmStarted) -> float:
    return (sum(started.warm_up_ns) + started.between_ns * len(started.warm_up_ns)) / 1e9


def _stop(run: _Run) -> None:
    run.watch.turn_to(Activity.WAITING)
    for fact in run.stage.stop():
        run.keep(fact)


def _in_starting_order(run: _Run, replicate: int) -> tuple[Arm, ...]:
    """The arms in the order in which they are forked, loaded and warmed up: each in each place equally often.

    A place has an advantage of its own where free memory is scattered (machine/free_memory.py): always started
    last, fp32 was 2.5 % [1.7, 3.3] faster than itself, of eight replicates on a Zen 4 guest. Taking turns at it makes
    what compaction leaves of that luck of the replicate, which the interval includes.
    """
    arms = run.alive()
    if not arms:
        return arms
    orders = order_rounds(len(arms), replicate + 1, random.Random(f"{run.plan.seed}/start"))
    return tuple(arms[place] for place in orders[replicate])


def _sweep(run: _Run, replicate: int, *, counted_s: float) -> None:
    """Read layers, unless they have had their share of the run already."""
    arms = tuple(arm for arm in run.alive() if not arm.repeats and not arm.serves)
    if run.sweeps is None or not arms:
        return
    budget_s = (run.elapsed_s() - run.swept_s) * SHARE - run.swept_s
    if replicate > 0 and budget_s <= 0:
        return
    began_s = run.elapsed_s()
    run.watch.turn_to(Activity.LAYERS)
    run.watcher.progressed(_share(run, replicate + 1), "reading layers")
    inference_s = {arm.name: _inference_s(run.started[arm.name]) for arm in arms}
    rng = random.Random(f"{run.plan.seed}/{replicate}/layers")
    chance = Chance(
        budget_s=min(budget_s, counted_s * SHARE),
        turn_inferences=max(run.turns, default=1),
        inference_s=inference_s,
        rng=rng,
    )
    run.sweeps.sweep(arms, replicate, chance)
    run.swept_s += run.elapsed_s() - began_s


def _sample_code(run: _Run, replicate: int, *, counted_s: float) -> None:
    """Sample the code of the arms that were asked for: one turn each, in a share of the replicate's time."""
    gone = run.sweeps.gone if run.sweeps else set()
    arms = [arm for arm in run.alive() if not arm.repeats and not arm.serves and arm.name not in gone]
    if not run.plan.code or not arms:
        return
    run.watch.turn_to(Activity.SAMPLING)
    run.watcher.progressed(_share(run, replicate + 1), "sampling code")
    random.Random(f"{run.plan.seed}/{replicate}/code").shuffle(arms)
    each_s = max(counted_s * CODE_SHARE / len(arms), CODE_LEAST_S)
    for arm in arms:
        inferences = max(1, min(CODE_MOST_INFERENCES, round(each_s / _inference_s(run.started[arm.name]))))
        order = CodeTurn(round=replicate, inferences=inferences, plain=replicate < CODE_PLAIN_REPLICATES)
        run.keep(run.stage.code_turn(arm, order))


def _run_round(run: _Run, replicate: int, number: int, arms: list[Arm]) -> None:
    # Neighbouring replicates start with another group, so that each group meets each kind of round.
    group = (number + replicate) % run.groups if run.groups else -1
    inferences = run.turns[number]
    for position, arm in enumerate(arms):
        if arm.name in run.failed:
            continue
        order = Turn(round=number, position=position, group=group, inferences=_fitting(run, arm, inferences))
        fact = run.stage.turn(arm, order)
        run.watch.split({Activity.COUNTED: fact.wall_ns / 1e9} if isinstance(fact, Reading) else {})
        run.keep(fact)


def _fitting(run: _Run, arm: Arm, inferences: int) -> int:
    """Fewer inferences for an experiment that spends longer between them than on them.

    Its turn then takes about as long as another arm's. Arms that were asked for get all of their inferences.
    """
    started = run.started.get(arm.name)
    if started is None or not arm.serves or not started.between_ns:
        return inferences
    one_ns = _inference_s(started) * 1e9
    return max(1, round(inferences * one_ns / (one_ns + started.between_ns)))


def _answer(run: _Run, arms: tuple[Arm, ...]) -> None:
    run.watch.turn_to(Activity.ANSWERS)
    for arm in arms:
        if arm.name in run.answered:
            continue
        run.answered.add(arm.name)
        run.watcher.progressed(_share(run), f"comparing what {arm.name} answers")
        for fact in run.stage.answer(arm):
            run.keep(fact)


def _add_arms(run: _Run) -> None:
    proposal = run.advice.more_arms(run.facts)
    if not (proposal.arms or proposal.experiments or proposal.retired):
        return
    run.plan = replace(
        run.plan,
        arms=(*run.plan.arms, *proposal.arms),
        experiments=(*run.plan.experiments, *proposal.experiments),
        retired=(*run.plan.retired, *proposal.retired),
    )
    run.keep(run.plan)
    if proposal.arms:
        _prepare(run, proposal.arms)
    if proposal.arms or proposal.retired:
        run.turns = ()  # rounds have become longer, or shorter


def _size(run: _Run, replicate: int, *, start_s: float) -> None:
    schedule = run.plan.schedule
    if schedule.inferences is not None:
        run.turns = turns_by_count(schedule, replicate)
    elif not run.turns:
        growth = run.advice.growth if replicate == 0 else 1.0
        replicates_left = run.replicates() - replicate
        if schedule.precision is not None:
            replicates_left = replicates_by_precision(scheduled=replicates_left, start_s=start_s, left_s=run.left_s())
        run.turns = turns_by_budget(
            schedule,
            replicates_left=replicates_left,
            round_s=sum(_inference_s(run.started[arm.name]) for arm in run.alive()) * growth,
            start_s=start_s * math.sqrt(growth),
            left_s=run.left_s() / (1 + SHARE if run.sweeps else 1),
        )


def _inference_s(started: ArmStarted) -> float:
    warm = started.warm_up_ns[len(started.warm_up_ns) // 2 :]
    return statistics.median(warm) / 1e9


def _share(run: _Run, replicates: float = 0.0) -> float:
    """How much of the run is behind us, never less than before: by schedule, or by budget where that is further."""
    by_schedule = replicates / run.replicates()
    budget_s = run.plan.schedule.budget_s
    by_budget = run.elapsed_s() / budget_s if budget_s else 0.0
    run.reached = max(run.reached, min(1.0, max(by_schedule, by_budget)))
    return run.reached
