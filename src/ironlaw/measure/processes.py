"""The real stage: interpreters, the twins forked from them, and their sockets."""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ironlaw.arm import Arm
from ironlaw.engines import ENGINES, telemetry_off
from ironlaw.errors import BadInput
from ironlaw.fact import ArmPrepared, Ceilings, CounterCheck, Fact, Failure, FreeMemory, InterpreterStarted
from ironlaw.machine import Machine
from ironlaw.machine.ceilings import measure_ceilings
from ironlaw.machine.free_memory import Hold, half_is_left, settle
from ironlaw.machine.inspection import inspect_machine
from ironlaw.machine.numa import neighbours
from ironlaw.measure.answers import asking
from ironlaw.measure.interpreters import Environment, Interpreters, Launched, Request
from ironlaw.measure.limits import IMPORT_LIMIT_S, Limit, Limits
from ironlaw.measure.messages import (
    CodeTurn,
    LayerTurn,
    Load,
    MeasureNothing,
    Prepare,
    Start,
    SurveyLayers,
    Turn,
    TwinSetup,
)
from ironlaw.measure.needs import by_environment, imports_of
from ironlaw.measure.pmu.known_answer import check_counters
from ironlaw.measure.pmu.perf_event import SyscallKernel
from ironlaw.measure.process_start import threading_environment, user_environment, with_tail
from ironlaw.measure.replaying.host import ReplayHosts
from ironlaw.measure.twins import Cpus, Errand, Twins
from ironlaw.measure.warm_up import WarmUp
from ironlaw.models import hub, libraries_for, may_import
from ironlaw.plan import Plan, Replays
from ironlaw.program import PreparedModel
from ironlaw.telemetry import merged
from ironlaw.variant import ENGINE, PRECISION

PREPARE_LIMIT_S = 900.0  # quantizing and compiling a large model takes minutes; a hang takes for ever
LAYERS_SHARE_OF_BUDGET = 1 / 8  # that making an arm may take, if it is to be made once more to name its layers
START_LIMIT_S = 180.0
LABELS_LIMIT_S = 3600.0  # there may be thousands of labelled images
HANG_UP_LIMIT_S = 5.0  # for a twin that was hung up on; longer only while it is in the middle of a turn
WARM_UP_LIMIT_NS = 2_000_000_000
_NULLS = 5  # their median is not one interruption's


