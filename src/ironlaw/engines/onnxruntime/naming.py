"""The names under which a ledger lists the nodes of an exported file, before a session optimises them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from ironlaw.engines.onnxruntime.profile import Origins, scope_of


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeName:
    """A layer's path and operator, how often both came before, and the name that is shown."""

    path: str
    operator: str
    repeat: int
    shown: str


class Naming:
    """Names of nodes, in the order of the file."""

    def __init__(self, model: Any) -> None:
        """Of a float file."""
        origins, repeats = Origins.of(model), defaultdict[tuple[str, str], int](int)
        self._names: dict[str, NodeName] = {}
        for node in model.graph.node:
            weight = origins.weight_of(node)
            path = weight[0] if weight is not None else scope_of(node)
            repeat = repeats[path, node.op_type]
            repeats[path, node.op_type] += 1
            shown = path if weight is not None else f"{path} {node.op_type}".strip()
            self._names[node.output[0]] = NodeName(
                path=path, operator=node.op_type, repeat=repeat, shown=f"{shown} #{repeat + 1}" if repeat else shown
            )

    def of(self, node: Any) -> NodeName:
        """The name of one."""
        return self._names[node.output[0]]
