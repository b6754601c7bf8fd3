"""Inductor's kernels and the layers that they compute, and torch's profile of a package that marks each of them.

Inductor names the nodes of the exported graph that a kernel comes from. Of a kernel that computes several it often
names the last one only, and of one that it fused across others none: the rest follows from the flow of data.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ironlaw.engines.torch_modules.marks import marked, run_to_allocate
from ironlaw.errors import ArmFailed
from ironlaw.layer import Form, LayerCall, NodeProfile, Origin

# Marks around kernels, and where each comes from, in the package and in its source.
CONFIG = {"cpp.enable_kernel_profile": True, "trace.provenance_tracking_level": 2}
# Names of oneDNN's int8 operators as Inductor writes them into a package.
INT8_KERNELS = ("qconv_pointwise", "qconv2d_pointwise", "qlinear_pointwise", "qlinear_unary", "int8_gemm", "qconv")
_EXTERN, _COMPILED = "aoti_torch_", "graph_"
_SCOPE, _LEADS = "FUNCTION", (_EXTERN, _COMPILED)
_CALLED = re.compile(rf"^(?:{_EXTERN}(?:cpu_)?_*|{_COMPILED}\d+_)")  # what is before a kernel's own name
_HANDLE = re.compile(r"// \[Provenance debug handles\] (\S+:\d+)$", re.MULTILINE)
_MULTIPLYING = (
    "conv", "linear", "addmm", "mm", "bmm", "baddbmm", "matmul", "einsum", "lstm", "gru", "rnn",
    "scaled_dot_product_attention",
)  # fmt: skip
# Operators of the graph that only change the layout: not what a kernel is called after, if it has another one.
_PLAIN = (
    "getitem", "view", "reshape", "flatten", "permute", "transpose", "t", "select", "slice", "unsqueeze", "squeeze",
    "expand", "clone", "contiguous", "dropout", "unbind", "split", "chunk", "zeros", "full", "to",
)  # fmt: skip
_CONVERTING = ("quantize_per_tensor", "dequantize_per_tensor", "quantize_per_channel", "dequantize_per_channel")


@dataclass(frozen=True, slots=True)
class GeneratedKernel:
    """A kernel in the order of execution: its name, and the nodes of the exported graph that Inductor names for it."""

    name: str
    nodes: tuple[str, ...]

    @property
    def is_extern(self) -> bool:
        """Whether it is an operator of a library, and not compiled for this model."""
        return self.name.startswith(_EXTERN)


def kernels_of(package: Path) -> list[GeneratedKernel]:
    """The kernels of a package that was compiled with CONFIG.

    Raises:
        ArmFailed: it does not report them.
    """
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        stated = next((name for name in names if name.endswith("kernel_information.json")), "")
        source = next((name for name in names if name.endswith(".wrapper.cpp")), "")
        if not stated or not source:
            raise ArmFailed("Inductor did not write where its kernels come from", hint="compare times without layers")
        information = json.loads(archive.read(stated))
        handles = _HANDLE.findall(archive.read(source).decode())
    return [
        GeneratedKernel(handle.rpartition(":")[0], tuple(information.get(handle, {}).get("pre_grad_nodes", ())))
        for handle in handles
    ]


def settled(package: Any, arguments: tuple[Any, ...]) -> Any:
    """A package that was just loaded, once it has its memory."""
    run_to_allocate(package, arguments, scope=_SCOPE, leads=_LEADS)
    return package


def profile(package: Any, calls: tuple[LayerCall, ...], inputs: list[tuple[Any, ...]]) -> NodeProfile:
    """Run inferences of a package whose kernels are marked; `calls` are its kernels, as `calls_of` gives them.

    A kernel that left no mark has no row of its own; a mark without a kernel has one that says nothing of its layers.
    """
    marks = marked(package, inputs, scope=_SCOPE, leads=_LEADS)
    names = [_CALLED.sub("", name) for name in marks.names]
    places, found = _aligned([call.kernels[0] for call in calls], names), list[LayerCall]()
    for place, name in zip(places, names, strict=True):
        call = LayerCall(path="", operator=name, is_functional=True, fed_by=(-1,), kernels=(name,))
        found.append(call if place is None else calls[place])
    lacking = [call.kernels[0] for place, call in enumerate(calls) if place not in places]
    number = {place: at for at, place in enumerate(places) if place is not None}
    stated = [
        replace(call, fed_by=tuple(number[one] for one in call.fed_by if one in number) or (-1,)) for call in found
    ]
    notes = (f"{len(lacking)} kernels left no mark and are framework time: {lacking[0]}",) if lacking else ()
    return NodeProfile(
        calls=_repeated(stated), calls_ns=marks.spent_ns, wall_ns=marks.wall_ns, notes=notes, spans=marks.spans
    )


def _aligned(kernels: list[str], marks: list[str]) -> list[int | None]:
    """For each mark the kernel that left it: the next one of its name."""
    found: list[int | None] = []
    at = 0
    for name in marks:
        place = next((place for place in range(at, len(kernels)) if kernels[place] == name), None)
        found.append(place)
        at = at if place is None else place + 1
    return found


def _repeated(calls: Iterable[LayerCall]) -> tuple[LayerCall, ...]:
    seen: dict[tuple[str, str], int] = defaultdict(int)
    found = []
    for call in calls:
        found.append(replace(call, repeat=seen[call.path, call.operator]))
        seen[call.path, call.operator] += 1
    return tuple(found)


def calls_of(exported: Any, kernels: list[GeneratedKernel], holders: frozenset[str]) -> tuple[LayerCall, ...]:
    """The kernels as calls of layers.

    `exported` is the program that they were compiled from, `holders` are the paths of modules with others inside.
    """
    graph = _Graph.of(exported, holders)
    homes = _homes(graph, kernels)
    parts: dict[int, list[Any]] = defaultdict(list)
    for node in graph.nodes:
        if node in homes:
            parts[homes[node]].append(node)
    found = []
    for number, kernel in enumerate(kernels):
        claimed = graph.claimed(kernel)
        behind = parts[homes[claimed[-1]]] if claimed and not parts[number] else []
        found.append(_call(graph, kernel, parts[number], behind, homes))
    return tuple(found)


@dataclass(slots=True, kw_only=True)
class _Graph:
    """The exported graph: its operators in the order of execution, and which inputs are parameters."""

    nodes: list[Any]
    parameters: frozenset[str]
    holders: frozenset[str]
    named: dict[str, Any] = field(default_factory=dict)
    order: dict[Any, int] = field(default_factory=dict)
    repeats: dict[Any, int] = field(default_factory=dict)

    @classmethod
    def of(cls, exported: Any, holders: frozenset[str]) -> _Graph:
        signature = exported.graph_signature
        made = cls(
            nodes=[node for node in exported.graph.nodes if node.op == "call_function"],
            parameters=frozenset((*signature.inputs_to_parameters, *signature.inputs_to_buffers)),
            holders=holders,
        )
        seen: dict[tuple[str, str], int] = defaultdict(int)
        for place, node in enumerate(made.nodes):
            made.named[node.name], made.order[node] = node, place
            key = (_path(node), _operator(node))
            made.repeats[node] = seen[key]
            seen[key] += 1
        return made

    def claimed(self, kernel: GeneratedKernel) -> list[Any]:
        """The nodes that are named for a kernel, in the order of execution."""
        return sorted((self.named[name] for name in kernel.nodes if name in self.named), key=self.order.__getitem__)

    def is_parameter(self, node: Any) -> bool:
        """Whether a node is a parameter, or made of parameters alone."""
        if node.op != "call_function":
            return node.op == "get_attr" or node.name in self.parameters
        return bool(node.all_input_nodes) and all(self.is_parameter(feeder) for feeder in node.all_input_nodes)

    def origin(self, node: Any) -> Origin:
        path, operator = _path(node), _operator(node)
        if path in self.holders or not path:
            return Origin(path=path, operator=operator, is_functional=True, repeat=self.repeats[node])
        return Origin(path=path, operator=_class(node), repeat=_repeat(node))


def _operator(node: Any) -> str:
    """conv2d of aten.conv2d.default, add of aten.add_.Tensor."""
    packet = getattr(node.target, "overloadpacket", node.target)
    return str(getattr(packet, "__name__", packet)).rstrip("_")


def _stack(node: Any) -> tuple[str, tuple[str, str]]:
    """The innermost module that a node was traced in: how often it was met, its path and class."""
    stack = node.meta.get("nn_module_stack") or {}
    key, (path, kind) = next(reversed(stack.items()), ("", ("", "")))
    return str(key), (str(path), str(kind))


def _path(node: Any) -> str:
    return _stack(node)[1][0].partition("@")[0]


def _class(node: Any) -> str:
    return _stack(node)[1][1].rpartition(".")[2]


def _repeat(node: Any) -> int:
    number = _stack(node)[0].rpartition("@")[2]
    return int(number) if number.isdigit() else 0


def _multiplies(node: Any) -> bool:
    name = _operator(node)
    return name in _MULTIPLYING or name.startswith("conv")


def _homes(graph: _Graph, kernels: list[GeneratedKernel]) -> dict[Any, int]:
    """The one kernel that each node of the graph is computed in.

    Several may name a node. A library's operator ends with the last node that is named for it, and where two name the
    same, the later one does: Inductor names an addition for both convolutions of which one is added into the other's
    output. What is compiled for the model computes what no kernel before it has.
    """
    homes: dict[Any, int] = {}
    claims = [graph.claimed(one) for one in kernels]
    for number, kernel in enumerate(kernels):
        if kernel.is_extern and claims[number]:
            homes[claims[number][-1]] = number
    for is_extern in (False, True):
        for number in (number for number, kernel in enumerate(kernels) if kernel.is_extern is is_extern):
            for node in claims[number]:
                if not (is_extern and _multiplies(node)):
                    homes.setdefault(node, number)
    _settle_multiplying(graph, kernels, homes)
    _settle_others(graph, homes)
    return homes


def _settle_multiplying(graph: _Graph, kernels: list[GeneratedKernel], homes: dict[Any, int]) -> None:
    """What multiplies and is named for no kernel: in the one that computes its activation, or in one without a name."""
    busy = {home for node, home in homes.items() if _multiplies(node)}
    for node in graph.nodes:
        if _multiplies(node) and node not in homes:
            home = _home_behind(node, homes)
            if home is not None and home not in busy and kernels[home].is_extern:
                homes[node] = home
                busy.add(home)
    ending = set(homes.values())
    waiting = [number for number, kernel in enumerate(kernels) if kernel.is_extern and number not in ending]
    spare = [node for node in graph.nodes if _multiplies(node) and node not in homes]
    # Different numbers cannot be matched.
    if len(waiting) == len(spare):
        homes.update(zip(spare, waiting, strict=True))


def _home_behind(node: Any, homes: dict[Any, int]) -> int | None:
    """The kernel of what alone reads a node, through what is in none and does not multiply."""
    while len(node.users) == 1:
        (node,) = node.users
        if node in homes:
            return homes[node]
        if _multiplies(node):
            return None
    return None


def _settle_others(graph: _Graph, homes: dict[Any, int]) -> None:
    """A BatchNorm is folded into what feeds it; all else is part of what reads it, or else of what feeds it."""
    for node in graph.nodes:
        if node not in homes and _operator(node) == "batch_norm":
            _settle(node, homes, (feeder for feeder in node.all_input_nodes))
    for node in reversed(graph.nodes):
        if node not in homes and len({homes.get(reader) for reader in node.users}) == 1:
            _settle(node, homes, node.users)
    for node in graph.nodes:
        if node not in homes:
            _settle(node, homes, (*node.all_input_nodes, *node.users))


def _settle(node: Any, homes: dict[Any, int], near: Iterable[Any]) -> None:
    home = next((homes[other] for other in near if other in homes), None)
    if home is not None:
        homes[node] = home


def _call(
    graph: _Graph, kernel: GeneratedKernel, inside: list[Any], behind: list[Any], homes: dict[Any, int]
) -> LayerCall:
    """A kernel as a call; one in which no node ends prepares the kernel `behind` it, and is part of what that does.

    Views are no layers of a kernel that computes one: what only looks at numbers would join kernels that share nothing.
    """
    called = _CALLED.sub("", kernel.name)
    computed = [node for node in inside if not graph.is_parameter(node)]
    meant = computed or behind
    layers = [node for node in meant if _operator(node) not in _CONVERTING]
    informative = [node for node in layers if _operator(node) not in _PLAIN] or layers or meant
    leading = next((node for node in informative if _multiplies(node)), informative[-1] if informative else None)
    if leading is None:
        return LayerCall(path="", operator=called, is_functional=True, fed_by=(-1,), kernels=(called,))
    origin = graph.origin(leading)
    is_int8 = kernel.is_extern and any(name in kernel.name for name in INT8_KERNELS)
    inputs, parameters, outputs = _forms(graph, leading, inside, is_int8=is_int8)
    return LayerCall(
        path=origin.path,
        operator="_".join(dict.fromkeys(_operator(node) for node in informative)) if computed else "reorder",
        is_functional=origin.is_functional,
        inputs=inputs,
        outputs=outputs,
        parameters=parameters,
        fed_by=_fed_by(graph, inside, homes),
        kernels=(called,),
        origins=tuple(dict.fromkeys(graph.origin(node) for node in (informative if computed else [leading]))),
    )


def _fed_by(graph: _Graph, inside: list[Any], homes: dict[Any, int]) -> tuple[int, ...]:
    """The kernels that made what the nodes of one read; -1 for the inference's own input."""
    found: dict[int, None] = {}
    for node in inside:
        for feeder in node.all_input_nodes:
            if not graph.is_parameter(feeder) and feeder not in inside:
                found[homes.get(feeder, -1)] = None
    return tuple(found) or (-1,)


