"""torch's profile of a frozen script by node, mapped to the modules that nodes were traced in.

Some nodes of a script, such as a convolution laid out for oneDNN, run no operator that the profiler records. Each node
of a copy of the graph is therefore put between marks that time it. Saving a script drops the modules' names: they are
written beside it, and the nodes after optimisation are recognised by operator and order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ironlaw.engines.torch_modules.marks import marked, run_to_allocate
from ironlaw.layer import Form, LayerCall, NodeProfile, Origin

_MARK = "ironlaw:"
_SCOPE, _LEADS = "USER_SCOPE", (_MARK,)
# They put values together or take them apart, and compute nothing.
_BUILDING = (
    "Constant", "ConstantMKLDNNTensor", "ListConstruct", "ListUnpack", "TupleConstruct", "TupleUnpack", "GetAttr",
    "DictConstruct", "NumToTensor", "size", "Int", "TupleIndex",
)  # fmt: skip
_STEMS = {"_convolution": "conv", "conv1d": "conv", "conv2d": "conv", "conv3d": "conv", "convolution": "conv"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenNode:
    """A node of the script as it was frozen: its operator, and the module that it was traced in."""

    kind: str
    path: str
    is_functional: bool  # in a module that holds others, not in one of torch's layers


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A copy of a script's graph with each node between marks, and its nodes as calls."""

    infer: Callable[..., Any]
    calls: tuple[LayerCall, ...]


def scopes_of(frozen: Any, module: Any) -> list[FrozenNode]:
    """The computing nodes of a frozen script in order, with their modules, which saving would drop. `module` is the
    model before quantization, whose layers hold no packed parameters as modules.
    """
    holders = {path for path, part in module.named_modules() if next(part.children(), None) is not None}
    found = []
    for node in _computing(frozen.graph):
        path = node.scopeName().rpartition("/")[2].removeprefix("__module").removeprefix(".")
        found.append(FrozenNode(kind=_kind(node), path=path, is_functional=not path or path in holders))
    return found


def settled(script: Marked, arguments: tuple[Any, ...]) -> Marked:
    """A new copy after the executor has optimised it and its memory is allocated."""
    run_to_allocate(script.infer, arguments, scope=_SCOPE, leads=_LEADS)
    return script


def profile(script: Marked, inputs: list[tuple[Any, ...]]) -> NodeProfile:
    """Run inferences of the marked copy under the profiler."""
    marks = marked(script.infer, inputs, scope=_SCOPE, leads=_LEADS)
    spent_ns = dict(zip(marks.names, marks.spent_ns, strict=True))
    names = [f"{_MARK}{place}" for place in range(len(script.calls))]
    number = {name: place for place, name in enumerate(names)}
    spans = ((number.get(marks.names[at], -1), start_ns, end_ns) for at, start_ns, end_ns in marks.spans)
    return NodeProfile(
        calls=script.calls,
        calls_ns=tuple(spent_ns.get(name, 0) for name in names),
        wall_ns=marks.wall_ns,
        spans=tuple(span for span in spans if span[0] >= 0),
    )


def mark(graph: Any, scopes: list[FrozenNode], arguments: tuple[Any, ...]) -> Marked:
    """A function on a marked copy of the graph; the script itself is unchanged."""
    import torch

    calls = _calls(graph, scopes, _values(graph, arguments))
    copy = _without_self(graph.copy())
    for place, node in enumerate(_computing(copy)):
        name, nothing = copy.insertConstant(f"{_MARK}{place}"), copy.insertConstant(None)
        name.node().moveBefore(node)
        nothing.node().moveBefore(node)
        enter = copy.create("profiler::_record_function_enter", [name, nothing])
        enter.insertBefore(node)
        copy.create("profiler::_record_function_exit", [enter.output()], 0).insertAfter(node)
    return Marked(infer=torch._C._create_function_from_graph("marked", copy), calls=calls)


def _computing(graph: Any) -> list[Any]:
    """The nodes that make tensors, in the order of execution."""
    return [node for node in graph.nodes() if node.kind().rpartition("::")[2] not in _BUILDING and list(node.outputs())]


def _without_self(graph: Any) -> Any:
    """The graph without its module argument, which frozen graphs do not read."""
    graph.eraseInput(0)
    return graph


