"""Chrome traces of torch.profiler: operators as they ran, nested, with shapes where they were recorded."""

from __future__ import annotations

import math
import re
from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from ironlaw.attached.format import AttachedFormat
from ironlaw.attached.json_text import Element, JsonText, typed
from ironlaw.attached.repeats import repeats_of
from ironlaw.attached.text import AttachedText
from ironlaw.attached.torch_operators import census_by_names, forms_of
from ironlaw.attachment import LEAST_NS, AttachedNode, Attachment, Lack, RepeatTimes, TimedWhole
from ironlaw.layer import LayerCall
from ironlaw.missing import Maybe, Missing

_STEP = re.compile(r"ProfilerStep#(\d+)$")
_OPERATORS = ("cpu_op", "Operator")  # the second in torch before 1.9
_MOST_US = 1e15
_CONVERTS = "aten::to"  # modules call it in front of their operator; where it copies nothing, it has no operator inside
_FIRST = -1  # in places: the first operator


class _Event(msgspec.Struct):
    """An event as Chrome's trace format has it; times in microseconds."""

    ph: str = ""
    cat: str | None = ""
    name: str | int | None = ""
    ts: float = 0.0
    dur: float = 0.0
    tid: str | int | None = 0
    args: dict[str, Any] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Kind:
    """An operator with the shapes and number formats of its inputs."""

    name: str
    dims: tuple[Any, ...]
    types: tuple[str, ...]


@dataclass(slots=True)
class _Trace:
    kinds: dict[_Kind, int] = field(default_factory=dict)
    threads: dict[str, int] = field(default_factory=dict)
    kind: array[int] = field(default_factory=lambda: array("q"))
    thread: array[int] = field(default_factory=lambda: array("q"))
    start_us: array[float] = field(default_factory=lambda: array("d"))
    took_us: array[float] = field(default_factory=lambda: array("d"))
    steps: dict[int, tuple[float, float]] = field(default_factory=dict)  # start and length
    devices: set[str] = field(default_factory=set)
    places: dict[int, tuple[int, int]] = field(default_factory=dict)  # where the time of each step is written

    def add(self, element: Element, text: AttachedText) -> None:
        event = typed(element, _Event, text)
        if event.ph != "X":
            return
        if not (0 <= event.dur < _MOST_US and math.isfinite(event.ts)):
            raise text.refused(*element.place("dur"), f"an event takes {event.dur:g} us")
        name, cat = str(event.name), event.cat or ""
        if (step := _STEP.match(name)) and not cat.startswith("gpu"):
            number = int(step[1][:15])
            self.steps.setdefault(number, (event.ts, event.dur))
            self.places.setdefault(number, element.place("dur"))
        elif cat in _OPERATORS and _is_operator(name):
            if not self.kind:
                self.places[_FIRST] = element.place("dur")
            kind = _Kind(name, _frozen(event.args.get("Input Dims")), _types(event.args))
            self.kind.append(self.kinds.setdefault(kind, len(self.kinds)))
            self.thread.append(self.threads.setdefault(str(event.tid), len(self.threads)))
            self.start_us.append(event.ts)
            self.took_us.append(event.dur)
        elif cat in ("kernel", "gpu_memcpy"):
            self.devices.add("GPU")


def _is_operator(name: str) -> bool:
    """Whether it is an operator or a compiled kernel, and no region that the user named."""
    return "::" in name or "cpp_fused" in name


def _frozen(dims: Any) -> tuple[Any, ...]:
    return tuple(_frozen(one) if isinstance(one, list) else one for one in dims) if isinstance(dims, list) else ()


def _types(args: dict[str, Any]) -> tuple[str, ...]:
    found = args.get("Input type", args.get("Input Type"))
    return tuple(map(str, found)) if isinstance(found, list) else ()


