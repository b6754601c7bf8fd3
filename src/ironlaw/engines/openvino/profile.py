"""OpenVINO's performance counters of a compiled model by node, with the nodes each was fused from."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from ironlaw.engines.openvino.model import SourceModel
from ironlaw.engines.openvino.runtime_graph import PRODUCTS, as_executed, computes
from ironlaw.layer import Form, LayerCall, NodeProfile
from ironlaw.missing import Missing

_DTYPES = {
    "f32": "float32",
    "f16": "float16",
    "bf16": "bfloat16",
    "u8": "uint8",
    "i8": "int8",
    "i32": "int32",
    "i64": "int64",
}


_NO_STARTS = Missing("OpenVINO's counters hold how long each node took, and not when it started")


class CountedRequest:
    """An inference request that counts its inferences.

    OpenVINO's counters are means over all inferences since the model was compiled, those that prepare a state included.
    """

    def __init__(self, request: Any) -> None:
        self._request, self._inferences = request, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request, name)

    def infer(self, *arguments: Any, **options: Any) -> Any:
        """Run an inference."""
        self._inferences += 1
        return self._request.infer(*arguments, **options)

    def spent_ns(self) -> dict[str, int]:
        """The time of each node in all inferences so far, as far as whole microseconds of their mean give it."""
        return {
            node.node_name: round(node.real_time.total_seconds() * 1e9) * self._inferences
            for node in self._request.profiling_info
        }


def profile(
    compiled: Any,
    source: SourceModel,
    ready: Callable[..., tuple[Any, ...]],
    request: CountedRequest,
    inputs: list[tuple[Any, ...]],
) -> NodeProfile:
    """Run inferences on a request whose model was compiled with PERF_COUNT.

    `source` is the model before compilation, whose nodes name the calls. `ready` makes the arrays of an input and sets
    the state back, outside the clock. No other request may run the model.
    """

    def infer(arrays: Any) -> None:
        request.infer(arrays, share_inputs=True).to_tuple()

    infer(*ready(*inputs[0]))  # the first inference allocates
    ran = [node for node in request.profiling_info if computes(str(node.node_type), str(node.exec_type))]
    before_ns, wall_ns = request.spent_ns(), 0
    for arguments in inputs:
        fed = ready(*arguments)
        began_ns = time.perf_counter_ns()
        infer(*fed)
        wall_ns += time.perf_counter_ns() - began_ns
    after_ns = request.spent_ns()
    operators = {operator.get_friendly_name(): operator for operator in compiled.get_runtime_model().get_ops()}
    return NodeProfile(
        calls=_calls(ran, operators, source),
        calls_ns=tuple(max(0, after_ns[node.node_name] - before_ns[node.node_name]) for node in ran),
        wall_ns=wall_ns,
        spans=_NO_STARTS,
    )


def _calls(ran: list[Any], operators: dict[str, Any], source: SourceModel) -> tuple[LayerCall, ...]:
    """The nodes that ran as calls. Nodes that did not run (inputs, constants, fused nodes) pass on what feeds them.

    A product keeps its name in the model, whatever else was fused into it.
    """
    places = {node.node_name: place for place, node in enumerate(ran)}
    repeats: dict[tuple[str, str], int] = defaultdict(int)
    calls = []
    for node in ran:
        operator = operators.get(node.node_name)
        name, path = _operator_of(node, operator), _product_of(operator, source)
        calls.append(
            LayerCall(
                path=path,
                operator=name,
                repeat=repeats[path, name],
                is_functional=not path,
                inputs=_forms(_sources(operator, constant=False)),
                parameters=_forms(_sources(operator, constant=True)),
                outputs=() if operator is None else _forms(operator.outputs()),
                fed_by=(-1,) if operator is None else _feeders(operator, places),
                kernels=(str(node.exec_type),),
            )
        )
        repeats[path, name] += 1
    return tuple(calls)


def _product_of(operator: Any, source: SourceModel) -> str:
    """The model's name of the product that a node computes; empty if it computes none."""
    if operator is None:
        return ""
    node = as_executed(operator)
    name = source.product(node)
    return name if node.layer_type in PRODUCTS and name in source.products else ""


def _operator_of(node: Any, operator: Any) -> str:
    """The node's type with the operators fused into it: Relu for a convolution with a fused ReLU.

    A Subgraph, which OpenVINO compiles itself, is named after the operators in it.
    """
    info = {} if operator is None else operator.get_rt_info()
    if "originalLayersNames" not in info:
        return str(node.node_type)
    names = str(info["originalLayersNames"].astype(str)).split(",")
    parts = [part for part in dict.fromkeys(name.rpartition("/")[2] for name in names) if part.isalpha()]
    if node.node_type == "Subgraph":
        return "".join(parts) or "Subgraph"
    joined = parts if node.node_type in _JOINING else []
    return str(node.node_type) + "".join(part for part in joined if part in _ACTIVATIONS)


_JOINING = ("Convolution", "FullyConnected", "MatMul", "Add", "GroupConvolution")
_ACTIVATIONS = ("Relu", "Clamp", "HSwish", "Sigmoid", "Swish", "Gelu")


def _sources(operator: Any, *, constant: bool) -> list[Any]:
    """The constant inputs of an operator, or the other inputs."""
    if operator is None:
        return []
    sources = [port.get_source_output() for port in operator.inputs()]
    return [source for source in sources if _is_constant(source.get_node()) is constant]


def _is_constant(node: Any) -> bool:
    return not node.inputs() and node.get_type_name() != "Parameter"


def _feeders(operator: Any, places: dict[str, int]) -> tuple[int, ...]:
    found: list[int] = []
    waiting = [port.get_source_output().get_node() for port in operator.inputs()]
    while waiting:
        feeder = waiting.pop(0)
        name = feeder.get_friendly_name()
        if name in places:
            found.append(places[name])
        elif feeder.inputs():
            waiting += [port.get_source_output().get_node() for port in feeder.inputs()]
        elif feeder.get_type_name() == "Parameter":
            found.append(-1)
    return tuple(dict.fromkeys(found)) or (-1,)


def _forms(outputs: list[Any]) -> tuple[Form, ...]:
    return tuple(
        Form(tuple(int(size) for size in output.get_shape()), _dtype(output.get_element_type().get_type_name()))
        for output in outputs
        if output.get_partial_shape().is_static
    )


def _dtype(name: str) -> str:
    return _DTYPES.get(name, name)
