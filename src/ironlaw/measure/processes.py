"""The real stage: interpreters, the twins forked from them, and their sockets."""

from __future__ import annotations

import getpass
import os
import random
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from ironlaw import child
from ironlaw.arm import Arm
from ironlaw.concern import Concern
from ironlaw.engines import engine, telemetry_off
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
)
from ironlaw.machine import Machine
from ironlaw.machine.ceilings import measure_ceilings
from ironlaw.machine.free_memory import held, settle
from ironlaw.machine.inspection import inspect_machine
from ironlaw.measure.messages import (
    Answer,
    Born,
    Broken,
    Died,
    LayerTurn,
    Line,
    LineLost,
    Order,
    Post,
    Prepare,
    Staff,
    Start,
    Survey,
    Turn,
)
from ironlaw.measure.pmu.known_answer import check_counters
from ironlaw.measure.pmu.perf_event import SyscallKernel
from ironlaw.models import hub, libraries_for
from ironlaw.plan import Plan
from ironlaw.program import PreparedModel
from ironlaw.telemetry import together
from ironlaw.variant import ENGINE

PREPARE_LIMIT_S = 900.0  # quantizing and compiling a large model takes minutes; a hang takes for ever
START_LIMIT_S = 180.0
LABELS_LIMIT_S = 3600.0  # there may be thousands of labelled images
WARM_UP_LIMIT_NS = 2_000_000_000
_GO_BEFORE = Concern | Census | Labelled | NullReading  # facts that are followed by the answer to an order
# What libraries read once, when they are imported; numpy's own pool is not what is measured.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class _Birth:
    replicate: int
    environment: dict[str, str]
    imports: tuple[str, ...]


@dataclass(slots=True)
class _Interpreter:
    process: subprocess.Popen[bytes]
    line: Line
    log: Path
    deaths: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Twin:
    line: Line
    home: _Interpreter
    pid: int
    log: Path