def _values(graph: Any, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Every value of a graph in one inference, by name, since the executor keeps no shapes."""
    import torch

    copy = _without_self(graph.copy())
    made = _tensors(copy)
    together = copy.create("prim::TupleConstruct", made)
    together.output().setType(torch._C.TupleType([value.type() for value in made]))
    copy.insertNode(together)
    for place in reversed(range(len(list(copy.outputs())))):
        copy.eraseOutput(place)
    copy.registerOutput(together.output())
    names = [value.debugName() for value in _tensors(graph)]  # a copy calls them otherwise
    inputs = [value.debugName() for value in list(graph.inputs())[1:]]
    values = torch._C._create_function_from_graph("values", copy)(*arguments)
    return dict(zip((*names, *inputs), (*values, *arguments), strict=False))


def _tensors(graph: Any) -> list[Any]:
    """The tensors that have readers: attention leaves an unused output undefined."""
    made = [value for node in graph.nodes() for value in node.outputs()]
    return [value for value in made if value.type().kind() == "TensorType" and value.uses()]


def _kind(node: Any) -> str:
    """conv of aten::_convolution and of prim::mkldnn_convolution, relu of aten::relu_."""
    bare = str(node.kind()).rpartition("::")[2].removeprefix("mkldnn_").rstrip("_")
    return _STEMS.get(bare, bare)


def _calls(graph: Any, scopes: list[FrozenNode], values: dict[str, Any]) -> tuple[LayerCall, ...]:
    nodes = _computing(graph)
    found = _placed(nodes, scopes)
    made_by = {value.debugName(): place for place, node in enumerate(nodes) for value in node.outputs()}
    repeats: dict[tuple[str, str], int] = defaultdict(int)
    calls = []
    for node, scope in zip(nodes, found, strict=True):
        operator = str(node.kind()).rpartition("::")[2].rstrip("_")
        path = "" if scope is None else scope.path
        is_functional = scope is None or scope.is_functional
        read = list(_read(node))
        data = [value for value in read if not _is_constant(value)]
        origin = Origin(path=path, operator=_kind(node), is_functional=is_functional, repeat=repeats[path, _kind(node)])
        calls.append(
            LayerCall(
                path=path,
                operator=operator,
                repeat=repeats[path, _kind(node)],
                is_functional=is_functional,
                inputs=_forms(values.get(value.debugName()) for value in data),
                outputs=_forms(values.get(value.debugName()) for value in node.outputs()),
                parameters=_parameters(read, values),
                fed_by=tuple(dict.fromkeys(made_by.get(value.debugName(), -1) for value in data)) or (-1,),
                kernels=(operator,),
                origins=() if scope is None else (origin,),
            )
        )
        repeats[path, _kind(node)] += 1
    return tuple(calls)


def _placed(nodes: list[Any], scopes: list[FrozenNode]) -> list[FrozenNode | None]:
    """The origin of each node: the n-th of a kind corresponds to the n-th that was frozen, if the numbers agree.

    Optimising makes a product and an addition of a linear layer; both are the layer.
    """
    kinds = [_kind(node) for node in nodes]
    halves = {place for place, node in enumerate(nodes) if _adds_to_product(node)}
    for place in halves:
        kinds[place] = ""
    if "linear" not in kinds and any(scope.kind == "linear" for scope in scopes):
        kinds = ["linear" if kind == "matmul" else kind for kind in kinds]
    sources: dict[str, list[FrozenNode]] = defaultdict(list)
    for scope in scopes:
        sources[scope.kind].append(scope)
    waiting = {kind: iter(some) for kind, some in sources.items() if len(some) == kinds.count(kind)}
    found: list[FrozenNode | None] = []
    for place, kind in enumerate(kinds):
        found.append(found[-1] if place in halves else next(waiting[kind]) if kind in waiting else None)
    return found


def _adds_to_product(node: Any) -> bool:
    """Whether a node adds a constant to the matrix product in front of it."""
    if _kind(node) != "add":
        return False
    first, second, *_ = node.inputs()
    return _kind(first.node()) == "matmul" and _is_constant(second)


def _read(node: Any) -> Iterable[Any]:
    """The values a node reads, with lists and tuples resolved to their members."""
    for value in node.inputs():
        maker = value.node()
        if maker.kind().rpartition("::")[2] in ("ListConstruct", "TupleConstruct"):
            yield from _read(maker)
        elif value.type().kind() in ("TensorType", "ClassType", "ListType") and value.type().str() != "int[]":
            yield value


def _is_constant(value: Any) -> bool:
    return str(value.node().kind()).startswith("prim::Constant")


def _parameters(read: list[Any], values: dict[str, Any]) -> tuple[Form, ...]:
    """The constant tensors that a node reads, also packed ones."""
    found: list[Any] = []
    for value in read:
        if _is_constant(value):
            held = values.get(value.debugName())
            held = value.toIValue() if held is None else held
            found += held.unpack() if hasattr(held, "unpack") else held if isinstance(held, list | tuple) else [held]
    return _forms(found)


def _forms(values: Iterable[Any]) -> tuple[Form, ...]:
    return tuple(
        Form(tuple(int(size) for size in value.shape), str(value.dtype).removeprefix("torch."))
        for value in values
        if hasattr(value, "shape") and hasattr(value, "dtype")
    )
