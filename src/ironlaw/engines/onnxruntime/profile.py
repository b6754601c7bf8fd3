"""ONNX Runtime's own profile of a session, node by node, traced back to the modules that nodes were exported from."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ironlaw.engines.onnxruntime.gemm_reshapes import origins_of_reshapes
from ironlaw.errors import ArmFailed
from ironlaw.file_graph import bare
from ironlaw.layer import Form, LayerCall, NodeProfile

OpenSession = Callable[[Any], Any]
_DTYPES = {"float": "float32", "double": "float64"}
SCOPES = "pkg.torch.onnx.name_scopes"  # written by torch.onnx.export
_ENDED = "_kernel_time"
_ADDED = re.compile(r"(_token_\d+|_nchwc|/\w+Fusion/?)$")  # to names, by optimizers
_BY_QUANTIZER = re.compile(r"(_Transposed)?(_quantized)?")  # appended to the names of weights
_MULTIPLYING = {
    "Conv", "FusedConv", "ConvInteger", "QLinearConv", "ConvTranspose", "Gemm", "QGemm", "MatMul", "FusedMatMul",
    "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "QLinearMatMul", "MatMulNBits",
}  # fmt: skip


def profile(open_session: OpenSession, options: Any, source: Path, runs: list[dict[str, Any]]) -> NodeProfile:
    """Run inferences in a session of their own with profiling on; `open_session` opens it with the options.

    Times of nodes are in whole microseconds: the profiler rounds.
    """
    if importlib.util.find_spec("onnx") is None:
        raise ArmFailed("its optimized graph is read by onnx, not installed here", hint="pip install 'ironlaw[onnx]'")
    import onnx

    ran = execute(open_session, options, runs)
    origins = Origins.of(onnx.load(str(source), load_external_data=False))
    first = ran.events[: ran.each]
    calls = _calls(first, ran.optimized, origins)
    places = {event["name"]: place for place, event in enumerate(first)}
    spent_ns = [0] * ran.each
    spans = []
    for event in ran.events[ran.each :]:
        place, length_ns = places[event["name"]], event["dur"] * 1000
        spent_ns[place] += length_ns
        began_ns = ran.began_ns + event["ts"] * 1000
        spans.append((place, began_ns, began_ns + length_ns))
    return NodeProfile(calls=calls, calls_ns=tuple(spent_ns), wall_ns=ran.wall_ns, spans=tuple(spans))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfiledRuns:
    """The node events of a profile, `each` per inference: those of one inference before `wall_ns` started, and those
    within it. Their times count from `began_ns` on
    CLOCK_MONOTONIC.
    """

    events: list[Any]
    each: int
    wall_ns: int
    began_ns: int
    optimized: Any  # the graph that ran


def execute(open_session: OpenSession, options: Any, runs: list[dict[str, Any]]) -> ProfiledRuns:
    """Run inferences in a session with profiling on, and read its optimised graph."""
    import onnx

    with tempfile.TemporaryDirectory(prefix="ironlaw-profile-") as folder:
        optimized = Path(folder) / "optimized.onnx"
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        options.optimized_model_filepath = str(optimized)
        session = open_session(options)
        session.run(None, runs[0])  # the first inference allocates
        began_ns = time.perf_counter_ns()
        for feed in runs:
            session.run(None, feed)
        wall_ns = time.perf_counter_ns() - began_ns
        # The profiler's start is of the system's clock (std::chrono::high_resolution_clock of libstdc++).
        profiled_ns = session.get_profiling_start_time_ns() - time.time_ns() + time.perf_counter_ns()
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
        ran = [event for event in events if event.get("cat") == "Node" and event["name"].endswith(_ENDED)]
        return ProfiledRuns(
            events=ran,
            each=len(ran) // (len(runs) + 1),
            wall_ns=wall_ns,
            began_ns=profiled_ns,
            optimized=onnx.load(str(optimized), load_external_data=False),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """The origin of each node of a file before optimisation."""

    by_name: dict[str, Any]
    by_output: dict[str, Any]
    weights: dict[str, Form] = field(default_factory=dict)

    @classmethod
    def of(cls, model: Any) -> Origins:
        """The origins in `model`, the ModelProto of the file that was opened."""
        return cls(
            by_name={node.name: node for node in model.graph.node if node.name},
            by_output={output: node for node in model.graph.node for output in node.output},
            weights=stored_forms(model),
        )

    def of_node(self, node: Any) -> Any:
        """The node that an optimised one was made from; None if unknown."""
        bare_name = _ADDED.sub("", node.name)
        found = self.by_name.get(bare_name)
        if found is None:
            found = self.by_output.get(bare_name) or next(
                (self.by_output[output] for output in node.output if output in self.by_output), None
            )
        wanted = node.op_type.removeprefix("QLinear").removeprefix("Fused")
        # A fused node is named after the last of the nodes in it; the one that it is called after has the weights.
        while found is not None and found.op_type != wanted and len(found.input) == 1:
            before = self.by_output.get(found.input[0])
            if before is None:
                break
            found = before
        return found

    def weight_of(self, node: Any) -> tuple[str, Form] | None:
        """The path and form of the parameter that a node multiplies by, also through a DequantizeLinear."""
        for name in node.input[1:]:
            maker = self.by_output.get(name)
            stored = maker.input[0] if maker is not None and maker.op_type == "DequantizeLinear" else name
            path, dot, rest = stored.rpartition(".weight")
            if dot and stored in self.weights and _BY_QUANTIZER.fullmatch(rest):
                return path, self.weights[stored]
        return None

    def named_matrix_of(self, node: Any) -> tuple[str, Form] | None:
        """The same of a file that no exporter of modules wrote: the matrix has a name of its own, the layer's.

        Exporters number what they compute themselves: onnx::MatMul_12, val_3.
        """
        for name in node.input[1:]:
            maker = self.by_output.get(name)
            stored = maker.input[0] if maker is not None and maker.op_type == "DequantizeLinear" else name
            form = self.weights.get(stored)
            if form is not None and len(form.shape) > 1 and not re.match(r"onnx::|val_\d", stored):
                return bare(stored), form
        return None


def stored_forms(model: Any) -> dict[str, Form]:
    """The constants of a graph by name."""
    import onnx

    names = {value: name.lower() for name, value in onnx.TensorProto.DataType.items()}
    return {
        tensor.name: Form(tuple(tensor.dims), _dtype(names[tensor.data_type])) for tensor in model.graph.initializer
    }


def _calls(events: list[Any], optimized: Any, origins: Origins) -> tuple[LayerCall, ...]:
    """The nodes of one inference in the order in which they ran."""
    nodes = nodes_of(events, optimized)
    stored = stored_forms(optimized)
    made_by: dict[str, int] = {}
    repeats: dict[tuple[str, str], int] = defaultdict(int)
    calls = []
    for place, (event, node) in enumerate(zip(events, nodes, strict=True)):
        call = _call(event, node, origins, stored)
        feeders = [made_by[name] for name in node.input if name in made_by] if node is not None else []
        inputs = (
            [name for name in node.input if name in {value.name for value in optimized.graph.input}] if node else []
        )
        fed_by = tuple(dict.fromkeys([*feeders, *([-1] if inputs or not feeders else [])]))
        key = (call.path, call.operator)
        calls.append(replace(call, fed_by=fed_by, repeat=repeats[key]))
        repeats[key] += 1
        made_by.update(dict.fromkeys(node.output if node is not None else (), place))
    names = [_ADDED.sub("", event["name"].removesuffix(_ENDED)) for event in events]
    origins_of_calls = origins_of_reshapes(calls, names)
    return tuple(replace(call, origins=origin) for call, origin in zip(calls, origins_of_calls, strict=True))


def nodes_of(events: list[Any], optimized: Any) -> list[Any]:
    """The optimised node of each event: by name or, without one, by operator and order."""
    named = {node.name: node for node in optimized.graph.node if node.name}
    nameless: dict[str, list[Any]] = defaultdict(list)
    for node in optimized.graph.node:
        if not node.name:
            nameless[node.op_type].append(node)
    found = []
    for event in events:
        node = named.get(event["name"].removesuffix(_ENDED))
        waiting = nameless[event["args"]["op_name"]]
        found.append(node if node is not None else waiting.pop(0) if waiting else None)
    return found


def _call(event: Any, node: Any, origins: Origins, stored: dict[str, Form]) -> LayerCall:
    stated = event["args"]
    operator = stated["op_name"]
    inputs, outputs = _forms(stated["input_type_shape"]), _forms(stated["output_type_shape"])
    if node is None:
        return LayerCall(path="", operator=operator, is_functional=True, inputs=inputs[:1], outputs=outputs)
    activation = next((a.s.decode() for a in node.attribute if a.name in ("activation", "activation_type")), "")
    origin = origins.of_node(node)
    # A reorder after a convolution writes what the convolution wrote, and is not it.
    is_same = origin is not None and _computes(operator, origin.op_type)
    weight = origins.weight_of(origin) if is_same else None
    if weight is None and is_same and operator in _MULTIPLYING and not scope_of(origin):
        weight = origins.named_matrix_of(origin)
    if weight is None:
        path = "" if origin is None else scope_of(origin)
        data = inputs[: 2 if operator in ("Add", "Mul", "MatMul", "Concat") else 1]
        return LayerCall(
            path=path,
            operator=operator + activation,
            is_functional=True,
            inputs=data,
            outputs=outputs,
            parameters=_matrices(node, stored) if operator in _MULTIPLYING else (),
            kernels=(operator,),
        )
    path, form = weight
    return LayerCall(
        path=path,
        operator=operator + activation,
        inputs=inputs[:1],
        outputs=_unpadded(outputs, form) if operator == "Conv" else outputs,
        parameters=(form,),
        kernels=(operator,),
    )


def _matrices(node: Any, stored: dict[str, Form]) -> tuple[Form, ...]:
    """The constants that a node multiplies by, also where a quantizer has renamed them beyond recognition."""
    return tuple(stored[name] for name in node.input[1:] if name in stored and len(stored[name].shape) > 1)


def _computes(operator: str, origin: str) -> bool:
    """Whether an optimised operator still does what the one in the file did, by their names: FusedConv, QLinearConv."""
    if origin == "MatMul" and operator in ("Gemm", "FusedGemm"):
        return True  # with the addition after it
    return origin.removesuffix("Integer") in operator  # DynamicQuantizeMatMul, of MatMulInteger and what is around it


def _unpadded(outputs: tuple[Form, ...], weight: Form) -> tuple[Form, ...]:
    """A convolution's output with the number of channels of its weight, since blocked layouts pad to whole blocks."""
    if len(weight.shape) < 3 or not outputs or len(outputs[0].shape) != len(weight.shape):
        return outputs
    first = outputs[0]
    return (Form((first.shape[0], weight.shape[0], *first.shape[2:]), first.dtype), *outputs[1:])


def scope_of(node: Any) -> str:
    """The module that a node was exported from: the last but one of its scopes, whose last is the function."""
    scopes = next((entry.value for entry in node.metadata_props if entry.key == SCOPES), "")
    names = ast.literal_eval(scopes) if scopes else []
    return str(names[-2]) if len(names) > 1 else ""


def _forms(stated: list[dict[str, list[int]]]) -> tuple[Form, ...]:
    return tuple(Form(tuple(shape), _dtype(name)) for entry in stated for name, shape in entry.items())


def _dtype(name: str) -> str:
    return _DTYPES.get(name, name)
