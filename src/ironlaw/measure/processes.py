"""The real stage: interpreters, the twins forked from them, and their sockets."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ironlaw import child
from ironlaw.arm import Arm
from ironlaw.circumstance import Circumstance
from ironlaw.engines import ENGINES, telemetry_off
from ironlaw.errors import BadInput, step_for
from ironlaw.fact import (
    ArmPrepared,
    Ceilings,
    Census,
    CounterCheck,
    Fact,
    Failure,
    FreeMemory,
    InterpreterStarted,
    Labelled,
    NullReading,
    Outputs,
)
from ironlaw.machine import Machine
from ironlaw.machine.ceilings import measure_ceilings
from ironlaw.machine.free_memory import held, settle
from ironlaw.machine.inspection import inspect_machine
from ironlaw.measure.messages import (
    AskAnswers,
    CodeTurn,
    Launch,
    LayerTurn,
    LineLost,
    Order,
    Prepare,
    Start,
    Survey,
    Turn,
    TwinSetup,
)
from ironlaw.measure.pmu.known_answer import check_counters
from ironlaw.measure.pmu.perf_event import SyscallKernel
from ironlaw.measure.process_start import new_line, threading_environment, user_environment, with_tail
from ironlaw.measure.supervised import Interpreter, TwinProcess
from ironlaw.models import hub, libraries_for, may_import
from ironlaw.plan import Plan
from ironlaw.program import PreparedModel
from ironlaw.telemetry import together
from ironlaw.variant import ENGINE, PRECISION

PREPARE_LIMIT_S = 900.0  # quantizing and compiling a large model takes minutes; a hang takes for ever
START_LIMIT_S = 180.0
LABELS_LIMIT_S = 3600.0  # there may be thousands of labelled images
HANG_UP_LIMIT_S = 5.0  # for a twin that was hung up on; longer only while it is in the middle of a turn
WARM_UP_LIMIT_NS = 2_000_000_000
_GO_BEFORE = Circumstance | Census | Labelled | NullReading  # facts that are followed by the answer to an order
# What each twin would import otherwise, 0.2 s an arm.
FOR_EVERY_ARM = ("numpy", "ironlaw.measure.twin")


@dataclass(frozen=True, slots=True)
class _Start:
    replicate: int
    environment: dict[str, str]
    imports: tuple[str, ...]
    arms: tuple[Arm, ...]
    padding: int  # bytes of the environment


@dataclass(slots=True)
class _Launched:
    """An interpreter on its way, or why it could not be launched."""

    start: _Start
    log: Path
    began_ns: int
    interpreter: Interpreter | None = None
    reason: str = ""
    hint: str = ""  # where the system refused to start it


class ProcessStage:
    """Runs the arms of a plan in processes of their own."""

    def __init__(self, plan: Plan) -> None:
        """Make a folder for what is prepared.

        Raises:
            BadInput: no temporary folder can be made.
        """
        self._plan = plan
        self._rng = random.Random(plan.seed)
        self._folder = _temporary_folder()
        self._check: CounterCheck | None = None
        self._memory = FreeMemory()  # models are prepared wherever memory is free
        self._has_settled = False  # memory was compacted, once a run: it moves what every program of the machine uses
        self._made: dict[str, Fact] = {}  # by what arms that share a prepared model have in common
        self._twins: dict[str, TwinProcess] = {}
        self._interpreters: list[Interpreter] = []
        self._logs = 0
        self._replicate = -1  # whose twins there are; -1 while models are prepared
        self._telemetry_off = together((telemetry_off(), hub.TELEMETRY_OFF))
        self._allowed = sorted(os.sched_getaffinity(0))

    def now_s(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

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

    def measure_ceilings(self, machine: Machine) -> Ceilings:
        """By matrix multiplication and streaming, in a process of its own."""
        threads = self._plan.threads
        return measure_ceilings(machine, threads=threads, cpus=self._cpus(threads))

    def prepare(self, arms: tuple[Arm, ...]) -> Iterator[Fact]:
        """One interpreter; one twin for each model that has not been made yet."""
        self._replicate = -1
        makers: dict[str, Arm] = {}
        for arm in arms:
            if arm.prepared_as() not in self._made:
                makers.setdefault(arm.prepared_as(), arm)
        if makers:
            imports = {arm.name: self._imports_to_prepare(arm) for arm in makers.values()}
            for fact in self._open(tuple(makers.values()), replicate=-1, imports=imports):
                if not isinstance(fact, Failure):
                    yield fact
                    continue
                self._made[self._plan.arm(fact.arm).prepared_as()] = fact
        for number, (key, arm) in enumerate(makers.items()):
            if key in self._made:
                continue  # its interpreter did not start
            folder = Path(self._folder.name) / f"model{time.monotonic_ns()}-{number}"
            # A model that an experiment alone runs has no layers read.
            layers = self._plan.layers and any(one.prepared_as() == key for one in self._plan.asked())
            facts = self._ask(arm, Prepare(str(folder), layers), PREPARE_LIMIT_S)
            yield from facts[:-1]
            self._made[key] = facts[-1]
        yield from self.stop()
        for arm in arms:
            fact = self._made[arm.prepared_as()]
            assert isinstance(fact, ArmPrepared | Failure)
            yield replace(fact, arm=arm.name)

    def start(self, replicate: int, arms: tuple[Arm, ...], models: dict[str, PreparedModel]) -> Iterator[Fact]:
        """An interpreter for each environment that the arms need; then each twin loads and warms up, one at a time."""
        self._replicate = replicate
        imports = {arm.name: models[arm.name].imports for arm in arms}
        self._memory = memory = settle(compacting=not self._has_settled)
        self._has_settled = True
        with held(memory.held_bytes):
            yield from self._open(arms, replicate=replicate, imports=imports)
            for arm in arms:
                yield self._ask(arm, Start(models[arm.name], WARM_UP_LIMIT_NS), START_LIMIT_S)[-1]

    def turn(self, arm: Arm, order: Turn) -> Fact:
        """The arm's reading."""
        return self._ask(arm, order, self._plan.schedule.turn_limit_s)[-1]

    def survey(self, arm: Arm, order: Survey) -> Fact:
        """The layers of the arm."""
        return self._ask(arm, order, START_LIMIT_S)[-1]

    def layer_turn(self, arm: Arm, order: LayerTurn) -> Fact:
        """The arm's layers, read."""
        return self._ask(arm, order, self._plan.schedule.turn_limit_s)[-1]

    def code_turn(self, arm: Arm, order: CodeTurn) -> Fact:
        """Where the arm's code was."""
        return self._ask(arm, order, self._plan.schedule.turn_limit_s)[-1]

    def answer(self, arm: Arm) -> list[Fact]:
        """What one inference executes, and the arm's outputs on the probes."""
        return self._ask(arm, AskAnswers(), START_LIMIT_S if self._plan.labels is None else LABELS_LIMIT_S)

    def stop(self) -> list[Fact]:
        """Hang up on every twin, and end what does not end by itself; what arms had left running."""
        for twin in self._twins.values():
            twin.line.close()
        left: list[Fact] = []
        for interpreter in self._interpreters:
            left.extend(interpreter.dismiss(limit_s=HANG_UP_LIMIT_S))
        self._twins.clear()
        self._interpreters.clear()
        return left

    def close(self) -> None:
        """Stop, and remove the prepared models."""
        self.stop()
        self._folder.cleanup()

    def _cpus(self, threads: int) -> tuple[int, ...]:
        """The CPUs an arm is pinned to: from the last allowed one down, since the first serves most interrupts."""
        return tuple(sorted(self._allowed[-threads:]))

    def _open(self, arms: tuple[Arm, ...], *, replicate: int, imports: Mapping[str, tuple[str, ...]]) -> Iterator[Fact]:
        by_environment: dict[tuple[tuple[str, str], ...], list[Arm]] = {}
        for arm in arms:
            by_environment.setdefault(tuple(sorted(arm.variant.environment().items())), []).append(arm)
        starts = [
            self._birth(tuple(members), dict(environment), replicate, imports)
            for environment, members in by_environment.items()
        ]
        # Side by side: each imports for seconds, and nothing counts meanwhile.
        for launched in [self._launch(start) for start in starts]:
            yield from self._opened(launched)

    def _imports_to_prepare(self, arm: Arm) -> tuple[str, ...]:
        source, variant = arm.factory or self._plan.model, arm.variant
        used = ENGINES[variant.level(ENGINE)].uses(variant.level(PRECISION))
        return (*libraries_for(source), *(name for name in used if may_import(source, name)))

    def _birth(
        self, arms: tuple[Arm, ...], environment: dict[str, str], replicate: int, imports: Mapping[str, tuple[str, ...]]
    ) -> _Start:
        of_engines = [
            name
            for variant in (arm.variant for arm in arms)
            for name in ENGINES[variant.level(ENGINE)].imports(variant.level(PRECISION))
        ]
        of_models = [name for arm in arms for name in imports.get(arm.name, ())]
        return _Start(
            replicate=replicate,
            environment=environment,
            imports=tuple(dict.fromkeys((*FOR_EVERY_ARM, *of_engines, *of_models))),
            arms=arms,
            padding=self._rng.randrange(4096),
        )

    def _opened(self, launched: _Launched) -> Iterator[Fact]:
        """Wait for an interpreter and its twins; what there is to say of it."""
        start = launched.start
        interpreter = launched.interpreter
        reason = launched.reason if interpreter is None else interpreter.wait_forked(limit_s=START_LIMIT_S)
        if reason:
            reason = with_tail(reason, launched.log)
            # Where the system starts no process before anything is measured, it is no arm's fault.
            stage = "input" if launched.hint and start.replicate < 0 else "start"
            for arm in start.arms:
                if (twin := self._twins.pop(arm.name, None)) is not None:
                    twin.line.close()
                yield Failure(arm=arm.name, replicate=start.replicate, stage=stage, reason=reason, hint=launched.hint)
            return
        yield InterpreterStarted(
            replicate=start.replicate,
            arms=tuple(arm.name for arm in start.arms),
            environment=start.environment,
            padding_bytes=start.padding,
            start_ns=time.monotonic_ns() - launched.began_ns,
            memory=self._memory,
        )

    def _launch(self, start: _Start) -> _Launched:
        """Start an interpreter and say what it is to import and to fork; does not wait for it."""
        launched = _Launched(start=start, log=self._new_log(), began_ns=time.monotonic_ns())
        try:
            self._spawn(launched)
        except OSError as error:
            launched.reason = f"the interpreter did not start: {error.strerror}"
            launched.hint = step_for(error)
        return launched

    def _spawn(self, launched: _Launched) -> None:
        """Start the process of an interpreter with a line to it and to each of its twins.

        Raises:
            OSError: there are not enough descriptors, processes or space for it.
        """
        start = launched.start
        with contextlib.ExitStack() as theirs:
            line, end = new_line(theirs)
            lines, setups = {}, []
            for arm in start.arms:
                lines[arm.name], other = new_line(theirs)
                setups.append(self._setup(arm, start.replicate, fd=other.fileno(), log=self._new_log()))
            process = subprocess.Popen(
                child.command("ironlaw.measure.interpreter", str(end.fileno())),
                env={
                    **child.environment(),
                    **self._telemetry_off.variables,
                    **threading_environment(self._plan.threads),
                    **user_environment(),
                    "IRONLAW_PADDING": "x" * start.padding,
                    **start.environment,
                },
                pass_fds=[end.fileno(), *(setup.fd for setup in setups)],
                stdin=subprocess.DEVNULL,
                stdout=theirs.enter_context(launched.log.open("wb")),
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            interpreter = Interpreter(process, line, launched.log, tuple(lines))
            self._interpreters.append(interpreter)
        launched.interpreter = interpreter
        for setup in setups:
            name = setup.arm.name
            self._twins[name] = TwinProcess(name, lines[name], interpreter, Path(setup.log))
        interpreter.begin(Launch(imports=start.imports, setups=tuple(setups), withheld=self._telemetry_off.withheld))

    def _new_log(self) -> Path:
        self._logs += 1
        return Path(self._folder.name) / f"output{self._logs}.txt"

    def _setup(self, arm: Arm, replicate: int, *, fd: int, log: Path) -> TwinSetup:
        assert self._check is not None, "the counters are checked before anything starts"
        threads = arm.variant.threads(self._plan.threads)
        return TwinSetup(
            arm=arm,
            replicate=replicate,
            model=self._plan.model,
            images=self._plan.images,
            labels=self._plan.labels,
            seed=self._plan.seed,
            threads=threads,
            batch=self._plan.batch,
            cpus=self._cpus(threads),
            check=self._check,
            code=self._plan.code,
            fd=fd,
            log=str(log),
        )

    def _ask(self, arm: Arm, order: Order, limit_s: float) -> list[Fact]:
        """The facts an order brings; its last one is the answer or a Failure. A twin that fails has left the stage."""
        stage, replicate = str(type(order).__struct_config__.tag), self._replicate
        twin = self._twins.get(arm.name)
        if twin is None:
            return [Failure(arm=arm.name, replicate=replicate, stage=stage, reason="its process has ended")]
        facts: list[Fact] = []
        try:
            twin.send(order)
            while not facts or _goes_before(facts[-1]):
                facts.append(twin.receive(limit_s=limit_s))
        except LineLost as lost:
            reason = with_tail(twin.explain(lost), twin.log)
            facts.append(Failure(arm=arm.name, replicate=replicate, stage=stage, reason=reason))
        if isinstance(facts[-1], Failure):
            twin.line.close()
            del self._twins[arm.name]
        return facts


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    try:
        # What another user's process keeps from being removed is no reason to lose the run at its end.
        return tempfile.TemporaryDirectory(prefix="ironlaw-", ignore_cleanup_errors=True)
    except OSError as error:
        raise BadInput(
            f"cannot make a temporary folder: {error.strerror}",
            hint="name one with room in it: TMPDIR=FOLDER ironlaw run",
        ) from None


def _goes_before(fact: Fact) -> bool:
    """Whether a twin sends more facts for the same order behind this one."""
    return isinstance(fact, _GO_BEFORE) or (isinstance(fact, Outputs) and fact.following > 0)
