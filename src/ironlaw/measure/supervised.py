"""Interpreters and twins as the recorder holds them: what they send, how they ended, and how they are ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from ironlaw.circumstance import LeftRunning
from ironlaw.fact import Fact
from ironlaw.measure.children import describe_exit, end_session
from ironlaw.measure.messages import (
    Broken,
    Died,
    End,
    Forked,
    Launch,
    Left,
    Line,
    LineLost,
    Loss,
    News,
    Order,
    decode_fact,
    decode_news,
    first_readable,
)

END_LIMIT_S = 8.0  # for an interpreter to report the end of what was killed; what an arm left has 1 s to end alone


@dataclass(slots=True)
class Interpreter:
    """A replicate's interpreter, a child of the recorder and the parent of the twins."""

    process: subprocess.Popen[bytes]
    line: Line
    log: Path
    arms: tuple[str, ...]
    ends: dict[str, str] = field(default_factory=dict)  # of twins that have ended: how
    left: list[LeftRunning] = field(default_factory=list)  # what arms left running, not yet taken by `dismiss`
    has_ended: bool = False

    def begin(self, launch: Launch) -> None:
        """Let it import and fork; `wait_forked` waits for that, and reports what went wrong here too."""
        with contextlib.suppress(LineLost):
            self.line.send(msgspec.json.encode(launch))

    def wait_forked(self, *, limit_s: float) -> str:
        """Wait until it has imported and forked; empty, or why it could not."""
        try:
            news = self.line.receive_news(timeout_s=limit_s)
        except LineLost as lost:
            if lost.loss is not Loss.CLOSED:
                return f"the interpreter did not start: {lost.message}"
            return f"the interpreter did not start: {self._end_and_reap()}"
        match news:
            case Forked():
                return ""
            case Broken():
                return news.reason
            case _:
                return f"the interpreter did not start: {news}"

    def hear(self) -> None:
        """Take what news have come; it has ended when its line is closed."""
        try:
            self.line.fill()
            while (line := self.line.take()) is not None:
                self._note(decode_news(line))
        except LineLost:
            self._end_and_reap()

    def hear_until_ended(self, arms: set[str], *, limit_s: float) -> None:
        """Wait for the ends of these twins, or for its own."""
        deadline_s = time.monotonic() + limit_s
        while not self.has_ended and not arms <= self.ends.keys() and first_readable(self.line, deadline_s=deadline_s):
            self.hear()

    def end(self, arm: str) -> None:
        """End a twin; with all of them where the interpreter does not do it."""
        if arm in self.ends or self.has_ended:
            return
        with contextlib.suppress(LineLost):
            self.line.send(msgspec.json.encode(End(arm)))
        self.hear_until_ended({arm}, limit_s=END_LIMIT_S)
        if arm not in self.ends:
            self._end_and_reap()

    def dismiss(self, *, limit_s: float) -> list[LeftRunning]:
        """Wait until it has ended, a while after its twins were hung up on; what the arms had left running."""
        self._hear_out(limit_s)
        for arm in self.arms:
            self.end(arm)
        self._hear_out(END_LIMIT_S)
        if not self.has_ended:
            self._end_and_reap()
        return self.left

    def _hear_out(self, limit_s: float) -> None:
        deadline_s = time.monotonic() + limit_s
        while not self.has_ended and first_readable(self.line, deadline_s=deadline_s):
            self.hear()

    def _note(self, news: News) -> None:
        match news:
            case Died():
                self.ends[news.arm] = describe_exit(os.waitstatus_to_exitcode(news.status))
                self._leave(news.arm, news.left)
            case Left():
                self._leave("", news.commands)
            case _:
                raise LineLost(f"unexpected news: {news}", loss=Loss.GARBLED)

    def _leave(self, arm: str, commands: tuple[str, ...]) -> None:
        if commands:
            beside = () if arm else tuple(self.arms)
            self.left.append(LeftRunning(arm=arm, beside=beside, commands=tuple(sorted(set(commands)))))

    def _end_and_reap(self) -> str:
        """End it where it has not ended, and its session with it; how it ended.

        Its line is closed when it ends, so that one that has ended by itself keeps its own exit code here. It is reaped
        last: until then the number of its session is not reused.
        """
        os.kill(self.process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
        end_session(self.process.pid, limit_s=END_LIMIT_S)
        how = describe_exit(self.process.wait())
        self.line.close()
        self.has_ended = True
        for arm in self.arms:
            self.ends.setdefault(arm, f"lost with the interpreter that it was forked from, which {how}")
        return how


@dataclass(slots=True)
class TwinProcess:
    """The process of one arm, from the recorder's side."""

    arm: str
    line: Line
    interpreter: Interpreter
    log: Path

    def send(self, order: Order) -> None:
        """Order something.

        Raises:
            LineLost: it has ended.
        """
        self.line.send_order(order)

    def receive(self, *, limit_s: float) -> Fact:
        """The next fact.

        Its own line does not say that it has ended while a child of it holds the other end too; its interpreter does.

        Raises:
            LineLost: it has ended, sent nothing in time, or sent what is no fact.
        """
        deadline_s = time.monotonic() + limit_s
        while (line := self.line.take()) is None:
            has_ended = self.arm in self.interpreter.ends or self.interpreter.has_ended
            lines = (self.line,) if has_ended else (self.line, self.interpreter.line)
            ready = first_readable(*lines, deadline_s=0.0 if has_ended else deadline_s)
            if ready is self.line:
                self.line.fill()
            elif ready is not None:
                self.interpreter.hear()
            elif has_ended:
                raise LineLost("its process has ended", loss=Loss.CLOSED)
            else:
                raise LineLost(f"no answer within {limit_s:.0f} s", loss=Loss.SLOW)
        return decode_fact(line, arm=self.arm)

    def explain(self, lost: LineLost) -> str:
        """Why it was lost. It has ended when this returns."""
        if lost.loss is not Loss.CLOSED:
            self.interpreter.end(self.arm)
            return f"{lost.message}; it was stopped"
        self.interpreter.hear_until_ended({self.arm}, limit_s=END_LIMIT_S)
        self.interpreter.end(self.arm)
        return self.interpreter.ends[self.arm]
