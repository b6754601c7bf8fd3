"""Results of pyperf: each run of a benchmark is a process of its own."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from ironlaw.attached.format import AttachedFormat
from ironlaw.attached.json_text import Element, JsonText, typed
from ironlaw.attached.text import AttachedText
from ironlaw.attachment import Attachment, Repeated, RepeatTimes, TimedWhole


class _Run(msgspec.Struct):
    values: list[float] = msgspec.field(default_factory=list)
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)


class _Benchmark(msgspec.Struct):
    runs: list[_Run]
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)


class _Suite(msgspec.Struct):
    benchmarks: list[_Benchmark]
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)


_STATED = {"cpu_model_name": "CPU", "python_version": "version of Python", "cpu_config": "configuration of the CPU"}


def _recognises(head: str) -> bool:
    return '"benchmarks"' in head and '"runs"' in head and ('"warmups"' in head or '"values"' in head)


def _read(text: AttachedText) -> tuple[Attachment, ...]:
    whole = JsonText(text).whole()
    suite = typed(whole, _Suite, text)
    if not suite.benchmarks:
        raise text.refused(*whole.place("benchmarks"), "results of pyperf without a benchmark")
    return tuple(
        _attachment(one, suite, text, whole.field("benchmarks", suite.benchmarks).field(place, one))
        for place, one in enumerate(suite.benchmarks)
    )


def _attachment(one: _Benchmark, suite: _Suite, text: AttachedText, element: Element) -> Attachment:
    metadata = {**suite.metadata, **one.metadata}
    name, unit = str(metadata.get("name", "")), str(metadata.get("unit", "second"))
    if unit != "second":
        raise text.refused(*element.place("metadata", "unit"), f"the benchmark {name!r} is in {unit}s, and not a time")
    processes = []
    for place, run in enumerate(one.runs):
        for index, seconds in enumerate(run.values):
            if not 1e-12 < seconds < 1e9:
                where = element.place("runs", place, "values", index)
                raise text.refused(*where, f"a value of the benchmark {name!r} is no time: {seconds:g} s")
        if run.values:
            processes.append(math.fsum(run.values) / len(run.values))
    if not processes:
        raise text.refused(*element.place("runs"), f"the benchmark {name!r} has no value")
    return Attachment(
        format=PYPERF.slug,
        title=PYPERF.title,
        timed=TimedWhole.ITERATION,
        label=name,
        times=RepeatTimes(each_ns=tuple(seconds * 1e9 for seconds in processes), repeated=Repeated.PROCESSES),
        stated={title: str(metadata[key]) for key, title in _STATED.items() if key in metadata},
        left_out="the values that pyperf itself calls warm-ups, and runs that only calibrate",
    )


PYPERF = AttachedFormat(
    slug="pyperf",
    title="results of pyperf",
    made_by="python -m pyperf timeit -o FILE.json STATEMENT",
    recognises=_recognises,
    read=_read,
)
FORMATS = (PYPERF,)
