"""What differs between two given files: known differences, a law, and equal files."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ironlaw.analysis.graph_diff import graph_diff
from ironlaw.explanation.split import Ledger, LedgerRow
from ironlaw.file_graph import FileGraph, FileNode, GraphDiff, NodeFate, bare
from ironlaw.missing import Missing

UNTIMED = Missing("layers were not read")


def graph(*nodes: FileNode, format: str = ".onnx") -> FileGraph:
    return FileGraph(format=format, nodes=nodes)


def node(name: str, kind: str, *fed_by: int, weights: tuple[str, ...] = ()) -> FileNode:
    return FileNode(name=name, kind=kind, fed_by=fed_by or (-1,), constants=weights)


FLOAT = graph(
    node("a", "Conv", weights=("a.weight", "a.bias")),
    node("relu", "Relu", 0),
    node("fc", "Gemm", 1, weights=("fc.weight", "fc.bias")),
)


def fates(diff: GraphDiff) -> set[tuple[str, str, str, int]]:
    return {(change.fate.value, change.control, change.changed, len(change.names)) for change in diff.changes}


def test_a_file_does_not_differ_from_itself() -> None:
    diff = graph_diff(FLOAT, FLOAT, UNTIMED)
    assert (diff.same, diff.changes) == (3, ())


def test_dynamic_quantization_shows_by_names_and_weights() -> None:
    dynamic = graph(
        node("x_QuantizeLinear", "DynamicQuantizeLinear"),
        node("a_quant", "ConvInteger", 0, weights=("a.weight_quantized",)),
        node("a_cast", "Cast", 1),
        node("relu", "Relu", 2),
        node("out_QuantizeLinear", "DynamicQuantizeLinear", 3),
        node("renamed", "MatMulInteger", 4, weights=("fc.weight_quantized",)),
    )
    diff = graph_diff(FLOAT, dynamic, UNTIMED)
    assert diff.same == 1
    assert fates(diff) == {
        ("changed type", "Conv", "ConvInteger", 1),
        ("changed type", "Gemm", "MatMulInteger", 1),
        ("appeared", "", "DynamicQuantizeLinear", 2),
        ("appeared", "", "Cast", 1),
    }


def test_a_node_without_its_name_is_matched_by_what_feeds_it() -> None:
    renamed = graph(node("a", "Conv", weights=("a.weight", "a.bias")), node("17", "Relu", 0), node("fc", "Gemm", 1))
    assert graph_diff(FLOAT, renamed, UNTIMED).same == 3


def test_conversions_between_do_not_hide_what_feeds_a_node() -> None:
    between = graph(
        node("a", "Conv", weights=("a.weight", "a.bias")),
        node("q", "QuantizeLinear", 0),
        node("d", "DequantizeLinear", 1),
        node("17", "Relu", 2),
        node("fc", "Gemm", 3),
    )
    diff = graph_diff(FLOAT, between, UNTIMED)
    assert diff.same == 3
    assert fates(diff) == {("appeared", "", "QuantizeLinear", 1), ("appeared", "", "DequantizeLinear", 1)}


def test_a_conversion_never_stands_for_a_node_that_computes() -> None:
    diff = graph_diff(graph(node("a", "Conv")), graph(node("a", "QuantizeLinear")), UNTIMED)
    assert fates(diff) == {("appeared", "", "QuantizeLinear", 1), ("vanished", "Conv", "", 1)}


def test_formats_call_the_same_operator_by_other_words() -> None:
    xml = graph(
        node("a/WithoutBiases", "Convolution", weights=("a.weight",)),
        node("a", "Add", 0, weights=("a.bias",)),
        node("relu", "ReLU", 1),
        node("fc/WithoutBiases", "MatMul", 2, weights=("fc.weight",)),
        format=".xml",
    )
    diff = graph_diff(FLOAT, xml, UNTIMED)
    assert ("appeared", "", "Add", 1) in fates(diff)
    assert not any(change.control == "Conv" for change in diff.changes)


def test_suffixes_of_quantizers_are_no_part_of_a_name() -> None:
    for name in ("a.weight_quantized", "a.weight_scale", "a.weight_zero_point", "a.weight/fq_weights_1", "a.weight_Q4"):
        assert bare(name) == "a.weight"
    assert bare("scale_net") == "scale_net"


KINDS = st.sampled_from(["Conv", "Relu", "Add", "QuantizeLinear", "MatMulInteger"])


@st.composite
def graphs(draw: st.DrawFn) -> FileGraph:
    count = draw(st.integers(0, 8))
    nodes = [
        FileNode(
            name=draw(st.sampled_from("abcdefgh")) + draw(st.sampled_from(["", "_quant", "_scale"])),
            kind=draw(KINDS),
            fed_by=tuple(draw(st.lists(st.integers(-1, max(-1, place - 1)), max_size=2))),
            constants=tuple(draw(st.lists(st.sampled_from(["v", "w", "w_quantized"]), max_size=2))),
        )
        for place in range(count)
    ]
    return graph(*nodes)


@given(graphs(), graphs())
def test_every_node_of_both_files_is_counted_once(one: FileGraph, other: FileGraph) -> None:
    diff = graph_diff(one, other, UNTIMED)
    count = {fate: sum(len(c.names) for c in diff.changes if c.fate is fate) for fate in NodeFate}
    assert diff.same + count[NodeFate.CHANGED] + count[NodeFate.VANISHED] == len(one.nodes)
    assert diff.same + count[NodeFate.CHANGED] + count[NodeFate.APPEARED] == len(other.nodes)


def test_the_time_of_a_layer_is_that_of_the_node_whose_weights_it_has() -> None:
    rows = tuple(
        LedgerRow(layer=name, kind="", fate="both", order=0, control_ns=before, changed_ns=after, terms={}, path=name)
        for name, before, after in (("a", 10.0, 40.0), ("fc", 5.0, 1.0))
    )
    ledger = Ledger(rows=rows, disturbed_speedup=UNTIMED, undisturbed_speedup=UNTIMED)
    changed = graph(
        node("a_quant", "ConvInteger", weights=("a.weight_quantized",)),
        node("relu", "Relu", 0),
        node("fc_x", "Gemm", 1),
    )
    diff = graph_diff(FLOAT, changed, ledger)
    (change,) = [change for change in diff.changes if change.fate is NodeFate.CHANGED]
    assert (change.control_ns, change.changed_ns) == (10.0, 40.0)


def test_a_chain_without_names_is_matched_from_its_front() -> None:
    float_chain = graph(*(node(f"Convolution_{place}", "Convolution", place - 1) for place in range(3)))
    rounded = [
        part
        for place in range(3)
        for part in (
            node(f"FakeQuantize_{10 + place}", "FakeQuantize", 2 * place - 1),
            node(f"Convolution_{20 + place}", "Convolution", 2 * place),
        )
    ]
    diff = graph_diff(float_chain, graph(*rounded), UNTIMED)
    assert diff.same == 3
    assert fates(diff) == {("appeared", "", "FakeQuantize", 3)}


def test_two_equal_branches_without_names_stay_apart() -> None:
    def twins(first: str, second: str) -> FileGraph:
        return graph(node(first, "Conv"), node(second, "Conv"))

    assert graph_diff(twins("a", "b"), twins("c", "d"), UNTIMED).same == 0


def test_the_time_of_a_layer_is_of_its_own_nodes_and_not_of_those_that_read_its_scale() -> None:
    """Of dynamic int8 the whole time of its convolutions was shown a second time, for the products of scales."""
    row = LedgerRow(layer="a", kind="", fate="both", order=0, control_ns=10.0, changed_ns=40.0, terms={}, path="a")
    ledger = Ledger(rows=(row,), disturbed_speedup=UNTIMED, undisturbed_speedup=UNTIMED)
    scale = node("a_scales", "Mul", weights=("a.weight_scale",))
    dynamic = graph(scale, node("a_quant", "ConvInteger", weights=("a.weight_quantized",)), node("fc", "Gemm", 1))
    spent = {one.changed: one.changed_ns for one in graph_diff(FLOAT, dynamic, ledger).changes}
    assert spent["ConvInteger"] == 40.0
    assert isinstance(spent["Mul"], Missing)
    pairs = graph(node("a_DequantizeLinear", "DequantizeLinear", weights=("a.weight_quantized",)), *FLOAT.nodes)
    (appeared,) = graph_diff(FLOAT, pairs, ledger).changes
    assert isinstance(appeared.changed_ns, Missing), "the convolution is the same, and has that time"
