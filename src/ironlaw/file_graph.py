"""The graph of a given model file, as it was recorded, and what differs between two of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from ironlaw.missing import Maybe, Missing
from ironlaw.ranges import Ordinal, OrdinalOrNone

# What quantizers put after the name of a node, or of a weight, when they replace it (onnxruntime.quantization, NNCF);
# and OpenVINO after that of a product whose bias became a node of its own.
_ADDED = re.compile(
    r"(_quantized|_quant|_QuantizeLinear|_DequantizeLinear|_scale|_zero_point|_zp|_bits|_Q\d+(G\d+)?|_cast|_fp16"
    r"|_MatMul|/fq_weights_\d+|/fq_output_\d+|/compressed|_compressed|_reshape|/WithoutBiases)+$",
    re.IGNORECASE,
)


def bare(name: str) -> str:
    """A name without what quantizers append to it."""
    return _ADDED.sub("", name)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileNode:
    """A node of a model file: its own name, or that of its output where it has none, and its type.

    `fed_by` are the places of the nodes that feed it, -1 for an input of the graph; `constants` are the names of its
    constant inputs, and of those that reach it through a change of number format.
    """

    name: str
    kind: str
    fed_by: tuple[OrdinalOrNone, ...] = ()
    constants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileGraph:
    """The nodes of a file in its own order, without constants; `left_out` are those beyond the number that is kept."""

    format: str  # what its name ends in
    nodes: tuple[FileNode, ...] = ()
    left_out: Ordinal = 0


NO_GRAPH = FileGraph(format="")


class NodeFate(Enum):
    """What became of nodes from one file to the other."""

    CHANGED = "changed type"
    APPEARED = "appeared"
    VANISHED = "vanished"


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphChange:
    """Nodes with one fate and the same types: their names in the changed file, or in the control's if they vanished.

    `control_ns` and `changed_ns` are the times of the layers that are known by these names, per inference.
    """

    fate: NodeFate
    control: str  # the type in the control's file; empty of what appeared
    changed: str
    names: tuple[str, ...]
    control_ns: Maybe[float] = Missing("no layer of these names was timed")
    changed_ns: Maybe[float] = Missing("no layer of these names was timed")


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphDiff:
    """The difference of two files: the number of nodes that are the same, and what differs, most time first."""

    same: int
    changes: tuple[GraphChange, ...]
    left_out: int = 0
