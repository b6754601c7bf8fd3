"""The time of each layer of an arm from its layer turns: the cost of reading subtracted, scaled to the arm's own time.

A layer turn also runs as many inferences without reading. Each layer is a share of their time, so that a machine which
was slower during the turn does not lengthen the layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ironlaw.analysis.layers.code import NO_CODE, ByCall, code_by_call
from ironlaw.analysis.turns import Floats
from ironlaw.layer import NO_PLAIN, BorderCost, LayerCall, LayerGraph, LayerReading, Probe
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.recording import Recording

_FREE = BorderCost(inside_ns=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTimes:
    """One arm, per inference; arrays have one entry per call, and a last one for the framework.

    `wall_ns` are parts of the arm's time without reading. `cpu_share` is CPU time over wall time; `amounts` holds the
    other probed quantities: page faults, events. `read_ln` is ln of the time with reading, by replicate; `slower_ln`,
    in ln, how much slower plain inferences were while layers were read. `code` holds samples by call.
    """

    calls: tuple[LayerCall, ...]
    wall_ns: Floats
    cpu_share: Maybe[Floats]
    amounts: dict[str, Floats]
    read_ln: dict[int, float]
    notes: tuple[str, ...] = ()
    profiled_by: str = ""
    absent: dict[str, Missing] = field(default_factory=dict)
    slower_ln: Maybe[float] = NO_PLAIN
    code: Maybe[ByCall] = NO_CODE


def layer_times(recording: Recording, arm: str, counted_ln: dict[int, float]) -> Maybe[LayerTimes]:
    """Compute the times of an arm's layers. `counted_ln` is, by replicate, the mean ln of its time in counted turns, in
    ns.
    """
    graph = next((one for one in reversed(recording.layer_graphs) if one.arm == arm), None)
    if graph is None:
        return Missing(f"the layers of {arm} were not read")
    if isinstance(graph.calls, Missing):
        return Missing(f"the layers of {arm} cannot be distinguished: {graph.calls.reason}")
    readings = [one for one in recording.layer_readings if one.arm == arm and _is_whole(one, len(graph.calls))]
    timed = [one for one in readings if one.probe in (Probe.CLOCK, Probe.ENGINE)]
    if not timed:
        return Missing(f"the recording was cut before the layers of {arm} were read")
    cost = graph.costs.get(Probe.CLOCK.value, _FREE) if not graph.profiled_by else _FREE
    wall_ns = _shares(timed, cost) * _alone_ns(timed, counted_ln)
    absent: dict[str, Missing] = {}
    plain = [one for one in timed if is_known(one.plain_ns)]
    return LayerTimes(
        calls=graph.calls,
        wall_ns=wall_ns,
        cpu_share=_cpu_share(readings, graph),
        amounts=_amounts(readings, graph, wall_ns, absent),
        read_ln=_by_replicate(timed, lambda one: one.wall_ns),
        notes=graph.notes,
        profiled_by=graph.profiled_by,
        absent=absent,
        code=code_by_call(recording, arm, len(graph.calls)),
        slower_ln=_median_apart(_by_replicate(plain, _plain_ns), counted_ln),
    )


def _is_whole(reading: LayerReading, calls: int) -> bool:
    return len(reading.calls_ns) == calls and reading.inferences > 0 and reading.alone_ns > 0 and reading.wall_ns > 0


def _shares(readings: Sequence[LayerReading], cost: BorderCost) -> Floats:
    """Each call's part of the time without reading, and the framework's, which is the remainder.

    Turns are averaged before negative remainders are clipped: clipping each turn would overestimate the framework by
    the noise of the turns.
    """
    within = [(np.array(one.calls_ns) - cost.inside_ns * one.inferences) / one.alone_ns for one in readings]
    return _with_framework(_steady_mean(np.array(within)), 1.0)


def _steady_mean(values: Floats) -> Floats:
    """The mean over the first axis without the highest and lowest tenth, of five values or more at least one each.

    With as many threads as CPUs, any other process delays all threads: of 32 layer turns of an fp32 MobileNetV2 that
    takes 25 ms, one took 339 ms with reading and 560 ms without, half of the total time.
    """
    # Not scipy.stats.trim_mean: importing scipy.stats takes longer than explaining a default recording.
    cut = max(int(_UNSTEADY * len(values)), 1 if len(values) >= _LEAST_TRIMMED else 0)
    found: Floats = np.sort(values, axis=0)[cut : len(values) - cut].mean(axis=0)
    return found


_UNSTEADY = 0.1
_LEAST_TRIMMED = 5  # the fewest turns of which a short run's layers are averaged without the highest and the lowest


def _spent_ns(readings: Sequence[LayerReading], cost: BorderCost) -> Floats:
    """The time of each call summed over all turns, and the framework's."""
    price_ns = cost.inside_ns * sum(one.inferences for one in readings)
    within = np.array([one.calls_ns for one in readings], dtype=np.float64).sum(axis=0) - price_ns
    return _with_framework(within, float(sum(one.alone_ns for one in readings)))


