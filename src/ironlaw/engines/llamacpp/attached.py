"""Results of llama-bench, in each form that its -o writes: JSON, JSON lines, CSV, SQL, and the table that it prints."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import msgspec

from ironlaw.attached.format import AttachedFormat
from ironlaw.attached.json_text import Element, JsonText, typed
from ironlaw.attached.text import AttachedText
from ironlaw.attachment import Attachment, Lack, RepeatTimes, TimedWhole
from ironlaw.errors import BadInput
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.phase import Phase

_TABLE = re.compile(r"^\s*\|\s*model\s*\|.*\|\s*t/s\s*\|", re.MULTILINE)
_CSV = re.compile(r"^\w+(?:,\w+)*,avg_ns(?:,\w+)*\r?$", re.MULTILINE)
_SQL = re.compile(
    r"^INSERT INTO (?:llama_bench|test) \((?P<names>[\w, ]*\bavg_ns\b[\w, ]*)\) VALUES \((?P<values>.*)\);",
    re.MULTILINE,
)
_RATE = re.compile(r"^(\d+(?:\.\d+)?)(?:\s*±\s*(\d+(?:\.\d+)?))?$")
_TEST = re.compile(r"(pp|tg)\s*(\d{1,9})")
_DEPTH = re.compile(r"@\s*d(\d{1,9})")
_LONGEST_NS = 1e17
_LACKS = (
    Lack(
        what="operators and kernels",
        why="llama-bench times whole prompts and generations",
        fix="perf record -e cpu-clock llama-bench ..., then attach perf script",
    ),
)


class _Row(msgspec.Struct):
    avg_ns: float
    n_prompt: int = 0
    n_gen: int = 0
    n_depth: int = 0
    samples_ns: list[float] = msgspec.field(default_factory=list)
    stddev_ns: float = 0.0
    model_filename: str = ""
    model_type: str = ""
    n_threads: int = 0
    build_commit: str = ""
    backends: str = ""
    cpu_info: str = ""


def _recognises(head: str) -> bool:
    return _reader(head) is not None


def _reader(head: str) -> Callable[[AttachedText], Iterable[Attachment]] | None:
    """What reads a file that begins like this."""
    if '"avg_ns"' in head and '"n_gen"' in head:
        return _of_array if head.lstrip().startswith("[") else _of_lines
    forms = ((_TABLE, _of_table), (_CSV, _of_csv), (_SQL, _of_sql))
    return next((read for form, read in forms if (found := form.search(head)) and _is_whole(found)), None)


def _is_whole(found: re.Match[str]) -> bool:
    """Whether the columns of a table by numbers are those of llama-bench."""
    return "t/s" in found[0] or "n_gen" in found[0]


def _read(text: AttachedText) -> tuple[Attachment, ...]:
    reader = _reader(text.head)
    return tuple(reader(text)) if reader else ()


def _of_array(text: AttachedText) -> Iterator[Attachment]:
    return (_of_row(element, text) for element in JsonText(text).elements(""))


def _of_lines(text: AttachedText) -> Iterator[Attachment]:
    return (_of_line(number, line, text) for number, line in text.lines() if line.strip())


def _of_csv(text: AttachedText) -> Iterator[Attachment]:
    names: list[str] = []
    for number, line in text.lines():
        if _CSV.match(line):
            names = line.split(",")
        elif names and line.strip():
            yield _of_values(names, next(csv.reader([line])), _RowText(number, line, text))


def _of_sql(text: AttachedText) -> Iterator[Attachment]:
    """Values are between quotes, and llama-bench escapes none that a value has."""
    for number, line in text.lines():
        if found := _SQL.match(line):
            values = found["values"].strip().removeprefix("'").removesuffix("'").split("', '")
            yield _of_values(found["names"].split(", "), values, _RowText(number, line, text))


def _of_line(number: int, line: str, text: AttachedText) -> Attachment:
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise text.refused(number, error.colno, f"this line is not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:  # a number that is too long, or nested too deep
        raise text.refused(number, 1, f"this line is not JSON: {str(error)[:60]}") from None
    return _of_row(Element(value, number, len(line) - len(line.lstrip()) + 1, line), text)


@dataclass(frozen=True, slots=True)
class _RowText:
    """A line of a file."""

    number: int
    line: str
    text: AttachedText

    def refused(self, value: str, why: str) -> BadInput:
        """The error of a value in it."""
        return self.text.refused(self.number, max(0, self.line.rfind(value)) + 1, why)


def _of_values(names: list[str], values: list[str], place: _RowText) -> Attachment:
    """A row of CSV or SQL: neither holds the single repeats, nor their number."""
    if len(values) != len(names):
        raise place.refused("", f"{len(values)} values for {len(names)} columns")
    cells = dict(zip(names, values, strict=True))
    try:
        row = msgspec.convert(cells, _Row, strict=False)
    except msgspec.ValidationError as error:
        raise place.refused(cells.get(_named(error), ""), f"not as this format has it: {error}") from None
    if not 1 < row.avg_ns < _LONGEST_NS or not 0 <= row.stddev_ns < _LONGEST_NS:
        raise place.refused(cells["avg_ns"], f"a time is none: {row.avg_ns:g} ± {row.stddev_ns:g} ns")
    times = RepeatTimes(
        mean_ns=row.avg_ns, error=row.stddev_ns / row.avg_ns, count=Missing("CSV and SQL do not report the repeats")
    )
    return _of_test(row, times, row.avg_ns)


def _named(error: msgspec.ValidationError) -> str:
    """The column that an error is about."""
    return str(error).rpartition("$.")[2].rstrip("`")


def _of_row(element: Element, text: AttachedText) -> Attachment:
    row = typed(element, _Row, text)
    each = row.samples_ns or [row.avg_ns]
    for index, ns in enumerate(each):
        if not 1 < ns < _LONGEST_NS:
            where = element.place("samples_ns", index) if row.samples_ns else element.place("avg_ns")
            raise text.refused(*where, f"a time is none: {ns:g} ns")
    times = RepeatTimes(each_ns=tuple(each)) if row.samples_ns else RepeatTimes(mean_ns=row.avg_ns)
    return _of_test(row, times, math.fsum(each) / len(each))


def _of_test(row: _Row, times: RepeatTimes, mean_ns: float) -> Attachment:
    names = [f"pp{row.n_prompt}" if row.n_prompt else "", f"tg{row.n_gen}" if row.n_gen else ""]
    depth = f" @ d{row.n_depth}" if row.n_depth else ""
    stated = {
        "threads": str(row.n_threads or ""),
        "build": row.build_commit,
        "backend": row.backends,
        "CPU": row.cpu_info,
    }
    return Attachment(
        format=BENCH.slug,
        title=BENCH.title,
        timed=TimedWhole.ITERATION,
        label="+".join(filter(None, names)) + depth or "test",
        variant=row.model_filename.rpartition("/")[2] or row.model_type,
        phase=_phase(row.n_prompt, row.n_gen, row.n_depth),
        times=times,
        stated={name: value for name, value in stated.items() if value},
        notes=_rate(row.n_prompt + row.n_gen, mean_ns),
        lacks=_LACKS,
    )


def _rate(tokens: int, ns: float) -> tuple[str, ...]:
    """The rate that llama-bench reports, as a note beside the time of the test."""
    return (f"{tokens / ns * 1e9:.4g} tokens a second, by {tokens} in each test",) if tokens else ()


def _phase(prompt: int, generated: int, depth: int) -> str:
    """The level of the factor phase that is nearest: llama-bench generates at all depths from one on, ironlaw at one.

    Empty for a prompt behind other tokens, and for a prompt and generated text in one time.
    """
    if prompt and not generated and not depth:
        level = f"prefill:{prompt}"
    elif generated and not prompt:
        level = f"decode:{depth + max(1, generated // 2)}"
    else:
        return ""
    return level if is_known(Phase.read(level)) else ""


def _of_table(text: AttachedText) -> list[Attachment]:
    headings: list[str] = []
    found = []
    for number, line in text.lines():
        if "|" not in line:
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if "t/s" in cells and "model" in cells:
            headings = cells
        elif headings and len(cells) == len(headings) and not set(line) <= set("|-: "):
            found.append(_of_cells(dict(zip(headings, cells, strict=True)), number, line, text))
    return found


def _of_cells(cells: dict[str, str], number: int, line: str, text: AttachedText) -> Attachment:
    rate, test = _RATE.match(cells["t/s"]), cells.get("test", "")
    counts = {kind: int(count) for kind, count in _TEST.findall(test)}
    if rate is None or not 0 < float(rate[1]) < 1e12:
        raise text.refused(number, line.rindex(cells["t/s"]) + 1, f"{cells['t/s'][:40]!r} is no rate of tokens")
    if not sum(counts.values()):
        raise text.refused(number, line.rindex(test) + 1, f"{test[:40]!r} names no number of tokens")
    depth = _DEPTH.search(test)
    mean_ns = sum(counts.values()) / float(rate[1]) * 1e9
    return Attachment(
        format=BENCH.slug,
        title=BENCH.title,
        timed=TimedWhole.ITERATION,
        label=re.sub(r"(pp|tg)\s+", r"\1", test),
        variant=cells["model"],
        phase=_phase(counts.get("pp", 0), counts.get("tg", 0), int(depth[1]) if depth else 0),
        times=RepeatTimes(mean_ns=mean_ns, error=_spread(rate), count=Missing("the table does not report its repeats")),
        stated={name: cells[name] for name in ("threads", "backend") if cells.get(name)},
        notes=_rate(sum(counts.values()), mean_ns),
        lacks=_LACKS,
    )


def _spread(rate: re.Match[str]) -> Maybe[float]:
    """The spread of repeats over their mean; of an unknown number of them it is no error of the mean."""
    value = float(rate[2]) / float(rate[1]) if rate[2] else math.nan
    return value if math.isfinite(value) else Missing("the table holds no spread")


BENCH = AttachedFormat(
    slug="llama-bench",
    title="results of llama-bench",
    made_by="llama-bench -m MODEL.gguf -o json > FILE",
    recognises=_recognises,
    read=_read,
)
FORMATS = (BENCH,)
