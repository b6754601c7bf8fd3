"""The two formats of a saved `perf stat`: as a terminal shows it, and with a separator (-x,)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ironlaw.attachment import PerfCount, PerfOutput
from ironlaw.errors import BadInput
from ironlaw.missing import Maybe, Missing

NS_PER = {"ns": 1.0, "us": 1e3, "usec": 1e3, "msec": 1e6, "ms": 1e6, "sec": 1e9, "s": 1e9}
TIMED_IN_MSEC = ("task-clock", "cpu-clock")  # perf before 3.16 prints them without a unit
MOST = 2.0**64  # a counter holds no more; times are seconds or less
ALIASES = {
    "cpu-cycles": "cycles",
    "cs": "context-switches",
    "faults": "page-faults",
    "migrations": "cpu-migrations",
    "CPU-migrations": "cpu-migrations",
    "branch-instructions": "branches",
}
SPACES = "\u00a0\u202f\u2009\u2007"  # what locales put between thousands, besides a plain space
_NUMBER = rf"\d+(?:[.,'’ {SPACES}]\d+)*"
_TEXT_HEAD = re.compile(rf"^(?P<value><not supported>|<not counted>|{_NUMBER})\s+(?P<rest>\S.*)$")
_ELAPSED = re.compile(
    rf"^(?P<value>{_NUMBER})(?:\s*\+-\s*(?P<error>{_NUMBER}))?\s+seconds\s+(?P<what>time elapsed|user|sys)\b"
)
_SPREAD = re.compile(r"\(\s*\+-\s*(?P<percent>[\d.,]+)\s*%\s*\)")
_SHARE = re.compile(r"[(\[]\s*(?P<percent>[\d.,]+)\s*%\s*[)\]]\s*$")
_MODIFIERS = re.compile(r"^[ukhHGpPSDWIeb]+$")
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_AGGREGATED = re.compile(r"^\s*(S\d+(-D\d+)?(-C\d+)?|CPU\d+|N\d+|D\d+)[\s,;]")
TEXT_MARKS = ("Performance counter stats for", "seconds time elapsed")
SEPARATORS = (";", "\t", "|", "@", ",")
_LEAST_UTILISED = 0.1  # CPUs utilized have three decimals: below it a time that is derived from them is off by 0.5 %


def parse(text: str, *, named: str) -> PerfOutput:
    """Read one output of `perf stat`, in whichever of the two formats it is.

    Raises:
        BadInput: it is neither, holds several outputs, or was made with an option that changes its rows (-I, -A, -j).
    """
    text = _ANSI.sub("", text.lstrip("\ufeff"))
    if not text.strip():
        raise _refused(named, 1, 1, "the file is empty", hint="save it with: perf stat -o FILE COMMAND")
    if any(mark in text for mark in TEXT_MARKS):
        return _parse_text(text, named)
    return _parse_separated(text, named)


def _refused(named: str, line: int, column: int, why: str, *, hint: str) -> BadInput:
    return BadInput(f"{named}, line {line}, column {column}: {why}", hint=hint)


def _no_number(named: str, number: int, line: str, error: NotANumber) -> BadInput:
    """The error of a line with something else where perf stat prints a number."""
    written = str(error)
    column = line.find(written) + 1 or len(line) - len(line.lstrip()) + 1
    why = f"{written[:40]!r} stands where perf stat prints a number"
    return _refused(named, number, column, why, hint="save it again, unedited")


def number(text: str, decimal: str) -> float:
    """A number as a locale writes it, given its decimal mark; every other mark groups thousands.

    Raises:
        NotANumber: it is none, or larger than anything that is counted.
    """
    return _counted_number(re.sub(rf"[^\d{re.escape(decimal)}]", "", text).replace(decimal, "."))


class NotANumber(ValueError):
    """A text where a number should be."""


def _counted_number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise NotANumber(text) from None
    if not 0 <= value <= MOST:
        raise NotANumber(text)
    return value


def event_name(written: str) -> tuple[str, str]:
    """The event with its mode as ironlaw writes it (cycles:u), and the PMU that the line names."""
    pmu = ""
    if match := re.match(r"^(?P<pmu>\w+)/(?P<event>[^/]+)/(?P<modifiers>\w*)$", written):
        pmu, name, modifiers = match["pmu"], match["event"], match["modifiers"]
    else:
        name, _, modifiers = written.rpartition(":")
        if not name or not _MODIFIERS.match(modifiers):
            name, modifiers = written, ""
    mode = {(True, False): ":u", (False, True): ":k"}.get(("u" in modifiers, "k" in modifiers), "")
    return ALIASES.get(name, name) + mode, pmu


def _parse_text(text: str, named: str) -> PerfOutput:
    lines = text.splitlines()
    starts = [place for place, line in enumerate(lines) if TEXT_MARKS[0] in line]
    if len(starts) > 1:
        why = f"a second output of perf stat; the file holds {len(starts)} outputs"
        raise _refused(named, starts[1] + 1, 1, why, hint="save each one in its own file")
    above = starts[0] if starts else 0
    lines = lines[above:]
    _refuse_other_rows(list(enumerate(lines, start=above + 1)), named)
    decimal = _decimal_mark(lines)
    counted: list[PerfCount] = []
    unread: list[str] = []
    times: dict[str, tuple[float, Maybe[float]]] = {}
    for place, line in enumerate((raw.strip() for raw in lines), start=above + 1):
        if match := _ELAPSED.match(line):
            try:
                times[match["what"]] = (number(match["value"], decimal) * 1e9, _text_spread(line, decimal))
            except NotANumber as error:
                raise _no_number(named, place, lines[place - above - 1], error) from None
        elif match := _TEXT_HEAD.match(line):
            try:
                read = _text_count(match["value"], line, decimal)
            except NotANumber:
                read = None
            if isinstance(read, PerfCount):
                counted.append(read)
            else:
                unread.append(line)
    if not counted and "time elapsed" not in times:
        last = above + len(lines)
        why = "it ends here without a counter of perf stat"
        raise _refused(named, last, len(lines[-1]) + 1, why, hint="save it with: perf stat -o FILE COMMAND")
    runs = re.search(r"\((\d+) runs?\)", lines[0]) if starts else None
    gap = Missing("the output has no such line")
    return PerfOutput(
        counted=tuple(counted),
        elapsed_ns=times["time elapsed"][0] if "time elapsed" in times else gap,
        elapsed_spread=times["time elapsed"][1] if "time elapsed" in times else gap,
        user_ns=times["user"][0] if "user" in times else gap,
        kernel_ns=times["sys"][0] if "sys" in times else gap,
        runs=int(runs[1]) if runs else Missing("the output does not report its number of runs"),
        unread=tuple(unread),
    )


def _refuse_other_rows(lines: Sequence[tuple[int, str]], named: str) -> None:
    """Outputs whose rows are not totals of the run."""
    hint = "save it without -I, -A, --per-core, --per-socket and -j"
    for number, line in lines:
        if line.lstrip().startswith("{"):
            raise _refused(named, number, 1, "this line is JSON (perf stat -j), which is not read", hint=hint)
        if match := _AGGREGATED.match(line):
            raise _refused(named, number, match.start(1) + 1, f"it counts by core or socket: {match[1]}", hint=hint)
        if re.match(r"^\s*#\s+time\s+counts", line):
            raise _refused(named, number, 1, "it counts in intervals (perf stat -I)", hint=hint)


def _decimal_mark(lines: list[str]) -> str:
    """How this output writes decimals: its times in seconds always have them and never group thousands."""
    for line in lines:
        match = re.match(r"^\s*\d+([.,])\d+(?:\s*\+-.*)?\s+seconds\s", line)
        if match:
            return match[1]
    for line in lines:
        match = re.match(r"^\s*[\d.,\s]*\d([.,])\d{2}\s+msec\s", line)
        if match:
            return match[1]
    return "."


def _text_spread(line: str, decimal: str) -> Maybe[float]:
    match = _SPREAD.search(line)
    return number(match["percent"], decimal) / 100 if match else Missing("the output is of one run")


def _text_count(value: str, line: str, decimal: str) -> PerfCount | None:
    """A counter's line; None when it is not understood."""
    spread = _text_spread(line, decimal)
    without = _SPREAD.sub("", line)
    share = _SHARE.search(without)
    head = _SHARE.sub("", without).partition("#")[0]
    words = head[len(value) :].split()
    if len(words) == 2 and words[1] == "(msec)":
        words = ["msec", words[0]]
    if len(words) not in (1, 2):
        return None
    return counted_line(
        written=words[-1],
        value=value if value.startswith("<") else number(value, decimal),
        unit=words[0] if len(words) == 2 else "",
        share=number(share["percent"], decimal) / 100 if share else 1.0,
        spread=spread,
    )