def _amount(readings: Sequence[LayerReading], name: str, cost: BorderCost) -> Floats:
    """The probed quantity in each call and between calls, summed over all turns first, as above."""
    price = cost.probed.get(name, 0.0) * sum(one.inferences for one in readings)
    within = np.array([one.probed[name] for one in readings], dtype=np.float64).sum(axis=0) - price
    return _with_framework(within, float(sum(one.probed_alone[name] for one in readings)))


def _with_framework(within: Floats, whole: float) -> Floats:
    calls = np.maximum(within, 0.0)
    return np.append(calls, max(0.0, whole - float(calls.sum())))


def _by_replicate(readings: Sequence[LayerReading], of: Callable[[LayerReading], int]) -> dict[int, float]:
    """By replicate, the mean of ln of a quantity per inference over the steady turns."""
    found: dict[int, list[float]] = {}
    for one in readings:
        found.setdefault(one.replicate, []).append(float(np.log(of(one) / one.inferences)))
    return {number: float(_steady_mean(np.array(values))) for number, values in found.items()}


def _alone_ns(timed: Sequence[LayerReading], counted_ln: dict[int, float]) -> float:
    """The arm's time in inferences without reading, projected onto the counted replicates.

    Replicates vary, and not all of them read layers. The projection uses the ratio of inferences between those that are
    read to plain ones.
    """
    beside = _beside_reading(timed, counted_ln)
    if isinstance(beside, Missing):
        return float(np.exp(np.mean(list(_by_replicate(timed, lambda one: one.alone_ns).values()))))
    return float(np.exp(np.mean(list(counted_ln.values())) + beside))


def _beside_reading(timed: Sequence[LayerReading], counted_ln: dict[int, float]) -> Maybe[float]:
    """How much longer an inference of a layer turn without reading takes than a plain one, in ln.

    Compared with plain inferences within a second, because a machine with shared CPUs ran up to 1.4 times slower for
    some seconds. Recordings without these use the counted turns: the median over replicates. Only turns that read
    nothing but the clock are used, since other probes slow the next inference (int8 MobileNetV2 on two threads: 12 %
    after reading page faults).
    """
    beside = [float(np.log(one.alone_ns / one.plain_ns)) for one in timed if is_known(one.plain_ns)]
    if beside and counted_ln:
        return float(_steady_mean(np.array(beside)))
    return _median_apart(_by_replicate(timed, lambda one: one.alone_ns), counted_ln)


def _plain_ns(reading: LayerReading) -> int:
    assert is_known(reading.plain_ns), "requested where there is one"
    return reading.plain_ns


def _median_apart(read_ln: dict[int, float], counted_ln: dict[int, float]) -> Maybe[float]:
    """The median over replicates of the ln-ratio of two times."""
    shared = sorted(read_ln.keys() & counted_ln.keys())
    if not shared:
        return Missing("no replicate has both")
    return float(np.median([read_ln[number] - counted_ln[number] for number in shared]))


def _cpu_share(readings: Sequence[LayerReading], graph: LayerGraph) -> Maybe[Floats]:
    """CPU time over wall time of each call, both from the same turns; of the framework too."""
    if graph.profiled_by:
        return Missing(f"the profile of {graph.profiled_by} reports time only")
    chosen = [one for one in readings if one.probe is Probe.CPU and "cpu_ns" in one.probed]
    if not chosen:
        return Missing("CPU time was not read layer by layer")
    cost = graph.costs.get(Probe.CPU.value, _FREE)
    cpu, wall = _amount(chosen, "cpu_ns", cost), _spent_ns(chosen, cost)
    whole = sum(one.probed_alone["cpu_ns"] for one in chosen) / sum(one.alone_ns for one in chosen)
    # A layer of a microsecond reads nothing, or several times its own length: it has the arm's own share.
    is_known = (cpu > 0) & (wall > 0) & (cpu < 4 * whole * wall)
    return np.where(is_known, cpu / np.where(wall > 0, wall, 1.0), whole)


def _amounts(
    readings: Sequence[LayerReading], graph: LayerGraph, wall_ns: Floats, absent: dict[str, Missing]
) -> dict[str, Floats]:
    """The mean amount per inference of each quantity, within each call and between calls.

    Cycles are converted to a rate over the time of the turn that counted them, so that a slower turn does not look like
    a faster clock.
    """
    reported_by: dict[tuple[str, Probe], list[LayerReading]] = {}
    for one in readings:
        absent.update({name: Missing(reason) for name, reason in one.lost.items()})
        for name in one.probed:
            if name != "cpu_ns" and name not in one.lost:
                reported_by.setdefault((name, one.probe), []).append(one)
    mean: dict[str, Floats] = {}
    for (name, probe), chosen in reported_by.items():
        cost = graph.costs.get(probe.value, _FREE)
        amount = _amount(chosen, name, cost)
        spent_ns = _spent_ns(chosen, cost)
        per = spent_ns if _is_rate(name) else np.full(len(amount), float(sum(one.inferences for one in chosen)))
        each = np.divide(amount, per, out=np.zeros_like(amount), where=per > 0)
        mean[name] = each * wall_ns if _is_rate(name) else each
    return mean


def _is_rate(name: str) -> bool:
    return name.partition(":")[0] == "cycles"
