"""The real stage: interpreters, forked twins, and arms that end badly. Real processes, tiny programs, no model."""

from __future__ import annotations

from pathlib import Path

import pytest

from ironlaw.arm import Arm
from ironlaw.fact import ArmPrepared, Ended, Ending, Failure, FreeMemory
from ironlaw.measure import processes
from ironlaw.measure.process_start import user_environment
from ironlaw.measure.processes import ProcessStage
from ironlaw.measure.warm_up import WarmUp
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.recording import Recording
from ironlaw.variant import GIVEN, PRECISION, Variant
from tests.measure.real_programs import PROGRAM, run_processes

PROGRAMS = (
    PROGRAM
    + '''
class Named(Program):
    """Names generated code, as a compiler in its process does."""
    def __call__(self, number):
        if not self.calls:
            with open(f"/tmp/perf-{os.getpid()}.map", "w") as names:
                names.write("1000 10 named_by_test_processes\\n")
        return super().__call__(number)

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

def well(): return Named(), [(1,), (2,)]
def segfault(): return Named(end_badly), [(1,), (2,)]
def raising(): return Named(raise_it), [(1,), (2,)]
def hanging(): return Named(hang), [(1,), (2,)]
def leaving(): return Named(leave), [(1,), (2,)]
def exiting(): return Named(leave_politely), [(1,), (2,)]
def refusing(): raise RuntimeError("cannot be made")
'''
)
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
    return run_processes(plan)


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


def run_program(text: str, folder: Path) -> Recording:
    """One replicate of what `build` in that text gives."""
    (folder / "program.py").write_text(text)
    arm = Arm(name="a", variant=Variant.of({PRECISION: GIVEN}), factory=f"{folder}/program.py:build")
    plan = Plan(model="", arms=(arm,), schedule=Schedule(replicates=1, rounds=1, inferences=4), counters=False)
    return run_processes(plan)


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
    recorded = run_program(SETTING, tmp_path)
    assert recorded.failures == ()
    (prepared,) = recorded.prepared
    assert prepared.prepared.settings == {"default dtype": "float64", "threads": 2, "deterministic algorithms": "on"}
    assert any("sets torch's threads to 2" in note for note in prepared.prepared.notes)


COLLECTING = """
import gc

class Reporting:
    def __call__(self, number):
        assert gc.isenabled(), "no garbage is collected"
        assert gc.get_freeze_count() > 1000, "what was imported is collected as well"
        return number

def build(): return Reporting(), [(1,), (2,)]
"""


def test_a_twin_collects_its_own_garbage_and_not_what_was_imported_before_it_was_forked(tmp_path: Path) -> None:
    recorded = run_program(COLLECTING, tmp_path)
    assert recorded.failures == ()
    assert len(recorded.readings) == 1


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
