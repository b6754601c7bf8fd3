"""Asking several twins at once: which runs where, what comes of one that is lost, and of one that does not fit."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ironlaw.fact import Census, Fact, Failure, Outputs
from ironlaw.measure.limits import Limit
from ironlaw.measure.messages import AskAnswers, Line, LineLost
from ironlaw.measure.supervised import TwinProcess
from ironlaw.measure.twins import Errand, Twins


def enough() -> Limit:
    return Limit(s=9.0)


class Beside:
    """The other side of the twins' lines: what each was asked for, and what it answers."""

    def __init__(self) -> None:
        self.twins = Twins()
        self.ends: dict[str, Line] = {}
        self.ended: list[str] = []
        self.interpreters: list[_Interpreter] = []

    def close(self) -> None:
        self.twins.hang_up()
        for line in (*self.ends.values(), *(one.line for one in self.interpreters)):
            line.close()
        for one in self.interpreters:
            one.other.close()

    def add(self, *names: str) -> None:
        for name in names:
            ours, theirs = socket.socketpair()
            self.ends[name] = Line(theirs)
            interpreter: Any = _Interpreter(self)
            self.interpreters.append(interpreter)
            self.twins.add(TwinProcess(name, Line(ours), interpreter, Path("/dev/null")))

    def places(self) -> dict[str, tuple[int, ...]]:
        """The CPUs of the orders that have come and were not seen before."""
        seen = {}
        for name, line in self.ends.items():
            try:
                order = line.receive_order() if _has_come(line) else None
            except LineLost:
                continue
            if isinstance(order, AskAnswers):
                seen[name] = order.cpus
        return seen

    def answer(self, name: str) -> None:
        self.ends[name].send_fact(Census(arm=name, counts={}))
        self.ends[name].send_fact(Outputs(arm=name, shape=(0, 0), data="", input_digest=""))


class _Interpreter:
    def __init__(self, beside: Beside) -> None:
        self.beside = beside
        self.ends: dict[str, str] = {}
        self.has_ended = False
        ours, self.other = socket.socketpair()
        self.line = Line(ours)

    def end(self, name: str) -> None:
        self.beside.ended.append(name)
        self.ends.setdefault(name, "killed by SIGKILL")

    def hear(self) -> None:
        self.has_ended = True

    def hear_until_ended(self, arms: set[str], *, limit_s: float) -> None:
        for name in arms:
            self.ends[name] = "exited with 9"


def _has_come(line: Line) -> bool:
    from ironlaw.measure.messages import first_readable

    return first_readable(line, deadline_s=0.0) is not None


@pytest.fixture
def beside() -> Iterator[Beside]:
    made = Beside()
    yield made
    made.close()


def errands(*names: str) -> list[Errand]:
    return [Errand(arm=name, order=AskAnswers) for name in names]


def test_as_many_run_at_once_as_there_are_places_and_each_place_is_used_again(beside: Beside) -> None:
    beside.add("a", "b", "c")
    asked: Iterator[tuple[str, list[Fact]]] = beside.twins.ask_side_by_side(
        errands("a", "b", "c"), [(1,), (0,)], enough
    )
    beside.answer("b")
    name, facts = next(asked)
    assert (name, [type(fact) for fact in facts]) == ("b", [Census, Outputs])
    assert beside.places() == {"a": (1,), "b": (0,)}
    beside.answer("a")
    beside.answer("c")
    assert sorted(name for name, _ in asked) == ["a", "c"]
    assert set(beside.places()) == {"c"}


def test_one_that_is_lost_is_a_failure_and_the_others_go_on(beside: Beside) -> None:
    beside.add("a", "b")
    beside.ends["a"].close()
    beside.answer("b")
    answers = dict(beside.twins.ask_side_by_side(errands("a", "b"), [(1,), (0,)], enough))
    (failure,) = answers["a"]
    assert isinstance(failure, Failure)
    assert (failure.stage, failure.reason) == ("answer", "exited with 9")
    assert isinstance(answers["b"][-1], Outputs)
    assert "a" not in beside.twins


def test_one_that_has_ended_before_it_is_asked_is_a_failure(beside: Beside) -> None:
    ((name, (failure,)),) = beside.twins.ask_side_by_side(errands("a"), [(1,)], enough)
    assert name == "a"
    assert isinstance(failure, Failure)


def test_one_that_sends_nothing_in_time_is_stopped(beside: Beside) -> None:
    beside.add("a")
    ((_, (failure,)),) = beside.twins.ask_side_by_side(errands("a"), [(1,)], lambda: Limit(s=0.0))
    assert isinstance(failure, Failure)
    assert failure.reason == "no answer within 0 s; it was stopped"
    assert failure.hint == ""
    assert beside.ended == ["a"]


def test_one_that_takes_longer_than_the_budget_allows_is_stopped_for_that_reason(beside: Beside) -> None:
    beside.add("a", "b")
    late = Limit(s=0.0, budget_s=120.0)
    (failure,) = beside.twins.ask("a", AskAnswers(()), late)
    ((_, (other,)),) = beside.twins.ask_side_by_side(errands("b"), [(1,)], lambda: late)
    assert isinstance(failure, Failure)
    assert isinstance(other, Failure)
    assert failure.reason == "no answer within 0 s, as long as a budget of 120 s allows; it was stopped"
    assert failure.hint == "if it does not wait for ever, a longer budget: --budget 240"
    assert (other.reason, other.hint) == (failure.reason, failure.hint)
    assert beside.ended == ["a", "b"]


def test_one_that_ends_by_itself_has_its_own_reason_and_no_hint_of_the_budget(beside: Beside) -> None:
    beside.add("a")
    beside.ends["a"].close()
    (failure,) = beside.twins.ask("a", AskAnswers(()), Limit(s=9.0, budget_s=120.0))
    assert isinstance(failure, Failure)
    assert (failure.reason, failure.hint) == ("exited with 9", "")


def test_each_begins_with_a_limit_of_its_own(beside: Beside) -> None:
    beside.add("a", "b")
    given = iter([Limit(s=9.0), Limit(s=0.0)])
    asked = beside.twins.ask_side_by_side(errands("a", "b"), [(1,)], lambda: next(given))
    beside.answer("a")
    answers = dict(asked)
    assert isinstance(answers["a"][-1], Outputs)
    assert isinstance(late := answers["b"][-1], Failure)
    assert "within 0 s" in late.reason


def test_what_does_not_fit_beside_another_one_waits_for_it(beside: Beside) -> None:
    beside.add("a", "b")
    asked = beside.twins.ask_side_by_side(errands("a", "b"), [(1,), (0,)], enough, fits=lambda: False)
    beside.answer("a")
    assert next(asked)[0] == "a"
    assert set(beside.places()) == {"a"}


def test_where_memory_runs_short_the_one_that_began_last_is_ended_and_nothing_comes_of_it(beside: Beside) -> None:
    beside.add("a", "b")
    room = iter([True, False])
    beside.answer("a")
    answered = dict(beside.twins.ask_side_by_side(errands("a", "b"), [(1,), (0,)], enough, fits=lambda: next(room)))
    assert set(answered) == {"a"}
    assert beside.ended == ["b"]
