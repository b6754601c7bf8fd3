"""The processes that replay layers: one for all arms that differ only in the layers that they leave in float.

Opening a model, its inputs and its networks takes longer than most replays. A process therefore stays until the run
ends, and waits without using a CPU while arms take turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ironlaw.arm import Arm
from ironlaw.fact import Fact, Failure
from ironlaw.leaving import float_family
from ironlaw.measure.interpreters import Interpreters, Launched, Request
from ironlaw.measure.limits import IMPORT_LIMIT_S, Limit
from ironlaw.measure.messages import ReplayLayers
from ironlaw.measure.supervised import Interpreter
from ironlaw.measure.twins import Twins
from ironlaw.missing import Missing
from ironlaw.plan import Replays
from ironlaw.program import PreparedModel
from ironlaw.replay import Replay

LATE_S = 120.0  # beyond its time, after which a replay is ended: its fewest inputs take what they take
HANG_UP_LIMIT_S = 5.0


@dataclass(slots=True, kw_only=True)
class _Host:
    """A process that has opened a model, and the arm that it was forked for."""

    arm: Arm
    twins: Twins
    interpreter: Interpreter | None


class ReplayHosts:
    """The processes that replay, by what their arms have in common."""

    def __init__(
        self, interpreters: Interpreters, request: Callable[[Arm], Request], limit: Callable[[float], Limit]
    ) -> None:
        """`request` is the interpreter that an arm needs, and `limit` what the budget leaves of a limit."""
        self._interpreters = interpreters
        self._limit = limit
        self._request = request
        self._hosts: dict[str, _Host] = {}

    def replay(self, arm: Arm, prepared: PreparedModel, asked: Replays) -> Replay:
        """What an arm's layers do, by the process of its kind; how long that took includes starting it."""
        began_s = time.monotonic()
        key = float_family(arm).prepared_as()
        host = self._hosts.get(key)
        if host is None:
            started = self._started(arm)
            if isinstance(started, Failure):
                return Replay(arm=arm.name, layers=Missing(started.reason), took_s=time.monotonic() - began_s)
            host = self._hosts[key] = started
        order = ReplayLayers(
            arm=arm,
            prepared=prepared,
            within_s=max(0.0, asked.within_s - (time.monotonic() - began_s)),
            sets=asked.sets,
            only_answers=asked.only_answers,
        )
        fact = host.twins.ask(host.arm.name, order, self._limit(LATE_S + asked.within_s))[-1]
        took_s = time.monotonic() - began_s
        if isinstance(fact, Replay):
            return replace(fact, arm=arm.name, took_s=took_s)
        self._end(self._hosts.pop(key))
        return Replay(arm=arm.name, layers=Missing(_reason(fact)), took_s=took_s)

    def close(self) -> None:
        """End every process."""
        for host in self._hosts.values():
            self._end(host)
        self._hosts.clear()

    def _started(self, arm: Arm) -> _Host | Failure:
        request = self._request(arm)
        (launched,) = self._interpreters.take([request])
        done, twins = self._interpreters.fork(launched, request, lambda: self._limit(IMPORT_LIMIT_S))
        host = _Host(arm=arm, twins=Twins(), interpreter=done.interpreter)
        self._keep_apart(launched, done)
        for twin in twins:
            host.twins.add(twin)
        if done.reason:
            self._end(host)
            return Failure(arm=arm.name, replicate=-1, stage="start", reason=done.reason, hint=done.hint)
        return host

    def _keep_apart(self, *launched: Launched) -> None:
        """A replicate's end does not end it."""
        ours = [one.interpreter for one in launched]
        self._interpreters.active = [one for one in self._interpreters.active if not _is_among(one, ours)]

    def _end(self, host: _Host) -> None:
        host.twins.hang_up()
        if host.interpreter is not None:
            host.interpreter.terminate()  # whatever it still does has no reader
            host.interpreter.dismiss(limit_s=HANG_UP_LIMIT_S)


def _is_among(one: Interpreter, others: Sequence[Interpreter | None]) -> bool:
    return any(one is other for other in others)


def _reason(fact: Fact) -> str:
    return fact.reason if isinstance(fact, Failure) else f"it answered with {type(fact).__name__}"
