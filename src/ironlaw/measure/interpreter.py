"""A replicate's interpreter: starts fresh, imports once, and forks every arm as a twin before any thread pool starts.

Run as `python -m ironlaw.measure.interpreter FD`; FD is its socket to the recorder.
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
import time

import msgspec

from ironlaw.measure.children import die_with_parent
from ironlaw.measure.messages import Born, Broken, Died, Line, Post, Staff
from ironlaw.telemetry import withhold


def main() -> None:
    """Import, fork, then report every twin's end until none is left."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line = Line(socket.socket(fileno=int(sys.argv[1])))
    staff = msgspec.json.decode(line.receive(), type=Staff)
    started_ns = time.perf_counter_ns()
    withhold(staff.withheld)
    try:
        for name in staff.imports:
            importlib.import_module(name)
    except Exception as error:  # noqa: BLE001  # the border to the engines: recorded as these arms' failure
        line.send_news(Broken(f"importing {name} failed: {type(error).__name__}: {error}"))
        return
    import_ns = time.perf_counter_ns() - started_ns
    pids = {post.arm.name: _fork(post, staff) for post in staff.posts}
    for post in staff.posts:
        os.close(post.fd)
    line.send_news(Born(pids, import_ns))
    names = {pid: name for name, pid in pids.items()}
    while names:
        pid, status = os.wait()
        if pid in names:
            line.send_news(Died(names.pop(pid), status))


def _fork(post: Post, staff: Staff) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        die_with_parent()
        for other in staff.posts:
            if other.fd != post.fd:
                os.close(other.fd)
        os.close(int(sys.argv[1]))
        _print_to(post.log)
        from ironlaw.measure.twin import serve

        serve(post)
        status = 0
    finally:
        # Not sys.exit: the parent's exit handlers and buffers are the parent's.
        sys.stderr.flush()
        os._exit(status)


def _print_to(log: str) -> None:
    """Let this process print to a file of its own: what one arm says must not explain another one's end."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, sys.stdout.fileno())
    os.dup2(file, sys.stderr.fileno())
    os.close(file)


if __name__ == "__main__":
    main()
    # Taking torch apart again takes about a second a replicate, and nothing is left to be written.
    sys.stderr.flush()
    os._exit(0)
