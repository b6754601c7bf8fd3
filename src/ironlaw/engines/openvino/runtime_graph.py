"""The runtime graph of a compiled model: its nodes as the plugin describes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

INTEGERS = ("i8", "u8", "i4", "u4")
FLOATS = ("f32", "f16", "bf16", "f64")
# Nodes that multiply and add.
PRODUCTS = ("Convolution", "Deconvolution", "FullyConnected", "MatMul", "RNNCell", "RNNSeq")
_NEVER_RUN = ("Const", "Input", "Output")
_UNNAMED = ("unknown", "undef")
# Nodes that are in a profile although they compute nothing: what the model takes and gives, and views.
_IDLE = ("Parameter", "Result", "Constant", *_NEVER_RUN, "Reshape", "Squeeze", "Unsqueeze")


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginNode:
    """An executed node: its type, its kernel (oneDNN's or the plugin's), and the format that the kernel was chosen for.

    `precision` is that of the weights, if these are narrower than the arithmetic. `made_from` are the friendly names of
    the model's nodes that it computes; `operator` is the node of the runtime graph.
    """

    layer_type: str
    primitive: str
    precision: str
    made_from: tuple[str, ...] = ()
    operator: Any = field(default=None, compare=False)

    @property
    def kernel_format(self) -> str:
        """The number format in the kernel's name: f32 of jit_gemm_f32."""
        return self.primitive.rpartition("_")[2].lower()

    def inputs(self) -> list[str]:
        """The number formats of its inputs."""
        return [str(port.get_source_output().get_element_type().get_type_name()) for port in self.operator.inputs()]

    def outputs(self) -> list[tuple[int, str]]:
        """The number of elements and the format of each output; outputs of dynamic shape are left out."""
        found = []
        for port in self.operator.outputs():
            if port.get_partial_shape().is_static:
                size = 1
                for length in port.get_shape():
                    size *= int(length)
                found.append((size, str(port.get_element_type().get_type_name())))
        return found


def executed(compiled: Any) -> list[PluginNode]:
    """The nodes executed in an inference, without constants and views."""
    nodes = map(as_executed, compiled.get_runtime_model().get_ordered_ops())
    return [node for node in nodes if node.layer_type not in _NEVER_RUN and not node.primitive.startswith(_UNNAMED)]


def computes(kind: str, kernel: str) -> bool:
    """Whether a node of a profile does something in an inference, by its type and its kernel.

    Nodes that move data (ReadValue, Transpose) have a kernel called unknown, fused ones none (undef). The status in
    a profile says whether a node took a microsecond or more, which of the same node changes from run to run.
    """
    return not kernel.startswith(_UNNAMED) or (kernel.startswith("unknown") and kind not in _IDLE)


def as_executed(operator: Any) -> PluginNode:
    """A node of the runtime graph, as the plugin describes it."""
    info = operator.get_rt_info()
    return PluginNode(
        layer_type=said(info, "layerType"),
        primitive=said(info, "primitiveType"),
        precision=said(info, "runtimePrecision").lower(),
        made_from=tuple(name for name in said(info, "originalLayersNames").split(",") if name),
        operator=operator,
    )


def said(info: Any, key: str) -> str:
    """An entry of a node's runtime information; empty where it has none."""
    return str(info[key].astype(str)) if key in info else ""
