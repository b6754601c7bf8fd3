"""Preparing that does not end: with real processes, and a clock that jumps when a program reports that it hangs."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ironlaw.arm import Arm
from ironlaw.circumstance import LeftRunning
from ironlaw.fact import Ended, Ending, Failure
from ironlaw.measure import interpreter, limits
from ironlaw.measure.processes import ProcessStage
from ironlaw.measure.recorder import record
from ironlaw.measure.supervised import Interpreter
from ironlaw.plan import Plan, Schedule
from ironlaw.recording import assemble, load
from ironlaw.running.advice import advise
from ironlaw.variant import GIVEN, PRECISION, Variant
from ironlaw.watcher import Unwatched
from tests.measure.test_faults import command_lines
from tests.scripted import Kept

BUDGET_S, JUMP_S = 60.0, 1e4
PROGRAMS = """
import ctypes, os, signal, subprocess

def report(helper):
    subprocess.Popen(["sleep", helper], start_new_session=True)  # as a compiler's workers are
    with open("{pipe}", "wb", buffering=0) as pipe:
        pipe.write(b"there")

def in_c():
    report("86441")
    ctypes.PyDLL(None).pause()  # keeps the interpreter lock

def in_python():
    report("86442")
    while True:
        signal.pause()

def in_a_process():
    report("86443")
    subprocess.run(["sleep", "86444"])

def well():
    return abs, [(1,), (2,)]
"""


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[int]:
    """The end of a pipe into which a program writes when it hangs."""
    os.mkfifo(tmp_path / "pipe")
    descriptor = os.open(tmp_path / "pipe", os.O_RDWR)
    (tmp_path / "programs.py").write_text(PROGRAMS.replace("{pipe}", str(tmp_path / "pipe")))
    yield descriptor
    os.close(descriptor)


class _Jumping(ProcessStage):
    """Where a program hangs, its clock jumps beyond anything that preparing may take."""

    def __init__(self, plan: Plan, reader: int) -> None:
        self._reader = reader
        super().__init__(plan)

    def now_s(self) -> float:
        hangs = select.select([self._reader], [], [], 0.0)[0]
        return time.monotonic() + JUMP_S * bool(hangs)


@pytest.mark.parametrize("name", ["in_c", "in_python", "in_a_process"])
def test_preparing_that_does_not_end_is_stopped_by_the_budget_and_the_others_go_on(
    name: str, tmp_path: Path, reader: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LEAST_S", 600.0)  # of the arm that does not hang, on a machine that is busy
    arms = tuple(
        Arm(name=one, variant=Variant.of({PRECISION: GIVEN}), factory=f"{tmp_path}/programs.py:{one}")
        for one in (name, "well")
    )
    schedule = Schedule(replicates=1, rounds=2, budget_s=BUDGET_S)
    kept, stage = Kept(), _Jumping(Plan(model="", arms=arms, schedule=schedule, counters=False), reader)
    try:
        record(stage._plan, stage, kept, watcher=Unwatched(), advice=advise())
    finally:
        stage.close()
    recording = assemble(kept)
    (failure,) = recording.failures
    assert (failure.arm, failure.stage) == (name, "prepare")
    assert "as long as a budget of 60 s allows; it was stopped" in failure.reason
    assert failure.hint.endswith("--budget 120")
    assert {reading.arm for reading in recording.readings} == {"well"}
    assert isinstance(recording.ended, Ended)
    assert recording.ended.why is Ending.COMPLETE
    assert [line for line in command_lines() if "sleep 8644" in line] == []


def test_an_interpreter_that_does_not_end_a_program_is_ended_with_what_that_started(
    tmp_path: Path, reader: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Interpreter, "hear_until_ended", lambda *_, **__: None)  # as one that reports nothing in time
    arm = Arm(name="bad", variant=Variant.of({PRECISION: GIVEN}), factory=f"{tmp_path}/programs.py:in_a_process")
    plan = Plan(model="", arms=(arm,), schedule=Schedule(replicates=1, budget_s=BUDGET_S), counters=False)
    stage = _Jumping(plan, reader)
    try:
        stage.begin(BUDGET_S)
        stage.check_counters()
        facts = list(stage.prepare((arm,)))
    finally:
        stage.close()
    assert [fact.stage for fact in facts if isinstance(fact, Failure)] == ["prepare"]
    assert [line for line in command_lines() if "sleep 8644" in line] == []


COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # the parent of the tests may ignore it
from ironlaw.measure import processes, supervised
processes.HANG_UP_LIMIT_S = supervised.END_LIMIT_S = 86400.0  # so that nothing but Ctrl-C ends it
import ironlaw.cli
ironlaw.cli.main()
"""


@pytest.mark.parametrize("name", ["in_c", "in_a_process"])
def test_ctrl_c_ends_a_run_that_prepares_without_waiting_for_it(name: str, tmp_path: Path, reader: int) -> None:
    words = f"run --arm well=programs.py:well --arm bad=programs.py:{name} --experiments none --no-layers --no-counters"
    running = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *words.split(), "--out", "run.jsonl"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert os.read(reader, 5) == b"there"
        running.send_signal(signal.SIGINT)
        printed, _ = running.communicate(timeout=60)
    finally:
        running.kill()
    recording = load(tmp_path / "run.jsonl")
    assert running.returncode == 3
    assert "interrupted by SIGINT" in printed
    assert isinstance(recording.ended, Ended)
    assert recording.ended.why is Ending.INTERRUPTED
    assert recording.failures == ()
    assert not any(isinstance(fact, LeftRunning) for fact in recording.circumstances)
    assert [line for line in command_lines() if "sleep 8644" in line] == []


@pytest.mark.parametrize(("is_over", "grace_s"), [(True, 0.0), (False, interpreter.GRACE_S)])
def test_what_arms_started_has_time_to_end_by_itself_unless_the_recorder_has_none(
    is_over: bool, grace_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []

    def end(*_: object, grace_s: float, limit_s: float) -> tuple[str, ...]:
        seen.append(grace_s)
        return ()

    class Line:
        def send_news(self, news: object) -> None: ...

    monkeypatch.setattr(interpreter, "ChildEnds", object)
    monkeypatch.setattr(interpreter, "ended_child", lambda: 7)
    monkeypatch.setattr(interpreter, "end_group", end)
    monkeypatch.setattr(interpreter, "end_children", end)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("os.waitpid", lambda *_: (7, 0))
    monkeypatch.setattr("os.kill", lambda *_: None)
    supervisor = interpreter._Supervisor(Line(), {7: "a"})  # type: ignore[arg-type]  # a line of which it sends news
    if is_over:
        supervisor._end_all()
    supervisor.run()
    assert seen == [grace_s, grace_s]
