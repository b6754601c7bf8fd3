"""A twin: the process of one arm in one replicate. Takes orders, runs turns, reports facts."""

from __future__ import annotations

import contextlib
import importlib
import os
import socket
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path

from ironlaw.engines import ENGINES, Profiled, engine
from ironlaw.errors import BadInput, IronlawError
from ironlaw.fact import ArmPrepared, ArmStarted, Census, Fact, Failure, NullReading, Outputs, Reading
from ironlaw.factors import FACTORS
from ironlaw.layer import Probe
from ironlaw.machine.cgroup import throttled_ns
from ironlaw.machine.free_memory import peak_rss_bytes
from ironlaw.machine.inspection import steal_ns
from ironlaw.machine.process_clock import list_threads, waited_ns
from ironlaw.measure.answers import MOST_KEPT, answer_probes
from ironlaw.measure.census import census_of, graph_of
from ironlaw.measure.chain import clock_mhz
from ironlaw.measure.checks import UNCHECKED, check_warm
from ironlaw.measure.compilations import compilations, since
from ironlaw.measure.hot_loop import nothing, run, run_paused
from ironlaw.measure.labelled import check_fit, judge_labels
from ironlaw.measure.layers.turns import LayerReader
from ironlaw.measure.measured import elapsed
from ironlaw.measure.messages import (
    AskAnswers,
    CodeTurn,
    LayerTurn,
    Line,
    LineLost,
    Load,
    MeasureNothing,
    Order,
    Prepare,
    ReplayLayers,
    Start,
    SurveyLayers,
    Turn,
    TwinSetup,
)
from ironlaw.measure.meter import TurnMeter, meter_for
from ironlaw.measure.pool import cpus_of, move_to, once_warm
from ironlaw.measure.raised import where
from ironlaw.measure.replaying.order import OpenedReplays
from ironlaw.measure.sampling.layers import LayerSampler
from ironlaw.measure.sampling.turns import CodeReader, code_reader
from ironlaw.measure.warm_up import NOT_JUDGED, TimedCalls, steady_from, warm_up
from ironlaw.models import open_model, saved, torch_use
from ironlaw.models.factories import runs_with_gradients
from ironlaw.models.labels import read_labels
from ironlaw.models.requirements import may_import
from ironlaw.models.sources import runs_own_code
from ironlaw.models.torch_settings import Settings, apply_settings, changed_since, read_settings, settings_notes
from ironlaw.program import Program
from ironlaw.variant import ENGINE, PRECISION

# Nothing was compared with torch as it came: settings that a program changes are found by what they were before.
_LATE_TORCH = "loads torch in a way that its files do not show: its changes of torch's settings are not carried over"
_GRADIENTS = (
    "its call needs gradients, and modules are called under torch.inference_mode: add +grad=on to the arm "
    "(--arm NAME=FILE.py:FACTORY+grad=on), or return a callable, which is run as it is"
)


def serve(setup: TwinSetup) -> None:
    """Answer orders until the recorder closes the connection. Exceptions of an arm's code are reported as a Failure."""
    line = Line(socket.socket(fileno=setup.fd))
    os.sched_setaffinity(0, setup.cpus)
    twin, own = Twin(setup), os.getpid()
    try:
        while True:
            order = line.receive_order()
            facts = twin.obey(order)
            if os.getpid() != own:
                os._exit(0)  # the program forked, and its child returned from the call as well
            for fact in facts:
                line.send_fact(fact)
    except LineLost:
        pass


