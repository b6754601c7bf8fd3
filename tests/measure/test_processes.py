"""The real stage: interpreters, forked twins, and arms that end badly. Real processes, tiny programs, no model."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import pytest

from ironlaw.arm import Arm
from ironlaw.fact import ArmPrepared, CounterCheck, Ended, Ending, Fact, Failure, FreeMemory, Meter
from ironlaw.measure import interpreters, processes
from ironlaw.measure.messages import Launch, Line
from ironlaw.measure.process_start import user_environment
from ironlaw.measure.processes import ProcessStage
from ironlaw.measure.recorder import record
from ironlaw.measure.twins import Twins
from ironlaw.measure.warm_up import WarmUp
from ironlaw.missing import Missing
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.program import PreparedModel
from ironlaw.recording import Recording, assemble
from ironlaw.running.advice import advise
from ironlaw.variant import GIVEN, PRECISION, Variant
from ironlaw.watcher import Unwatched
from tests.measure.test_recorder import Kept

PROGRAMS = '''
import os, signal, sys

class Program:
    """Does nothing, until a call of a turn: warming up takes fewer than 100."""
    def __init__(self, last=None):
        self.calls, self.last = 0, last
    def __call__(self, number):
        self.calls += 1
        if self.calls == 1:
            with open(f"/tmp/perf-{os.getpid()}.map", "w") as names:
                names.write("1000 10 named_by_test_processes\\n")
        if self.last and self.calls > 600:
            self.last()
        return number

def end_badly():
    os.kill(os.getpid(), signal.SIGSEGV)

def raise_it():
    print("about to raise", flush=True)
    raise ValueError("no more")

def hang():
    signal.pause()

def leave():
    os._exit(7)

def leave_politely():
    sys.exit(0)

def well(): return Program(), [(1,), (2,)]
def segfault(): return Program(end_badly), [(1,), (2,)]
def raising(): return Program(raise_it), [(1,), (2,)]
def hanging(): return Program(hang), [(1,), (2,)]
def leaving(): return Program(leave), [(1,), (2,)]
def exiting(): return Program(leave_politely), [(1,), (2,)]
def refusing(): raise RuntimeError("cannot be made")
'''
BAD = ("segfault", "raising", "hanging", "leaving", "exiting", "refusing")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    file = tmp_path_factory.mktemp("programs") / "programs.py"
    file.write_text(PROGRAMS)
    arms = tuple(
        Arm(name=name, variant=Variant.of({PRECISION: GIVEN}), factory=f"{file}:{name}") for name in ("well", *BAD)
    )
    schedule = Schedule(replicates=2, rounds=3, inferences=6000, budget_s=None, turn_limit_s=1.0)
    plan = Plan(model="", arms=with_control(arms), schedule=schedule, counters=False)
    kept, stage = Kept(), ProcessStage(plan)
    try:
        record(plan, stage, kept, watcher=Unwatched(), advice=advise())
    finally:
        stage.close()
    return assemble(kept)


def test_an_arm_that_ends_badly_costs_no_other_arm_a_reading(recording: Recording) -> None:
    assert isinstance(recording.ended, Ended)
    assert recording.ended.why is Ending.COMPLETE
    for name in ("well", "well (again)"):
        readings = [reading for reading in recording.readings if reading.arm == name]
        assert len(readings) == 6
        assert sum(reading.inferences for reading in readings) == 6000


@pytest.mark.parametrize(
    ("arm", "stage", "reason"),
    [
        ("segfault", "turn", "killed by SIGSEGV"),
        ("raising", "turn", "ValueError: no more"),
        ("hanging", "turn", "it was stopped"),
        ("leaving", "turn", "exited with 7"),
        ("exiting", "turn", "it called sys.exit(0)"),
        ("refusing", "prepare", "cannot be made"),
    ],
)
def test_each_bad_end_is_a_failure_of_its_arm_with_its_reason(
    recording: Recording, arm: str, stage: str, reason: str
) -> None:
    (failure,) = [failure for failure in recording.failures if failure.arm == arm]
    assert failure.stage == stage
    assert reason in failure.reason


def test_what_one_arm_prints_is_no_hint_on_another_one_s_end(recording: Recording) -> None:
    (silent,) = [failure for failure in recording.failures if failure.arm == "segfault"]
    assert silent.reason == "killed by SIGSEGV"
    assert silent.hint == ""


def test_twins_of_a_replicate_come_from_one_interpreter_pinned_to_one_cpu(recording: Recording) -> None:
    for replicate in (0, 1):
        forked = [fact for fact in recording.interpreters if fact.replicate == replicate]
        assert len(forked) == 1
        cpus = {fact.cpus for fact in recording.started if fact.replicate == replicate}
        assert len(cpus) == 1
        assert len(next(iter(cpus))) == 1


def test_no_process_is_left_behind(recording: Recording) -> None:
    ours = [path for path in Path("/proc").glob("[0-9]*/cmdline") if _is_of_a_stage(path)]
    assert ours == []


def test_no_perf_map_is_left_behind_however_the_arm_ended(recording: Recording) -> None:
    texts = [path.read_text(errors="replace") for path in Path("/tmp").glob("perf-*.map")]
    assert not [text for text in texts if "named_by_test_processes" in text]


def _is_of_a_stage(cmdline: Path) -> bool:
    try:
        command = cmdline.read_bytes()
        parent = (cmdline.parent / "stat").read_text().rpartition(")")[2].split()[1]
    except OSError:
        return False
    import os

    return b"ironlaw.measure.interpreter" in command and int(parent) == os.getpid()


def test_a_user_without_a_name_gets_one_for_the_arms_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_001)  # not in /etc/passwd
    assert user_environment() == {"USER": "uid4000001"}
    monkeypatch.setenv("USER", "ada")
    assert user_environment() == {}


def test_a_twin_that_has_ended_fails_in_the_replicate_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "settle", lambda **_: FreeMemory())
    arm = Arm.of("fp32")
    stage = ProcessStage(Plan(model="", arms=(arm,), schedule=Schedule(), counters=False))
    try:
        assert list(stage.start(3, (), {}, WarmUp())) == []
        ((_, (failure,)),) = stage.answers((arm,))
    finally:
        stage.close()
    assert isinstance(failure, Failure)
    assert failure.replicate == 3


def test_an_empty_turn_is_measured_as_often_as_an_arm_answers(recording: Recording) -> None:
    nulls = [null for null in recording.nulls if null.arm == "well"]
    assert len({null.inferences for null in nulls} | {1000}) == 1
    assert len(nulls) == 5
    assert all(null.wall_ns > 0 for null in nulls)


SETTING = """
import torch

