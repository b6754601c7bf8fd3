"""Engines' own profiles: their nodes, traced back to the modules of a network whose work is known."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ironlaw.analysis.layers.matching import match
from ironlaw.analysis.layers.work import macs
from ironlaw.engines import engine
from ironlaw.layer import LayerCall, NodeProfile
from ironlaw.measure.layers.survey import survey
from ironlaw.missing import Missing
from ironlaw.models import open_model, saved
from ironlaw.program import Program
from ironlaw.variant import ENGINE, Variant

torch = pytest.importorskip("torch")

SOURCE = """
import torch

class Block(torch.nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = torch.nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn = torch.nn.BatchNorm2d(channels)
        self.act = torch.nn.ReLU()

    def forward(self, x):
        return x + self.act(self.bn(self.conv(x)))

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = torch.nn.Conv2d(3, 12, 3)
        self.blocks = torch.nn.Sequential(Block(12), Block(12))
        self.fc = torch.nn.Linear(12, 10)

    def forward(self, x):
        return self.fc(self.blocks(self.stem(x)).mean((2, 3)))

def build():
    torch.manual_seed(0)
    return Net().eval(), (torch.randn(1, 3, 16, 16),)
"""
# 12 channels of 14 x 14 pixels from 3 x 3 kernels over 3 and, twice, 12 channels; and 12 x 10.
MACS = 12 * 14 * 14 * (27 + 2 * 108) + 120


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("profiles") / "net.py"
    path.write_text(SOURCE)
    return f"{path}:build"


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def loaded(source: str, name: str, folder: Path) -> Program:
    variant, model = Variant.parse(name), open_model(source, images=None, batch=1, seed=0)
    saved.save(model, folder)
    by = engine(variant.level(ENGINE))
    return by.load(variant, by.prepare(variant, model, folder), saved.load(folder))


def reported(program: Program, inferences: int) -> NodeProfile:
    assert program.profile is not None
    return program.profile([program.inputs[0]] * inferences)


def rows(source: str, folder: Path, calls: tuple[LayerCall, ...]) -> list[tuple[list[str], list[str]]]:
    """The eager float network against the nodes, by name."""
    eager = loaded(source, "fp32", folder)
    with torch.inference_mode():
        control = survey(eager, "fp32").graph.calls
    assert not isinstance(control, Missing)
    return [
        ([control[at].name for at in one.control], [calls[at].operator for at in one.changed])
        for one in match(control, calls)
    ]


def known(values: list[Any]) -> float:
    return float(sum(value for value in values if not isinstance(value, Missing)))


@pytest.mark.parametrize("name", ["fp32@onnxruntime", "fp32@openvino"])
def test_nodes_do_the_work_of_the_network_and_meet_its_layers(name: str, source: str, tmp_path: Path) -> None:
    pytest.importorskip(name.partition("@")[2])
    profile = reported(loaded(source, name, tmp_path / "engine"), 3)
    assert known([macs(call) for call in profile.calls]) == MACS
    matched = {tuple(ours): theirs for ours, theirs in rows(source, tmp_path / "eager", profile.calls)}
    for block in ("blocks.0", "blocks.1"):
        (fused,) = matched[f"{block}.conv", f"{block}.bn", f"{block}.act"]
        assert fused in ("ConvRelu", "ConvolutionRelu")
        assert matched[(f"{block} add",)] == ["Add"]
    assert len(matched[("stem",)]) == len(matched[("fc",)]) == 1


def test_int8_nodes_are_reported_by_their_operator(source: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    profile = reported(loaded(source, "int8@onnxruntime", tmp_path / "engine"), 2)
    by_path = {call.path: call for call in profile.calls if call.parameters}
    assert by_path["stem"].operator == "QLinearConv"
    assert by_path["blocks.1.conv"].parameters[0].dtype == "int8"


@pytest.mark.parametrize("name", ["fp32@onnxruntime", "fp32@openvino"])
def test_a_profile_has_a_time_for_every_node_of_every_inference(name: str, source: str, tmp_path: Path) -> None:
    pytest.importorskip(name.partition("@")[2])
    program = loaded(source, name, tmp_path)
    first, second = reported(program, 1), reported(program, 4)
    assert [call.name for call in first.calls] == [call.name for call in second.calls]
    assert len(second.calls_ns) == len(second.calls)
    assert all(value >= 0 for value in second.calls_ns)
    assert second.wall_ns > 0


@pytest.mark.parametrize("name", ["fp32@onnxruntime", "fp32@openvino"])
def test_a_profile_says_when_its_nodes_ran_or_that_it_does_not(name: str, source: str, tmp_path: Path) -> None:
    pytest.importorskip(name.partition("@")[2])
    began_ns = time.perf_counter_ns()
    profile = reported(loaded(source, name, tmp_path), 3)
    ended_ns = time.perf_counter_ns()
    if isinstance(profile.spans, Missing):
        assert name == "fp32@openvino"
        return
    spent = [sum(end - start for place, start, end in profile.spans if place == at) for at in range(len(profile.calls))]
    assert tuple(spent) == profile.calls_ns
    assert all(began_ns < start <= end < ended_ns for _, start, end in profile.spans)