def _forms(
    graph: _Graph, leading: Any, inside: list[Any], *, is_int8: bool
) -> tuple[tuple[Form, ...], tuple[Form, ...], tuple[Form, ...]]:
    """What a kernel reads, its parameters, and what it makes.

    Of one that multiplies, those of the multiplication, in int8 where it takes int8; what a compiled kernel dequantizes
    itself it multiplies in float. Of one that multiplies more than once no inputs: one product would pass for its work.
    """
    products = [node for node in inside if _multiplies(node)]
    read = list(dict.fromkeys(one for node in inside for one in node.all_input_nodes if one not in inside))
    made = [node for node in inside if not node.users or any(reader not in inside for reader in node.users)]
    if len(products) == 1:
        read = [_stored(node) if is_int8 else node for node in leading.all_input_nodes]
        made = [leading]
    data = [node for node in read if not graph.is_parameter(node)]
    parameters = [node for node in read if graph.is_parameter(node)]
    return () if len(products) > 1 else _shown(data), _shown(parameters), _shown(made)


def _stored(node: Any) -> Any:
    """What a dequantize operator reads; any other node itself."""
    return node.all_input_nodes[0] if _operator(node).startswith("dequantize") else node


def _shown(nodes: Iterable[Any]) -> tuple[Form, ...]:
    return tuple(form for node in nodes for form in _form(node.meta.get("val")))


def _form(value: Any) -> Iterator[Form]:
    for one in value if isinstance(value, list | tuple) else (value,):
        if hasattr(one, "shape") and hasattr(one, "dtype"):
            yield Form(tuple(int(size) for size in one.shape), str(one.dtype).removeprefix("torch."))
