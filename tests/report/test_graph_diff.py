"""What differs between two given files, in every output, from a recording alone."""

from __future__ import annotations

import json
from dataclasses import replace

from rich.console import Console

from ironlaw.analysis.assemble import explain
from ironlaw.fact import ArmPrepared, Census
from ironlaw.measure.scripted import Script
from ironlaw.program import PreparedModel
from ironlaw.recording import Recording
from ironlaw.report.document import to_json
from ironlaw.report.html import render
from ironlaw.report.markdown import to_markdown
from ironlaw.report.terminal import show
from tests.analysis.test_graph_diff import FLOAT, graph, node
from tests.scripted import SOUND, own, recorded

INT8 = graph(
    node("a_quant", "ConvInteger", weights=("a.weight_quantized",)),
    node("cast", "Cast", 0),
    node("relu", "Relu", 1),
    node("fc", "Gemm", 2, weights=("fc.weight", "fc.bias")),
)


def two_files() -> Recording:
    recording = recorded((own("float"), own("int8")), Script(arms={"float": SOUND, "int8": SOUND}), replicates=3)
    graphs = {"float": FLOAT, "int8": INT8}
    censuses = tuple(Census(arm=name, counts={}, graph=found) for name, found in graphs.items())
    return replace(recording, censuses=censuses)


def test_the_terminal_shows_the_files_before_the_times_in_eighty_columns() -> None:
    console = Console(width=80, force_terminal=False)
    with console.capture() as printed:
        show(explain(two_files()), console)
    lines = printed.get().splitlines()
    text = printed.get()
    assert "2 nodes are the same in both files" in text
    assert "Conv → ConvInteger" in text
    assert text.index("What differs between the files") < text.index("int8 and float")
    assert max(map(len, lines)) <= 80


def test_markdown_html_and_json_show_them_as_well() -> None:
    recording = two_files()
    explanation = explain(recording)
    for text in (to_markdown(explanation, recording), render(explanation, recording)):
        assert "What differs between the files" in text
        assert "Conv → ConvInteger" in text
    (comparison,) = json.loads(to_json(explanation))["comparisons"]
    assert comparison["graph"]["same"] == 2
    assert {change["fate"] for change in comparison["graph"]["changes"]} == {"changed type", "appeared"}


def test_files_differ_visibly_although_nothing_was_counted_in_an_inference() -> None:
    recording = two_files()
    graphs = {fact.arm: fact.graph for fact in recording.censuses}
    model = PreparedModel(path="", size_bytes=1, phases_ns={}, weights="")
    prepared = tuple(ArmPrepared(arm=name, prepared=model, graph=found) for name, found in graphs.items())
    counted = explain(recording).comparisons[0].graph
    assert explain(replace(recording, censuses=(), prepared=prepared)).comparisons[0].graph == counted


def test_a_file_is_recorded_once_for_the_arms_that_share_it() -> None:
    model = PreparedModel(path="", size_bytes=1, phases_ns={}, weights="")
    made = ArmPrepared(arm="a", prepared=model, graph=FLOAT)
    arm = own("a")
    assert made.shared_with(replace(arm, name="b")).graph == FLOAT
    assert not made.shared_with(arm.again()).graph.nodes
    assert not made.shared_with(replace(arm, serves=("fusion",))).graph.nodes


def test_arms_that_run_no_files_have_no_such_part() -> None:
    explanation = explain(replace(two_files(), censuses=()))
    (comparison,) = json.loads(to_json(explanation))["comparisons"]
    assert comparison["graph"] == {"missing": "the arms do not run two model files"}
    assert "What differs between the files" not in to_markdown(explanation)