def counted_line(*, written: str, value: str | float, unit: str, share: float, spread: Maybe[float]) -> PerfCount:
    """One counter; <not supported> and <not counted> become gaps with that reason."""
    event, pmu = event_name(written)
    if isinstance(value, str):
        gap = Missing(f"perf printed {value}")
        return PerfCount(event=event, value=gap, pmu=pmu, share=share, spread=gap)
    unit = unit or ("msec" if event.partition(":")[0] in TIMED_IN_MSEC else "")
    return PerfCount(event=event, value=value * NS_PER.get(unit, 1.0), pmu=pmu, share=share, spread=spread)


def _parse_separated(text: str, named: str) -> PerfOutput:
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    _refuse_other_rows(lines, named)
    separator = next((mark for mark in SEPARATORS if lines and all(_is_row(line, mark) for _, line in lines)), None)
    if separator is None:
        found = ((number, line) for number, line in lines if not any(_is_row(line, mark) for mark in SEPARATORS))
        place, worst = next(found, (1, ""))
        raise _refused(
            named,
            place,
            len(worst) - len(worst.lstrip()) + 1,
            "this is not an output of perf stat" + (f": {worst.strip()[:60]!r}" if worst else ""),
            hint="save it with: perf stat -o FILE COMMAND, or with -x, for separated values",
        )
    counted = []
    elapsed: Maybe[float] = Missing("separated output has no time elapsed; add -e duration_time")
    spread: Maybe[float] = Missing("the output is of one run")
    assumptions: tuple[str, ...] = ()
    for place, line in lines:
        try:
            row, utilised = _separated_count(_fields(line, separator))
        except NotANumber as error:
            raise _no_number(named, place, line, error) from None
        counted.append(row)
        if row.event == "duration_time":
            elapsed, spread, assumptions = row.value, row.spread, ()
        elif row.event.partition(":")[0] == "task-clock" and isinstance(elapsed, Missing):
            elapsed, assumptions = _elapsed_by_utilisation(row.value, utilised, instead_of=elapsed)
    return output_of_rows(counted, elapsed, spread, assumptions=assumptions, kind="separated")


