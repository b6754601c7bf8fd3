"""The layer turns of one twin: its layers are surveyed once, then read by one border after another.

An error here does not fail the arm: it is recorded as the reason why its layers are missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ironlaw.engines import ENGINES
from ironlaw.errors import IronlawError
from ironlaw.layer import LayerCall, LayerGraph, LayerReading, NodeProfile, Probe
from ironlaw.measure.layers.cost import border_cost
from ironlaw.measure.layers.forked_survey import SurveyRequest, survey_aside
from ironlaw.measure.layers.probes import Border, ClockBorder, CpuBorder, FaultBorder, GroupBorder
from ironlaw.measure.layers.reading import Course, LayersStrayed, TurnKey, read_layers, run_plain
from ironlaw.measure.messages import LayerTurn, SurveyLayers, TwinSetup
from ironlaw.measure.meter import groups_of
from ironlaw.missing import Missing
from ironlaw.models import torch_use
from ironlaw.program import Program
from ironlaw.variant import ENGINE


@dataclass(slots=True)
class LayerReader:
    """Surveys and reads the layers of an arm's program."""

    program: Program
    setup: TwinSetup
    course: Course | None = None
    nodes: tuple[LayerCall, ...] = ()  # as the engine's profile had them at the survey
    no_spans: Missing | None = None  # why its profile does not say when they ran

    @property
    def arm(self) -> str:
        """The arm's name."""
        return self.setup.arm.name

    @property
    def engine(self) -> str:
        """The arm's engine."""
        return self.setup.arm.variant.level(ENGINE)

    def survey(self, order: SurveyLayers) -> LayerGraph:
        """The arm's layers, with the overhead of reading them if it was requested."""
        try:
            return self._survey(order)
        except Exception as error:  # noqa: BLE001  # the border to a user's code: the reason why there are no layers
            return self._lost(error)

    def _survey(self, order: SurveyLayers) -> LayerGraph:
        if self.program.profile is not None:
            profile = self.program.profile(self.program.inputs[:1])
            self.nodes = profile.calls
            self.no_spans = profile.spans if isinstance(profile.spans, Missing) else None
            return LayerGraph(arm=self.arm, calls=profile.calls, notes=profile.notes, profiled_by=self.engine)
        if self.program.module is None and not ENGINES[self.engine].shows_module:
            reason = f"{self.engine} runs the model as one call and exposes no layers"
            return LayerGraph(arm=self.arm, calls=Missing(reason))
        if not torch_use.is_loaded():
            return LayerGraph(arm=self.arm, calls=Missing("it runs no operators of torch and exposes no others"))
        wanted = SurveyRequest(
            program=self.program,
            arm=self.arm,
            library=_library(),
            prices=lambda: {probe.value: border_cost(self._border(probe, 0)) for probe in order.prices},
        )
        found = survey_aside(wanted)
        self.course = found.course
        return found.graph

    def turn(self, order: LayerTurn, inputs: list[tuple[Any, ...]]) -> LayerReading | LayerGraph:
        """One layer turn, or why the arm cannot be read."""
        place = TurnKey(arm=self.arm, replicate=self.setup.replicate, round=order.round, position=order.position)
        try:
            if self.program.profile is not None:
                return self._profiled(inputs, place)
            assert self.course is not None, "a layer turn is ordered after a survey that found layers"
            return read_layers(self.program, self.course, self._border(order.probe, order.group), inputs, place)
        except Exception as error:  # noqa: BLE001  # as above
            return self._lost(error)

    def profile(self, inputs: list[tuple[Any, ...]]) -> NodeProfile:
        """What the engine's own profiler reports.

        Raises:
            LayersStrayed: the engine ran other nodes than in the survey.
        """
        assert self.program.profile is not None, "requested where there is one"
        profile = self.program.profile(inputs)
        if [call.operator for call in profile.calls] != [call.operator for call in self.nodes]:
            raise LayersStrayed(f"{self.engine} ran other nodes than in the surveyed inference")
        return profile

    def _profiled(self, inputs: list[tuple[Any, ...]], place: TurnKey) -> LayerReading:
        """A turn under the engine's own profiler, and as many inferences without it."""
        plain_ns = run_plain(self.program, inputs)
        profile = self.profile(inputs)
        return LayerReading(
            **place,
            probe=Probe.ENGINE,
            inferences=len(inputs),
            wall_ns=profile.wall_ns,
            alone_ns=plain_ns,
            calls_ns=profile.calls_ns,
            before_ns=(0,) * len(profile.calls),
            plain_ns=plain_ns,
        )

    def _lost(self, error: Exception) -> LayerGraph:
        said = error.message if isinstance(error, IronlawError) else f"{type(error).__name__}: {error}"
        return LayerGraph(arm=self.arm, calls=Missing(f"reading layers failed: {said}"))

    def _border(self, probe: Probe, group: int) -> Border:
        match probe:
            case Probe.CPU:
                return CpuBorder()
            case Probe.FAULTS:
                return FaultBorder()
            case Probe.GROUP:
                return GroupBorder(group, groups_of(self.setup.check)[group])
            case _:
                return ClockBorder()


def _library() -> str:
    """The library that int8 weights are packed for in this process."""
    import torch

    return str(torch.backends.quantized.engine)
