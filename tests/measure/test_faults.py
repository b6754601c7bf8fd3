"""A campaign of faults: what a program can do to the processes around it, and that it costs its own arm alone."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ironlaw.arm import Arm
from ironlaw.circumstance import LeftRunning
from ironlaw.fact import Ended, Ending
from ironlaw.measure.children import end_child
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.recording import Recording, load
from ironlaw.variant import GIVEN, PRECISION, Variant
from tests.measure.real_programs import PROGRAM, run_processes

PROGRAMS = (
    PROGRAM
    + """
def die_with_a_child_on_the_line():
    if os.fork():
        os._exit(9)
    signal.pause()

def crash_with_a_child_on_the_line():
    if os.fork():
        os.kill(os.getpid(), signal.SIGSEGV)
    signal.pause()

def write_everywhere(what=b"garbage\\n"):
    for descriptor in range(3, 256):
        try:
            os.write(descriptor, what)
        except OSError:
            pass

def write_json_everywhere():
    write_everywhere(b"{}\\n")

def write_news_everywhere():
    write_everywhere(b'{"type":"died","arm":"well","status":0}\\n')

def write_another_arm_s_fact_everywhere():
    write_everywhere(b'{"labelled":{"arm":"well","right":1,"total":1}}\\n')

def kill_by_real_time_signal():
    os.kill(os.getpid(), signal.SIGRTMIN + 3)

def close_everything():
    os.closerange(0, 256)

def leave_politely():
    sys.exit(0)

def pretend_ctrl_c():
    raise KeyboardInterrupt("not pressed")

def stop_itself():
    os.kill(os.getpid(), signal.SIGSTOP)

def signal_its_group():
    os.killpg(0, signal.SIGTERM)
    signal.pause()

def let_a_child_return():
    os.fork()

def leave_a_helper():
    subprocess.Popen(["sleep", "86401"])

def leave_a_daemon():
    subprocess.Popen(["sleep", "86402"], start_new_session=True)

def die_and_leave_a_helper():
    subprocess.Popen(["sleep", "86403"])
    os._exit(3)
"""
)
# fault -> the arm's reason, where it is lost by it
LOST = {
    "die_with_a_child_on_the_line": "exited with 9",
    "crash_with_a_child_on_the_line": "killed by SIGSEGV",
    "write_everywhere": "wrote 'garbage' to a descriptor of ironlaw; it was stopped",
    "write_json_everywhere": "wrote '{}' to a descriptor of ironlaw; it was stopped",
    "write_news_everywhere": "to a descriptor of ironlaw; it was stopped",
    "write_another_arm_s_fact_everywhere": "to a descriptor of ironlaw; it was stopped",
    "kill_by_real_time_signal": "killed by SIGRTMIN+3",
    "close_everything": "exited with 0",
    "leave_politely": "it called sys.exit(0)",
    "pretend_ctrl_c": "KeyboardInterrupt: not pressed",
    "stop_itself": "no answer within 2 s; it was stopped",
    "signal_its_group": "killed by SIGTERM",
    "die_and_leave_a_helper": "exited with 3",
}
HARMLESS = ("let_a_child_return", "leave_a_helper", "leave_a_daemon")
LEFT = {
    "die_with_a_child_on_the_line": "a fork of its own process",
    "crash_with_a_child_on_the_line": "a fork of its own process",
    "leave_a_helper": "sleep 86401",
    "die_and_leave_a_helper": "sleep 86403",
}


def run_faults(folder: Path, faults: tuple[str, ...], *, source: str = PROGRAMS) -> Recording:
    file = folder / "programs.py"
    factories = "\n".join(f"def arm_{name}(): return Program({name}), [(1,), (2,)]" for name in faults)
    file.write_text(f"{source}\ndef arm_well(): return Program(), [(1,), (2,)]\n{factories}\n")
    arms = tuple(
        Arm(name=name, variant=Variant.of({PRECISION: GIVEN}), factory=f"{file}:arm_{name}")
        for name in ("well", *faults)
    )
    schedule = Schedule(replicates=1, rounds=3, inferences=3000, budget_s=None, turn_limit_s=2.0)
    plan = Plan(model="", arms=with_control(arms), schedule=schedule, counters=False, layers=False)
    return run_processes(plan)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return run_faults(tmp_path_factory.mktemp("faults"), (*LOST, *HARMLESS))


def test_the_run_ends_complete_whatever_its_arms_do(recording: Recording) -> None:
    assert isinstance(recording.ended, Ended)
    assert recording.ended.why is Ending.COMPLETE


@pytest.mark.parametrize("fault", LOST)
def test_a_fault_is_the_failure_of_its_arm_with_its_reason(recording: Recording, fault: str) -> None:
    (failure,) = [failure for failure in recording.failures if failure.arm == fault]
    assert failure.stage == "turn"
    assert LOST[fault] in failure.reason


@pytest.mark.parametrize("arm", ["well", "well (again)", *HARMLESS])
def test_a_fault_costs_no_other_arm_a_reading(recording: Recording, arm: str) -> None:
    assert sum(reading.inferences for reading in recording.readings if reading.arm == arm) == 3000
    assert not recording.labelled


def test_an_arm_lost_at_once_does_not_wait_for_what_holds_its_line(recording: Recording) -> None:
    assert isinstance(recording.ended, Ended)
    lost = {failure.arm for failure in recording.failures if "no answer within" in failure.reason}
    assert lost == {"stop_itself"}


@pytest.mark.parametrize("arm", LEFT)
def test_what_an_arm_left_running_is_named_with_it(recording: Recording, arm: str) -> None:
    (left,) = [fact for fact in recording.circumstances if isinstance(fact, LeftRunning) and fact.arm == arm]
    assert any(LEFT[arm] in command for command in left.commands)


def test_a_daemon_is_named_though_its_arm_is_unknown(recording: Recording) -> None:
    (left,) = [fact for fact in recording.circumstances if isinstance(fact, LeftRunning) and not fact.arm]
    assert "sleep 86402" in left.commands


def test_only_those_that_left_something_are_said_to(recording: Recording) -> None:
    left = {fact.arm for fact in recording.circumstances if isinstance(fact, LeftRunning)}
    assert left <= {*LEFT, "let_a_child_return", ""}


def test_nothing_that_an_arm_started_runs_on(recording: Recording) -> None:
    assert [line for line in command_lines() if "sleep 8640" in line] == []


def command_lines() -> list[str]:
    lines = []
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            try:
                lines.append(Path(entry.path, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
    return lines


KILLS_PARENT = (
    PROGRAMS
    + """
