"""Interpreters and twins from the recorder's side: what they send, how they ended, and how to end them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from ironlaw.circumstance import LeftRunning
from ironlaw.fact import Fact
from ironlaw.measure.children import describe_exit, end_held, end_session, hold_descendants
from ironlaw.measure.limits import Limit
from ironlaw.measure.messages import (
    Broken,
    Died,
    End,
    Forked,
    Imported,
    Imports,
    Launch,
    Left,
    Line,
    LineLost,
    Loss,
    News,
    Order,
    Watching,
    decode_fact,
    decode_news,
    first_readable,
)
from ironlaw.missing import Maybe, Missing

END_LIMIT_S = 8.0  # for an interpreter to report the end of what was killed; what an arm left has 1 s to end alone
WATCHING_LIMIT_S = 5.0  # for Python to start, 0.1 s on a quiet CPU
WHOLE_LINE_S = 1.0  # for the rest of a line of which something has come


@dataclass(slots=True)
class Interpreter:
    """A replicate's interpreter, a child of the recorder and the parent of the twins."""

    process: subprocess.Popen[bytes]
    line: Line
    log: Path
    arms: tuple[str, ...] = ()  # whose twins it has forked
    ends: dict[str, str] = field(default_factory=dict)  # of twins that have ended: how
    left: list[LeftRunning] = field(default_factory=list)  # what arms left running, not yet taken by `dismiss`
    has_ended: bool = False
    _is_watching: bool = False
    _imported: Maybe[int] | None = None
    _pauses: list[tuple[int, int]] = field(default_factory=list)  # from when until when, on the monotonic clock in ns
    _paused_ns: int | None = None  # since when

    def begin(self, imports: Imports) -> None:
        """Let it import; `imported` waits for that, and reports what went wrong here too."""
        with contextlib.suppress(LineLost):
            self.line.send(msgspec.json.encode(imports))

    def imported(self, limit: Limit) -> Maybe[int]:
        """Wait until it has imported: when that was, on the monotonic clock in ns, or why it could not."""
        deadline_s = time.monotonic() + limit.s
        while self._imported is None:
            if self._has_news(deadline_s):
                self._look()
            else:
                self._imported = Missing(_refused(limit.reason))
        return self._imported

    def is_importing(self) -> bool:
        """Whether it still imports."""
        while self._imported is None and not self.has_ended and self._has_news(deadline_s=0.0):
            self._look()
        return self._imported is None and not self.has_ended

    def _has_news(self, deadline_s: float) -> bool:
        return self.line.holds_line() or first_readable(self.line, deadline_s=deadline_s) is not None

    def _look(self) -> None:
        """Take the next of its news while it imports."""
        news = self._next_news(Limit(s=WHOLE_LINE_S))
        if isinstance(news, Watching):
            self._is_watching = True
        else:
            self._imported = news.at_ns if isinstance(news, Imported) else Missing(_refused(news))

    def pause(self) -> None:
        """Stop it while it imports: nothing may run beside what is measured.

        One that was stopped before it watches its parent would stay for ever if that were killed.
        """
        if self._paused_ns is not None:
            return
        deadline_s = time.monotonic() + WATCHING_LIMIT_S
        while self.is_importing() and not self._is_watching and self._has_news(deadline_s):
            pass  # `is_importing` takes them
        if self.is_importing():
            os.kill(self.process.pid, signal.SIGSTOP)
            self._paused_ns = time.monotonic_ns()

    def resume(self) -> None:
        """Let it go on."""
        if self._paused_ns is not None:
            self._pauses.append((self._paused_ns, time.monotonic_ns()))
            self._paused_ns = None
            os.kill(self.process.pid, signal.SIGCONT)

    def paused_ns(self, until_ns: int) -> int:
        """How long it was stopped before a time on the monotonic clock, in ns."""
        return sum(max(0, min(end, until_ns) - start) for start, end in self._pauses)

    def keep_to(self, cpus: Iterable[int]) -> None:
        """Let it import on these CPUs only; its twins choose theirs."""
        with contextlib.suppress(OSError):  # it has ended
            os.sched_setaffinity(self.process.pid, cpus)

    def discard(self) -> None:
        """End it, before it has forked anything."""
        if not self.has_ended:
            self._end_and_reap()

    def fork(self, launch: Launch, ends: Sequence[int], limit: Limit) -> str:
        """Make it fork twins, which get these ends of their sockets; return why it could not, or an empty text."""
        self.arms = tuple(setup.arm.name for setup in launch.setups)
        with contextlib.suppress(LineLost):
            self.line.send(msgspec.json.encode(launch), ends)
        news = self._next_news(limit)
        return "" if isinstance(news, Forked) else _refused(news)

    def _next_news(self, limit: Limit) -> News | str:
        """The next news, or how it was lost."""
        try:
            return self.line.receive_news(timeout_s=limit.s)
        except LineLost as lost:
            if lost.loss is Loss.CLOSED:
                return self._end_and_reap()
            return limit.reason if lost.loss is Loss.SLOW else lost.message

    def hear(self) -> None:
        """Read the news that have arrived; a closed line means that it has ended."""
        try:
            self.line.fill()
            while (line := self.line.take()) is not None:
                self._note(decode_news(line))
        except LineLost:
            self._end_and_reap()

    def hear_until_ended(self, arms: set[str], *, limit_s: float) -> None:
        """Wait until these twins have ended, or it has."""
        deadline_s = time.monotonic() + limit_s
        while not self.has_ended and not arms <= self.ends.keys() and first_readable(self.line, deadline_s=deadline_s):
            self.hear()

    def end(self, arm: str) -> None:
        """End a twin; if the interpreter does not end it in time, end the interpreter with all its twins."""
        if arm in self.ends or self.has_ended:
            return
        with contextlib.suppress(LineLost):
            self.line.send(msgspec.json.encode(End(arm)))
        self.hear_until_ended({arm}, limit_s=END_LIMIT_S)
        if arm not in self.ends:
            self._end_and_reap()

    def terminate(self) -> None:
        """Have it end its twins at once, and then itself: `dismiss` waits for that."""
        if not self.has_ended:
            os.kill(self.process.pid, signal.SIGTERM)

    def dismiss(self, *, limit_s: float) -> list[LeftRunning]:
        """Wait until it has ended, after its twins were disconnected; return what the arms had left running."""
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

        Its line closes when it ends, so that a process that ended by itself keeps its exit code. It is reaped last:
        until then the number of its session is not reused. What its arms started in sessions of their own would lose
        the process that ends it.
        """
        held = hold_descendants(self.process.pid)
        os.kill(self.process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
        end_held(held)
        end_session(self.process.pid, limit_s=END_LIMIT_S)
        how = describe_exit(self.process.wait())
        self.line.close()
        self.has_ended = True
        for arm in self.arms:
            self.ends.setdefault(arm, f"lost with the interpreter that it was forked from, which {how}")
        return how


def _refused(news: News | str) -> str:
    return news.reason if isinstance(news, Broken) else f"the interpreter did not start: {news}"


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

    def look(self) -> Fact | None:
        """A fact that has come whole; None where none has.

        Raises:
            LineLost: as `receive`.
        """
        has_ended = self.arm in self.interpreter.ends or self.interpreter.has_ended
        line = self.line.take()
        while line is None and first_readable(self.line, deadline_s=0.0) is not None:
            self.line.fill()
            line = self.line.take()
        if line is None and has_ended:
            raise LineLost("its process has ended", loss=Loss.CLOSED)
        return None if line is None else decode_fact(line, arm=self.arm)

    def explain(self, lost: LineLost) -> str:
        """Why it was lost. It has ended when this returns."""
        if lost.loss is not Loss.CLOSED:
            self.interpreter.end(self.arm)
            return f"{lost.message}; it was stopped"
        self.interpreter.hear_until_ended({self.arm}, limit_s=END_LIMIT_S)
        self.interpreter.end(self.arm)
        return self.interpreter.ends[self.arm]
