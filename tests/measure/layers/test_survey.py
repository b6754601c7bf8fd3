"""Layers of real programs: found, read, counted and matched; small inputs, no statement about time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ironlaw.analysis.layers.matching import match
from ironlaw.analysis.layers.work import arithmetic, macs
from ironlaw.layer import LayerCall, LayerGraph, LayerReading
from ironlaw.measure.layers.probes import ClockBorder, CpuBorder, FaultBorder
from ironlaw.measure.layers.reading import Course, LayersStrayed, TurnKey, read_layers
from ironlaw.measure.layers.survey import survey
from ironlaw.missing import Missing, is_known
from ironlaw.program import Program

torch = pytest.importorskip("torch")
nn = torch.nn
HERE = TurnKey(arm="x", replicate=0, round=0, position=0)


pytestmark = pytest.mark.usefixtures("seeded_inference")


def program(module: Any, *inputs: Any) -> Program:
    return Program(infer=module, inputs=[inputs], module=module)


def calls_of(graph: LayerGraph) -> tuple[LayerCall, ...]:
    assert not isinstance(graph.calls, Missing)
    return graph.calls


def read(module: Any, *inputs: Any) -> tuple[tuple[LayerCall, ...], LayerReading]:
    made = program(module, *inputs)
    found = survey(made, "x")
    return calls_of(found.graph), read_layers(made, found.course, ClockBorder(), [inputs] * 4, HERE)


def image(size: int = 32) -> Any:
    return torch.randn(1, 3, size, size)


def in_int8(module: Any, example: Any, *, fused: bool) -> Any:
    from ironlaw.engines.border.phases import Phases
    from ironlaw.engines.torch_modules.int8 import preferred_backend, quantize_static

    with torch.inference_mode(False), torch.no_grad():
        made = quantize_static(module, [(example,)], fused=fused, backend=preferred_backend(), phases=Phases())
    return made.module


@pytest.fixture(scope="module")
def resnet() -> Any:
    models = pytest.importorskip("torchvision.models")
    return models.resnet18(weights=None).eval()


@pytest.fixture(scope="module")
def mobilenet() -> Any:
    models = pytest.importorskip("torchvision.models")
    return models.mobilenet_v2(weights=None).eval()


@pytest.mark.parametrize("name", ["resnet", "mobilenet"])
def test_macs_are_those_of_torchs_own_flop_counter(name: str, request: pytest.FixtureRequest) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    module = request.getfixturevalue(name)
    example = image()
    counted = [macs(call) for call in calls_of(survey(program(module, example), "x").graph)]
    with FlopCounterMode(display=False) as counter:
        module(example)
    assert sum(value for value in counted if not isinstance(value, Missing)) * 2 == counter.get_total_flops()
    assert not [value for value in counted if isinstance(value, Missing)]


def test_resnet18_in_int8_is_matched_layer_by_layer(resnet: Any) -> None:
    example = image()
    control = calls_of(survey(program(resnet, example), "fp32").graph)
    changed = calls_of(survey(program(in_int8(resnet, example, fused=True), example), "int8").graph)
    rows = [
        ([control[at] for at in one.control], [changed[at] for at in one.changed]) for one in match(control, changed)
    ]
    assert sum(len(ours) for ours, _ in rows) == len(control)
    assert sum(len(theirs) for _, theirs in rows) == len(changed)
    for ours, theirs in rows:
        operators = {call.operator for call in ours}
        if operators & {"Conv2d", "Linear", "add"}:
            assert theirs, f"{ours[0].name} has no counterpart"
            assert {call.path for call in ours} & {call.path for call in theirs} or "add" in operators
        if not ours:
            assert all("quant" in call.operator.lower() for call in theirs)
    # Eight residual blocks: each addition has taken the ReLU after it in.
    assert len([1 for ours, _ in rows if [call.operator for call in ours] == ["add", "ReLU"]]) == 8
    assert arithmetic(next(call for call in changed if call.path == "layer1.0.conv1")) == "int8"


def test_mobilenet_v2_unfused_in_int8_keeps_every_layer(mobilenet: Any) -> None:
    example = image()
    control = calls_of(survey(program(mobilenet, example), "fp32").graph)
    changed = calls_of(survey(program(in_int8(mobilenet, example, fused=False), example), "int8").graph)
    lonely = [one for one in match(control, changed) if not (one.control and one.changed)]
    names = [changed[at].operator.lower() for one in lonely for at in one.changed]
    assert not [one for one in lonely if one.control]
    assert names
    assert all("quant" in name for name in names)


class Functional(nn.Module):  # type: ignore[misc,name-defined]  # torch is Any here
    """Almost everything by functions; one linear module, called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(16, 16))
        self.shared = nn.Linear(16, 16)

    def forward(self, x: Any) -> Any:
        x = torch.nn.functional.gelu(self.shared(x) @ self.weight)
        return torch.softmax(self.shared(x) + x, dim=-1)


