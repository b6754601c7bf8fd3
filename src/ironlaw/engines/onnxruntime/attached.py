"""Reader of ONNX Runtime's profile of a session: the JSON file that enable_profiling writes."""

from __future__ import annotations

import math
import re
from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from ironlaw.attached.format import AttachedFormat
from ironlaw.attached.json_text import Element, JsonText, typed
from ironlaw.attached.text import AttachedText
from ironlaw.attachment import AttachedNode, Attachment, Lack, RepeatTimes, TimedWhole
from ironlaw.engines.onnxruntime.census import census_of_profile
from ironlaw.engines.onnxruntime.gemm_reshapes import BEFORE_GEMM, BEHIND_GEMM, origins_of_reshapes
from ironlaw.layer import Form, LayerCall
from ironlaw.missing import Maybe, Missing

_ENDED = "_kernel_time"
_DTYPES = {"float": "float32", "double": "float64"}
_CPU = "CPUExecutionProvider"
# What the session's optimizer and the quantizing tools add to the name of the node that they made another one from.
_ADDED = re.compile(r"(_token_\d+|_nchwc|_quant|_Q|_MatMul|_Gemm|/\w+Fusion/?)+$")
# Activations that the optimizer fuses into the Conv or Gemm in front of them, which then has the activation's name.
_ACTIVATIONS = ("Relu", "Sigmoid", "Tanh", "Clip", "LeakyRelu", "HardSigmoid")
_TAKES_ACTIVATION = ("Conv", "FusedConv", "Gemm", "FusedGemm")
# Operators that multiply by a weight, and which of their inputs it is.
_WEIGHT_AT = {
    "Conv": 1, "FusedConv": 1, "ConvTranspose": 1, "Gemm": 1, "FusedGemm": 1, "MatMul": 1, "FusedMatMul": 1,
    "ConvInteger": 1, "MatMulInteger": 1, "MatMulIntegerToFloat": 1, "DynamicQuantizeMatMul": 1, "MatMulNBits": 1,
    "QLinearConv": 3, "QLinearMatMul": 3, "QGemm": 3,
}  # fmt: skip
_OF_FLOATS = ("Gemm", "FusedGemm", "MatMul", "FusedMatMul")
_PRODUCTS = (
    *_OF_FLOATS, "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "QLinearMatMul", "QGemm",
)  # fmt: skip
_TWO_INPUTS = ("Add", "Mul", "MatMul", "Concat", "QLinearAdd", "QLinearMul", "QLinearConcat")


class _Event(msgspec.Struct):
    """An event as the profiler writes it; times in whole microseconds."""

    cat: str
    name: str
    ts: float = 0.0
    dur: float = 0.0
    args: dict[str, Any] = msgspec.field(default_factory=dict)


class _Ran(msgspec.Struct):
    """The fields of a node's event besides its time."""

    op_name: str
    provider: str = _CPU
    input_type_shape: list[dict[str, list[int]]] = msgspec.field(default_factory=list)
    output_type_shape: list[dict[str, list[int]]] = msgspec.field(default_factory=list)
    parameter_size: int = 0
    mem_arena_held_delta: int = 0
    thread_scheduling_stats: Any = ""


@dataclass(slots=True)
class _Node:
    """A node over all runs: its type, and its time and number of calls by run."""

    ran: _Ran
    runs: array[int] = field(default_factory=lambda: array("q"))
    took_us: array[float] = field(default_factory=lambda: array("d"))


@dataclass(slots=True)
class _Profile:
    """A profile while it is read: `runs_us` are the times of completed runs; `grew`, the runs in which the memory arena
    grew.
    """

    nodes: dict[str, _Node] = field(default_factory=dict)
    runs_us: list[float] = field(default_factory=list)
    ends_us: list[float] = field(default_factory=list)
    overlaps: bool = False
    grew: set[int] = field(default_factory=set)
    timeless: dict[int, tuple[int, int]] = field(default_factory=dict)  # runs of 0 us: the place of their time
    threads: int = 1

    def add(self, element: Element, text: AttachedText) -> None:
        event = typed(element, _Event, text)
        if not 0 <= event.dur < 1e15:
            raise text.refused(*element.place("dur"), f"an event takes {event.dur:g} us")
        if event.cat == "Session" and event.name == "model_run":
            if not event.dur > 0:
                self.timeless[len(self.runs_us)] = element.place("dur")
            self.overlaps |= bool(self.ends_us) and event.ts < self.ends_us[-1]
            self.runs_us.append(event.dur)
            self.ends_us.append(event.ts + event.dur)
        elif event.cat == "Node" and event.name.endswith(_ENDED):
            self._ran(event, element, text)

    def _ran(self, event: _Event, element: Element, text: AttachedText) -> None:
        name, run = event.name.removesuffix(_ENDED), len(self.runs_us)
        ran = typed(element.field("args", event.args), _Ran, text)
        if name not in self.nodes:
            self.nodes[name] = _Node(ran)
        node = self.nodes[name]
        node.runs.append(run)
        node.took_us.append(event.dur)
        if ran.mem_arena_held_delta > 0:
            self.grew.add(run)
        self.threads = max(self.threads, _threads(ran.thread_scheduling_stats))