def kill_its_parent():
    subprocess.Popen(["sleep", "86411"])
    os.kill(os.getppid(), signal.SIGKILL)
    signal.pause()
"""
)


def test_a_killed_interpreter_loses_its_arms_with_the_reason_and_leaves_nothing(tmp_path: Path) -> None:
    recording = run_faults(tmp_path, ("kill_its_parent",), source=KILLS_PARENT)
    assert isinstance(recording.ended, Ended)
    assert recording.ended.why is Ending.FAILED
    assert {failure.arm for failure in recording.failures} == {"well", "well (again)", "kill_its_parent"}
    (failure,) = [failure for failure in recording.failures if failure.arm == "well"]
    assert "lost with the interpreter that it was forked from, which killed by SIGKILL" in failure.reason
    assert [line for line in command_lines() if "sleep 86411" in line] == []


HOLDS = '''
import os, signal, subprocess

class Program:
    """In a turn it starts a helper, says so into a pipe that both hold open, and waits."""
    calls = 0
    def __call__(self, number):
        self.calls += 1
        if self.calls == 601:
            pipe = os.open("pipe", os.O_WRONLY)
            os.set_inheritable(pipe, True)
            subprocess.Popen(["sleep", "86421"], close_fds=False)
            os.write(pipe, b"there")
            signal.pause()
        return number

def make(): return Program(), [(1,), (2,)]
'''
COMMAND = """
import signal
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)  # the parent of the tests may ignore them
import ironlaw.cli
ironlaw.cli.main()
"""
WORDS = (
    "run --arm a=programs.py:make --n 3000 --replicates 5 --experiments none --no-layers --no-counters --out run.jsonl"
)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_no_process_and_names_what_it_kept(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "programs.py").write_text(HOLDS)
    (tmp_path / "temporary").mkdir()
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    keeper = os.open(tmp_path / "pipe", os.O_WRONLY)  # without a writer a read would end before there is one
    running = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *WORDS.split()],
        cwd=tmp_path, env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert os.read(reader, 5) == b"there"
        os.close(keeper)
        running.send_signal(number)
        _, printed = running.communicate(timeout=60)
        assert select.select([reader], [], [], 30.0)[0], "a process that the arm started runs on"
        assert os.read(reader, 5) == b""
    finally:
        running.kill()
        os.close(reader)
    recording = load(tmp_path / "run.jsonl")
    if number is signal.SIGKILL:
        assert recording.was_cut
        return
    assert running.returncode == 3
    assert printed.splitlines()[-2:] == [
        f"ironlaw: {number.name} ended the run",
        "   hint: what was recorded is kept: ironlaw explain run.jsonl",
    ]
    assert isinstance(recording.ended, Ended)
    assert recording.ended.why is Ending.INTERRUPTED
    assert [file.name for file in (tmp_path / "temporary").iterdir() if file.name.startswith("ironlaw-")] == []


def test_a_child_that_the_program_has_reaped_is_not_killed_by_its_number() -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    end_child(child)
