"""Reader of the output of OpenVINO's benchmark_app: the CSV of detailed counters, and the log."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ironlaw.attached.format import AttachedFormat
from ironlaw.attached.text import AttachedText
from ironlaw.attachment import LEAST_NS, AttachedNode, Attachment, Lack, RepeatTimes, TimedWhole
from ironlaw.engines.openvino.runtime_graph import computes
from ironlaw.layer import LayerCall
from ironlaw.missing import Maybe, Missing

_HEADER = re.compile(r"^layerName;exec\w*;layerType;execType;real", re.MULTILINE)
_MOST_MS = 1e12
# A line of the log for one layer, by benchmark_app in Python or in C++.
_LISTED = re.compile(
    r"^(?P<name>\S.*?)\s+(?:Status\.)?(?P<status>EXECUTED|NOT_RUN|OPTIMIZED_OUT)\s+layerType:\s*(?P<type>\S+)\s+"
    r"execType:\s*(?P<kernel>\S+)\s+real(?:Time)?\s*(?:\(ms\))?:\s*(?P<ms>[\d.]+)"
)
_TABLE = re.compile(r"Performance counts for \d+-th infer request")  # as both of them begin one
_LATENCY = re.compile(r"^(?:\[ INFO \])?\s*(Median|Average|Min|Max):\s+([\d.]+)\s*(us|ms)\s*$")
_NS_PER = {"us": 1e3, "ms": 1e6}
_SETTING = re.compile(r"^\[ INFO \]\s+([A-Z][A-Z_]+):\s*(.+?)\s*$")
_STATED = {
    "INFERENCE_NUM_THREADS": "threads",
    "NUM_STREAMS": "streams",
    "INFERENCE_PRECISION_HINT": "precision hint",
    "PERFORMANCE_HINT": "performance hint",
    "EXECUTION_DEVICES": "devices",
}
_UNLISTED = Lack(
    what="the shapes of layers and what they read",
    why="the counters name layers, their types and their kernels",
    fix="ironlaw run reads them from the compiled model",
)


class _Row(NamedTuple):
    """A layer within a table; the log cuts long names, so that one name may stand for several layers of it."""

    name: str
    kind: str
    kernel: str
    occurrence: int


@dataclass(slots=True)
class _Counters:
    """Layers of the tables, one for each request, and their ms in those that list them."""

    took_ms: dict[_Row, list[float]] = field(default_factory=lambda: defaultdict(list))
    seen: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # in the table that is being read

    def begin(self) -> None:
        """Begin another table, whose rows are those of the tables before."""
        self.seen.clear()

    def add(self, name: str, status: str, kind: tuple[str, str], ms: float) -> None:
        """Add one row. Rows that were optimised away or have no kernel are no layers that ran."""
        if status.rpartition(".")[2] == "EXECUTED" or computes(*kind):
            key = (name, *kind)
            self.took_ms[_Row(*key, self.seen[key])].append(ms)
            self.seen[key] += 1

    def nodes(self, tables: int) -> Maybe[tuple[AttachedNode, ...]]:
        """The layers that ran, each fed by the previous one, with mean times over the tables."""
        made: list[AttachedNode] = []
        repeats: Counter[tuple[str, str]] = Counter()
        for row, times in self.took_ms.items():
            path = re.sub(r"/(WithoutBiases|sink_port_\d+|fq_\w+)$", "", row.name)
            call = LayerCall(path=path, operator=row.kind, fed_by=(len(made) - 1,), kernels=(row.kernel,))
            call = replace(call, repeat=repeats[path, row.kind])
            repeats[path, row.kind] += 1
            made.append(AttachedNode(call=call, ns=math.fsum(times) / tables * 1e6, times=len(times) / tables))
        return tuple(made) or Missing("no layer ran by its counters")

    def census(self) -> dict[str, float]:
        """Counts by the names of kernels, which end in the number format of their arithmetic."""
        kernels = [row.kernel for row in self.took_ms]
        kinds = [row.kind for row in self.took_ms]
        computing = [row.kernel for row in self.took_ms if row.kind in _MULTIPLIES]
        return {
            "operators": float(len(kernels)),
            "int8_operators": float(sum(kernel.endswith(("_i8", "_u8", "_I8", "_U8")) for kernel in computing)),
            "reference_operators": float(sum(kernel.startswith("ref") for kernel in kernels)),
            "reorders": float(sum(kind in ("Reorder", "Transpose") for kind in kinds)),
        }

    def named(self) -> dict[str, tuple[str, ...]]:
        """The layers behind some of the counts."""
        slow = tuple(f"{row.name} ({row.kernel})" for row in self.took_ms if row.kernel.startswith("ref"))
        return {"reference_operators": slow} if slow else {}


_MULTIPLIES = ("Convolution", "GroupConvolution", "Deconvolution", "FullyConnected", "MatMul")


def _ms(text: str, number: int, column: int, named: AttachedText) -> float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        raise named.refused(number, column, f"{text[:40]!r} is not a time in ms") from None
    if not 0 <= value < _MOST_MS:
        raise named.refused(number, column, f"{text[:40]!r} is no time in ms")
    return value


def _recognises_counters(head: str) -> bool:
    return _HEADER.search(head) is not None


def _read_counters(text: AttachedText) -> tuple[Attachment, ...]:
    counters, totals_ms = _Counters(), []
    for number, line in text.lines():
        cells = line.split(";")
        if _HEADER.match(line) or not line.strip():
            continue
        if cells[0] == "Total":
            filled = [cell for cell in cells[1:] if cell.strip()]
            if not filled:
                raise text.refused(number, 1, "the row of the total holds no time")
            column = line.index(filled[0]) + 1
            totals_ms.append(_ms(filled[0], number, column, text))
            if not totals_ms[-1] * 1e6 >= LEAST_NS:
                raise text.refused(number, column, "the total of the counters is not above 0 ms")
            counters.begin()
        elif len(cells) >= 5:
            column = sum(len(cell) + 1 for cell in cells[:4]) + 1
            counters.add(cells[0], cells[1], (cells[2], cells[3]), _ms(cells[4], number, column, text))
        else:
            raise text.refused(number, 1, f"{len(cells)} cells, where a row of the counters has at least 5")
    if not totals_ms:
        raise text.refused(*text.end, "the counters end here, before the row of their total")
    return (
        Attachment(
            format=COUNTERS.slug,
            title=COUNTERS.title,
            timed=TimedWhole.INFERENCE,
            times=RepeatTimes(mean_ns=math.fsum(totals_ms) / len(totals_ms) * 1e6, count=1),
            nodes=counters.nodes(len(totals_ms)),
            census=counters.census(),
            named=counters.named(),
            disturbs="counting takes time at each layer",
            notes=_NOTES,
            lacks=(_NO_WHOLE, _UNLISTED),
        ),
    )


_NOTES = ("layers are matched by name, type and the order in which they ran: the counters do not hold the graph",)
_NO_WHOLE = Lack(
    what="the time between layers",
    why="the total of the counters is the sum of the layers",
    fix="attach the log of benchmark_app, which has the latency",
)


@dataclass(slots=True)
class _Log:
    latency_ns: dict[str, float] = field(default_factory=dict)
    counters: _Counters = field(default_factory=_Counters)
    tables: int = 0
    stated: dict[str, str] = field(default_factory=dict)
    count: int = 0
    has_first: bool = False
    places: dict[str, tuple[int, int]] = field(default_factory=dict)  # of the latencies

    def add(self, number: int, line: str) -> None:
        if found := _LATENCY.match(line):
            value = float(found[2]) if found[2].count(".") <= 1 and found[2] != "." else 0.0
            self.latency_ns.setdefault(found[1], value * _NS_PER[found[3]])
            self.places.setdefault(found[1], (number, found.start(2) + 1))
        elif _TABLE.search(line):
            self.tables += 1
            self.counters.begin()
        elif found := _LISTED.match(line):
            ms = float(found["ms"]) if found["ms"].count(".") <= 1 and found["ms"] != "." else 0.0
            self.counters.add(found["name"], found["status"], (found["type"], found["kernel"]), min(ms, _MOST_MS))
        elif (found := _SETTING.match(line)) and found[1] in _STATED:
            self.stated.setdefault(_STATED[found[1]], found[2])
        elif found := re.search(r"Count:\s+(\d{1,12}) iterations", line):
            self.count = int(found[1])
        elif found := re.search(r"(?:Build|build).*?\b(\d{4}\.\d+\.\d+)", line):
            self.stated.setdefault("version of OpenVINO", found[1])
        elif found := re.search(r"Model batch size: (\d+)", line):
            self.stated.setdefault("batch", found[1])
        elif "First inference took" in line:
            self.has_first = True


def _recognises_log(head: str) -> bool:
    return re.search(r"^\[Step 1/1\d\]", head, re.MULTILINE) is not None and "[ INFO ]" in head


def _read_log(text: AttachedText) -> tuple[Attachment, ...]:
    log, error = _Log(), ""
    for number, line in text.lines():
        log.add(number, line.rstrip())
        if line.startswith("[ ERROR ]") and not error:
            error = line.removeprefix("[ ERROR ]").strip()
    stated = next((name for name in ("Average", "Median") if name in log.latency_ns), None)
    if stated is None:
        without = f"without a latency: it failed ({error})" if error else "without a latency, or counts throughput"
        raise text.refused(*text.end, f"the log of benchmark_app ends here {without}")
    latency_ns = log.latency_ns[stated]
    if not LEAST_NS <= latency_ns < 1e18:
        raise text.refused(*log.places[stated], "this latency is none")
    return (
        Attachment(
            format=LOG.slug,
            title=LOG.title,
            timed=TimedWhole.INFERENCE,
            times=RepeatTimes(mean_ns=latency_ns, error=Missing(_NO_SPREAD), count=max(1, log.count)),
            nodes=log.counters.nodes(max(1, log.tables)) if log.counters.took_ms else Missing(_NO_COUNTERS),
            census=log.counters.census() if log.counters.took_ms else {},
            named=log.counters.named(),
            stated=log.stated,
            left_out="the first inference, which benchmark_app times apart" if log.has_first else "",
            disturbs="counting takes time at each layer" if log.counters.took_ms else "",
            notes=_notes(log.counters.took_ms),
            lacks=(_UNLISTED,) if log.counters.took_ms else (),
        ),
    )


_NO_SPREAD = "the log holds mean and extremes, and not how far inferences differ"
_NO_COUNTERS = "the log lists no layers: run benchmark_app with -pc"


def _notes(rows: Iterable[_Row]) -> tuple[str, ...]:
    if not list(rows):
        return ()
    return (
        *_NOTES,
        "the layers listed in a log are of the last inference of each request, and the latency is the mean of all",
    )


COUNTERS = AttachedFormat(
    slug="openvino-counters",
    title="counters of OpenVINO's benchmark_app",
    made_by="benchmark_app -m MODEL -pc -report_type detailed_counters",
    recognises=_recognises_counters,
    read=_read_counters,
)
LOG = AttachedFormat(
    slug="openvino-log",
    title="a log of OpenVINO's benchmark_app",
    made_by="benchmark_app -m MODEL -pc > FILE",
    recognises=_recognises_log,
    read=_read_log,
)
FORMATS = (COUNTERS, LOG)
