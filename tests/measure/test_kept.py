"""Measuring into a file: signals, a full disk, and what is left of a run that they end."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ironlaw.analysis.assemble import explain
from ironlaw.arm import Arm
from ironlaw.errors import BadInput, RecordingUnreadable, RunIncomplete
from ironlaw.fact import Ended, Ending, Fact
from ironlaw.measure import kept
from ironlaw.measure.messages import Turn
from ironlaw.measure.scripted import ArmScript, Script, ScriptedStage
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.recording import Recording, load
from ironlaw.running.advice import advise
from ironlaw.watcher import Unwatched
from tests.test_recording import room_for

SCRIPT = Script(arms={"fp32": ArmScript(), "int8": ArmScript(user_instructions=4e7)})
PLAN = Plan(
    model="scripted",
    arms=with_control((Arm.of("fp32"), Arm.of("int8"))),
    schedule=Schedule(replicates=3, rounds=4, inferences=48),
)


def send(*numbers: signal.Signals) -> None:
    """Each is handled before the next is sent: handlers run between two instructions of Python."""
    for number in numbers:
        os.kill(os.getpid(), number)


class Disturbed(ScriptedStage):
    """Something happens in a turn of the second replicate, while the run ends, and while its folder is removed."""

    def __init__(
        self,
        in_turn: Callable[[], None] = lambda: None,
        in_stop: Callable[[], None] = lambda: None,
        in_close: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(SCRIPT)
        self._in_turn, self._in_stop, self._in_close = in_turn, in_stop, in_close
        self._turns = 0
        self.is_closed = False

    def turn(self, arm: Arm, order: Turn) -> Fact:
        self._turns += 1
        if self._turns == 18:
            self._in_turn()
        return super().turn(arm, order)

    def stop(self, *, at_once: bool = False) -> list[Fact]:
        self._in_stop()
        return super().stop(at_once=at_once)

    def close(self) -> None:
        self._in_close()
        self.is_closed = True


@pytest.fixture(autouse=True)
def _endable() -> Iterator[None]:
    """Signals as a terminal sends them: nohup has them ignored, as a shell without job control does in background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler), signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in zip((signal.SIGINT, signal.SIGHUP), before, strict=True):
        signal.signal(number, handler)


def measure(stage: Disturbed, path: Path, monkeypatch: pytest.MonkeyPatch) -> Recording:
    monkeypatch.setattr(kept, "ProcessStage", lambda plan: stage)
    return kept.record_to(path, PLAN, force=False, watcher=Unwatched(), advice=advise())


def why(recording: Recording) -> Ending:
    assert isinstance(recording.ended, Ended)
    return recording.ended.why


@pytest.mark.parametrize("times", [1, 2, 5])
def test_ctrl_c_keeps_what_there_is_however_often_it_is_pressed(
    times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressed = [signal.SIGINT] * (times - 1)
    stage = Disturbed(lambda: send(signal.SIGINT), lambda: send(*pressed), lambda: send(*pressed))
    # At the end of the first replicate nothing has been pressed yet: stopping there is left alone.
    monkeypatch.setattr(stage, "_in_stop", lambda: send(*pressed) if stage._turns >= 18 else None)
    recording = measure(stage, tmp_path / "run.jsonl", monkeypatch)
    assert why(recording) is Ending.INTERRUPTED
    assert isinstance(recording.ended, Ended)
    assert recording.ended.signal == "SIGINT"
    assert len(recording.readings) == 17
    assert stage.is_closed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_is_recorded_and_named_with_the_file(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Disturbed(lambda: send(number, number, signal.SIGINT))
    with pytest.raises(RunIncomplete, match=f"{number.name} ended the run") as raised:
        measure(stage, tmp_path / "run.jsonl", monkeypatch)
    assert f"ironlaw explain {tmp_path / 'run.jsonl'}" in raised.value.hint
    recording = load(tmp_path / "run.jsonl")
    assert why(recording) is Ending.INTERRUPTED
    assert isinstance(recording.ended, Ended)
    assert recording.ended.signal == number.name
    assert any(f"interrupted by {number.name}" in concern.text for concern in explain(recording).concerns)
    assert stage.is_closed


def test_a_recording_that_cannot_be_read_back_is_named_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> Recording:
        raise RecordingUnreadable(f"{path}, line 3: no law allows it", hint="record again")

    monkeypatch.setattr(kept, "load", refuse)
    with pytest.raises(RunIncomplete, match="line 3: no law allows it") as raised:
        measure(Disturbed(), tmp_path / "run.jsonl", monkeypatch)
    assert str(tmp_path / "run.jsonl") in raised.value.hint
    assert len(load(tmp_path / "run.jsonl").readings) == 36


def no_descriptors() -> None:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def test_descriptors_that_run_out_while_measuring_keep_what_was_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RunIncomplete, match="Too many open files") as raised:
        measure(Disturbed(no_descriptors), tmp_path / "run.jsonl", monkeypatch)
    assert "ulimit -n 1024" in raised.value.hint
    assert len(load(tmp_path / "run.jsonl").readings) == 17


def test_descriptors_that_run_out_before_leave_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Disturbed()
    monkeypatch.setattr(stage, "check_counters", no_descriptors)
    with pytest.raises(BadInput, match="Too many open files"):
        measure(stage, tmp_path / "run.jsonl", monkeypatch)
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_a_run_ends_by_itself_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Disturbed(in_close=lambda: send(signal.SIGINT))
    recording = measure(stage, tmp_path / "run.jsonl", monkeypatch)
    assert why(recording) is Ending.COMPLETE
    assert len(recording.readings) == 36


def test_ctrl_c_before_anything_is_recorded_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(plan: Plan) -> Disturbed:
        send(signal.SIGINT)
        raise AssertionError("the signal comes first")

    monkeypatch.setattr(kept, "ProcessStage", interrupted)
    with pytest.raises(KeyboardInterrupt):
        kept.record_to(tmp_path / "run.jsonl", PLAN, force=False, watcher=Unwatched(), advice=advise())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_handlers_are_as_before_when_the_run_has_ended(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(number)
    measure(Disturbed(), tmp_path / "run.jsonl", monkeypatch)
    assert signal.getsignal(number) == before


def test_a_signal_that_is_ignored_as_under_nohup_stays_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        recording = measure(Disturbed(lambda: send(signal.SIGHUP)), tmp_path / "run.jsonl", monkeypatch)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert why(recording) is Ending.COMPLETE


def test_a_full_disk_ends_the_run_with_what_fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Disturbed()
    with room_for(8000), pytest.raises(RunIncomplete, match="cannot write"):
        measure(stage, tmp_path / "run.jsonl", monkeypatch)
    assert load(tmp_path / "run.jsonl").was_cut
    assert load(tmp_path / "run.jsonl").readings
    assert stage.is_closed


def test_bad_input_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise BadInput("no such model", hint="none")

    with pytest.raises(BadInput):
        measure(Disturbed(refused), tmp_path / "run.jsonl", monkeypatch)
    assert list(tmp_path.iterdir()) == []
