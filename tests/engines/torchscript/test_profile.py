"""A frozen script's nodes, between marks: their modules, their work, and a time for each."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ironlaw.analysis.layers.matching import match
from ironlaw.analysis.layers.work import arithmetic, macs
from ironlaw.engines.torch_modules.marks import _folded
from ironlaw.engines.torchscript import execution as engine
from ironlaw.engines.torchscript.profile import mark, scopes_of
from ironlaw.errors import ArmFailed
from ironlaw.layer import NodeProfile
from ironlaw.measure.layers.survey import survey
from ironlaw.missing import Missing, is_known
from ironlaw.models import LoadedModel
from ironlaw.program import Program

from .. import small


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def reported(name: str, model: LoadedModel, folder: Path, inferences: int = 2) -> NodeProfile:
    _, program, _ = small.run(engine, name, model, folder)
    assert program.profile is not None
    with torch.inference_mode():
        return program.profile(program.inputs[:1] * inferences)


def rows(model: LoadedModel, profile: NodeProfile) -> dict[tuple[str, ...], list[str]]:
    with torch.inference_mode():
        eager = survey(Program(infer=model.module, inputs=model.inputs, module=model.module), "fp32").graph.calls
    assert not isinstance(eager, Missing)
    found = match(eager, profile.calls)
    assert sorted(at for one in found for at in one.changed) == list(range(len(profile.calls)))
    return {
        tuple(eager[at].name for at in one.control): [profile.calls[at].operator for at in one.changed] for one in found
    }


def test_nodes_meet_the_layers_they_were_traced_in(tmp_path: Path) -> None:
    model = small.seeing()
    found = rows(model, reported("fp32@torchscript", model, tmp_path))
    assert found[("conv",)] == ["mkldnn_convolution"]
    assert found[("relu",)] == ["relu"]
    assert found[("mean",)] == ["mean"]
    # Optimising makes a product and an addition of the linear layer.
    assert found[("head",)] == ["matmul", "add"]


def test_nodes_do_the_work_of_the_network(tmp_path: Path) -> None:
    profile = reported("fp32@torchscript", small.seeing(), tmp_path)
    done = [macs(call) for call in profile.calls]
    # 16 channels of 16 x 16 pixels from 3 x 3 kernels over 3; and 16 to 8.
    assert sum(one for one in done if not isinstance(one, Missing)) == 16 * 256 * 27 + 128


def test_a_recurrent_layer_is_one_row_with_what_it_prepares(tmp_path: Path) -> None:
    model = small.reading()
    found = rows(model, reported("fp32@torchscript", model, tmp_path))
    assert found[("embed",)] == ["embedding"]
    assert found[("lstm",)][-1] == "lstm"


class Attending(torch.nn.Module):
    """Attention, whose kernel leaves one of its outputs undefined, and a layer that is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = torch.nn.MultiheadAttention(16, 2, batch_first=True)
        self.shared = torch.nn.Linear(16, 16)

    def forward(self, x: Any) -> Any:
        x = x + self.attention(x, x, x, need_weights=False)[0]
        return self.shared(torch.relu(self.shared(x)))


def test_attention_and_a_shared_layer_are_reported_call_by_call(tmp_path: Path) -> None:
    model = replace(small.seeing(), module=Attending().eval(), inputs=[(torch.randn(1, 7, 16),)])
    found = rows(model, reported("fp32@torchscript", model, tmp_path))
    assert found[("attention",)] == ["_native_multi_head_attention"]
    assert found[("shared",)] == found[("shared #2",)] == ["matmul", "add"]


def test_several_inputs_and_named_outputs_are_no_hindrance(tmp_path: Path) -> None:
    model = small.two()
    found = rows(model, reported("fp32@torchscript", model, tmp_path))
    assert found[("left",)] == found[("right",)] == ["matmul", "add"]


def test_int8_nodes_are_reported_by_their_weights(tmp_path: Path) -> None:
    model = small.seeing()
    profile = reported("int8@torchscript", model, tmp_path)
    by_path = {call.path: call for call in profile.calls if call.parameters}
    assert arithmetic(by_path["conv"]) == arithmetic(by_path["head"]) == "int8"
    assert rows(model, profile)[("conv",)] == ["conv2d"]


def test_every_node_has_a_time_and_together_no_more_than_all(tmp_path: Path) -> None:
    profile = reported("fp32@torchscript", small.seeing(), tmp_path, inferences=5)
    assert len(profile.calls_ns) == len(profile.calls)
    assert all(value > 0 for value in profile.calls_ns)
    assert sum(profile.calls_ns) < profile.wall_ns


def test_every_run_of_a_node_is_timed_by_the_clock_of_the_process(tmp_path: Path) -> None:
    began_ns = time.perf_counter_ns()
    profile = reported("fp32@torchscript", small.seeing(), tmp_path)
    ended_ns = time.perf_counter_ns()
    assert is_known(profile.spans)
    spent = [sum(end - start for place, start, end in profile.spans if place == at) for at in range(len(profile.calls))]
    assert tuple(spent) == profile.calls_ns
    assert all(began_ns < start <= end < ended_ns for _, start, end in profile.spans)


def test_marking_leaves_the_script_as_it_is_and_its_answer_too() -> None:
    model = small.seeing()
    jit: Any = torch.jit  # torch leaves it untyped
    with torch.no_grad():
        script = jit.freeze(jit.trace(model.module, model.inputs[0]))
    before = str(script.graph)
    with torch.inference_mode():
        copy = mark(script.graph, scopes_of(script, model.module), model.inputs[0])
        torch.testing.assert_close(copy.infer(*model.inputs[0]), script(*model.inputs[0]))
    assert str(script.graph) == before


def test_inferences_that_ran_other_nodes_are_refused() -> None:
    with pytest.raises(ArmFailed, match="3 nodes of 2 inferences"):
        _folded([("a", 100, 1), ("b", 200, 2), ("a", 300, 3)], 2, 10)
    with pytest.raises(ArmFailed, match="4 nodes of 2 inferences"):
        _folded([("a", 100, 1), ("b", 200, 2), ("b", 300, 3), ("a", 400, 4)], 2, 10)
    with pytest.raises(ArmFailed, match="0 nodes"):
        _folded([], 2, 10)


def test_a_nodes_times_are_summed_over_inferences() -> None:
    marks = _folded([("a", 100, 1), ("b", 200, 2), ("a", 3000, 30), ("b", 4000, 40)], 2, 100)
    assert (marks.names, marks.spent_ns, marks.wall_ns) == (("a", "b"), (31, 42), 100)
    assert marks.spans == ((0, 100, 101), (1, 200, 202), (0, 3000, 3030), (1, 4000, 4040))