class Reporting(torch.nn.Module):
    def forward(self, x):
        assert x.dtype is torch.get_default_dtype() is torch.float64
        assert torch.get_num_threads() == 2
        assert torch.are_deterministic_algorithms_enabled()
        return x

def build():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    return Reporting(), [(torch.ones(1, 2),), (torch.zeros(1, 2),)]
"""


def test_what_a_factory_sets_in_torch_is_recorded_and_set_in_every_replicate(tmp_path: Path) -> None:
    (tmp_path / "setting.py").write_text(SETTING)
    arm = Arm(name="a", variant=Variant.of({PRECISION: GIVEN}), factory=f"{tmp_path}/setting.py:build")
    plan = Plan(model="", arms=(arm,), schedule=Schedule(replicates=1, rounds=1, inferences=4), counters=False)
    kept, stage = Kept(), ProcessStage(plan)
    try:
        record(plan, stage, kept, watcher=Unwatched(), advice=advise())
    finally:
        stage.close()
    recorded = assemble(kept)
    assert recorded.failures == ()
    (prepared,) = recorded.prepared
    assert prepared.prepared.settings == {"default dtype": "float64", "threads": 2, "deterministic algorithms": "on"}
    assert any("sets torch's threads to 2" in note for note in prepared.prepared.notes)


class _Silent:
    """An interpreter that imports and forks at once, and what was asked of it in `seen`."""

    seen: ClassVar[list[str]] = []
    made: ClassVar[int] = 0
    is_slow: ClassVar[bool] = False  # it imports until another process waits for it
    has_ended = False

    def __init__(self, process: object, line: Line, log: object) -> None:
        self.line, self.name = line, f"{_Silent.made}"
        _Silent.made += 1

    def begin(self, imports: object) -> None:
        self.seen.append(f"begin {self.name}")

    def imported(self, *, limit_s: float) -> int:
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

    def fork(self, launch: Launch, ends: object, *, limit_s: float) -> str:
        self.seen.append(f"{self.name} forks {', '.join(setup.arm.name for setup in launch.setups)}")
        return ""

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
        lambda self, *, limit_s: Missing("killed") if self.name == "1" else imported(self, limit_s=limit_s),
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
    """The orders that twins were given, in the order in which they were."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, given: list[str] | None = None) -> None:
        self.given: list[str] = [] if given is None else given
        monkeypatch.setattr(Twins, "send", lambda _, arm, order: self.given.append(f"{arm} loads on {order.cpus}"))
        monkeypatch.setattr(Twins, "ask", self._ask)

    def _ask(self, arm: str, order: object, limit_s: float) -> list[Fact]:
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


def test_a_replicate_imports_torch_for_a_program_that_has_loaded_it_alone(tmp_path: Path) -> None:
    def imports(text: str) -> tuple[str, ...]:
        file = tmp_path / "program.py"
        file.write_text(text)
        arm = Arm(name="own", variant=Variant.of({PRECISION: GIVEN}), factory=f"{file}:make")
        stage = ProcessStage(Plan(model="", arms=(arm,), schedule=Schedule(replicates=1), counters=False))
        try:
            stage.check_counters()
            (fact,) = [one for one in stage.prepare((arm,)) if isinstance(one, ArmPrepared)]
        finally:
            stage.close()
        return fact.prepared.imports

    pytest.importorskip("torch")
    called = "def program(x):\n    import torch\n    return x\n"
    assert imports("def make(): return abs, [(1,)]\n") == ()
    assert imports(f"{called}def make(): return program, [(1,)]\n") == ("torch",)
