"""The twins of a replicate: one order to one twin, or one order each in parallel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ironlaw.circumstance import Circumstance
from ironlaw.fact import Census, Fact, Failure, Labelled, Outputs
from ironlaw.measure.limits import Limit
from ironlaw.measure.messages import LineLost, Loss, Order, first_readable
from ironlaw.measure.process_start import with_tail
from ironlaw.measure.supervised import TwinProcess

_GO_BEFORE = Circumstance | Census | Labelled  # facts that are followed by the answer to an order
_LOOK_S = 0.2  # how often it is seen whether what runs side by side still fits into memory

Cpus = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """An order for one arm, once it is known on which CPUs it is carried out."""

    arm: str
    order: Callable[[Cpus], Order]


@dataclass(slots=True, kw_only=True)
class _Running:
    """An order that is being carried out."""

    twin: TwinProcess
    stage: str
    place: Cpus
    limit: Limit
    began_s: float
    facts: list[Fact] = field(default_factory=list)


class Twins:
    """The live twins by arm; one that fails is removed."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        """Start without twins. Orders that run side by side are timed by this clock."""
        self._now_s = now_s
        self._twins: dict[str, TwinProcess] = {}
        self.replicate = -1  # whose they are; -1 while models are prepared

    def __contains__(self, arm: str) -> bool:
        """Whether an arm has one."""
        return arm in self._twins

    def add(self, twin: TwinProcess) -> None:
        """Add a forked twin."""
        self._twins[twin.arm] = twin

    def drop(self, arm: str) -> None:
        """Disconnect from a twin that has ended, if there is one."""
        if (twin := self._twins.pop(arm, None)) is not None:
            twin.line.close()

    def hang_up(self) -> None:
        """Disconnect from all of them."""
        for arm in tuple(self._twins):
            self.drop(arm)

    def send(self, arm: str, order: Order) -> None:
        """Send an order that has no answer; if the twin has ended, the answer to its next order is that failure."""
        if (twin := self._twins.get(arm)) is not None:
            try:
                twin.send(order)
            except LineLost:
                return

    def ask(self, arm: str, order: Order, limit: Limit) -> list[Fact]:
        """Send an order and return the facts it brings; the last one is the answer or a Failure."""
        stage, twin = _stage(order), self._twins.get(arm)
        if twin is None:
            return [self._ended(arm, stage)]
        facts: list[Fact] = []
        try:
            twin.send(order)
            while not facts or _goes_before(facts[-1]):
                facts.append(twin.receive(limit_s=limit.s))
        except LineLost as lost:
            facts.append(self._lost(twin, stage, lost, limit))
        if isinstance(facts[-1], Failure):
            self.drop(arm)
        return facts

    def ask_side_by_side(
        self,
        errands: Sequence[Errand],
        places: Sequence[Cpus],
        limit: Callable[[], Limit],
        *,
        fits: Callable[[], bool] = lambda: True,
    ) -> Iterator[tuple[str, list[Fact]]]:
        """Send each order and yield its arm with the facts it brings, as they arrive; one order at a time per place.

        `limit` is asked whenever one begins.
        A second one begins only where `fits` says so. Where it does not any more while several run, the one that began
        last is ended, and nothing comes of it.
        """
        waiting, running = list(errands), list[_Running]()
        while waiting or running:
            free = [place for place in places if place not in [one.place for one in running]]
            while waiting and free and (not running or fits()):
                errand = waiting.pop(0)
                begun = self._begin(errand, free.pop(0), limit())
                if isinstance(begun, Failure):
                    yield errand.arm, [begun]
                else:
                    running.append(begun)
            if len(running) > 1 and not fits():
                last = running.pop()
                last.twin.interpreter.end(last.twin.arm)
                self.drop(last.twin.arm)
            _wait(running)
            for one in tuple(running):
                if self._is_done(one):
                    running.remove(one)
                    yield one.twin.arm, one.facts

    def _begin(self, errand: Errand, place: Cpus, limit: Limit) -> _Running | Failure:
        order = errand.order(place)
        stage, twin = _stage(order), self._twins.get(errand.arm)
        if twin is None:
            return self._ended(errand.arm, stage)
        try:
            twin.send(order)
        except LineLost as lost:
            return self._lost(twin, stage, lost, limit)
        return _Running(twin=twin, stage=stage, place=place, limit=limit, began_s=self._now_s())

    def _is_done(self, one: _Running) -> bool:
        """Whether its answer has arrived, or the twin was lost, with the facts so far."""
        try:
            while not one.facts or _goes_before(one.facts[-1]):
                fact = one.twin.look()
                if fact is None:
                    if self._now_s() - one.began_s < one.limit.s:
                        return False
                    raise LineLost(one.limit.reason, loss=Loss.SLOW)
                one.facts.append(fact)
        except LineLost as lost:
            one.facts.append(self._lost(one.twin, one.stage, lost, one.limit))
        if isinstance(one.facts[-1], Failure):
            self.drop(one.twin.arm)
        return True

    def _ended(self, arm: str, stage: str) -> Failure:
        return Failure(arm=arm, replicate=self.replicate, stage=stage, reason="its process has ended")

    def _lost(self, twin: TwinProcess, stage: str, lost: LineLost, limit: Limit) -> Failure:
        is_late = lost.loss is Loss.SLOW
        reason = with_tail(twin.explain(LineLost(limit.reason, loss=lost.loss) if is_late else lost), twin.log)
        self.drop(twin.arm)
        hint = limit.hint if is_late else ""
        return Failure(arm=twin.arm, replicate=self.replicate, stage=stage, reason=reason, hint=hint)


def _wait(running: Sequence[_Running]) -> None:
    """Wait until one of them has sent something or its interpreter has news, for _LOOK_S at most."""
    if not running:
        return
    interpreters = {id(one.twin.interpreter): one.twin.interpreter for one in running}
    listening = {id(one.line): one for one in interpreters.values() if not one.has_ended}
    lines = [one.twin.line for one in running]
    first_readable(*lines, *(one.line for one in listening.values()), deadline_s=time.monotonic() + _LOOK_S)
    for interpreter in listening.values():
        if first_readable(interpreter.line, deadline_s=0.0) is not None:
            interpreter.hear()


def _stage(order: Order) -> str:
    return str(type(order).__struct_config__.tag)


def _goes_before(fact: Fact) -> bool:
    """Whether a twin sends more facts for the same order after this one."""
    return isinstance(fact, _GO_BEFORE) or (isinstance(fact, Outputs) and fact.following > 0)
