"""Decoder graphs small enough for a test: seeded weights, transformers' names, keys and values in and out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ironlaw.program import Program

VOCABULARY = 300
_MOST_POSITIONS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The sizes that a graph is made with."""

    width: int = 64
    heads: int = 4
    layers: int = 2
    hidden: int = 128
    vocabulary: int = VOCABULARY
    seed: int = 0
    head_size: str | int | None = None  # as the graph declares it; None: as it is


class _Writer:
    """The nodes and constants of a graph, in order."""

    def __init__(self, sizes: Sizes) -> None:
        import numpy

        self.sizes, self.nodes, self.constants = sizes, list[Any](), list[Any]()
        self._drawn: Any = numpy.random.default_rng(sizes.seed)

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        import onnx

        self.nodes.append(onnx.helper.make_node(kind, inputs, [output], name=f"node_{output}", **attributes))
        return output

    def constant(self, name: str, values: Any) -> str:
        import numpy
        import onnx

        self.constants.append(onnx.numpy_helper.from_array(numpy.asarray(values), name))
        return name

    def matrix(self, name: str, rows: int, columns: int) -> str:
        drawn = self._drawn.standard_normal((rows, columns), dtype="float32")
        return self.constant(name, drawn / rows**0.5)

    def product(self, name: str, of: str, rows: int, columns: int) -> str:
        return self.add("MatMul", [of, self.matrix(f"{name}.weight", rows, columns)], name)


def decoder_graph(path: Path, sizes: Sizes | None = None) -> Path:
    """Write a decoder with learned positions; its attention sees the tokens up to its own position."""
    import onnx

    sizes = sizes or Sizes()
    to, make = _Writer(sizes), onnx.helper
    flow = _embedded(to)
    for layer in range(sizes.layers):
        flow = _layer(to, f"l{layer}", flow)
    to.product("logits", flow, sizes.width, sizes.vocabulary)
    held = sizes.width // sizes.heads if sizes.head_size is None else sizes.head_size
    tokens, before, after = ["batch", "sequence"], ["batch", "past_sequence"], ["batch", "total_sequence"]
    takes: list[tuple[str, int, list[Any]]] = [
        ("input_ids", 7, tokens),
        ("attention_mask", 7, after),
        ("position_ids", 7, tokens),
    ]
    gives: list[tuple[str, int, list[Any]]] = [("logits", 1, [*tokens, sizes.vocabulary])]
    for layer in range(sizes.layers):
        for part in ("key", "value"):
            shape = [sizes.heads, None, held]
            takes.append((f"past_key_values.{layer}.{part}", 1, [before[0], shape[0], before[1], held]))
            gives.append((f"present.{layer}.{part}", 1, [after[0], shape[0], after[1], held]))
    ends = [[make.make_tensor_value_info(*one) for one in some] for some in (takes, gives)]
    graph = make.make_graph(to.nodes, "decoder", ends[0], ends[1], to.constants)
    onnx.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 21)], ir_version=10), str(path))
    return path


def _embedded(to: _Writer) -> str:
    """The tokens' rows and their positions', and what each position may see."""
    import numpy

    sizes = to.sizes
    to.add("Gather", [to.matrix("tokens.weight", sizes.vocabulary, sizes.width), "input_ids"], "tokens")
    to.add("Gather", [to.matrix("positions.weight", _MOST_POSITIONS, sizes.width), "position_ids"], "positions")
    for name, value in (("zero", 0), ("one", 1)):
        to.constant(name, numpy.int64(value))
    to.add("Shape", ["attention_mask"], "sizes")
    to.add("Gather", ["sizes", "one"], "total")
    to.add("Range", ["zero", "total", "one"], "columns")
    to.add("Unsqueeze", ["position_ids", to.constant("behind", [2])], "rows")
    to.add("LessOrEqual", ["columns", "rows"], "seen3")
    to.add("Unsqueeze", ["seen3", to.constant("beside", [1])], "seen")
    to.constant("nothing", numpy.float32(0.0))
    to.add("Where", ["seen", "nothing", to.constant("hidden", numpy.float32(-1e9))], "bias")
    to.constant("apart", [0, 0, sizes.heads, sizes.width // sizes.heads])
    to.constant("together", [0, 0, sizes.width])
    to.constant("scale", numpy.float32((sizes.width // sizes.heads) ** -0.5))
    return to.add("Add", ["tokens", "positions"], "embedded")


def _layer(to: _Writer, name: str, flow: str) -> str:
    width, hidden = to.sizes.width, to.sizes.hidden
    for part in ("query", "key", "value"):
        to.product(f"{name}.{part}", flow, width, width)
        to.add("Reshape", [f"{name}.{part}", "apart"], f"{name}.{part}.split")
        to.add("Transpose", [f"{name}.{part}.split"], f"{name}.{part}.heads", perm=[0, 2, 1, 3])
    for part in ("key", "value"):
        given = f"past_key_values.{name.removeprefix('l')}.{part}"
        to.add("Concat", [given, f"{name}.{part}.heads"], f"present.{name.removeprefix('l')}.{part}", axis=2)
    place = name.removeprefix("l")
    to.add("Transpose", [f"present.{place}.key"], f"{name}.keys", perm=[0, 1, 3, 2])
    to.add("MatMul", [f"{name}.query.heads", f"{name}.keys"], f"{name}.raw")
    to.add("Mul", [f"{name}.raw", "scale"], f"{name}.scaled")
    to.add("Add", [f"{name}.scaled", "bias"], f"{name}.scores")
    to.add("Softmax", [f"{name}.scores"], f"{name}.shares", axis=-1)
    to.add("MatMul", [f"{name}.shares", f"present.{place}.value"], f"{name}.mixed")
    to.add("Transpose", [f"{name}.mixed"], f"{name}.turned", perm=[0, 2, 1, 3])
    to.add("Reshape", [f"{name}.turned", "together"], f"{name}.joined")
    to.product(f"{name}.out", f"{name}.joined", width, width)
    to.add("Add", [flow, f"{name}.out"], f"{name}.attended")
    to.product(f"{name}.up", f"{name}.attended", width, hidden)
    to.add("Relu", [f"{name}.up"], f"{name}.bent")
    to.product(f"{name}.down", f"{name}.bent", hidden, width)
    return to.add("Add", [f"{name}.attended", f"{name}.down"], f"{name}.end")


def in_four_bits(source: Path, to: Path, *, block: int = 32, level: int = 0) -> Path:
    """The same graph with MatMulNBits in place of its products with constants."""
    import logging

    import onnx
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    logging.getLogger("onnxruntime.quantization.matmul_nbits_quantizer").setLevel(logging.WARNING)
    made = MatMulNBitsQuantizer(
        onnx.load(str(source)), bits=4, block_size=block, is_symmetric=True, accuracy_level=level
    )
    made.process()
    onnx.save(made.model.model, str(to))
    return to


def logits_of_both(together: Program, apart: Program) -> Any:
    """The logits after twelve tokens, which a program in prefill and one that decodes have to share."""
    import numpy

    tokens = together.inputs[0][0][:, :12]
    first, second = numpy.asarray(together.compared(tokens)), numpy.asarray(apart.compared(tokens))
    assert first.shape == (12, VOCABULARY)
    assert float(numpy.abs(first - second).max()) < 1e-4
    return first
