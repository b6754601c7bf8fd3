"""What a twin is ordered to do, and what it does, without starting a process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ironlaw.arm import Arm
from ironlaw.errors import BadInput
from ironlaw.fact import ArmStarted, CounterCheck, Failure, Meter, Reading
from ironlaw.measure import checks, twin
from ironlaw.measure.messages import Load, Prepare, Start, Turn, TwinSetup
from ironlaw.missing import Missing
from ironlaw.models import saved
from ironlaw.plan import Plan, Schedule
from ironlaw.program import PreparedModel, Program
from tests.engines import small


def setup_of(*, batch: int = 1) -> TwinSetup:
    return TwinSetup(
        arm=Arm.of("fp32"),
        replicate=-1,
        model="net",
        images=None,
        inputs=None,
        labels=None,
        seed=0,
        threads=1,
        batch=batch,
        cpus=(0,),
        check=CounterCheck(meter=Meter.CLOCK, slots=Missing("no PMU"), groups=()),
        code=False,
        fd=-1,
        log="",
    )


def test_the_model_is_opened_with_the_batch_of_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def refuse(source: str, **options: object) -> None:
        asked.append((source, options["batch"]))
        raise BadInput("enough seen", hint="none")

    monkeypatch.setattr(twin, "open_model", refuse)
    monkeypatch.setattr(twin.Twin, "_enter_process", lambda self, settings: None)
    (fact,) = twin.Twin(setup_of(batch=8)).obey(Prepare("nowhere"))
    assert asked == [("net", 8)]
    assert isinstance(fact, Failure)


class TwiceMade:
    """An engine that makes an arm once more to name its layers."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def prepare(self, *asked: object, threads: int) -> PreparedModel:
        return PreparedModel(path="nowhere", size_bytes=1, phases_ns={}, weights="seeded")

    def load(self, *asked: object, threads: int) -> Program:
        raise AssertionError("nothing is loaded while preparing")

    def prepare_profile(self, model: object, folder: Path) -> None:
        self.done.append("made again")

    def refuse_profile(self, folder: Path, reason: str) -> None:
        self.done.append(reason)


@pytest.mark.parametrize(
    ("within_s", "done"),
    [
        (None, "made again"),
        (60.0, "made again"),
        (0.0, "making the arm once more for it would take some 0 s of the budget"),
    ],
)
def test_an_arm_that_takes_long_is_not_made_once_more_for_its_layers(
    within_s: float | None, done: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = TwiceMade()
    monkeypatch.setattr(twin, "open_model", lambda source, **options: small.two())
    monkeypatch.setattr(saved, "save", lambda model, folder: None)
    monkeypatch.setattr(twin.Twin, "_enter_process", lambda self, settings: None)
    monkeypatch.setattr(twin, "engine", lambda name: engine)
    twin.Twin(setup_of()).obey(Prepare(str(tmp_path / "arm"), layers=True, layers_within_s=within_s))
    assert engine.done == [done]


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(BadInput, match="the batch is 0"):
        Plan(model="net", arms=(Arm.of("fp32"),), schedule=Schedule(), batch=0)


class NoEngine:
    """Loads a program that does nothing."""

    def load(self, *asked: object, threads: int) -> Program:
        return Program(infer=abs, inputs=[(1,)])


def test_a_thread_that_looking_at_the_program_starts_is_there_before_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    pool = threading.Thread(target=done.wait, daemon=True)

    def look(program: Program) -> dict[str, float]:
        pool.start()
        return {}

    monkeypatch.setattr(twin.Twin, "_enter_process", lambda self, settings: None)
    monkeypatch.setattr(twin, "engine", lambda name: NoEngine())
    monkeypatch.setattr(saved, "load", lambda folder: None)
    monkeypatch.setattr(checks, "check_program", look)
    prepared = PreparedModel(path="nowhere/model.pt", size_bytes=0, phases_ns={}, weights="")
    served = twin.Twin(setup_of())
    try:
        assert served.obey(Load(prepared)) == []
        (started,) = served.obey(Start(warm_up_limit_ns=0))
        (reading,) = served.obey(Turn(round=0, position=0, group=-1, inferences=1))
    finally:
        done.set()
        pool.join()
    assert isinstance(started, ArmStarted)
    assert isinstance(reading, Reading)
    assert reading.threads_after == started.threads


def test_compilations_of_a_turn_are_those_since_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twin.Twin, "_enter_process", lambda self, settings: None)
    monkeypatch.setattr(twin, "engine", lambda name: NoEngine())
    monkeypatch.setattr(saved, "load", lambda folder: None)
    counted = iter([3, 3, 5])  # when it has warmed up, and around the turn
    monkeypatch.setattr(twin, "compilations", lambda: next(counted))
    served = twin.Twin(setup_of())
    served.obey(Load(PreparedModel(path="nowhere/model.pt", size_bytes=0, phases_ns={}, weights="")))
    (started,) = served.obey(Start(warm_up_limit_ns=0))
    (reading,) = served.obey(Turn(round=0, position=0, group=-1, inferences=1))
    assert isinstance(started, ArmStarted)
    assert isinstance(reading, Reading)
    assert (started.compilations, reading.compilations) == (3, 2)


class Gradients:
    """Loads a module's call under inference_mode: one that needs gradients, or one that fails in any case."""

    def __init__(self, infer: Callable[[torch.Tensor], object]) -> None:
        self.infer = infer

    def load(self, *asked: object, threads: int) -> Program:
        return Program(infer=self.infer, inputs=[(torch.ones(2),)], guard=torch.inference_mode)


def differentiate(x: torch.Tensor) -> object:
    with torch.enable_grad():
        return torch.autograd.grad(x.clone().requires_grad_().sum(), x)


def differentiate_its_copy(x: torch.Tensor) -> object:
    with torch.enable_grad():
        copy = x.clone().requires_grad_()
        return torch.autograd.grad((copy * copy).sum(), copy)


@pytest.mark.parametrize(("infer", "hinted"), [(differentiate_its_copy, True), (differentiate, False)])
def test_a_module_that_fails_for_want_of_gradients_alone_is_given_the_factor_for_them(
    infer: Callable[[torch.Tensor], object], hinted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twin.Twin, "_enter_process", lambda self, settings: None)
    monkeypatch.setattr(twin, "engine", lambda name: Gradients(infer))
    monkeypatch.setattr(saved, "load", lambda folder: None)
    prepared = PreparedModel(path="nowhere/model.pt", size_bytes=0, phases_ns={}, weights="")
    served = twin.Twin(setup_of())
    try:
        served.obey(Load(prepared))
        (failure,) = served.obey(Start(warm_up_limit_ns=0))
    finally:
        assert served._guard is not None
        served._guard.__exit__(None, None, None)
    assert isinstance(failure, Failure)
    assert ("+grad=on" in failure.hint) is hinted, failure