def output_of_rows(
    counted: Sequence[PerfCount],
    elapsed_ns: Maybe[float],
    spread: Maybe[float],
    *,
    assumptions: tuple[str, ...],
    kind: str,
) -> PerfOutput:
    """What rows of events are as an output: user and system time are events like others there."""
    by_event = {one.event: one.value for one in counted}
    gap = Missing(f"{kind} output has none; add -e user_time,system_time")
    return PerfOutput(
        counted=tuple(counted),
        elapsed_ns=elapsed_ns,
        elapsed_spread=spread,
        user_ns=by_event.get("user_time", gap),
        kernel_ns=by_event.get("system_time", gap),
        assumptions=assumptions,
    )


def _is_row(line: str, separator: str) -> bool:
    fields = _fields(line, separator)
    return (
        len(fields) >= 5
        and re.match(r"^(<not (supported|counted)>|[\d.,]+)$", fields[0]) is not None
        and re.search(r"[A-Za-z]", fields[2]) is not None
    )


def _fields(line: str, separator: str) -> list[str]:
    fields = [part.strip() for part in line.rstrip("\n").split(separator)]
    # A locale with a decimal comma breaks its own value in two when the separator is a comma too.
    if separator == "," and len(fields) > 3 and fields[1].isdigit() and fields[2] in NS_PER:
        fields[0:2] = [f"{fields[0]}.{fields[1]}"]
    return fields


def _separated_count(fields: list[str]) -> tuple[PerfCount, Maybe[float]]:
    """value, unit, event[, spread %], run time, share %[, metric, its unit]; also gives CPUs utilized."""
    value, unit, written, *rest = fields
    spread: Maybe[float] = Missing("the output is of one run")
    if rest and rest[0].endswith("%"):
        spread = _plain(rest[0][:-1]) / 100
        rest = rest[1:]
    share = _plain(rest[1]) / 100 if len(rest) > 1 and rest[1] else 1.0
    utilised: Maybe[float] = Missing("the output does not report how many CPUs were utilized")
    if len(rest) > 3 and rest[3] == "CPUs utilized":
        utilised = _plain(rest[2])
    amount: str | float = value if value.startswith("<") else _plain(value)
    return counted_line(written=written, value=amount, unit=unit, share=share, spread=spread), utilised


def _plain(text: str) -> float:
    """A number of separated output, which never groups thousands."""
    return _counted_number(text.replace(",", "."))


def _elapsed_by_utilisation(
    task_clock_ns: Maybe[float], utilised: Maybe[float], *, instead_of: Missing
) -> tuple[Maybe[float], tuple[str, ...]]:
    """Time elapsed in ns from CPU time and CPUs utilized, which perf rounds to three decimals, and what that assumes.

    `instead_of` is why the output itself has no time elapsed.
    """
    if isinstance(task_clock_ns, Missing) or isinstance(utilised, Missing):
        return instead_of, ()
    if utilised < _LEAST_UTILISED:
        few = f"{utilised:g} CPUs utilized are too few digits to derive it from"
        return Missing(f"{instead_of.reason}; {few}"), ()
    return task_clock_ns / utilised, ("time elapsed is task-clock / CPUs utilized, as perf rounded it",)