class ProcessStage:
    """Runs the arms of a plan in processes of their own."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._rng = random.Random(plan.seed)
        self._folder = tempfile.TemporaryDirectory(prefix="ironlaw-")
        self._check: CounterCheck | None = None
        self._memory = FreeMemory()  # models are prepared wherever memory is free
        self._made: dict[str, Fact] = {}  # by what arms that share a prepared model have in common
        self._twins: dict[str, _Twin] = {}
        self._interpreters: list[_Interpreter] = []
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
            imports = {arm.name: libraries_for(arm.factory or self._plan.model) for arm in makers.values()}
            yield from self._open(tuple(makers.values()), replicate=-1, imports=imports)
        for number, (key, arm) in enumerate(makers.items()):
            folder = Path(self._folder.name) / f"model{time.monotonic_ns()}-{number}"
            folder.mkdir()
            # A model that an experiment alone runs has no layers read.
            layers = self._plan.layers and any(one.prepared_as() == key for one in self._plan.asked())
            facts = self._ask(arm, Prepare(str(folder), layers), PREPARE_LIMIT_S)
            yield from facts[:-1]
            self._made[key] = facts[-1]
        self.stop()
        for arm in arms:
            fact = self._made[arm.prepared_as()]
            assert isinstance(fact, ArmPrepared | Failure)
            yield replace(fact, arm=arm.name)

    def start(self, replicate: int, arms: tuple[Arm, ...], models: dict[str, PreparedModel]) -> Iterator[Fact]:
        """An interpreter for each environment that the arms need; then each twin loads and warms up, one at a time."""
        self._replicate = replicate
        imports = {arm.name: models[arm.name].imports for arm in arms}
        self._memory = memory = settle()
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

    def answer(self, arm: Arm) -> list[Fact]:
        """What one inference executes, and the arm's outputs on the probes."""
        return self._ask(arm, Answer(), START_LIMIT_S if self._plan.labels is None else LABELS_LIMIT_S)

    def stop(self) -> None:
        """Hang up on every twin, and end what does not end by itself."""
        for twin in self._twins.values():
            twin.line.close()
        for interpreter in self._interpreters:
            try:
                interpreter.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                interpreter.process.kill()
                interpreter.process.wait()
            interpreter.line.close()
        self._twins.clear()
        self._interpreters.clear()

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
        for environment, members in by_environment.items():
            of_engines = [name for arm in members for name in engine(arm.variant.level(ENGINE)).IMPORTS]
            of_models = [name for arm in members for name in imports.get(arm.name, ())]
            birth = _Birth(replicate, dict(environment), tuple(dict.fromkeys(of_engines + of_models)))
            yield from self._open_one(tuple(members), birth)

    def _open_one(self, arms: tuple[Arm, ...], birth: _Birth) -> Iterator[Fact]:
        began_ns = time.monotonic_ns()
        ours, theirs = socket.socketpair()
        ends = {arm.name: socket.socketpair() for arm in arms}
        padding = self._rng.randrange(4096)
        log, *own = [self._new_log() for _ in range(1 + len(arms))]
        logs = dict(zip([arm.name for arm in arms], own, strict=True))
        posts = tuple(
            self._post(arm, birth.replicate, fd=ends[arm.name][1].fileno(), log=logs[arm.name]) for arm in arms
        )
        with log.open("wb") as sink:
            process = subprocess.Popen(
                child.command("ironlaw.measure.interpreter", str(theirs.fileno())),
                env={
                    **child.environment(),
                    **self._telemetry_off.variables,
                    **threading_environment(self._plan.threads),
                    **user_environment(),
                    "IRONLAW_PADDING": "x" * padding,
                    **birth.environment,
                },
                pass_fds=[theirs.fileno(), *(post.fd for post in posts)],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        theirs.close()
        for _, end in ends.values():
            end.close()
        home = _Interpreter(process, Line(ours), log)
        self._interpreters.append(home)
        reason = self._born(home, Staff(imports=birth.imports, posts=posts, withheld=self._telemetry_off.withheld))
        if isinstance(reason, str):
            for arm in arms:
                yield Failure(arm=arm.name, replicate=birth.replicate, stage="start", reason=reason, hint=_tail(log))
            return
        for arm in arms:
            self._twins[arm.name] = _Twin(Line(ends[arm.name][0]), home, reason.pids[arm.name], logs[arm.name])
        yield InterpreterStarted(
            replicate=birth.replicate,
            arms=tuple(arm.name for arm in arms),
            environment=birth.environment,
            padding_bytes=padding,
            start_ns=time.monotonic_ns() - began_ns,
            memory=self._memory,
        )

    def _born(self, home: _Interpreter, staff: Staff) -> Born | str:
        try:
            home.line.send(msgspec.json.encode(staff))
            news = home.line.receive_news(timeout_s=START_LIMIT_S)
        except LineLost as lost:
            return f"the interpreter did not start: {lost.message}"
        return news if isinstance(news, Born) else _reason(news)

    def _new_log(self) -> Path:
        self._logs += 1
        return Path(self._folder.name) / f"output{self._logs}.txt"

    def _post(self, arm: Arm, replicate: int, *, fd: int, log: Path) -> Post:
        assert self._check is not None, "the counters are checked before anything starts"
        threads = arm.variant.threads(self._plan.threads)
        return Post(
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
            fd=fd,
            log=str(log),
        )

    def _ask(self, arm: Arm, order: Order, limit_s: float) -> list[Fact]:
        """The facts an order brings; its last one is the answer or a Failure. A twin that fails has left the stage."""
        stage, replicate = str(type(order).__struct_config__.tag), self._replicate
        twin = self._twins.get(arm.name)
        if twin is None:
            return [Failure(arm=arm.name, replicate=replicate, stage=stage, reason="its process is gone")]
        facts: list[Fact] = []
        try:
            twin.line.send_order(order)
            while not facts or isinstance(facts[-1], _GO_BEFORE):
                facts.append(twin.line.receive_fact(timeout_s=limit_s))
        except LineLost as lost:
            reason = self._lost(arm.name, twin, lost)
            facts.append(Failure(arm=arm.name, replicate=replicate, stage=stage, reason=reason, hint=_tail(twin.log)))
        if isinstance(facts[-1], Failure):
            twin.line.close()
            del self._twins[arm.name]
        return facts

    def _lost(self, name: str, twin: _Twin, lost: LineLost) -> str:
        if lost.timed_out:
            os.kill(twin.pid, signal.SIGKILL)
            return f"{lost.message}; it was stopped"
        while name not in twin.home.deaths:
            try:
                news = twin.home.line.receive_news(timeout_s=5)
            except LineLost:
                return "its process ended, nobody knows how"
            if isinstance(news, Died):
                twin.home.deaths[news.arm] = news.status
        return _ending(twin.home.deaths[name])


def threading_environment(threads: int) -> dict[str, str]:
    """What tells the thread pools of an arm's process their size, from its start on."""
    return {name: str(threads) for name in _THREAD_VARIABLES} | {"OPENBLAS_NUM_THREADS": "1"}


def user_environment() -> dict[str, str]:
    """A name for a user who has none, as in a container run with --user: torch 2.9's compiler fails without."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        return {"USER": f"uid{os.getuid()}"}
    return {}


def _reason(news: Broken | Died) -> str:
    return news.reason if isinstance(news, Broken) else _ending(news.status)


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        meaning = " (often: out of memory)" if number == signal.SIGKILL else ""
        return f"killed by {signal.Signals(number).name}{meaning}"
    return f"exited with {os.waitstatus_to_exitcode(status)}"


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1][:300] if lines else "it printed nothing"
