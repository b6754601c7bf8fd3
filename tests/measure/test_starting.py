"""When interpreters start, what they import ahead of their replicate, and where arms load: without a process."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import pytest

from ironlaw.arm import Arm
from ironlaw.circumstance import LeftRunning
from ironlaw.fact import CounterCheck, Fact, Failure, FreeMemory, Meter
from ironlaw.measure import interpreters, processes
from ironlaw.measure.limits import Limit
from ironlaw.measure.messages import Launch, Line
from ironlaw.measure.processes import ProcessStage
from ironlaw.measure.twins import Twins
from ironlaw.measure.warm_up import WarmUp
from ironlaw.missing import Missing
from ironlaw.plan import Plan, Schedule
from ironlaw.program import PreparedModel


class _Silent:
    """An interpreter that imports and forks at once, with every request in `seen`."""

    seen: ClassVar[list[str]] = []
    made: ClassVar[int] = 0
    is_slow: ClassVar[bool] = False  # it imports until another process waits for it
    has_ended = False

    def __init__(self, process: object, line: Line, log: object) -> None:
        self.line, self.name = line, f"{_Silent.made}"
        _Silent.made += 1

    def begin(self, imports: object) -> None:
        self.seen.append(f"begin {self.name}")

    def imported(self, limit: Limit) -> int:
        self.seen.append(f"imported {self.name}")
        return 0

    def is_importing(self) -> bool:
        return self.is_slow and f"imported {self.name}" not in self.seen

    def pause(self) -> None:
        self.seen.append(f"pause {self.name}")

    def resume(self) -> None:
        self.seen.append(f"resume {self.name}")

    def paused_ns(self, until_ns: int) -> int:
        return 0

    def keep_to(self, cpus: Iterable[int]) -> None:
        self.seen.append(f"keep {self.name} to {sorted(cpus)}")

    def fork(self, launch: Launch, ends: object, limit: Limit) -> str:
        self.seen.append(f"{self.name} forks {', '.join(setup.arm.name for setup in launch.setups)}")
        return ""

    def terminate(self) -> None:
        self.seen.append(f"terminate {self.name}")

    def dismiss(self, *, limit_s: float) -> list[Fact]:
        self.line.close()
        return []

    def discard(self) -> None:
        self.seen.append(f"discard {self.name}")
        self.line.close()


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(processes, "settle", lambda **_: FreeMemory())
    monkeypatch.setattr(interpreters, "Interpreter", _Silent)
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: None)
    failed = Failure(arm="", replicate=0, stage="start", reason="")
    monkeypatch.setattr(Twins, "ask", lambda *_: [failed])
    monkeypatch.setattr(_Silent, "seen", [])
    monkeypatch.setattr(_Silent, "made", 0)
    monkeypatch.setattr(_Silent, "is_slow", False)
    return _Silent.seen


def _stage_of(*names: str, cpus: int, monkeypatch: pytest.MonkeyPatch) -> ProcessStage:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cpus)))
    arms = tuple(Arm.of(name) for name in names)
    stage = ProcessStage(Plan(model="", arms=arms, schedule=Schedule(), counters=False))
    monkeypatch.setattr(stage, "_check", CounterCheck(meter=Meter.CLOCK, slots=Missing("no PMU"), groups=()))
    return stage


def _start(stage: ProcessStage, replicate: int, *names: str) -> None:
    prepared = PreparedModel(path="", size_bytes=0, phases_ns={}, weights="")
    list(stage.start(replicate, tuple(map(Arm.of, names)), dict.fromkeys(names, prepared), WarmUp()))


def test_the_interpreters_of_a_replicate_start_side_by_side(silent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("fp32", "fp32+pages=huge")
    stage = _stage_of(*names, cpus=2, monkeypatch=monkeypatch)
    _start(stage, 0, *names)
    begun = ["begin 0", "begin 1", "imported 0", "0 forks fp32", "imported 1", "1 forks fp32+pages=huge"]
    assert silent[: len(begun)] == begun
    stage.close()


def test_interpreters_that_stop_at_once_end_side_by_side_and_what_they_left_is_not_said(
    silent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def dismiss(self: _Silent, *, limit_s: float) -> list[LeftRunning]:
        silent.append(f"dismiss {self.name}")
        self.line.close()
        return [LeftRunning(arm="", beside=(), commands=("a compiler's worker",))]

    monkeypatch.setattr(_Silent, "dismiss", dismiss)
    names = ("fp32", "fp32+pages=huge")
    stage = _stage_of(*names, cpus=2, monkeypatch=monkeypatch)
    _start(stage, 0, *names)
    assert stage.stop(at_once=True) == []
    assert silent[-4:] == ["terminate 0", "terminate 1", "dismiss 0", "dismiss 1"]
    _start(stage, 1, *names)
    assert len(stage.stop()) == 2
    assert "terminate 2" not in silent
    stage.close()


def test_an_idle_cpu_imports_for_the_replicate_behind_this_one(
    silent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = _stage_of("fp32", cpus=2, monkeypatch=monkeypatch)
    for replicate in range(3):
        _start(stage, replicate, "fp32")
        stage.stop()
    stage.close()
    forks = [one for one in silent if "forks" in one]
    assert forks == ["0 forks fp32", "1 forks fp32", "2 forks fp32"]
    for replicate in range(3):
        assert silent.index(f"begin {replicate + 1}") < silent.index(f"{replicate} forks fp32")
    assert silent[-1] == "discard 3"


def test_what_imports_ahead_stays_off_the_cpus_of_a_warm_up_and_is_stopped_before_anything_is_measured(
    silent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Silent, "is_slow", True)
    stage = _stage_of("fp32", cpus=2, monkeypatch=monkeypatch)
    orders = _Orders(monkeypatch, silent)
    _start(stage, 0, "fp32")
    assert silent[silent.index("0 forks fp32") :] == [
        "0 forks fp32", "keep 1 to [0]", "fp32 loads on ()", "fp32 warms up", "pause 1",
    ]  # fmt: skip
    assert orders.given is silent
    stage.stop()
    del silent[:]
    _start(stage, 1, "fp32")
    assert silent[:2] == ["keep 1 to [0, 1]", "resume 1"]
    stage.close()


def test_where_arms_run_on_every_cpu_what_imports_ahead_is_stopped_before_they_warm_up(
    silent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Silent, "is_slow", True)
    stage = _stage_of("fp32+threads=2", cpus=2, monkeypatch=monkeypatch)
    _Orders(monkeypatch, silent)
    _start(stage, 0, "fp32+threads=2")
    assert silent.index("pause 1") < silent.index("fp32+threads=2 warms up")
    stage.close()


def test_without_an_idle_cpu_nothing_starts_ahead(silent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    stage = _stage_of("fp32", cpus=1, monkeypatch=monkeypatch)
    _start(stage, 0, "fp32")
    stage.stop()
    stage.close()
    assert silent == ["begin 0", "imported 0", "0 forks fp32"]


def test_an_interpreter_that_was_lost_while_it_waited_is_replaced(
    silent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = _stage_of("fp32", cpus=2, monkeypatch=monkeypatch)
    _start(stage, 0, "fp32")
    stage.stop()
    imported = _Silent.imported
    monkeypatch.setattr(
        _Silent,
        "imported",
        lambda self, limit: Missing("killed") if self.name == "1" else imported(self, limit),
    )
    _start(stage, 1, "fp32")
    stage.close()
    assert [one for one in silent if "forks" in one] == ["0 forks fp32", "3 forks fp32"]  # 2 is ahead


def test_one_that_imported_what_its_twins_do_not_need_is_not_taken(
    silent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = _stage_of("fp32", cpus=2, monkeypatch=monkeypatch)
    prepared = PreparedModel(path="", size_bytes=0, phases_ns={}, weights="", imports=("a_library",))
    list(stage.start(0, (Arm.of("fp32"),), {"fp32": prepared}, WarmUp()))
    stage.stop()
    _start(stage, 1, "fp32")
    stage.close()
    assert "discard 1" in silent
    assert [one for one in silent if "forks" in one] == ["0 forks fp32", "2 forks fp32"]


class _Orders:
    """The orders given to twins, in sequence."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, given: list[str] | None = None) -> None:
        self.given: list[str] = [] if given is None else given
        monkeypatch.setattr(Twins, "send", lambda _, arm, order: self.given.append(f"{arm} loads on {order.cpus}"))
        monkeypatch.setattr(Twins, "ask", self._ask)

    def _ask(self, arm: str, order: object, limit: Limit) -> list[Fact]:
        self.given.append(f"{arm} warms up")
        return [Failure(arm=arm, replicate=0, stage="start", reason="")]


