"""oneDNN's verbose log: what its primitives were, which implementation ran each, and how long it took.

Source of the fields: oneDNN's guide, Verbose Mode, of versions 1.1 to 3.12. A line is a marker, in later versions `v1`,
a time stamp where requested, and the component; then the operation, engine, primitive, implementation, kind of
propagation, memory descriptors, from 1.2 on attributes, auxiliary information, the problem, and the time in ms.
"""

from __future__ import annotations

import math
import re
from array import array
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

from ironlaw.attached.format import AttachedFormat
from ironlaw.attached.repeats import Repeats, repeats_of
from ironlaw.attached.text import AttachedText
from ironlaw.attachment import AttachedNode, Attachment, Lack, RepeatTimes, TimedWhole
from ironlaw.layer import Form, LayerCall

_MARKER = re.compile(r"(?:onednn|dnnl)_verbose,")
_DTYPES = {
    "f32": "float32", "f64": "float64", "f16": "float16", "bf16": "bfloat16", "s32": "int32", "s8": "int8",
    "u8": "uint8",
}  # fmt: skip
_INT8 = ("s8", "u8")
_MULTIPLIES = ("convolution", "deconvolution", "inner_product", "matmul")
_SIZES = re.compile(r"(mb|ic|oc|id|od|kd|ih|oh|kh|iw|ow|kw|g)(\d+)")
_SMALLEST_MS = 1e-9
_MOST_MS = 1e12


@dataclass(frozen=True, slots=True)
class _Primitive:
    """What a line says of a primitive, besides how long it took."""

    name: str
    implementation: str
    memory: str
    problem: str
    engine: str


@dataclass(slots=True)
class _Log:
    kinds: dict[_Primitive, int] = field(default_factory=dict)
    ran: array[int] = field(default_factory=lambda: array("q"))  # places in kinds
    took_ms: array[float] = field(default_factory=lambda: array("d"))
    created_at: array[int] = field(default_factory=lambda: array("q"))  # how many had run when each was created
    created_ms: array[float] = field(default_factory=lambda: array("d"))
    missed: int = 0
    unread: list[int] = field(default_factory=list)  # numbers of lines that are not understood
    first: tuple[int, int] = (1, 1)  # where the time of the first primitive that ran is written
    graphs: int = 0
    stated: dict[str, str] = field(default_factory=dict)

    def add(self, number: int, line: str) -> None:
        match = _MARKER.search(line)
        if match is None:
            return
        line = line.rstrip()
        fields = line[match.start() :].split(",")
        if "info" in fields[1:4]:
            self._state(fields)
        elif "graph" in fields[1:4]:
            self.graphs += 1
        else:
            self._primitive((number, len(line) - len(fields[-1]) + 1), fields)

    def _primitive(self, place: tuple[int, int], fields: list[str]) -> None:
        at = next((place for place, part in enumerate(fields[:6]) if part == "exec" or part.startswith("create")), 0)
        if not at:
            return  # an error, a warning, or why an implementation was not taken
        took_ms = _time(fields[-1])
        if len(fields) < at + 9 or took_ms is None:
            self.unread.append(place[0])
            return
        if fields[at] != "exec":
            self.created_at.append(len(self.ran))
            self.created_ms.append(took_ms)
            self.missed += fields[at] != "create:cache_hit"
            return
        kind = _Primitive(
            name=fields[at + 2],
            implementation=fields[at + 3],
            memory=fields[at + 5],
            problem=fields[-2],
            engine=fields[at + 1],
        )
        if not self.ran:
            self.first = place
        self.ran.append(self.kinds.setdefault(kind, len(self.kinds)))
        self.took_ms.append(took_ms)

    def _state(self, fields: list[str]) -> None:
        rest = fields[fields.index("info") + 1 :]
        said = ",".join(rest)
        if version := re.match(r"(?:oneDNN|DNNL) v([\w.]+)", said):
            self.stated["version of oneDNN"] = version[1]
        if threads := re.search(r"\bnthr:(\d+)", said):
            self.stated["threads"] = threads[1]
        if rest[:1] == ["cpu"] and (isa := re.search(r"\bisa:(.+)", said)):
            self.stated["instruction sets"] = isa[1].strip()
        if rest[:1] == ["cpu"] and (runtime := re.search(r"\bruntime:(\w+)", said)):
            self.stated["runtime"] = runtime[1]


