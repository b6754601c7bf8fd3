"""Results of Google Benchmark as JSON: repetitions of a function within one process, or only their aggregates."""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec

from ironlaw.attached.format import AttachedFormat
from ironlaw.attached.json_text import Element, JsonText, typed
from ironlaw.attached.text import AttachedText
from ironlaw.attachment import Attachment, RepeatTimes, TimedWhole
from ironlaw.missing import Maybe, Missing

_NS_PER = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}
_AGGREGATE = re.compile(r"_(mean|median|stddev|cv|BigO|RMS)$")  # by name, before there was run_type


class _Row(msgspec.Struct):
    name: str
    run_name: str = ""
    run_type: str = ""
    aggregate_name: str = ""
    real_time: float = 0.0
    time_unit: str = "ns"
    repetitions: int = 0
    threads: int = 0
    error_occurred: bool = False


class _Results(msgspec.Struct):
    benchmarks: list[_Row]
    context: dict[str, Any] = msgspec.field(default_factory=dict)


def _recognises(head: str) -> bool:
    return '"context"' in head and ('"real_time"' in head or '"num_cpus"' in head)


def _read(text: AttachedText) -> tuple[Attachment, ...]:
    whole = JsonText(text).whole()
    results = typed(whole, _Results, text)
    stated = {
        title: str(results.context[key])
        for key, title in (
            ("library_build_type", "build of the library"),
            ("library_version", "version of the library"),
        )
        if key in results.context
    }
    rows: dict[str, list[_Row]] = {}
    failed = [row.name for row in results.benchmarks if row.error_occurred]
    for place, row in enumerate(results.benchmarks):
        if not row.error_occurred:
            _check(row, whole.field("benchmarks", results.benchmarks).field(place, row), text)
            rows.setdefault(row.run_name or _AGGREGATE.sub("", row.name), []).append(row)
    if not rows:
        raise text.refused(*whole.place("benchmarks"), "every benchmark in it failed, or there is none")
    note = (f"failed, and left out: {', '.join(failed[:5])}",) if failed else ()
    return tuple(
        Attachment(
            format=GOOGLE.slug,
            title=GOOGLE.title,
            timed=TimedWhole.ITERATION,
            label=name,
            times=_times(name, members),
            stated=stated,
            notes=note,
        )
        for name, members in rows.items()
    )


def _kind(row: _Row) -> str:
    """The aggregate that a row is; empty for a repetition."""
    if row.run_type:
        return row.aggregate_name if row.run_type == "aggregate" else ""
    found = _AGGREGATE.search(row.name)
    return found[1] if found else ""


def _times(name: str, rows: list[_Row]) -> Maybe[RepeatTimes]:
    each = [_ns(row) for row in rows if not _kind(row)]
    if each:
        return RepeatTimes(each_ns=tuple(each))
    by_kind = {_kind(row): row for row in rows}
    if "mean" not in by_kind:
        return Missing(f"{name} has aggregates and no mean")
    mean_ns, count = _ns(by_kind["mean"]), by_kind["mean"].repetitions
    error: Maybe[float] = Missing("the results hold no spread")
    if "stddev" in by_kind and count > 1 and math.isfinite(by_kind["stddev"].real_time):
        spread = by_kind["stddev"]
        if spread.real_time >= 0 and spread.time_unit in _NS_PER:
            error = spread.real_time * _NS_PER[spread.time_unit] / mean_ns / math.sqrt(count)
    return RepeatTimes(mean_ns=mean_ns, error=error, count=max(1, count))


def _ns(row: _Row) -> float:
    return row.real_time * _NS_PER[row.time_unit]


def _check(row: _Row, element: Element, text: AttachedText) -> None:
    """Refuse a repetition, or a mean, whose time is none."""
    if _kind(row) not in ("", "mean"):
        return
    if row.time_unit not in _NS_PER:
        raise text.refused(*element.place("time_unit"), f"the time of {row.name!r} is in {row.time_unit!r}")
    if not 1e-6 < _ns(row) < 1e18:
        raise text.refused(*element.place("real_time"), f"the time of {row.name!r} is none: {_ns(row):g} ns")


GOOGLE = AttachedFormat(
    slug="google-benchmark",
    title="results of Google Benchmark",
    made_by="BENCHMARK --benchmark_repetitions=10 --benchmark_out=FILE.json --benchmark_out_format=json",
    recognises=_recognises,
    read=_read,
)
FORMATS = (GOOGLE,)