class Twin:
    """One arm's program and meter, once started."""

    def __init__(self, setup: TwinSetup) -> None:
        self._setup = setup
        self._program: Program | None = None
        self._meter: TurnMeter | None = None
        self._folder: Path | None = None
        self._guard: contextlib.AbstractContextManager[object] | None = None
        self._next_input = 0
        self._layers: LayerReader | None = None
        self._last: Turn | None = None
        self._code: CodeReader | None = None
        self._replays = OpenedReplays(setup, threads=self._pool_size())
        self._load_ns = 0
        self._is_away = False  # from the arm's own CPUs
        self._unloaded: list[Fact] = []  # why it could not be loaded

    def obey(self, order: Order) -> list[Fact]:
        """Execute an order and return the resulting facts; the last one answers the order.

        Loading is not answered: a failure is the answer to the start that follows.
        """
        if isinstance(order, Load):
            self._unloaded = self._done_or_failed(order)
            return []
        if isinstance(order, Start) and self._unloaded:
            return self._unloaded
        return self._done_or_failed(order)

    def _done_or_failed(self, order: Order) -> list[Fact]:
        stage = "start" if isinstance(order, Load) else str(type(order).__struct_config__.tag)
        try:
            return self._obeyed(order)
        except BadInput as error:
            return [self._failure("input", error.message, error.hint)]
        except IronlawError as error:
            return [self._failure(stage, error.message, error.hint)]
        except SystemExit as error:
            return [self._failure(stage, f"it called sys.exit({error.code!r})", where(error))]
        except BaseException as error:  # noqa: BLE001  # the border to an engine or a user's code: a recorded failure
            with contextlib.suppress(OSError, ValueError):  # the program may have closed what it prints to
                traceback.print_exc()
            hint = _GRADIENTS if self._lacks_gradients() else where(error)
            return [self._failure(stage, f"{type(error).__name__}: {error}", hint)]

    def _obeyed(self, order: Order) -> list[Fact]:
        match order:
            case Prepare():
                self._move(order.cpus)
                return self._prepare(order)
            case Load():
                self._move(order.cpus)
                return self._load(order)
            case Start():
                self._move(())
                return [self._start(order)]
            case Turn():
                return [self._turn(order)]
            case MeasureNothing():
                return [self._null()]
            case AskAnswers():
                self._move(order.cpus)
                return [self._take_census(), *self._judge(), *self._answer(order)]
            case SurveyLayers():
                return [self._layer_reader().survey(order)]
            case LayerTurn():
                inputs = [self._take_input() for _ in range(order.inferences)]
                if order.probe is Probe.CODE:
                    return [LayerSampler(self._layer_reader(), self._code_reader().resolver).turn(order, inputs)]
                return [self._layer_reader().turn(order, inputs)]
            case CodeTurn():
                return [self._code_reader().turn(order, [self._take_input() for _ in range(order.inferences)])]
            case ReplayLayers():
                self._enter_process(order.prepared.settings)
                return [self._replays.replay(order)]

    def _move(self, cpus: tuple[int, ...]) -> None:
        """Go to these CPUs, or back to the arm's own. If it never left, threads stay where the engine pinned them."""
        if cpus or self._is_away:
            move_to(cpus or self._setup.cpus)
        self._is_away = bool(cpus)

    def _lacks_gradients(self) -> bool:
        """Whether a call that fails under inference_mode succeeds where gradients are recorded."""
        program = self._program
        if program is None or not torch_use.is_in_inference_mode():
            return False
        return runs_with_gradients(program.infer, self._take_fed())

    def _failure(self, stage: str, reason: str, hint: str) -> Failure:
        return Failure(arm=self._setup.arm.name, replicate=self._setup.replicate, stage=stage, reason=reason, hint=hint)

    def _prepare(self, order: Prepare) -> list[Fact]:
        setup = self._setup
        source = setup.arm.factory or setup.model
        if runs_own_code(source) and torch_use.is_installed() and may_import(source, "torch"):
            importlib.import_module("torch")  # its code loads it anyway; now what it changes there is seen
        self._enter_process({})
        before = read_settings()
        was_loaded = torch_use.is_loaded()
        files = {"images": setup.images, "inputs": setup.inputs}
        model = open_model(source, **files, batch=setup.batch, seed=setup.seed, at=setup.arm.point)
        settings = changed_since(before)
        if setup.labels is not None:
            check_fit(model, read_labels(setup.labels, images=setup.images))
        folder = Path(order.folder)
        saved.save(model, folder)
        by = engine(setup.arm.variant.level(ENGINE))
        began_s = time.monotonic()
        prepared = by.prepare(setup.arm.variant, model, folder, threads=self._pool_size())
        if order.layers and isinstance(by, Profiled):
            made_s = time.monotonic() - began_s
            if order.layers_within_s is None or made_s <= order.layers_within_s:
                by.prepare_profile(model, folder)
            else:
                by.refuse_profile(
                    folder, f"making the arm once more for it would take some {made_s:.0f} s of the budget"
                )
        # Only what a program has loaded by now is imported for it in replicates: torch takes seconds in each.
        declared, precision = ENGINES[setup.arm.variant.level(ENGINE)], setup.arm.variant.level(PRECISION)
        used = tuple(name for name in declared.uses(precision) if name in sys.modules)
        late = (_LATE_TORCH,) if used and torch_use.is_loaded() and not was_loaded else ()
        prepared = replace(
            prepared,
            settings=settings,
            imports=tuple(dict.fromkeys((*prepared.imports, *used))),
            notes=(
                *prepared.notes,
                *settings_notes(settings, is_used="torch" in declared.packages_of(precision)),
                *late,
            ),
        )
        graph = graph_of(setup.arm, setup.model)
        return [*model.circumstances, ArmPrepared(arm=setup.arm.name, prepared=prepared, graph=graph)]

    def _enter_process(self, settings: Settings) -> None:
        """Make the process the arm's: torch as the run, the model's own code and the factors want it, in this order."""
        if torch_use.is_loaded():
            import torch

            torch.set_num_threads(self._pool_size())
            apply_settings(settings)
        for name, level in self._setup.arm.variant.changed:
            FACTORS[name].enter(level)

    def _pool_size(self) -> int:
        """Threads of the engine's pool."""
        return self._setup.arm.variant.pool_threads(self._setup.threads)

    def _load(self, order: Load) -> list[Fact]:
        setup = self._setup
        self._enter_process(order.prepared.settings)
        if setup.code:
            # Read when the first kernel is generated, and by this process alone: the interpreter generates none.
            os.environ.update(ENGINES[setup.arm.variant.level(ENGINE)].names_code)
        began_ns = time.perf_counter_ns()
        self._folder = Path(order.prepared.path).parent
        program = engine(setup.arm.variant.level(ENGINE)).load(
            setup.arm.variant, order.prepared, saved.load(self._folder), threads=self._pool_size()
        )
        for name, level in setup.arm.variant.changed:
            if name not in program.applied:
                program = FACTORS[name].change(level, program)
        self._load_ns = time.perf_counter_ns() - began_ns
        self._program = program
        return []

    def _start(self, order: Start) -> ArmStarted:
        setup, program = self._setup, self._program
        assert program is not None, "a start is ordered after loading"
        # Entered for the life of the process: the guard is part of how the arm is run, not of an inference. It is kept,
        # since torch.inference_mode ends when its object is collected.
        self._guard = program.guard()
        self._guard.__enter__()
        timed = TimedCalls(self._one_inference_ns)
        series = warm_up(timed, limit_ns=order.warm_up_limit_ns, inferences=order.inferences)
        between_ns, once_ns = timed.each_and_once_ns() if program.before_each else (0, 0)
        # Before the threads are counted: looking at tensors may start torch's own pool beside the engine's.
        checked = check_warm(program, self._one_inference_ns) if order.checks else UNCHECKED
        cpus = tuple(sorted(os.sched_getaffinity(0)))
        once_warm(setup.arm.variant, self._one_inference_ns)
        self._meter = meter_for(setup.check)
        self._meter.attach()
        read_back = {
            name: program.applied[name] if name in program.applied else FACTORS[name].read_back(level, program)
            for name, level in setup.arm.variant.changed
        }
        return ArmStarted(
            arm=setup.arm.name,
            replicate=setup.replicate,
            load_ns=self._load_ns,
            warm_up_ns=series,
            steady_at=steady_from(series) if order.inferences is None else NOT_JUDGED,
            threads=len(os.listdir("/proc/self/task")),
            cpus=cpus,
            read_back=read_back,
            peak_rss_bytes=peak_rss_bytes(),
            boundary=program.boundary,
            working_threads=checked.working_threads,
            thread_cpus=cpus_of(list_threads()),
            checks=dict(checked.checks),
            training_layers=checked.training_layers,
            between_ns=between_ns,
            once_ns=once_ns,
            work=program.work(),
            compilations=compilations(),
            warm_up_judged=order.inferences is None,
        )

    def _one_inference_ns(self) -> int:
        assert self._program is not None
        for prepare in self._program.before_each:
            prepare()
        inputs = self._take_fed()
        began_ns = time.perf_counter_ns()
        self._program.infer(*inputs)
        return time.perf_counter_ns() - began_ns

    def _take_input(self) -> tuple[object, ...]:
        assert self._program is not None
        self._next_input += 1
        return self._program.inputs[(self._next_input - 1) % len(self._program.inputs)]

    def _take_fed(self) -> tuple[object, ...]:
        """The next input as the engine takes it: converting it is no part of an inference."""
        assert self._program is not None
        return self._program.feed(*self._take_input())

    def _turn(self, order: Turn) -> Reading:
        program, meter = self._program, self._meter
        assert program is not None, "a turn is ordered after a start"
        assert meter is not None, "a turn is ordered after a start"
        self._last = order
        inputs = [self._take_fed() for _ in range(order.inferences)]
        clock_before = clock_mhz()
        stolen_before, throttled_before, waited_before = steal_ns(), throttled_ns(), waited_ns()
        compiled_before = compilations()
        meter.begin(order.group)
        wall_ns = run_paused(program, meter, inputs) if program.before_each else run(program, meter, inputs)
        measured = meter.finish()
        stolen_after, throttled_after, waited_after = steal_ns(), throttled_ns(), waited_ns()
        return Reading(
            arm=self._setup.arm.name,
            replicate=self._setup.replicate,
            round=order.round,
            position=order.position,
            group=order.group,
            inferences=order.inferences,
            wall_ns=wall_ns,
            cpu_ns=measured.cpu_ns,
            user_ns=measured.user_ns,
            kernel_ns=measured.kernel_ns,
            minor_faults=measured.minor_faults,
            major_faults=measured.major_faults,
            context_switches=measured.context_switches,
            migrations=measured.migrations,
            counts=measured.counts,
            threads_after=measured.threads,
            steal_ns=elapsed(stolen_before, stolen_after),
            throttled_ns=elapsed(throttled_before, throttled_after),
            waited_ns=elapsed(waited_before, waited_after),
            clock_before_mhz=clock_before,
            clock_after_mhz=clock_mhz(),
            compilations=since(compiled_before, compilations()),
        )

    def _null(self) -> NullReading:
        """A turn like the last one, of a program that does nothing."""
        program, meter, order = self._program, self._meter, self._last
        assert program is not None, "an empty turn is ordered after a turn"
        assert meter is not None, "an empty turn is ordered after a turn"
        assert order is not None, "an empty turn is ordered after a turn"
        empty = Program(infer=nothing, inputs=[], before_each=[nothing for _ in program.before_each])
        inputs = [self._take_input() for _ in range(order.inferences)]
        meter.begin(order.group)
        return NullReading(
            arm=self._setup.arm.name,
            replicate=self._setup.replicate,
            wall_ns=(run_paused if empty.before_each else run)(empty, meter, inputs),
            counts=meter.finish().counts,
            inferences=order.inferences,
        )

    def _layer_reader(self) -> LayerReader:
        assert self._program is not None, "a survey is ordered after a start"
        self._layers = self._layers or LayerReader(self._program, self._setup)
        return self._layers

    def _code_reader(self) -> CodeReader:
        assert self._program is not None, "code is sampled after a start"
        self._code = self._code or code_reader(self._program, self._setup)
        return self._code

    def _take_census(self) -> Census:
        assert self._program is not None, "a census is ordered after a start"
        return census_of(self._setup.arm, self._program)

    def _judge(self) -> list[Fact]:
        if self._setup.labels is None:
            return []
        assert self._program is not None, "labels are judged after a start"
        assert self._folder is not None, "labels are judged after a start"
        labels = read_labels(self._setup.labels, images=self._setup.images)
        return [judge_labels(self._setup.arm.name, self._program, saved.load(self._folder, probes=True), labels)]

    def _answer(self, order: AskAnswers) -> list[Outputs]:
        assert self._program is not None, "an answer is ordered after a start"
        assert self._folder is not None, "an answer is ordered after a start"
        probes, most = saved.load(self._folder, probes=True).probes, MOST_KEPT // order.sharers
        return answer_probes(self._setup.arm.name, self._program, probes, first=order.probes, most=most)