def _time(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and 0 <= value < _MOST_MS else None


def _recognises(head: str) -> bool:
    return _MARKER.search(head) is not None


def _read(text: AttachedText) -> tuple[Attachment, ...]:
    log = _Log()
    for number, line in text.lines():
        log.add(number, line)
    if not log.ran:
        where = (log.unread[0], 1) if log.unread else text.end
        raise text.refused(*where, "no primitive ran in this log (no whole line of exec in it)")
    found = repeats_of(log.ran)
    each_ms = [math.fsum(log.took_ms[at : at + found.length]) for at in range(found.before, len(log.ran), found.length)]
    if not all(value > _SMALLEST_MS for value in each_ms):
        raise text.refused(*log.first, "the primitives of this log took no time, from the first one on")
    kinds = list(log.kinds)
    nodes = _nodes(log, kinds, found)
    is_whole = found.count == 1
    return (
        Attachment(
            format=ONEDNN.slug,
            title=ONEDNN.title,
            times_are="time in oneDNN",
            timed=TimedWhole.UNKNOWN if is_whole else TimedWhole.INFERENCE,
            times=RepeatTimes(each_ns=tuple(value * 1e6 for value in each_ms)),
            nodes=nodes,
            **_census(nodes, [kinds[place] for place in log.ran[found.before : found.before + found.length]]),
            stated=log.stated,
            left_out=_left_out(found),
            included="" if found.before else _WHOLE_INCLUDED if is_whole else _FIRST_INCLUDED,
            disturbs="a line is printed for each primitive, which lengthens what is between them",
            notes=_notes(log, found),
            lacks=_LACKS,
        ),
    )


_FIRST_INCLUDED = "its first repeat: the log marks no warming up"
_WHOLE_INCLUDED = "everything that the log holds, warming up as well: no sequence repeats in it"
_LACKS = (
    Lack(
        what="operators that oneDNN does not run, and what is between the primitives",
        why="the log is of oneDNN alone, so that its total is not the time of an inference",
        fix="a profile of the framework, or ironlaw run, which reads both",
    ),
)


def _left_out(found: Repeats) -> str:
    return f"the first {found.before} primitives, which are not part of what repeats" if found.before else ""


def _notes(log: _Log, found: Repeats) -> tuple[str, ...]:
    notes = []
    if found.count > 1:
        notes.append(
            f"{found.count} repeats of {found.length} primitives are taken for as many inferences: the log does not "
            "mark where one begins"
        )
    within = sum(at > found.before for at in log.created_at)
    if log.created_ms:
        took = f"{math.fsum(log.created_ms):.3g} ms"
        notes.append(
            f"{len(log.created_ms)} primitives were created, {log.missed} of them not from the cache, in {took}; "
            f"{within} within the repeats. Creating is in no time above"
        )
    if log.graphs:
        notes.append(f"{log.graphs} lines of the graph component are left out: its primitives have lines of their own")
    if log.unread:
        shown = ", ".join(map(str, log.unread[:5])) + (" ..." if len(log.unread) > 5 else "")
        notes.append(f"{len(log.unread)} lines are cut or mixed with others and left out: {shown}")
    notes.append("primitives are matched by type, shapes and the order in which they ran: the log names no layers")
    return tuple(notes)


def _nodes(log: _Log, kinds: list[_Primitive], found: Repeats) -> tuple[AttachedNode, ...]:
    nodes = []
    seen: dict[str, int] = defaultdict(int)
    for place in range(found.length):
        at = range(found.before + place, len(log.ran), found.length)
        call = replace(_call(kinds[log.ran[found.before + place]]), fed_by=(place - 1,))
        call = replace(call, repeat=seen[call.operator])
        seen[call.operator] += 1
        nodes.append(AttachedNode(call=call, ns=math.fsum(log.took_ms[one] for one in at) / found.count * 1e6))
    return tuple(nodes)


def _call(one: _Primitive) -> LayerCall:
    formats = dict(_format(part) for part in one.memory.split(" "))
    source = formats.get("src") or formats.get("src0") or formats.get("data", "")
    target = formats.get("dst") or source
    weight = formats.get("wei", "")
    named = "-".join(dict.fromkeys(name for name in (source, weight, target) if name))
    shapes = _shapes(one)
    place = "" if one.engine == "cpu" else f" ({one.engine})"
    return LayerCall(
        path="",
        operator=_operator(one.name, source, target),
        is_functional=True,
        inputs=_forms(shapes[0], source),
        outputs=_forms(shapes[1], target),
        parameters=_forms(shapes[2], weight),
        kernels=(f"{one.implementation} {named}{place}".strip(),),
    )


def _operator(name: str, source: str, target: str) -> str:
    """The primitive; a reorder between number formats is a conversion."""
    if name != "reorder" or source == target:
        return name
    if target in _INT8:
        return "reorder, quantize"
    return "reorder, dequantize" if source in _INT8 else f"reorder to {target}"


def _format(part: str) -> tuple[str, str]:
    """A memory descriptor's tensor and its number format: src:f32:a:blocked:abcd::f0, or src_f32::blocked:abcd:f0."""
    head, *rest = part.split(":")
    tensor, underscore, name = head.partition("_")
    return (tensor, name) if underscore else (head, rest[0] if rest else "")


Shape = tuple[int, ...]


def _shapes(one: _Primitive) -> tuple[Shape, Shape, Shape]:
    """The shapes of source, target and weight, by the problem as benchdnn writes it; empty where it does not show."""
    if one.name in ("convolution", "deconvolution", "inner_product"):
        sizes = {name: int(size) for name, size in _SIZES.findall(one.problem) if len(size) < 12}
        space = [axis for axis in "dhw" if f"i{axis}" in sizes]
        if not {"ic", "oc"} <= sizes.keys():
            return (), (), ()
        batch, groups = sizes.get("mb", 1), max(1, sizes.get("g", 1))
        source = (batch, sizes["ic"], *(sizes[f"i{axis}"] for axis in space))
        target = (batch, sizes["oc"], *(sizes.get(f"o{axis}", 1) for axis in space if one.name != "inner_product"))
        kernel = (sizes.get(f"k{axis}", sizes[f"i{axis}"]) for axis in space)
        return source, target, (sizes["oc"], sizes["ic"] // groups, *kernel)
    parts = [_dims(part) for part in one.problem.split(":")]
    if one.name == "matmul" and len(parts) > 1 and parts[0] and parts[1]:
        return parts[0], (*parts[0][:-1], parts[1][-1]), parts[1]
    return parts[0], parts[0], ()


def _dims(text: str) -> Shape:
    found = re.match(r"\d{1,11}(?:x\d{1,11})*(?=$|\W|_)", text)
    return tuple(int(size) for size in found[0].split("x")) if found else ()


def _forms(shape: Shape, name: str) -> tuple[Form, ...]:
    return (Form(shape, _DTYPES.get(name, name)),) if shape and name else ()


def _census(nodes: tuple[AttachedNode, ...], ran: list[_Primitive]) -> dict[str, Any]:
    """Counts over one repeat: primitives that multiply in int8, convert, change a layout, have a reference kernel."""
    int8 = [one for one in ran if one.name in _MULTIPLIES and _weight_format(one) in _INT8]
    reference = [one for one in ran if one.implementation.startswith("ref")]
    operators = [node.call.operator for node in nodes]
    counts = {
        "operators": float(len(ran)),
        "reference_operators": float(len(reference)),
        "quantize_operators": float(sum("quantize" in name for name in operators)),
        "reorders": float(sum(name == "reorder" for name in operators)),
    }
    if int8:  # without any, others than oneDNN may compute in int8
        counts["int8_operators"] = float(len(int8))
    said = tuple(dict.fromkeys(f"{one.name} {one.problem}, {one.implementation}" for one in reference))
    return {"census": counts, "named": {"reference_operators": said} if said else {}}


def _weight_format(one: _Primitive) -> str:
    return dict(_format(part) for part in one.memory.split(" ")).get("wei", "")


ONEDNN = AttachedFormat(
    slug="onednn-verbose",
    title="a verbose log of oneDNN",
    made_by="ONEDNN_VERBOSE=1 COMMAND > FILE",
    recognises=_recognises,
    read=_read,
)
FORMATS = (ONEDNN,)
