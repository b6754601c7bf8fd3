"""Interpreters that are stopped while they import: with real processes."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ironlaw import child
from ironlaw.measure import interpreters
from ironlaw.measure.interpreters import Interpreters, Request
from ironlaw.measure.limits import Limit
from ironlaw.measure.supervised import Interpreter
from ironlaw.missing import is_known

# Imports until something is written into the pipe.
SLOW = "open({pipe!r}).read()\n"


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    (tmp_path / "slow.py").write_text(SLOW.format(pipe=str(path)))
    return path


@pytest.fixture
def importing(
    tmp_path: Path, pipe: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Interpreters, Interpreter]]:
    """An interpreter that was started ahead and is importing."""
    made: list[Interpreter] = []

    def make(*given: Any) -> Interpreter:
        made.append(Interpreter(*given))
        return made[-1]

    monkeypatch.setattr(interpreters, "Interpreter", make)
    every = Interpreters(
        variables={"PYTHONPATH": os.pathsep.join([str(tmp_path), child.variables().get("PYTHONPATH", "")])},
        withheld=(),
        rng=random.Random(0),
        new_log=lambda: tmp_path / "log",
    )
    every.start_ahead([((), ("slow",))], room=1)
    yield every, made[0]
    every.discard_ahead()


def state_of(process: int) -> str:
    """R, S or T (stopped), as the kernel has it."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0]


def test_it_is_stopped_goes_on_and_does_not_count_the_time_between(
    importing: tuple[Interpreters, Interpreter], pipe: Path
) -> None:
    every, one = importing
    every.pause()
    os.waitid(os.P_PID, one.process.pid, os.WSTOPPED | os.WNOWAIT)
    assert state_of(one.process.pid) == "T"
    assert every.is_importing()
    every.resume(os.sched_getaffinity(0))
    pipe.write_text("go on")
    imported_ns = one.imported(Limit(s=60.0))
    assert is_known(imported_ns)
    assert 0 < one.paused_ns(imported_ns) < imported_ns
    assert one.paused_ns(0) == 0
    assert not every.is_importing()


def test_one_that_is_stopped_goes_on_when_it_is_taken(importing: tuple[Interpreters, Interpreter], pipe: Path) -> None:
    """Otherwise what takes it waits for as long as imports may take."""
    every, one = importing
    every.pause()
    os.waitid(os.P_PID, one.process.pid, os.WSTOPPED | os.WNOWAIT)
    (launched,) = every.take([Request(environment=(), imports=("slow",), setups=())])
    assert launched.interpreter is one
    pipe.write_text("go on")
    assert is_known(one.imported(Limit(s=60.0)))
    one.discard()


def test_one_that_is_stopped_can_be_ended(importing: tuple[Interpreters, Interpreter]) -> None:
    every, one = importing
    every.pause()
    every.discard_ahead()
    assert one.has_ended


def test_one_that_is_stopped_ends_with_a_recorder_that_is_killed(pipe: Path, tmp_path: Path) -> None:
    recorder = f"""
import os, random, time
from pathlib import Path
from ironlaw.measure import interpreters
made = []
real = interpreters.Interpreter
interpreters.Interpreter = lambda *given: made.append(real(*given)) or made[-1]
every = interpreters.Interpreters(
    variables={{"PYTHONPATH": {str(tmp_path)!r} + os.pathsep + os.environ.get("PYTHONPATH", "")}}, withheld=(),
    rng=random.Random(0), new_log=lambda: Path({str(tmp_path / "log")!r}))
every.start_ahead([((), ("slow",))], room=1)
print(made[0].process.pid, flush=True)
every.pause()  # at once: before it imports, and before it could have asked to end with its parent
os.waitid(os.P_PID, made[0].process.pid, os.WSTOPPED | os.WNOWAIT)
print("stopped", flush=True)
input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", recorder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        stopped = int(process.stdout.readline())
        descriptor = os.pidfd_open(stopped)
        assert process.stdout.readline() == "stopped\n"
        process.send_signal(signal.SIGKILL)
        poll = select.poll()
        poll.register(descriptor, 1)
        assert poll.poll(10_000)
        os.close(descriptor)