def test_functions_and_shared_modules_have_a_row_for_each_call() -> None:
    calls, reading = read(Functional().eval(), torch.randn(2, 16))
    assert [call.name for call in calls] == ["shared", "matmul", "gelu", "shared #2", "add", "softmax"]
    assert [call.fed_by for call in calls] == [(-1,), (0,), (1,), (2,), (3, 2), (4,)]
    assert len(reading.calls_ns) == 6
    assert all(value > 0 for value in reading.calls_ns)


class Raising(nn.Module):  # type: ignore[misc,name-defined]  # as above
    """A part of it raises in each inference, and the model goes on without it."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.wrong = nn.Linear(5, 4)

    def forward(self, x: Any) -> Any:
        try:
            return self.wrong(x)
        except RuntimeError:
            return self.first(x)


def test_a_module_that_raises_is_read_and_left_as_it_was() -> None:
    module = Raising().eval()
    _, reading = read(module, torch.randn(1, 4))
    assert sum(reading.calls_ns) <= reading.wall_ns
    assert all("forward" not in part.__dict__ for part in module.modules())


class Bare(nn.Module):  # type: ignore[misc,name-defined]  # as above
    """Not a single module inside, and no function of torch that Python sees."""

    def forward(self, x: Any) -> Any:
        return x


def test_a_model_without_layers_is_one_row_and_says_so() -> None:
    made = program(Bare(), torch.randn(1))
    found = survey(made, "x")
    (call,) = calls_of(found.graph)
    assert call.name == "(whole model)"
    assert found.graph.notes[0].startswith("the whole model is one layer")
    reading = read_layers(made, found.course, ClockBorder(), [(torch.randn(1),)] * 3, HERE)
    assert reading.calls_ns == (reading.wall_ns,)


@pytest.mark.parametrize("border", [ClockBorder(), CpuBorder(), FaultBorder()], ids=["clock", "cpu", "faults"])
def test_layers_and_the_time_between_them_are_within_the_turn(border: Any) -> None:
    made = program(Functional().eval(), torch.randn(2, 16))
    found = survey(made, "x")
    reading = read_layers(made, found.course, border, [made.inputs[0]] * 5, HERE)
    assert sum(reading.calls_ns) + sum(reading.before_ns) <= reading.wall_ns
    assert set(reading.probed) == set(reading.probed_whole) == set(reading.probed_alone) == set(border.names)
    for name, amounts in reading.probed.items():
        assert sum(amounts) <= reading.probed_whole[name]
    assert reading.alone_ns > 0
    assert is_known(reading.plain_ns) == isinstance(border, ClockBorder)


@pytest.mark.parametrize(
    ("inputs", "round", "before"), [(4, 0, 2), (4, 1, 2), (1, 0, 1), (1, 1, 0), (5, 0, 3), (5, 1, 2)]
)
def test_plain_inferences_stand_around_those_that_are_read_behind_some_that_warm_the_caches(
    inputs: int, round: int, before: int
) -> None:
    seen: list[bool] = []
    module: Any = Functional().eval()
    made = program(module, torch.randn(2, 16))
    course = survey(made, "x").course

    def infer(*arguments: Any) -> Any:
        seen.append(any("forward" in part.__dict__ for part in module.modules()))  # something stands in for a layer
        return module(*arguments)

    place: TurnKey = {**HERE, "round": round}
    read_layers(replace(made, infer=infer), course, ClockBorder(), [made.inputs[0]] * inputs, place)
    warming = max(1, min(3, inputs // 2))
    assert len(seen) == warming + 3 * inputs
    assert seen.count(True) == inputs
    outer = [*seen[: warming + before], *seen[len(seen) - (inputs - before) :]]
    assert not any(outer)
    assert any(seen[warming + before : warming + before + 2 * warming])


def test_reading_changes_no_output() -> None:
    module, example = Functional().eval(), torch.randn(2, 16)
    before = module(example)
    read(module, example)
    assert torch.equal(module(example), before)


class Fickle(nn.Module):  # type: ignore[misc,name-defined]  # as above
    """Calls one layer more every second time."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.times = 0

    def forward(self, x: Any) -> Any:
        self.times += 1
        x = self.layer(x)
        return self.layer(x) if self.times > 20 else x


def test_an_inference_that_strays_from_the_survey_is_refused() -> None:
    module = Fickle().eval()
    made = program(module, torch.randn(1, 4))
    found = survey(made, "x")
    assert found.course != Course()
    module.times = 100
    with pytest.raises(LayersStrayed):
        read_layers(made, found.course, ClockBorder(), [made.inputs[0]] * 2, HERE)
