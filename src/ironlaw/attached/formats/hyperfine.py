"""Results of hyperfine: each repeat is a process."""

from __future__ import annotations

from typing import Any

import msgspec

from ironlaw.attached.format import AttachedFormat
from ironlaw.attached.json_text import JsonText, typed
from ironlaw.attached.text import AttachedText
from ironlaw.attachment import Attachment, Repeated, RepeatTimes, TimedWhole


class _Result(msgspec.Struct):
    command: str
    mean: float
    times: list[float] | None = None
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)


class _Results(msgspec.Struct):
    results: list[_Result]


def _recognises(head: str) -> bool:
    return '"results"' in head and '"command"' in head and '"mean"' in head and '"median"' in head


def _read(text: AttachedText) -> tuple[Attachment, ...]:
    whole = JsonText(text).whole()
    results = typed(whole, _Results, text)
    for place, one in enumerate(results.results):
        field = "times" if one.times else "mean"
        for index, seconds in enumerate(one.times or [one.mean]):
            if not 1e-9 < seconds < 1e9:
                where = whole.place("results", place, field, index)
                raise text.refused(*where, f"a time of {one.command!r} is none: {seconds:g} s")
    if not results.results:
        raise text.refused(*whole.place("results"), "results of hyperfine without a command")
    return tuple(_attachment(one) for one in results.results)


def _attachment(one: _Result) -> Attachment:
    settings = ", ".join(f"{name}={value}" for name, value in one.parameters.items())
    times = (
        RepeatTimes(each_ns=tuple(seconds * 1e9 for seconds in one.times), repeated=Repeated.PROCESSES)
        if one.times
        else RepeatTimes(mean_ns=one.mean * 1e9, repeated=Repeated.PROCESSES)
    )
    return Attachment(
        format=HYPERFINE.slug,
        title=HYPERFINE.title,
        timed=TimedWhole.PROCESS,
        label=f"{one.command} ({settings})" if settings and settings not in one.command else one.command,
        times=times,
        included="start, imports, loading and warming up: hyperfine times the whole process",
    )


HYPERFINE = AttachedFormat(
    slug="hyperfine",
    title="results of hyperfine",
    made_by="hyperfine --export-json FILE.json COMMAND COMMAND",
    recognises=_recognises,
    read=_read,
)
FORMATS = (HYPERFINE,)
