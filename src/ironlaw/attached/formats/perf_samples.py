"""Samples of perf record as text: perf report --stdio, and perf script."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from ironlaw.attached.format import AttachedFormat
from ironlaw.attached.text import AttachedText
from ironlaw.attachment import AttachedCode, Attachment, Lack, RepeatTimes, TimedWhole
from ironlaw.code import CodeSite, InstructionClass, LoopWork, SampleMode
from ironlaw.missing import Maybe, Missing

_CLOCKS = ("cpu-clock", "task-clock")  # their periods are ns of CPU time
_MOST_NS = 1e18
_LISTED_WITHIN = 0.5  # percent of all samples: a thousand rows are each rounded to a hundredth of a percent

# The header of a sample of perf script: command, pid or pid/tid, perhaps the CPU, the time, the period, the event.
_SAMPLE = re.compile(
    r"^\s*(?P<command>\S.*?)\s+(?P<pid>-?\d+)(?:/-?\d+)?\s+(?:\[\d+\]\s+)?(?P<time>\d+\.\d+):\s+"
    r"(?:(?P<period>\d+)\s+)?(?P<event>[\w.:/=,-]+?):[A-Za-z]*:?\s*(?P<rest>\S.*)?$"
)
_FRAME = re.compile(r"^\s*(?P<ip>[0-9a-f]+)\s+(?P<symbol>.+?)\s+\((?P<object>.*)\)\s*$")
_OFFSET = re.compile(r"\+0x([0-9a-f]+)$")
# A row of perf report: one or two shares, perhaps the command, the object, the mode, the symbol.
_ROW = re.compile(
    r"^\s*(?P<first>\d+\.\d+)%(?:\s+(?P<second>\d+\.\d+)%)?\s+(?P<rest>\S.*?)\s+\[(?P<mode>[.kguH])\]\s+(?P<symbol>\S.*?)\s*$"
)
_EVENT = re.compile(r"^# Samples:\s*(?P<samples>[\d.]+)(?P<unit>[KMG]?)\s+of event[s]?\s+'(?P<event>[^']+)'")
_COUNT = re.compile(r"^# Event count \(approx\.\):\s*(\d+)")
_UNITS = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9}
_NAMELESS_FROM = 0.05  # of the samples, from which on code without a symbol is noted
_ALL_THREADS = "times are CPU time of all threads: the number of samples times their period"
_NO_INSTRUCTIONS = Lack(
    what="which instructions executed",
    why="the text holds names of code, and no bytes of it",
    fix="ironlaw run samples code and decodes it",
)


def _mode(text: str) -> SampleMode:
    return SampleMode.KERNEL if text in ("k", "g") else SampleMode.USER


def _site(name: str, symbol: str, offset: int, mode: SampleMode) -> CodeSite:
    bare = name.rpartition("/")[2] if not name.startswith("[") else name
    if mode is SampleMode.KERNEL:
        bare = "[kernel]"
    elif bare.startswith(("perf-", "jitted-")) or "//anon" in name or "memfd" in name:
        bare = "[generated]"
    is_named = symbol and symbol != "[unknown]" and not symbol.startswith("0x")
    return CodeSite(
        object=bare or "[unknown]",
        symbol=symbol if is_named else "",
        offset=offset % 2**53,
        instructions=InstructionClass.UNKNOWN,
        work=LoopWork.UNKNOWN,
        mode=mode,
        count=1,
    )


# perf script


def _recognises_script(head: str) -> bool:
    lines = head.splitlines()[:400]
    return any(_SAMPLE.match(line) for line in lines) and any(
        _FRAME.match(line) or ((match := _SAMPLE.match(line)) and match["rest"]) for line in lines
    )


def _read_script(text: AttachedText) -> tuple[Attachment, ...]:
    counts: Counter[CodeSite] = Counter()
    events: Counter[str] = Counter()
    samples, periods, times = 0, 0, [0.0, 0.0]
    other = 1  # the line of the first sample of another event
    for number, period, event, time, frame in _samples(text):
        other = number if events and event not in events else other
        samples += 1
        events[event] += 1
        periods += period
        times = [min(times[0], time) if samples > 1 else time, max(times[1], time)]
        counts[frame] += max(1, period)
    if not samples:
        raise text.refused(*text.end, "it ends here, and no sample of perf script is in it")
    if len(events) > 1:
        raise text.refused(other, 1, f"it holds samples of {len(events)} events: {', '.join(sorted(events))[:60]}")
    (event,) = events
    code = _code(dict(counts), samples, event)
    notes = [f"between the first sample and the last lie {times[1] - times[0]:.4g} s"] if times[1] > times[0] else []
    return (_attachment(SCRIPT, code, _cpu_time(event, periods), notes),)


def _samples(text: AttachedText) -> Iterator[tuple[int, int, str, float, CodeSite]]:
    """Line, period, event, time and code of each sample; of a call chain the innermost frame counts."""
    waiting: tuple[int, int, str, float] | None = None
    for number, line in text.lines():
        header = None if waiting is not None and _FRAME.match(line) else _SAMPLE.match(line)
        if header:
            if waiting is not None:
                yield (*waiting, _site("[unknown]", "", 0, SampleMode.USER))
            if len(header["period"] or "") > 15:
                raise text.refused(number, header.start("period") + 1, "the period of a sample is longer than any")
            waiting = (number, int(header["period"] or 0), header["event"].partition(":")[0], float(header["time"]))
            frame = _FRAME.match(header["rest"]) if header["rest"] else None
        else:
            frame = _FRAME.match(line) if waiting is not None else None
        if frame and waiting is not None:
            yield (*waiting, _site_of(frame))
            waiting = None
    if waiting is not None:
        yield (*waiting, _site("[unknown]", "", 0, SampleMode.USER))


def _site_of(frame: re.Match[str]) -> CodeSite:
    offset = _OFFSET.search(frame["symbol"])
    symbol = _OFFSET.sub("", frame["symbol"])
    name = frame["object"].partition(") ")[0]
    is_high = len(frame["ip"]) == 16 and frame["ip"][0] in "89abcdef"  # where the kernel is, if it has no name here
    is_kernel = is_high or name.startswith(("[kernel", "[guest.kernel"))
    place = int(offset[1], 16) if offset and len(offset[1]) < 14 else 0
    return _site(name, symbol, place, SampleMode.KERNEL if is_kernel else SampleMode.USER)


# perf report


def _recognises_report(head: str) -> bool:
    return bool(
        re.search(r"^# (?:Overhead|Children)\b.*\bSymbol", head, re.MULTILINE)
        or (re.search(r"^# Samples: ", head, re.MULTILINE) and "of event" in head)
    )


def _read_report(text: AttachedText) -> tuple[Attachment, ...]:
    weights: dict[CodeSite, float] = {}
    samples, event, count, has_children = 0, "", 0, False
    first = (1, 1)  # the place of the first row
    for number, line in text.lines():
        if found := _EVENT.match(line):
            if event and found["event"].partition(":")[0] != event:
                raise text.refused(
                    number,
                    found.start("event") + 1,
                    "it is of several events; save one: perf report --stdio --sort dso,sym",
                )
            event, samples = found["event"].partition(":")[0], _counted(found, number, text)
        elif (found := _COUNT.match(line)) and len(found[1]) < 20:
            count = int(found[1])
        elif line.startswith("#"):
            has_children = has_children or bool(re.match(r"#\s+Children\s+Self\b", line))
        elif row := _ROW.match(line):
            share = float(row["second"] if has_children and row["second"] else row["first"])
            words = re.split(r"\s{2,}", row["rest"].strip())
            site = _site(words[-1], row["symbol"], 0, _mode(row["mode"]))
            first = first if weights else (number, row.start("first") + 1)
            weights[site] = weights.get(site, 0.0) + share
    if not weights or not samples:
        what = "without a row of perf report" if not weights else "and does not say how many samples it is of"
        raise text.refused(*text.end, f"it ends here, {what}")
    if not sum(weights.values()) > 0:
        raise text.refused(*first, "all its shares are 0 %, from this one on")
    unlisted = 100.0 - sum(weights.values())
    if unlisted > _LISTED_WITHIN:
        weights[_site("[not listed]", "", 0, SampleMode.USER)] = unlisted
    code = _code(weights, samples, event)
    return (_attachment(REPORT, code, _cpu_time(event, count), []),)


def _counted(found: re.Match[str], number: int, text: AttachedText) -> int:
    try:
        samples = float(found["samples"]) * _UNITS[found["unit"]]
    except ValueError:
        raise text.refused(number, found.start("samples") + 1, f"{found['samples'][:40]!r} is not a number") from None
    return int(min(samples, 1e15))


# Both


def _code(weights: dict[CodeSite, float] | dict[CodeSite, int], samples: int, event: str) -> AttachedCode:
    whole = float(sum(weights.values()))
    return AttachedCode(
        sites=tuple((site, weight / whole) for site, weight in weights.items() if weight > 0),
        samples=samples,
        event=event,
        kernel_seen=any(site.mode is SampleMode.KERNEL for site in weights),
    )


def _cpu_time(event: str, periods: int) -> Maybe[RepeatTimes]:
    if event not in _CLOCKS:
        return Missing(f"the samples count {event or 'an unknown event'}, which is no time: only shares are known")
    if not 0 < periods <= _MOST_NS:
        return Missing("the samples have no periods, so what time they stand for is unknown")
    return RepeatTimes(mean_ns=float(periods), count=1, is_cpu_time=True)


def _nameless(code: AttachedCode) -> tuple[str, ...]:
    """A note of how much of the code has no symbol, so that no category but *other* can hold it."""
    shares: dict[str, float] = defaultdict(float)
    for site, share in code.sites:
        if not site.symbol and site.mode is SampleMode.USER and not site.object.startswith("["):
            shares[site.object] += share
    if (whole := sum(shares.values())) < _NAMELESS_FROM:
        return ()
    most = max(shares, key=lambda name: shares[name])
    return (
        f"{whole:.0%} of the samples are in libraries without symbols, most of them in {most}: "
        "kernels and what calls them cannot be distinguished there, and count as other",
    )


def _attachment(format_: AttachedFormat, code: AttachedCode, times: Maybe[RepeatTimes], notes: list[str]) -> Attachment:
    return Attachment(
        format=format_.slug,
        title=format_.title,
        timed=TimedWhole.PROCESS,
        times_are="CPU time",
        times=times,
        code=code,
        included="start, imports, loading and warming up: perf record sees the whole process",
        disturbs="sampling takes time at each sample",
        notes=(
            *(() if isinstance(times, Missing) else (_ALL_THREADS,)),
            *notes,
            *_nameless(code),
        ),
        lacks=(_NO_INSTRUCTIONS,),
    )


SCRIPT = AttachedFormat(
    slug="perf-script",
    title="an output of perf script",
    made_by="perf record -e cpu-clock -F 999 COMMAND, then perf script > FILE",
    binary="PERFILE2",  # the magic of perf.data: tools/perf/Documentation/perf.data-file-format.txt
    convert="perf script -i FILE > samples.txt, or perf report --stdio --no-children -i FILE > report.txt",
    recognises=_recognises_script,
    read=_read_script,
)
REPORT = AttachedFormat(
    slug="perf-report",
    title="an output of perf report",
    made_by="perf record -e cpu-clock -F 999 COMMAND, then perf report --stdio --no-children > FILE",
    recognises=_recognises_report,
    read=_read_report,
)
FORMATS = (SCRIPT, REPORT)