def _threads(stated: Any) -> int:
    """The number of threads of a node by its scheduling statistics; 1 if it has none."""
    others = stated.get("sub_threads") if isinstance(stated, dict) else None
    return 1 + len(others) if isinstance(others, dict) else 1


def _recognises(head: str) -> bool:
    begin = head.lstrip()[:1]
    return begin == "[" and bool(
        re.search(r'"(model_loading_\w+|session_initialization|model_run)"|_kernel_time"', head)
    )


def _read(text: AttachedText) -> tuple[Attachment, ...]:
    profile = _Profile()
    for element in JsonText(text).elements("traceEvents"):
        profile.add(element, text)
    if not profile.runs_us:
        raise text.refused(*text.end, "it ends here, before any run of the session ended (with an event model_run)")
    first = _first_counted(profile)
    counted = profile.runs_us[first:]
    if found := next((place for run, place in profile.timeless.items() if run >= first), None):
        raise text.refused(*found, "a run took less than a microsecond, which is all that the profiler distinguishes")
    nodes = _nodes(profile, first)
    return (
        Attachment(
            format=PROFILE.slug,
            title=PROFILE.title,
            timed=TimedWhole.INFERENCE,
            times=RepeatTimes(each_ns=tuple(took * 1e3 for took in counted)),
            nodes=nodes,
            **_census(profile, first),
            stated=_stated(profile),
            left_out=_left_out(profile, first),
            included="" if first else "its only run, in which memory is allocated",
            disturbs="the profiler writes an event for each node and run, which lengthens short nodes more",
            notes=_NOTES,
            lacks=_lacks(profile),
        ),
    )


_NOTES = (
    "nodes are matched by name, type and the order in which they ran: the profile does not hold the graph",
    "the profiler rounds to whole microseconds",
)
_NO_SETTINGS = Lack(
    what="which file, settings and version the session had",
    why="the profiler does not write them",
    fix="attach the lines of code that open the session as well, and onnxruntime.__version__",
)
_NO_LEVEL = Lack(
    what="whether MatMulNBits widens its weights or multiplies in int8",
    why="the accuracy level is an attribute of the node, and the profile holds none",
    fix="ironlaw run takes it from the file",
)


def _lacks(profile: _Profile) -> tuple[Lack, ...]:
    has_few_bits = any(node.ran.op_name == "MatMulNBits" for node in profile.nodes.values())
    return (_NO_SETTINGS, *([_NO_LEVEL] if has_few_bits else []))


def _first_counted(profile: _Profile) -> int:
    """The first run after the warm-up: the first run never counts, nor those at the start in which the arena grew."""
    runs = len(profile.runs_us)
    if runs == 1:
        return 0
    warm = next((run for run in range(runs) if run not in profile.grew), 0)
    return max(1, warm) if warm < runs else 1


def _left_out(profile: _Profile, first: int) -> str:
    if not first:
        return ""
    grown = sum(run in profile.grew for run in range(first))
    why = "the arena of memory grew in them" if grown else "memory is allocated in the first"
    return f"{first} of {len(profile.runs_us)} runs ({why})"


def _nodes(profile: _Profile, first: int) -> Maybe[tuple[AttachedNode, ...]]:
    if profile.overlaps:
        return Missing("runs of several threads overlap in the profile, which does not show whose node it is")
    runs = len(profile.runs_us) - first
    made: list[AttachedNode] = []
    names: list[str] = []
    written: list[tuple[Form, ...]] = []
    repeats: dict[tuple[str, str], int] = defaultdict(int)
    for name, node in profile.nodes.items():
        took = [us for run, us in zip(node.runs, node.took_us, strict=True) if first <= run < len(profile.runs_us)]
        if not took:
            continue
        call = _call(name, node.ran, _feeders(node.ran, written))
        written.append(_forms(node.ran.output_type_shape))
        key = (call.path, call.operator)
        call = replace(call, repeat=repeats[key])
        repeats[key] += 1
        made.append(AttachedNode(call=call, ns=sum(took) / runs * 1e3, times=len(took) / runs))
        names.append(_ADDED.sub("", name))
    if not made:
        return Missing("the profile holds no node that ran in a run that counts")
    origins = origins_of_reshapes([node.call for node in made], names)
    return tuple(
        replace(node, call=replace(node.call, origins=origin)) for node, origin in zip(made, origins, strict=True)
    )


