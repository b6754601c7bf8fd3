"""Layers by a stated law: what each costs, and what reading it adds; for the scripted stage."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ironlaw.code import CodeSite, SampledBy
from ironlaw.layer import NO_PLAIN, BorderCost, LayerCall, LayerCode, LayerGraph, LayerReading, Probe
from ironlaw.measure.messages import LayerTurn
from ironlaw.missing import Missing

_PERIOD_NS = 1_000_003  # of CPU time between two stated samples


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedLayer:
    """One call of an arm, and its part of what the arm costs; the rest is the framework's. Counts per inference."""

    call: LayerCall
    user_instructions: float = 0.0
    user_cpi: float = 1.0
    kernel_instructions: float = 0.0
    kernel_cpi: float = 1.5
    page_faults: float = 0.0
    code: tuple[CodeSite, ...] = ()  # by the count of each

    @property
    def cycles(self) -> float:
        """Cycles in user and kernel mode together."""
        return self.user_instructions * self.user_cpi + self.kernel_instructions * self.kernel_cpi


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedArm:
    """What a layer turn needs of its arm. `slower` is the variation of the turn; cycles and counts per inference."""

    arm: str
    replicate: int
    layers: tuple[ScriptedLayer, ...]
    frequency_hz: float
    utilisation: float
    slower: float
    cycles: float
    counts: dict[str, float]  # of the whole arm, by event as printed
    inside_ns: float = 0.0
    between_ns: float = 0.0

    def graph(self) -> LayerGraph:
        """The layers, and the stated price of reading them."""
        if not self.layers:
            return LayerGraph(arm=self.arm, calls=Missing("the script states no layers"))
        price = BorderCost(inside_ns=self.inside_ns)
        costs = {probe.value: price for probe in Probe}
        return LayerGraph(arm=self.arm, calls=tuple(layer.call for layer in self.layers), costs=costs)

    def turn(self, order: LayerTurn, events: tuple[str, ...]) -> tuple[LayerReading | LayerCode, int]:
        """A layer turn, and its duration in ns."""
        if order.probe is Probe.CODE:
            return self.code(order), round(order.inferences * self._wall_ns(self.cycles))
        reading = self.reading(order, events)
        return reading, reading.took_ns

    def reading(self, order: LayerTurn, events: tuple[str, ...]) -> LayerReading:
        """A layer turn as the law states it, without noise but the turn's own."""
        n = order.inferences
        alone_ns = self._wall_ns(self.cycles)
        within_ns = [self._wall_ns(layer.cycles) + self.inside_ns for layer in self.layers]
        framework_ns = alone_ns - sum(within_ns) + self.inside_ns * len(self.layers)
        before_ns = [self.between_ns] * len(self.layers)
        before_ns[0] += framework_ns
        probed = self._probed(order.probe, events)
        return LayerReading(
            arm=self.arm,
            replicate=self.replicate,
            round=order.round,
            position=order.position,
            probe=order.probe,
            group=order.group,
            inferences=n,
            wall_ns=round(n * (sum(within_ns) + sum(before_ns))),
            alone_ns=round(n * alone_ns),
            calls_ns=tuple(round(n * value) for value in within_ns),
            before_ns=tuple(round(n * value) for value in before_ns),
            probed={name: tuple(round(n * value) for value in values) for name, (values, _) in probed.items()},
            probed_whole={name: round(n * whole) for name, (_, whole) in probed.items()},
            probed_alone={name: round(n * whole) for name, (_, whole) in probed.items()},
            plain_ns=round(n * alone_ns) if order.probe is Probe.CLOCK else NO_PLAIN,
        )

    def code(self, order: LayerTurn) -> LayerCode:
        """Each layer's samples by its time and the stated code, without noise."""
        taken = [
            (call, site, round(order.inferences * self._wall_ns(layer.cycles) / _PERIOD_NS * site.count / whole))
            for call, layer in enumerate(self.layers)
            for whole in [sum(one.count for one in layer.code)]
            for site in layer.code
        ]
        kept = [(call, site, count) for call, site, count in taken if count]
        sites = tuple(replace(site, count=count) for _, site, count in kept)
        return LayerCode(
            arm=self.arm,
            replicate=self.replicate,
            round=order.round,
            inferences=order.inferences,
            period_ns=_PERIOD_NS,
            by=SampledBy.CPU_CLOCK,
            sites=sites or Missing("the script states no code of layers"),
            within=tuple((call, place, count) for place, (call, _, count) in enumerate(kept)),
        )

    def _wall_ns(self, cycles: float) -> float:
        return cycles / self.frequency_hz / self.utilisation * self.slower * 1e9

    def _probed(self, probe: Probe, events: tuple[str, ...]) -> dict[str, tuple[list[float], float]]:
        """By quantity: what each layer has, and the whole arm."""
        match probe:
            case Probe.CPU:
                cpu = [self._wall_ns(layer.cycles) * self.utilisation for layer in self.layers]
                return {"cpu_ns": (cpu, self._wall_ns(self.cycles) * self.utilisation)}
            case Probe.FAULTS:
                return {"page-faults": ([layer.page_faults for layer in self.layers], self.counts["page-faults"])}
            case Probe.GROUP:
                return {
                    event: ([self._count(layer, event) for layer in self.layers], self.counts[event])
                    for event in events
                    if event.partition(":")[0] in ("instructions", "cycles")
                }
            case _:
                return {}

    def _count(self, layer: ScriptedLayer, event: str) -> float:
        name, _, mode = event.partition(":")
        instructions = {"u": layer.user_instructions, "k": layer.kernel_instructions}
        cycles = {
            "u": layer.user_instructions * layer.user_cpi * self.slower,
            "k": layer.kernel_instructions * layer.kernel_cpi * self.slower,
        }
        of = instructions if name == "instructions" else cycles
        return of[mode] if mode else sum(of.values())