class ProcessStage:
    """Runs the arms of a plan in processes of their own."""

    def __init__(self, plan: Plan) -> None:
        """Make a folder for what is prepared.

        Raises:
            BadInput: no temporary folder can be made.
        """
        self._plan = plan
        self._folder = _temporary_folder()
        self._check: CounterCheck | None = None
        self._hold = Hold()
        self._memory = FreeMemory()  # models are prepared wherever memory is free
        self._has_settled = False  # memory was compacted, once a run: it moves what every program of the machine uses
        self._made: dict[str, Fact] = {}  # by what arms that share a prepared model have in common
        self._limits = Limits(self.now_s)
        self._twins = Twins(self.now_s)
        self._arms = {arm.name: arm for arm in plan.arms}
        self._logs = 0
        quiet = merged((telemetry_off(), hub.TELEMETRY_OFF))
        self._interpreters = Interpreters(
            variables={**quiet.variables, **threading_environment(plan.threads), **user_environment()},
            withheld=quiet.withheld,
            rng=random.Random(plan.seed),
            new_log=self._new_log,
        )
        self._replaying = ReplayHosts(
            self._interpreters,
            lambda arm: self._requests((arm,), {arm.name: self._imports_to_prepare(arm)})[0],
            self._limits.of,
        )
        self._allowed = sorted(os.sched_getaffinity(0))

    def now_s(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def begin(self, budget_s: float | None) -> None:
        """From now on its clock the budget is counted."""
        self._limits.begin(budget_s)

    def _limit_of(self, most_s: float) -> Callable[[], Limit]:
        return lambda: self._limits.of(most_s)

    def inspect(self) -> Machine:
        """The machine, from /proc and /sys."""
        return inspect_machine()

    def check_counters(self) -> CounterCheck:
        """The known-answer test of the PMU, on a CPU the arms will use."""
        os.sched_setaffinity(0, self._cpus(1))
        try:
            self._check = check_counters(SyscallKernel(), wanted=self._plan.counters, machine=inspect_machine())
        finally:
            os.sched_setaffinity(0, self._allowed)
        return self._check

    def measure_ceilings(self, machine: Machine, threads: int) -> Ceilings:
        """By matrix multiplication and streaming, in a process of its own."""
        return measure_ceilings(machine, threads=threads, cpus=self._cpus(threads))

    def prepare(self, arms: tuple[Arm, ...]) -> Iterator[Fact]:
        """One interpreter; one twin for each model that has not been made yet, side by side where memory allows.

        What does not fit beside another one is made again, alone.
        """
        self._arms |= {arm.name: arm for arm in arms}
        places = self._places(arms)
        while makers := self._makers(arms):
            yield from self._make(makers, places)
            places = places[:1]
        for arm in arms:
            fact = self._made[arm.prepared_as()]
            assert isinstance(fact, ArmPrepared | Failure)
            yield fact.shared_with(arm) if isinstance(fact, ArmPrepared) else replace(fact, arm=arm.name)

    def _makers(self, arms: tuple[Arm, ...]) -> dict[str, Arm]:
        """What is left to be made, each by one of the arms that share it."""
        makers: dict[str, Arm] = {}
        for arm in arms:
            if arm.prepared_as() not in self._made:
                makers.setdefault(arm.prepared_as(), arm)
        return makers

    def _make(self, makers: dict[str, Arm], places: Sequence[Cpus]) -> Iterator[Fact]:
        """Prepare models at once in as many places; the facts beside those that say so."""
        self._twins.replicate = -1
        arms = tuple(makers.values())
        imports = {arm.name: self._imports_to_prepare(arm) for arm in arms}
        requests = self._requests(arms, imports)
        self._interpreters.resume(self._allowed)
        launched = self._interpreters.take(requests)
        # The first replicate's interpreters import meanwhile.
        expected = {arm.name: self._imports_of_program(arm) for arm in self._plan.arms}
        needs = self._needs(self._plan.arms, expected)
        self._interpreters.start_ahead(needs, room=len(self._allowed) - len(launched))
        for fact in self._opened(requests, launched):
            if isinstance(fact, Failure):
                self._made[self._arms[fact.arm].prepared_as()] = fact
            else:
                yield fact
        waiting = [self._making(key, arm) for key, arm in makers.items() if key not in self._made]
        limit = self._limit_of(PREPARE_LIMIT_S)
        for name, facts in self._twins.ask_side_by_side(waiting, places, limit, fits=half_is_left()):
            yield from facts[:-1]
            self._made[self._arms[name].prepared_as()] = facts[-1]
        yield from self.stop()

    def _making(self, key: str, arm: Arm) -> Errand:
        folder = Path(self._folder.name) / f"model{len(self._made)}-{time.monotonic_ns()}"
        # A model that an experiment alone runs has no layers read.
        layers = self._plan.layers and any(one.prepared_as() == key for one in self._plan.asked())
        budget_s = self._plan.schedule.budget_s
        within_s = None if budget_s is None else LAYERS_SHARE_OF_BUDGET * budget_s
        return Errand(arm=arm.name, order=lambda cpus: Prepare(str(folder), layers, cpus, within_s))

    def start(
        self, replicate: int, arms: tuple[Arm, ...], models: dict[str, PreparedModel], warm_up: WarmUp
    ) -> Iterator[Fact]:
        """An interpreter for each environment that the arms need; then the twins load and warm up.

        One at a time warms up, on its own CPUs, and as it will run: nothing else runs there. Meanwhile, on CPUs that
        are idle, the next replicate's interpreters import, and then the next arm loads.
        """
        self._twins.replicate = replicate
        imports = {arm.name: models[arm.name].imports for arm in arms}
        requests = self._requests(arms, imports)
        self._interpreters.resume(self._allowed)
        launched = self._interpreters.take(requests)
        fresh = sum(not one.is_ahead for one in launched)
        is_last = replicate + 1 >= self._plan.schedule.most_replicates()
        needs = [] if is_last else self._needs(arms, imports)
        self._interpreters.start_ahead(needs, room=len(self._allowed) - max(1, fresh))
        # While they import.
        self._memory = settle(compacting=not self._has_settled, held_bytes=self._hold.bytes)
        self._hold.grow(self._memory.held_bytes)
        self._has_settled = True
        yield from self._opened(requests, launched)
        taken = {cpu for arm in arms for cpu in self._cpus(arm.variant.threads(self._plan.threads))}
        idle = [cpu for cpu in self._allowed if cpu not in taken]
        self._interpreters.start_ahead(needs, room=len(idle))
        self._interpreters.keep_to(idle)
        yield from self._warmed_up(arms, models, warm_up)
        self._interpreters.pause()

    def _warmed_up(self, arms: tuple[Arm, ...], models: dict[str, PreparedModel], warm_up: WarmUp) -> Iterator[Fact]:
        forked = [arm for arm in arms if arm.name in self._twins]
        loading: set[str] = set()
        for place, arm in enumerate(forked):
            if arm.name not in loading:
                self._twins.send(arm.name, Load(models[arm.name]))
            for following in forked[place + 1 : place + 2]:
                if (idle := self._idle_cpus(following)) and not self._interpreters.is_importing():
                    self._twins.send(following.name, Load(models[following.name], idle))
                    loading.add(following.name)
            order = Start(
                warm_up_limit_ns=WARM_UP_LIMIT_NS,
                inferences=warm_up.inferences.get(arm.name),
                checks=warm_up.checks,
            )
            yield self._twins.ask(arm.name, order, self._limits.of(START_LIMIT_S))[-1]

    def _idle_cpus(self, arm: Arm) -> Cpus:
        """CPUs on which an arm is loaded while another one runs on its own; none where it has to be there itself."""
        own = self._cpus(arm.variant.threads(self._plan.threads))
        if not ENGINES[arm.variant.level(ENGINE)].may_move(arm.variant.level(PRECISION)):
            return ()
        idle = tuple(cpu for cpu in neighbours(own) if cpu in self._allowed and cpu not in own)
        return idle[-len(own) :] if len(idle) >= len(own) else ()

    def turn(self, arm: Arm, order: Turn) -> Fact:
        """Return the reading of one turn of the arm."""
        return self._twins.ask(arm.name, order, self._turn_limit())[-1]

    def survey(self, arm: Arm, order: SurveyLayers) -> Fact:
        """Survey the layers of the arm."""
        return self._twins.ask(arm.name, order, self._limits.of(START_LIMIT_S))[-1]

    def layer_turn(self, arm: Arm, order: LayerTurn) -> Fact:
        """Read the layers of the arm."""
        return self._twins.ask(arm.name, order, self._turn_limit())[-1]

    def code_turn(self, arm: Arm, order: CodeTurn) -> Fact:
        """Sample the code of the arm."""
        return self._twins.ask(arm.name, order, self._turn_limit())[-1]

    def _turn_limit(self) -> Limit:
        return Limit(s=self._plan.schedule.turn_limit_s)

    def measure_nothing(self, arm: Arm) -> list[Fact]:
        """Empty turns, or the failure behind them."""
        facts = list[Fact]()
        while len(facts) < _NULLS and not (facts and isinstance(facts[-1], Failure)):
            facts += self._twins.ask(arm.name, MeasureNothing(), self._turn_limit())
        return facts

    def answers(self, arms: tuple[Arm, ...]) -> Iterator[tuple[Arm, list[Fact]]]:
        """Yield what one inference of each arm executes and its outputs on the probes; in parallel, on all CPUs."""
        by_name = {arm.name: arm for arm in arms}
        requested = len(self._plan.asked())
        errands = [Errand(arm=arm.name, order=asking(arm, requested)) for arm in arms]
        limit = self._limit_of(START_LIMIT_S) if self._plan.labels is None else lambda: Limit(s=LABELS_LIMIT_S)
        for name, facts in self._twins.ask_side_by_side(errands, self._places(arms), limit):
            yield by_name[name], facts

    def replay(self, arm: Arm, prepared: PreparedModel, asked: Replays) -> Iterator[Fact]:
        """In a process that stays for the next one."""
        self._twins.replicate = -1
        self._interpreters.resume(self._allowed)
        yield self._replaying.replay(arm, prepared, asked)

    def stop(self, *, at_once: bool = False) -> list[Fact]:
        """Disconnect from every twin and kill what does not end by itself; return what arms had left running."""
        self._twins.hang_up()
        left: list[Fact] = []
        for interpreter in self._interpreters.active if at_once else ():
            interpreter.terminate()
        for interpreter in self._interpreters.active:
            left.extend(interpreter.dismiss(limit_s=HANG_UP_LIMIT_S))
        self._interpreters.active.clear()
        return [] if at_once else left

    def close(self) -> None:
        """Stop, and remove the prepared models."""
        self.stop(at_once=True)
        self._replaying.close()
        self._interpreters.discard_ahead()
        self._hold.release()
        self._folder.cleanup()

    def _cpus(self, threads: int) -> Cpus:
        """The CPUs an arm is pinned to: from the last allowed one down, since the first serves most interrupts."""
        return tuple(sorted(self._allowed[-threads:]))

    def _places(self, arms: Sequence[Arm]) -> list[Cpus]:
        """Sets of CPUs on which as many of the arms can run at once; the first is that on which they are measured."""
        size = min(len(self._allowed), max((arm.variant.threads(self._plan.threads) for arm in arms), default=1))
        count = max(1, len(self._allowed) // size)
        last = len(self._allowed)
        return [tuple(self._allowed[last - size * (place + 1) : last - size * place]) for place in range(count)]

    def _requests(self, arms: tuple[Arm, ...], imports: Mapping[str, tuple[str, ...]]) -> list[Request]:
        return [
            Request(
                environment=environment,
                imports=imports_of(members, imports),
                setups=tuple(self._setup(arm) for arm in members),
            )
            for environment, members in by_environment(arms).items()
        ]

    def _needs(
        self, arms: tuple[Arm, ...], imports: Mapping[str, tuple[str, ...]]
    ) -> list[tuple[Environment, tuple[str, ...]]]:
        """The interpreters of a replicate of these arms, whose models import what is named."""
        return [(environment, imports_of(members, imports)) for environment, members in by_environment(arms).items()]

    def _imports_to_prepare(self, arm: Arm) -> tuple[str, ...]:
        return (*libraries_for(arm.factory or self._plan.model), *self._imports_of_program(arm))

    def _imports_of_program(self, arm: Arm) -> tuple[str, ...]:
        """What a program imports of what its engine knows, as far as its source shows."""
        source, variant = arm.factory or self._plan.model, arm.variant
        used = ENGINES[variant.level(ENGINE)].uses(variant.level(PRECISION))
        return tuple(name for name in used if may_import(source, name))

    def _opened(self, requests: Sequence[Request], launched: Sequence[Launched]) -> Iterator[Fact]:
        """Wait for interpreters and their twins; what there is to say of them."""
        for request, one in zip(requests, launched, strict=True):
            done, twins = self._interpreters.fork(one, request, self._limit_of(IMPORT_LIMIT_S))
            for twin in twins:
                self._twins.add(twin)
            yield from self._reported(request, done)

    def _reported(self, request: Request, done: Launched) -> Iterator[Fact]:
        names, replicate = tuple(setup.arm.name for setup in request.setups), self._twins.replicate
        if not done.reason:
            yield InterpreterStarted(
                replicate=replicate,
                arms=names,
                environment=dict(request.environment),
                padding_bytes=done.padding,
                start_ns=done.start_ns,
                memory=self._memory,
            )
            return
        reason = with_tail(done.reason, done.log)
        # Where the system starts no process before anything is measured, it is no arm's fault.
        stage = "input" if done.hint and replicate < 0 else "start"
        for name in names:
            yield Failure(arm=name, replicate=replicate, stage=stage, reason=reason, hint=done.hint)

    def _new_log(self) -> Path:
        self._logs += 1
        return Path(self._folder.name) / f"output{self._logs}.txt"

    def _setup(self, arm: Arm) -> TwinSetup:
        assert self._check is not None, "the counters are checked before anything starts"
        threads = arm.variant.threads(self._plan.threads)
        return TwinSetup(
            arm=arm,
            replicate=self._twins.replicate,
            model=self._plan.model,
            images=self._plan.images,
            inputs=self._plan.inputs,
            labels=self._plan.labels,
            seed=self._plan.seed,
            threads=threads,
            batch=arm.point.batch(self._plan.batch),
            cpus=self._cpus(threads),
            check=self._check,
            code=self._plan.code,
            fd=-1,  # known when its interpreter has received it
            log=str(self._new_log()),
        )


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    try:
        # What another user's process keeps from being removed is no reason to lose the run at its end.
        return tempfile.TemporaryDirectory(prefix="ironlaw-", ignore_cleanup_errors=True)
    except OSError as error:
        raise BadInput(
            f"cannot make a temporary folder: {error.strerror}",
            hint="name one with room in it: TMPDIR=FOLDER ironlaw run",
        ) from None