@dataclass(slots=True)
class _Outers:
    """The operators that no other encloses, in order, and by kind what took how many us inside of them."""

    kind: array[int] = field(default_factory=lambda: array("q"))
    start_us: array[float] = field(default_factory=lambda: array("d"))
    took_us: array[float] = field(default_factory=lambda: array("d"))
    inside_us: dict[int, dict[int, float]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(float)))

    def heaviest(self, kind: int) -> int:
        """What takes most of the time of such an operator, without what it calls itself."""
        return max(self.inside_us[kind], key=lambda inner: self.inside_us[kind][inner])


def _recognises(head: str) -> bool:
    return (head.lstrip()[:1] == "{" and '"traceEvents"' in head) or (
        head.lstrip()[:1] == "[" and re.search(r'"cat"\s*:\s*"(cpu_op|Operator)"', head) is not None
    )


def _read(text: AttachedText) -> tuple[Attachment, ...]:
    trace = _Trace()
    for element in JsonText(text).elements("traceEvents"):
        trace.add(element, text)
    if not trace.kind:
        raise text.refused(*text.end, "it ends here, and no operator of torch ran in it (no event of category cpu_op)")
    thread = _busiest(trace)
    outers = _outermost(trace, thread)
    kinds = list(trace.kinds)
    runs = _runs(trace, outers)
    each_us = [run.took_us for run in runs.each]
    if not all(LEAST_NS / 1e3 <= took < _MOST_US for took in each_us):
        short = [number for number, (_, took) in trace.steps.items() if not took >= LEAST_NS / 1e3]
        where = trace.places[short[0] if short else _FIRST]
        raise text.refused(*where, "a repeat took no time, or longer than 31 years")
    nodes = _nodes(runs, outers, kinds)
    counted = [kinds[outers.kind[place]].name for place in runs.each[-1].outers]
    return (
        Attachment(
            format=TRACE.slug,
            title=TRACE.title,
            timed=runs.timed,
            times=RepeatTimes(each_ns=tuple(took * 1e3 for took in each_us)),
            nodes=nodes,
            **census_by_names(counted),
            left_out=runs.left_out,
            included=runs.included,
            disturbs="the profiler takes time at each operator, and more with shapes and stacks recorded",
            notes=_notes(trace, runs, thread),
            lacks=_lacks(kinds),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Run:
    took_us: float
    outers: range


@dataclass(frozen=True, slots=True, kw_only=True)
class _Runs:
    each: list[_Run]
    timed: TimedWhole
    left_out: str = ""
    included: str = ""
    note: str = ""


def _busiest(trace: _Trace) -> int:
    """The thread with the most time in operators: the one that runs the model."""
    spent: Counter[int] = Counter()
    for thread, took in zip(trace.thread, trace.took_us, strict=True):
        spent[thread] += max(1, round(took))
    return spent.most_common(1)[0][0]


def _outermost(trace: _Trace, thread: int) -> _Outers:
    """The operators of a thread that no other encloses; times of their own go to what each calls."""
    order = sorted(
        (place for place in range(len(trace.kind)) if trace.thread[place] == thread),
        key=lambda place: (trace.start_us[place], -trace.took_us[place]),
    )
    found = _Outers()
    stack: list[tuple[float, int]] = []  # end and kind of the operators that are open
    for place in order:
        start, took, kind = trace.start_us[place], trace.took_us[place], trace.kind[place]
        while stack and start >= stack[-1][0]:
            stack.pop()
        if not stack:
            found.kind.append(kind)
            found.start_us.append(start)
            found.took_us.append(took)
        else:
            found.inside_us[found.kind[-1]][stack[-1][1]] -= took
        found.inside_us[found.kind[-1]][kind] += took
        stack.append((start + took, kind))
    return found


def _runs(trace: _Trace, outers: _Outers) -> _Runs:
    """The repeats: the profiler's own steps where it has some, else the sequence that repeats, else all of it."""
    if trace.steps:
        return _by_steps(trace, outers)
    found = repeats_of(outers.kind)
    groups = [range(at, at + found.length) for at in range(found.before, len(outers.kind), found.length)]
    start, took = outers.start_us, outers.took_us
    each = [_Run(start[group[-1]] + took[group[-1]] - start[group[0]], group) for group in groups]
    if found.count == 1:
        whole = "the whole trace, warming up as well: it has no steps, and no sequence repeats in it"
        return _Runs(each=each, timed=TimedWhole.UNKNOWN, included=whole)
    return _Runs(
        each=each,
        timed=TimedWhole.INFERENCE,
        left_out=f"the first {found.before} operators, which are not part of what repeats" if found.before else "",
        included="" if found.before else "its first repeat: the trace marks no warming up",
        note=f"{found.count} repeats of {found.length} operators are taken for as many inferences: the trace has no "
        "steps of the profiler",
    )


def _by_steps(trace: _Trace, outers: _Outers) -> _Runs:
    steps, starts = sorted(trace.steps.items()), outers.start_us
    each = [
        _Run(took, range(bisect_left(starts, start), bisect_left(starts, start + took))) for _, (start, took) in steps
    ]
    each = [run for run in each if run.outers] or each
    first = steps[0][0]
    return _Runs(
        each=each,
        timed=TimedWhole.INFERENCE,
        left_out=f"{first} steps before the first that is in the trace, by the profiler's schedule" if first else "",
        included="" if first else "the first step, which warms up",
    )


def _nodes(runs: _Runs, outers: _Outers, kinds: list[_Kind]) -> Maybe[tuple[AttachedNode, ...]]:
    """Operators of one repeat with their mean times; those of each kind are counted up within a repeat."""
    took: dict[tuple[int, int], list[float]] = defaultdict(lambda: [0.0, 0.0])  # us, and how often
    for run in runs.each:
        seen: Counter[int] = Counter()
        for place in run.outers:
            kind = outers.kind[place]
            if kinds[kind].name == _CONVERTS and set(outers.inside_us[kind]) == {kind}:
                continue  # it had nothing to convert: framework time
            cell = took[kind, seen[kind]]
            seen[kind] += 1
            cell[0] += outers.took_us[place]
            cell[1] += 1
    if not took:
        return Missing("no operator ran within a step of the profiler")
    made: list[AttachedNode] = []
    repeats: Counter[str] = Counter()
    for (kind, _), (spent_us, times) in took.items():
        call = _call(kinds[kind], kinds[outers.heaviest(kind)])
        call = replace(call, repeat=repeats[call.operator], fed_by=(len(made) - 1,))
        repeats[call.operator] += 1
        count = len(runs.each)
        made.append(AttachedNode(call=call, ns=spent_us / count * 1e3, times=times / count))
    return tuple(made)


def _call(kind: _Kind, kernel: _Kind) -> LayerCall:
    operator = kind.name.rpartition("::")[2] or kind.name
    inputs, parameters = forms_of(operator, kind.dims, kind.types)
    return LayerCall(
        path="",
        operator=operator,
        is_functional=True,
        inputs=inputs,
        parameters=parameters,
        kernels=(kernel.name,) if kernel.name != kind.name else (kind.name,),
    )


def _notes(trace: _Trace, runs: _Runs, thread: int) -> tuple[str, ...]:
    notes = [runs.note] if runs.note else []
    others = len(trace.threads) - 1
    if others:
        notes.append(f"operators of {others} more threads are left out: those of the busiest one are in the times")
    if trace.devices:
        notes.append("kernels of a GPU are in the trace and not read: times are those of the CPU that launches them")
    notes.append("operators are matched by type, shapes and the order in which they ran: a trace names no layers")
    return tuple(notes)


def _lacks(kinds: list[_Kind]) -> tuple[Lack, ...]:
    settings = Lack(
        what="versions, threads and instruction sets",
        why="the profiler does not write them",
        fix="attach torch.__config__.show() and torch.__config__.parallel_info()",
    )
    if any(kind.dims for kind in kinds):
        return (settings,)
    shapes = Lack(what="the shapes of operators", why="they were not recorded", fix="profile(record_shapes=True)")
    return (settings, shapes)


TRACE = AttachedFormat(
    slug="torch-trace",
    title="a trace of torch.profiler",
    made_by="profile(schedule=..., record_shapes=True), then export_chrome_trace(FILE)",
    recognises=_recognises,
    read=_read,
)
FORMATS = (TRACE,)
