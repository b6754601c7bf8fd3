"""Results of pytest-benchmark: rounds of a function within one process."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from ironlaw.attached.format import AttachedFormat
from ironlaw.attached.json_text import JsonText, typed
from ironlaw.attached.text import AttachedText
from ironlaw.attachment import Attachment, RepeatTimes, TimedWhole
from ironlaw.missing import Maybe, Missing


class _Stats(msgspec.Struct):
    mean: float
    stddev: float = 0.0
    rounds: int = 0
    data: list[float] = msgspec.field(default_factory=list)


class _Benchmark(msgspec.Struct):
    stats: _Stats
    fullname: str = ""
    name: str = ""


class _Results(msgspec.Struct):
    benchmarks: list[_Benchmark]
    machine_info: dict[str, Any] = msgspec.field(default_factory=dict)
    version: str = ""


def _recognises(head: str) -> bool:
    return ('"machine_info"' in head and '"benchmarks"' in head) or (
        '"machine_info"' in head and '"commit_info"' in head
    )


def _read(text: AttachedText) -> tuple[Attachment, ...]:
    whole = JsonText(text).whole()
    results = typed(whole, _Results, text)
    if not results.benchmarks:
        raise text.refused(*whole.place("benchmarks"), "results of pytest-benchmark without a benchmark")
    for place, one in enumerate(results.benchmarks):
        field = "data" if one.stats.data else "mean"
        for index, seconds in enumerate(one.stats.data or [one.stats.mean]):
            if not 1e-12 < seconds < 1e9:
                where = whole.place("benchmarks", place, "stats", field, index)
                raise text.refused(*where, f"a time of the benchmark {one.name!r} is none: {seconds:g} s")
    stated = {"version of Python": str(results.machine_info.get("python_version", ""))}
    cpu = results.machine_info.get("cpu")
    if isinstance(cpu, dict) and cpu.get("brand_raw"):
        stated["CPU"] = str(cpu["brand_raw"])
    stated = {name: value for name, value in stated.items() if value}
    return tuple(
        Attachment(
            format=PYTEST.slug,
            title=PYTEST.title,
            timed=TimedWhole.ITERATION,
            label=one.fullname or one.name,
            times=_times(one.stats),
            stated=stated,
        )
        for one in results.benchmarks
    )


def _times(stats: _Stats) -> RepeatTimes:
    if stats.data:
        return RepeatTimes(each_ns=tuple(seconds * 1e9 for seconds in stats.data))
    error: Maybe[float] = Missing("the results hold no spread")
    if stats.rounds > 0 and math.isfinite(stats.stddev) and stats.stddev >= 0:
        error = stats.stddev / stats.mean / math.sqrt(stats.rounds)
    return RepeatTimes(mean_ns=stats.mean * 1e9, error=error, count=max(1, stats.rounds))


PYTEST = AttachedFormat(
    slug="pytest-benchmark",
    title="results of pytest-benchmark",
    made_by="pytest --benchmark-json FILE.json",
    recognises=_recognises,
    read=_read,
)
FORMATS = (PYTEST,)