@pytest.mark.usefixtures("silent")
def test_an_arm_loads_on_an_idle_cpu_while_the_one_before_it_warms_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "neighbours", lambda cpus: (0, 1))
    stage = _stage_of("fp32", "int8", "int8+fused", cpus=2, monkeypatch=monkeypatch)
    orders = _Orders(monkeypatch)
    _start(stage, 0, "fp32", "int8", "int8+fused")
    stage.close()
    assert orders.given == [
        "fp32 loads on ()",
        "int8 loads on (0,)",
        "fp32 warms up",
        "int8+fused loads on (0,)",
        "int8 warms up",
        "int8+fused warms up",
    ]


@pytest.mark.usefixtures("silent")
def test_an_arm_loads_on_its_own_cpus_while_the_next_interpreter_imports_on_the_idle_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_Silent, "is_slow", True)
    monkeypatch.setattr(processes, "neighbours", lambda cpus: (0, 1))
    stage = _stage_of("fp32", "int8", cpus=2, monkeypatch=monkeypatch)
    orders = _Orders(monkeypatch)
    _start(stage, 0, "fp32", "int8")
    stage.close()
    assert orders.given == [part for name in ("fp32", "int8") for part in (f"{name} loads on ()", f"{name} warms up")]


@pytest.mark.usefixtures("silent")
def test_a_program_of_a_users_own_loads_where_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenVINO, called by one, pins the threads of each inference to the CPU that it was loaded on."""
    monkeypatch.setattr(processes, "neighbours", lambda cpus: (0, 1))
    names = ("given", "fp32")
    stage = _stage_of(*names, cpus=2, monkeypatch=monkeypatch)
    orders = _Orders(monkeypatch)
    _start(stage, 0, "fp32", "given")
    stage.close()
    assert "given loads on ()" in orders.given


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize(("near", "engine"), [((1,), ""), ((0, 1), "@openvino")])
def test_an_arm_loads_on_its_own_cpus_where_no_other_will_do(
    monkeypatch: pytest.MonkeyPatch, near: tuple[int, ...], engine: str
) -> None:
    monkeypatch.setattr(processes, "neighbours", lambda cpus: near)
    names = (f"fp32{engine}", f"int8{engine}")
    stage = _stage_of(*names, cpus=2, monkeypatch=monkeypatch)
    orders = _Orders(monkeypatch)
    _start(stage, 0, *names)
    stage.close()
    assert orders.given == [part for name in names for part in (f"{name} loads on ()", f"{name} warms up")]
