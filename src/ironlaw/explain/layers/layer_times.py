"""What each layer of an arm took, from its layer turns: the price of reading taken off, scaled to the arm's own time.

A layer turn is read against as many inferences alone: each layer is a share of that time, so that a machine which was
slower while it was read does not make the layers longer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ironlaw.explain.turns import Floats
from ironlaw.layer import BorderCost, LayerCall, LayerGraph, LayerReading, Probe
from ironlaw.missing import Maybe, Missing
from ironlaw.recording import Recording

_FREE = BorderCost(inside_ns=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTimes:
    """One arm, per inference; arrays have one entry per call and behind them one for the framework.

    `wall_ns` are parts of the arm's time alone. `cpu_share` is CPU time over wall time, `amounts` what else was
    probed: page faults, events. `read_ln` is by replicate ln of the time with reading on.
    """

    calls: tuple[LayerCall, ...]
    wall_ns: Floats
    cpu_share: Maybe[Floats]
    amounts: dict[str, Floats]
    read_ln: dict[int, float]
    notes: tuple[str, ...] = ()
    profiled_by: str = ""
    absent: dict[str, Missing] = field(default_factory=dict)


def layer_times(recording: Recording, arm: str, counted_ln: dict[int, float]) -> Maybe[LayerTimes]:
    """The layers of an arm; `counted_ln` is by replicate the mean ln of its time in the turns that count, ns."""
    graph = next((one for one in reversed(recording.layer_graphs) if one.arm == arm), None)
    if graph is None:
        return Missing(f"the layers of {arm} were not read")
    if isinstance(graph.calls, Missing):
        return Missing(f"the layers of {arm} cannot be told: {graph.calls.reason}")
    readings = [one for one in recording.layer_readings if one.arm == arm and _is_whole(one, len(graph.calls))]
    timed = [one for one in readings if one.probe in (Probe.CLOCK, Probe.ENGINE)]
    if not timed:
        return Missing(f"the recording was cut before the layers of {arm} were read")
    cost = graph.costs.get(Probe.CLOCK.value, _FREE) if not graph.profiled_by else _FREE
    wall_ns = np.mean([_shares(one, cost) for one in timed], axis=0) * _alone_ns(timed, counted_ln)
    absent: dict[str, Missing] = {}
    return LayerTimes(
        calls=graph.calls,
        wall_ns=wall_ns,
        cpu_share=_cpu_share(readings, graph),
        amounts=_amounts(readings, graph, wall_ns, absent),
        read_ln=_by_replicate(timed, lambda one: one.wall_ns),
        notes=graph.notes,
        profiled_by=graph.profiled_by,
        absent=absent,
    )


def _is_whole(reading: LayerReading, calls: int) -> bool:
    return len(reading.calls_ns) == calls and reading.inferences > 0 and reading.alone_ns > 0 and reading.wall_ns > 0


def _shares(reading: LayerReading, cost: BorderCost) -> Floats:
    """Each call's part of the time alone, and the framework's; the latter not below nothing."""
    within = np.maximum(np.array(reading.calls_ns, dtype=np.float64) - cost.inside_ns * reading.inferences, 0.0)
    return _with_framework(within, float(reading.alone_ns)) / reading.alone_ns


def _with_framework(within: Floats, whole: float) -> Floats:
    return np.append(within, max(0.0, whole - float(within.sum())))


def _by_replicate(readings: Sequence[LayerReading], of: Callable[[LayerReading], int]) -> dict[int, float]:
    """By replicate, the mean over its turns of the ln of something per inference."""
    found: dict[int, list[float]] = {}
    for one in readings:
        found.setdefault(one.replicate, []).append(float(np.log(of(one) / one.inferences)))
    return {number: float(np.mean(values)) for number, values in found.items()}


def _alone_ns(timed: Sequence[LayerReading], counted_ln: dict[int, float]) -> float:
    """The arm's time between its layer turns, as it would be on average over the replicates that count.

    Replicates differ by luck, and not all of them need have read layers: what counts is by how much the time alone
    differs from the counted turns of the same process.
    """
    alone = _by_replicate(timed, lambda one: one.alone_ns)
    shared = alone.keys() & counted_ln.keys()
    if not shared:
        return float(np.exp(np.mean(list(alone.values()))))
    offset = np.mean([alone[number] - counted_ln[number] for number in sorted(shared)])
    return float(np.exp(np.mean(list(counted_ln.values())) + offset))


def _cpu_share(readings: Sequence[LayerReading], graph: LayerGraph) -> Maybe[Floats]:
    """CPU time over wall time of each call, both from the same turns; of the framework too."""
    if graph.profiled_by:
        return Missing(f"the profile of {graph.profiled_by} tells time only")
    chosen = [one for one in readings if one.probe is Probe.CPU and "cpu_ns" in one.probed]
    if not chosen:
        return Missing("CPU time was not read layer by layer")
    cost = graph.costs.get(Probe.CPU.value, _FREE)
    cpu = np.sum([_amount(one, "cpu_ns", cost) for one in chosen], axis=0)
    wall = np.sum([_shares(one, cost) * one.alone_ns for one in chosen], axis=0)
    whole = sum(one.probed_alone["cpu_ns"] for one in chosen) / sum(one.alone_ns for one in chosen)
    # A layer of a microsecond reads nothing, or several times its own length: it has the arm's own share.
    is_known = (cpu > 0) & (wall > 0) & (cpu < 4 * whole * wall)
    return np.where(is_known, cpu / np.where(wall > 0, wall, 1.0), whole)


def _amount(reading: LayerReading, name: str, cost: BorderCost) -> Floats:
    within = np.array(reading.probed[name], dtype=np.float64) - cost.probed.get(name, 0.0) * reading.inferences
    return _with_framework(np.maximum(within, 0.0), float(reading.probed_alone[name]))


def _amounts(
    readings: Sequence[LayerReading], graph: LayerGraph, wall_ns: Floats, absent: dict[str, Missing]
) -> dict[str, Floats]:
    """By quantity, the mean amount per inference within each call, and between them.

    Cycles go with the time of the turn that counted them; they are taken as a rate over that time, so that a turn that
    was slower does not look like a faster clock.
    """
    sums: dict[str, Floats] = {}
    over: dict[str, Floats] = {}
    for one in readings:
        absent.update({name: Missing(reason) for name, reason in one.lost.items()})
        cost = graph.costs.get(one.probe.value, _FREE)
        spent_ns = _shares(one, cost) * one.alone_ns
        for name in one.probed:
            if name == "cpu_ns" or name in one.lost:
                continue
            per = spent_ns if _is_rate(name) else np.full(len(spent_ns), float(one.inferences))
            sums[name] = sums.get(name, np.zeros(len(per))) + _amount(one, name, cost)
            over[name] = over.get(name, np.zeros(len(per))) + per
    mean = {
        name: np.divide(amount, over[name], out=np.zeros_like(amount), where=over[name] > 0)
        for name, amount in sums.items()
    }
    return {name: values * wall_ns if _is_rate(name) else values for name, values in mean.items()}


def _is_rate(name: str) -> bool:
    return name.partition(":")[0] == "cycles"
