"""The layer turns of one twin: its layers surveyed once, then read by one border after the other.

Whatever goes wrong here is the layers' and not the arm's: it becomes the reason why there are none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ironlaw.layer import LayerGraph, LayerReading, Probe
from ironlaw.measure.layer_cost import border_cost
from ironlaw.measure.layer_probes import Border, ClockBorder, CpuBorder, FaultBorder, GroupBorder
from ironlaw.measure.layer_reading import Course, Place, read_layers
from ironlaw.measure.layer_survey import survey
from ironlaw.measure.messages import LayerTurn, Survey
from ironlaw.measure.meter import groups_of
from ironlaw.missing import Missing
from ironlaw.program import Program
from ironlaw.recording import CounterCheck

EAGER = "eager"


@dataclass(slots=True)
class LayerReader:
    """Surveys and reads the layers of an arm's program."""

    program: Program
    check: CounterCheck
    arm: str
    replicate: int
    engine: str
    course: Course | None = None

    def survey(self, order: Survey) -> LayerGraph:
        """The arm's layers, with the prices of reading them that were asked for."""
        try:
            return self._survey(order)
        except Exception as error:  # noqa: BLE001  # the border to a user's code: the reason why there are no layers
            return self._lost(error)

    def _survey(self, order: Survey) -> LayerGraph:
        if self.program.module is None and self.engine != EAGER:
            reason = f"{self.engine} runs the model as one call and shows no layers that could be read"
            return LayerGraph(arm=self.arm, calls=Missing(reason))
        found = survey(self.program, self.arm, library=_library())
        self.course = found.course
        prices = {probe.value: border_cost(self._border(probe, 0)) for probe in order.prices}
        return replace(found.graph, costs=prices)

    def turn(self, order: LayerTurn, inputs: list[tuple[Any, ...]]) -> LayerReading | LayerGraph:
        """One layer turn, or why the arm cannot be read."""
        assert self.course is not None, "a layer turn is ordered after a survey that told layers"
        place = Place(arm=self.arm, replicate=self.replicate, round=order.round, position=order.position)
        try:
            return read_layers(self.program, self.course, self._border(order.probe, order.group), inputs, place)
        except Exception as error:  # noqa: BLE001  # as above
            return self._lost(error)

    def _lost(self, error: Exception) -> LayerGraph:
        return LayerGraph(arm=self.arm, calls=Missing(f"reading layers failed: {type(error).__name__}: {error}"))

    def _border(self, probe: Probe, group: int) -> Border:
        match probe:
            case Probe.CPU:
                return CpuBorder()
            case Probe.FAULTS:
                return FaultBorder()
            case Probe.GROUP:
                return GroupBorder(group, groups_of(self.check)[group])
            case _:
                return ClockBorder()


def _library() -> str:
    """The library that int8 weights are packed for in this process."""
    import torch

    return str(torch.backends.quantized.engine)
