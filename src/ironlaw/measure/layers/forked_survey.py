"""Survey an arm in a child process, so that the memory of the arm stays unchanged.

A survey in the arm's own process leaves small blocks between the large ones of an inference, and glibc's malloc after
it trims and faults in other pages: seen in three of six processes of an fp32 MobileNetV2, 3200 or 3500 page faults an
inference before it and 4000 to 6800 after it, a fifth of its time. After a survey in a child they are what they were.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

from ironlaw.layer import BorderCost, LayerGraph
from ironlaw.machine.process_clock import list_threads
from ironlaw.measure.children import die_with_parent, end_child
from ironlaw.measure.layers.reading import Course, Trace, run_read
from ironlaw.measure.layers.sites import find_sites
from ironlaw.measure.layers.survey import Survey, survey
from ironlaw.missing import Maybe, Missing
from ironlaw.program import Program

LIMIT_S = 60.0  # a survey is a few inferences; a pool of threads that did not survive the fork waits for ever
_SETTLING = 2  # inferences after a fork: the first writes to each page are faults


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A survey as sent through a pipe: functions by name; the parent looks up the sites."""

    graph: LayerGraph
    order: tuple[int, ...]
    functions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyRequest:
    """The program to survey, and the library its int8 weights are packed for; `prices`: the overhead of reading."""

    program: Program
    arm: str
    library: str = ""
    prices: Callable[[], dict[str, BorderCost]] = dict

    def survey(self) -> Survey:
        """Survey in the calling process."""
        found = survey(self.program, self.arm, library=self.library)
        return replace(found, graph=replace(found.graph, costs=self.prices()))


def survey_aside(wanted: SurveyRequest, *, limit_s: float = LIMIT_S) -> Survey:
    """Survey in a child process; if that fails, in this one, with a note that says so."""
    answer = _ask_child(wanted, limit_s)
    if isinstance(answer, Missing):
        found = wanted.survey()
        note = f"surveyed in its own process, which may change its allocator's behaviour: {answer.reason}"
        return replace(found, graph=replace(found.graph, notes=(*found.graph.notes, note)))
    run_read(wanted.program, Trace(), None, wanted.program.inputs[:1] * _SETTLING)
    if not answer.order:
        return Survey(graph=answer.graph, course=Course())
    functions = tuple(_named(name) for name in answer.functions)
    course = Course(timed=find_sites(wanted.program.module).timed, functions=functions, order=answer.order)
    return Survey(graph=answer.graph, course=course)


def _ask_child(wanted: SurveyRequest, limit_s: float) -> Maybe[_Found]:
    threads = len(list_threads())
    ours, theirs = multiprocessing.Pipe(duplex=False)
    child = os.fork()
    if not child:
        _answer(theirs, wanted, threads)
    theirs.close()
    try:
        if not ours.poll(limit_s):
            return Missing(f"its child process did not finish within {limit_s:.0f} s")
        answer: Maybe[_Found] = ours.recv()
        return answer
    except EOFError:
        return Missing("its child process ended without an answer")
    finally:
        ours.close()
        end_child(child)


def _answer(line: Connection, wanted: SurveyRequest, threads: int) -> None:
    """Survey in the child, write the result to the pipe, and exit."""
    try:
        die_with_parent()
        line.send(_report(wanted, threads))
    finally:
        os._exit(0)


def _report(wanted: SurveyRequest, threads: int) -> Maybe[_Found]:
    import torch

    torch.set_num_threads(1)  # the threads of the pool have not come along: nothing may wait for them
    for _ in range(threads - 1):  # a probe that looks at every thread must find as many
        threading.Thread(target=signal.pause, daemon=True).start()
    try:
        found = wanted.survey()
        names = tuple(_name(function) for function in found.course.functions)
    except Exception as error:  # noqa: BLE001  # the border to a user's code: the parent's own survey raises it again
        return Missing(f"in its child process {type(error).__name__}: {error}")
    return _Found(graph=found.graph, order=found.course.order, functions=names)


def _name(function: Any) -> str:
    """The name under which `_named` finds a function.

    Raises:
        LookupError: it finds another, or none.
    """
    from torch.overrides import resolve_name

    name = resolve_name(function) or ""
    if not name or _named(name) != function:
        raise LookupError(f"{function!r} has no name in torch")
    return name


def _named(name: str) -> Any:
    import torch

    holder = SimpleNamespace(torch=torch) if name.startswith("torch.") else torch.ops
    return attrgetter(name)(holder)
