"""A replicate's interpreter: starts fresh, imports once, and forks every arm as a twin before any thread pool starts.

It may be started and import long before its replicate is due, while nothing is measured; it receives the twins to fork
later. Run as `python -m ironlaw.measure.interpreter FD`; FD is its socket to the recorder.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from ironlaw.measure.children import ChildEnds, adopt_orphans, die_with_parent, end_children, end_group, ended_child
from ironlaw.measure.messages import (
    Broken,
    Died,
    Forked,
    Imported,
    Imports,
    Launch,
    Left,
    Line,
    LineLost,
    News,
    TwinSetup,
    Watching,
)
from ironlaw.measure.sampling.symbols import perf_map_path
from ironlaw.telemetry import withhold

GRACE_S = 1.0  # for what an arm started: helpers that see a closed pipe end within some milliseconds
_ENDED_S = 5.0  # until what was killed has given its memory back


def main() -> None:
    """Import, fork, then report every twin's end until none is left."""
    die_with_parent()  # at once, even while it is stopped: it has no twins yet
    adopt_orphans()
    gc.disable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # a process that inherits it as ignored cannot wait for a child
    line = Line(socket.socket(fileno=int(sys.argv[1])), takes_descriptors=True)
    with contextlib.suppress(LineLost):  # the recorder does not need it
        line.send_news(Watching())
        first = msgspec.json.decode(line.receive(), type=Imports)
        withhold(first.withheld)
        if not _imports(first.names, line):
            return
        line.send_news(Imported(at_ns=time.monotonic_ns()))
        launch = msgspec.json.decode(line.receive(), type=Launch)
        if not _imports(launch.imports, line):
            return
        die_with_parent(signal.SIGTERM)
        _exempt_from_collection()
        setups = [replace(setup, fd=end) for setup, end in zip(launch.setups, line.descriptors, strict=True)]
        names = {_fork(setup, setups): setup.arm.name for setup in setups}
        for setup in setups:
            os.close(setup.fd)
        line.send_news(Forked())
        _Supervisor(line, names).run()


def _imports(names: tuple[str, ...], line: Line) -> bool:
    """Import modules; return whether that succeeded. The recorder is sent the reason if not."""
    name = ""
    try:
        for name in names:
            importlib.import_module(name)
    except BaseException as error:  # noqa: BLE001  # the border to the engines, which may also call sys.exit
        line.send_news(Broken(f"importing {name} failed: {type(error).__name__}: {error}"))
        return False
    return True


def _exempt_from_collection() -> None:
    """Exempt what was imported from the twins' garbage collection, which starts here.

    It stays anyway. A twin's first full collection would write into every page that it shares with the interpreter, and
    copy it (the gc module's documentation, on freeze and fork). That took 0.2 s an arm beside torch; collecting during
    the imports took a tenth of them.
    """
    gc.freeze()
    gc.enable()


class _Supervisor:
    """Reports every twin's end, and sees that nothing outlives it.

    Only it reaps the twins, so that only it can safely end one by its process number.
    """

    def __init__(self, line: Line, names: dict[int, str]) -> None:
        self._line = line
        self._names = names
        self._is_over = False
        signal.signal(signal.SIGTERM, self._end_all)  # its recorder's end, by die_with_parent, or the run's at once
        self._ends = ChildEnds()

    def run(self) -> None:
        """Run until no twin is left; they all end when the recorder ends."""
        self._report_ended()  # those that ended before anybody listened
        while self._names:
            listening = () if self._is_over else (self._line.fileno(),)
            if self._ends.wait(*listening):
                self._obey()
            self._report_ended()
        self._send(Left(end_children(self._ends, grace_s=self._grace_s(), limit_s=_ENDED_S)))

    def _obey(self) -> None:
        try:
            self._line.fill()
        except LineLost:
            self._end_all()
        while (order := self._line.take_end()) is not None:
            for pid, name in self._names.items():
                if name == order.arm:
                    os.kill(pid, signal.SIGKILL)

    def _grace_s(self) -> float:
        """What the twins started has no time to end by itself where the recorder has none."""
        return 0.0 if self._is_over else GRACE_S

    def _end_all(self, *_: object) -> None:
        self._is_over = True
        for pid in self._names:
            os.kill(pid, signal.SIGKILL)

    def _report_ended(self) -> None:
        while self._names and (pid := ended_child()) is not None:
            if pid not in self._names:
                os.waitpid(pid, 0)  # an orphan that was adopted
                continue
            left = end_group(pid, self._ends, grace_s=self._grace_s(), limit_s=_ENDED_S)
            name = self._names.pop(pid)
            _, status = os.waitpid(pid, 0)
            with contextlib.suppress(OSError):
                perf_map_path(pid).unlink()  # what its engine wrote while its code was sampled
            self._send(Died(name, status, left))

    def _send(self, news: News) -> None:
        with contextlib.suppress(LineLost):  # the recorder has ended; what it left is still ended
            self._line.send_news(news)


def _fork(setup: TwinSetup, setups: Sequence[TwinSetup]) -> int:
    pid = os.fork()
    if pid:
        _lead_group(pid)
        return pid
    status = 1
    try:
        die_with_parent()
        _lead_group(0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for other in setups:
            if other.fd != setup.fd:
                os.close(other.fd)
        os.close(int(sys.argv[1]))
        _print_to(setup.log)
        from ironlaw.measure.twin import serve

        serve(setup)
        status = 0
    except BaseException:  # noqa: BLE001  # the border to a child process: its log is the hint on its end
        traceback.print_exc()
    finally:
        # Not sys.exit: the parent's exit handlers and buffers are the parent's.
        with contextlib.suppress(OSError, ValueError):  # an arm may have closed what it prints to
            sys.stderr.flush()
        os._exit(status)


def _lead_group(pid: int) -> None:
    """Make a twin the leader of a process group, which identifies what it starts; parent and twin both do this.

    A program that signals its own group, as some do at their end, then reaches no other arm.
    """
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)


def _print_to(log: str) -> None:
    """Redirect this process's output to a file of its own, so that an arm's failure is explained by its own output."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, sys.stdout.fileno())
    os.dup2(file, sys.stderr.fileno())
    os.close(file)


if __name__ == "__main__":
    main()
    # Taking torch apart again takes about a second a replicate, and nothing is left to be written.
    sys.stderr.flush()
    os._exit(0)
