"""A survey in a child: it reports what a survey in the process reports, and nothing of it stays behind."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from ironlaw.layer import BorderCost
from ironlaw.measure.layers.forked_survey import SurveyRequest, survey_aside
from ironlaw.measure.layers.probes import ClockBorder
from ironlaw.measure.layers.reading import TurnKey, read_layers
from ironlaw.measure.layers.survey import survey
from ironlaw.program import Program

torch = pytest.importorskip("torch")
nn = torch.nn
HERE = TurnKey(arm="x", replicate=0, round=0, position=0)
PARENT = os.getpid()


pytestmark = pytest.mark.usefixtures("seeded_inference")


class Functional(nn.Module):  # type: ignore[misc,name-defined]  # torch is Any here
    """Functions of every kind that torch names differently: of Python, built in, of tensors, made on the spot."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 3)

    def forward(self, image: Any) -> Any:
        made = nn.functional.max_pool2d(nn.functional.relu(self.layer(image)), 2)
        made = (2 - made**2 + made).mT
        return torch.flatten(nn.functional.gelu(made), 1).softmax(-1)


class Elsewhere(nn.Module):  # type: ignore[misc,name-defined]  # as above
    """Does what it was ordered to in another process than the test's."""

    def __init__(self, there: Any) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.there = there

    def forward(self, given: Any) -> Any:
        if os.getpid() != PARENT:
            self.there()
        return self.layer(given)


def wanted(module: Any, *inputs: Any) -> SurveyRequest:
    return SurveyRequest(program=Program(infer=module, inputs=[inputs], module=module), arm="x")


def test_a_child_reports_what_the_process_itself_would_report() -> None:
    asked = wanted(Functional().eval(), torch.randn(1, 3, 16, 16))
    here, aside = survey(asked.program, "x"), survey_aside(asked)
    assert aside == here
    assert len(here.course.functions) == 9  # relu, max_pool2d, pow, rsub, add, mT, gelu, flatten, softmax
    assert read_layers(asked.program, aside.course, ClockBorder(), asked.program.inputs * 2, HERE).inferences == 2


def test_int8_operators_are_reported_by_a_child_too() -> None:
    class Adding(nn.Module):  # type: ignore[misc,name-defined]  # as above
        def forward(self, given: Any) -> Any:
            return torch.ops.quantized.add(given, given, 0.1, 0)

    given = torch.quantize_per_tensor(torch.randn(4, 4), 0.1, 0, torch.quint8)
    asked = wanted(Adding(), given)
    assert survey_aside(asked) == survey(asked.program, "x")


def test_a_program_of_which_nothing_can_be_separated_is_one_layer_there_as_here() -> None:
    asked = SurveyRequest(program=Program(infer=lambda: None, inputs=[()]), arm="x")
    assert survey_aside(asked) == survey(asked.program, "x")


def test_nothing_of_a_survey_stays_in_the_process() -> None:
    ran: list[int] = []
    module = Elsewhere(lambda: ran.append(os.getpid()))
    survey_aside(wanted(module, torch.randn(1, 3)))
    assert ran == []


def test_prices_are_asked_for_in_the_child() -> None:
    asked = wanted(Functional().eval(), torch.randn(1, 3, 16, 16))
    priced = SurveyRequest(
        program=asked.program, arm="x", prices=lambda: {"clock": BorderCost(inside_ns=float(os.getpid() != PARENT))}
    )
    assert survey_aside(priced).graph.costs == {"clock": BorderCost(inside_ns=1.0)}


def test_a_pool_of_threads_does_not_keep_the_child_waiting() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        asked = wanted(nn.Sequential(nn.Conv2d(8, 32, 3), nn.Linear(62, 256)), torch.randn(1, 8, 64, 64))
        asked.program.answer(*asked.program.inputs[0])
        assert survey_aside(asked).graph.notes == ()
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("there", "reason"),
    [
        (lambda: os._exit(1), "ended without an answer"),
        (signal.pause, "did not finish within 0 s"),
        (lambda: 1 // 0, "ZeroDivisionError"),
    ],
)
def test_where_a_child_fails_the_process_surveys_itself_and_says_so(there: Any, reason: str) -> None:
    found = survey_aside(wanted(Elsewhere(there), torch.randn(1, 3)), limit_s=0.0 if there is signal.pause else 60.0)
    assert [call.path for call in found.graph.calls] == ["layer"]  # type: ignore[union-attr]  # known by the survey here
    (note,) = found.graph.notes
    assert "surveyed in its own process" in note
    assert reason in note