def _feeders(ran: _Ran, written: Sequence[tuple[Form, ...]]) -> tuple[int, ...]:
    """The nodes that a node reads, by what all nodes before it wrote: the previous one, since the profile lacks the
    graph.

    An operator of two tensors that are both computed reads another one as well: the latest that wrote such a tensor.
    """
    before = len(written) - 1
    inputs = _forms(ran.input_type_shape)
    if ran.op_name not in _TWO_INPUTS or ran.parameter_size > 0 or len(inputs) < 2 or before < 0:
        return (before,)
    other = inputs[1] if inputs[0] in written[before] else inputs[0]
    return (before, next((place for place in reversed(range(before)) if other in written[place]), -1))


def _call(name: str, ran: _Ran, feeders: tuple[int, ...]) -> LayerCall:
    """A node as a call that reads the outputs of others."""
    inputs, outputs = _forms(ran.input_type_shape), _forms(ran.output_type_shape)
    bare = _ADDED.sub("", name).removeprefix("node_").removeprefix("/")
    kernel = ran.op_name if ran.provider == _CPU else f"{ran.op_name} ({ran.provider})"
    weight = _weight(ran, inputs, outputs)
    data = 2 if ran.op_name in _TWO_INPUTS and weight is None else 1
    # Several Gathers of one tensor are fused into a Split, which has the name of the last of them.
    was_gathers = ran.op_name == "Split" and "split" not in bare.lower()
    is_generic = bare in ("", ran.op_name, BEFORE_GEMM, BEHIND_GEMM) or was_gathers
    return LayerCall(
        path="" if is_generic else bare,
        operator=ran.op_name + _activation(bare, ran.op_name),
        is_functional=is_generic,
        inputs=inputs[:data],
        outputs=outputs[:1],
        parameters=() if weight is None else (weight,),
        fed_by=feeders,
        kernels=(kernel,),
    )


def _activation(name: str, operator: str) -> str:
    """The activation that a node includes, by its name."""
    last = re.sub(r"[\d_]", "", name.rpartition("/")[2]).lower()
    if operator not in _TAKES_ACTIVATION:
        return ""
    return next((one for one in _ACTIVATIONS if one.lower() == last), "")


def _weight(ran: _Ran, inputs: Sequence[Form], outputs: Sequence[Form]) -> Form | None:
    """The constant that a node multiplies by; None if it has none, or if the profile does not show it.

    A kernel that packs its weight when the session opens no longer has it among its inputs. That of a matrix product
    follows from what it reads and writes: K x N, in the format of its zero point if the product is of integers.
    """
    place = _WEIGHT_AT.get(ran.op_name, 0)
    if not place or ran.parameter_size <= 0:
        return None
    stated = next((form for form in inputs[place : place + 1] if len(form.shape) > 1), None)
    if ran.op_name not in _PRODUCTS or not outputs or not (inputs[0].shape and outputs[0].shape):
        return stated
    shape = (inputs[0].shape[-1], outputs[0].shape[-1])
    if stated is not None and stated.elements >= math.prod(shape):  # the addend of a Gemm may have two dimensions too
        return stated
    if ran.op_name in _OF_FLOATS:
        return Form(shape, inputs[0].dtype)
    zero_points = [form.dtype for form in inputs[1:] if form.dtype in ("int8", "uint8")]
    # Where the data has a zero point, it comes before that of the weight.
    return Form(shape, zero_points[:2][-1]) if zero_points else None


def _forms(stated: Sequence[dict[str, list[int]]]) -> tuple[Form, ...]:
    return tuple(
        Form(tuple(shape), _DTYPES.get(name, name))
        for entry in stated
        for name, shape in entry.items()
        if all(0 <= size < 2**53 for size in shape)
    )


def _census(profile: _Profile, first: int) -> dict[str, Any]:
    events = [
        {
            "name": name,
            "args": {
                "op_name": node.ran.op_name,
                "input_type_shape": node.ran.input_type_shape,
                "output_type_shape": node.ran.output_type_shape,
            },
        }
        for name, node in profile.nodes.items()
        if any(first <= run < len(profile.runs_us) for run in node.runs)
    ]
    found = census_of_profile(events)
    return {"census": found[0], "named": found[1]}


def _stated(profile: _Profile) -> dict[str, str]:
    nodes = [node.ran for node in profile.nodes.values()]
    stated = {"execution providers": ", ".join(sorted({ran.provider for ran in nodes}))}
    if nodes and nodes[0].input_type_shape:
        shape = next(iter(nodes[0].input_type_shape[0].values()), [])
        stated["shape of the first input"] = "x".join(map(str, shape)) or "a number"
    if profile.threads > 1:
        stated["threads"] = str(profile.threads)
    return stated


PROFILE = AttachedFormat(
    slug="onnx-runtime-profile",
    title="a profile of ONNX Runtime",
    made_by="SessionOptions.enable_profiling = True, several runs, and session.end_profiling()",
    recognises=_recognises,
    read=_read,
)
FORMATS = (PROFILE,)
