"""From the recordings of a sweep to its break-even map."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from ironlaw.concern import Concern
from ironlaw.estimate import Estimate
from ironlaw.explanation import ArmSummary, Comparison, Difference, Explanation, Outcome
from ironlaw.explanation.break_even import (
    THE_GAIN,
    Absent,
    Axis,
    BreakEvenMap,
    Gain,
    Holding,
    HostOutcome,
    Place,
    SignTurn,
)
from ironlaw.machine import Machine
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.sweep.cell import Cell
from ironlaw.sweep.plan_file import SweepPlan
from ironlaw.sweep.store import Store

NOT_YET = "not measured yet"


@dataclass(slots=True)
class _Seen:
    """What is kept of each recording, so that one recording at a time is in memory."""

    gains: list[tuple[Gain, Maybe[Machine]]] = field(default_factory=list)
    absent: list[Absent] = field(default_factory=list)
    machines: dict[str, list[Machine]] = field(default_factory=dict)  # by host, each different one once
    versions: dict[str, dict[str, set[str]]] = field(default_factory=dict)  # package -> version -> hosts
    measured: int = 0


def break_even_map(plan: SweepPlan, store: Store) -> BreakEvenMap:
    """Explain every recording that is there, one at a time, and put the answers side by side."""
    import ironlaw

    seen = _Seen()
    for cell in plan.cells():
        if not store.has(cell):
            failure = store.failure(cell)
            seen.absent.append(Absent(place=place_of(cell), reason=failure.reason if failure else NOT_YET))
            continue
        recording = ironlaw.load(store.recording(cell))
        _note_versions(seen, cell, recording.machine, recording.header.ironlaw)
        add_cell(seen, cell, ironlaw.explain(recording))
    return finish(seen, cells=plan.count)


def add_cell(seen: _Seen, cell: Cell, explanation: Explanation) -> None:
    """Add what one cell's explanation says."""
    seen.measured += 1
    place = place_of(cell)
    if is_known(explanation.machine):
        kinds = seen.machines.setdefault(place.host, [])
        if not any(_same_cpu(explanation.machine, other) for other in kinds):
            kinds.append(explanation.machine)
    rows = {row.arm: row for row in explanation.arms}
    for row in explanation.arms:
        if row.failure:
            seen.absent.append(Absent(place=place, reason=row.failure, arm=row.arm))
    for comparison in explanation.comparisons:
        seen.gains.append((gain_of(place, comparison, rows, batch=cell.batch), explanation.machine))


def finish(seen: _Seen, *, cells: int) -> BreakEvenMap:
    """The map of everything added so far."""
    gains, machines = _distinguished(seen)
    return BreakEvenMap(
        gains=tuple(gains),
        turns=tuple(turn for axis in Axis for turn in turns_along(axis, gains)),
        holdings=tuple(holdings_of(gains, machines)),
        absent=tuple(seen.absent),
        concerns=tuple(version_concerns(seen.versions)),
        cells=cells,
        measured=seen.measured,
    )


def _distinguished(seen: _Seen) -> tuple[list[Gain], dict[str, Machine]]:
    """The gains and the machine of each host; where one label stood for several kinds of machine, each has its name."""
    gains: list[Gain] = []
    machines: dict[str, Machine] = {}
    for gain, machine in seen.gains:
        host = gain.place.host
        if is_known(machine):
            kinds = seen.machines[host]
            if len(kinds) > 1:
                kind = next(place for place, other in enumerate(kinds, 1) if _same_cpu(machine, other))
                host = f"{host}, kind {kind}: {machine.cpu}"
            machines[host] = machine
        gains.append(replace(gain, place=replace(gain.place, host=host)))
    return gains, machines


def place_of(cell: Cell) -> Place:
    """Where a cell is on the map."""
    return Place(
        model=cell.model.name, shape=cell.model.shape, threads=cell.threads, batch=cell.batch, host=str(cell.host)
    )


def gain_of(place: Place, comparison: Comparison, rows: dict[str, ArmSummary], *, batch: int) -> Gain:
    """The result of a comparison at a place."""
    ln_ratio = comparison.ln_ratio
    once_ns = _once_ns(rows[comparison.control], rows[comparison.changed])
    return Gain(
        place=place,
        control=comparison.control,
        changed=comparison.changed,
        difference=comparison.difference,
        speedup=ln_ratio.through(math.exp) if is_known(ln_ratio) else ln_ratio,
        once_ns=once_ns,
        inputs_to_repay=inputs_to_repay(comparison, once_ns, batch=batch),
        causes={cause: verdict.outcome for cause, verdict in comparison.foremost().items()},
        effects={
            cause: verdict.effect.through(math.exp) if is_known(verdict.effect) else verdict.effect
            for cause, verdict in comparison.foremost().items()
        },
    )


def inputs_to_repay(comparison: Comparison, once_ns: Maybe[float], *, batch: int) -> Maybe[Estimate]:
    """After how many inputs the saving of each inference has paid for the one-time cost.

    inputs = once_ns / (control_ns - changed_ns per inference) x batch; the interval is that of the saving. 0 where
    there is nothing to repay.
    """
    if comparison.difference is not Difference.FASTER:
        return Missing(_NEVER[comparison.difference])
    if isinstance(once_ns, Missing):
        return once_ns
    if isinstance(comparison.split, Missing):
        return comparison.split
    saving = comparison.split.total.ns
    if once_ns <= 0:
        return Estimate(value=0.0, low=0.0, high=0.0)
    most = once_ns / saving.low * batch if saving.low > 0 else math.inf
    return Estimate(value=once_ns / saving.value * batch, low=once_ns / saving.high * batch, high=most)


_NEVER = {
    Difference.SLOWER: "never: it is slower",
    Difference.NONE_SHOWN: "no gain is shown",
    Difference.UNPROVEN: "no gain is proven",
}


def _once_ns(control: ArmSummary, changed: ArmSummary) -> Maybe[float]:
    for row in (control, changed):
        if not row.phases_ns:
            return Missing(f"the time to prepare {row.arm} was not recorded")
    return sum(changed.phases_ns.values()) - sum(control.phases_ns.values())


def turns_along(axis: Axis, gains: Iterable[Gain]) -> Iterator[SignTurn]:
    """Neighbours on an axis, all else equal, of which one is faster and the other slower."""
    lines: dict[tuple[Place, str, str], list[Gain]] = {}
    for gain in gains:
        lines.setdefault((_without(axis, gain.place), gain.control, gain.changed), []).append(gain)
    for line in lines.values():
        ordered = line if axis is Axis.SHAPE else sorted(line, key=lambda gain: int(getattr(gain.place, axis.value)))
        shown = [gain for gain in ordered if gain.difference in (Difference.FASTER, Difference.SLOWER)]
        for before, after in itertools.pairwise(shown):
            if before.difference is not after.difference:
                yield SignTurn(axis=axis, before=before, after=after)


def _without(axis: Axis, place: Place) -> Place:
    match axis:
        case Axis.BATCH:
            return replace(place, batch=0)
        case Axis.THREADS:
            return replace(place, threads=0)
        case Axis.SHAPE:
            return replace(place, shape="")


def holdings_of(gains: list[Gain], machines: dict[str, Machine]) -> Iterator[Holding]:
    """The gain and each cause confirmed on any host, host by host; nothing if there is only one host."""
    if len({gain.place.host for gain in gains}) < 2:
        return
    compared: dict[tuple[str, str, str], list[Gain]] = {}
    for gain in gains:
        compared.setdefault((gain.place.model, gain.control, gain.changed), []).append(gain)
    for (model, control, changed), some in compared.items():
        confirmed = {name for gain in some for name, outcome in gain.causes.items() if outcome is Outcome.CONFIRMED}
        for cause in (THE_GAIN, *sorted(confirmed)):
            hosts = {
                host: _outcome([gain for gain in some if gain.place.host == host], cause)
                for host in dict.fromkeys(gain.place.host for gain in some)
            }
            with_it, without = _divided(hosts)
            larger: tuple[str, ...] = ()
            if cause == THE_GAIN:
                with_it = larger = larger_hosts(some)
                without = tuple(host for host in hosts if host not in larger)
            yield Holding(
                model=model,
                control=control,
                changed=changed,
                cause=cause,
                hosts=hosts,
                larger_on=larger,
                goes_with=goes_with(with_it, without, machines),
            )


def _outcome(gains: list[Gain], cause: str) -> HostOutcome:
    if cause == THE_GAIN:
        holds = [gain.difference is Difference.FASTER for gain in gains]
        is_open = [gain.difference in (Difference.UNPROVEN, Difference.NONE_SHOWN) for gain in gains]
        effects = [gain.speedup for gain in gains]
    else:
        holds = [gain.causes.get(cause) is Outcome.CONFIRMED for gain in gains]
        is_open = [gain.causes.get(cause) in (Outcome.UNDECIDED, Outcome.CONSISTENT) for gain in gains]
        effects = [gain.effects.get(cause, Missing("was not tested")) for gain in gains]
    known = [effect.value for effect in effects if is_known(effect)]
    return HostOutcome(
        holds=sum(holds),
        of=len(holds),
        open=sum(is_open),
        effect=(min(known), max(known)) if known else Missing("no recording of this host has a value for it"),
    )


def _divided(hosts: dict[str, HostOutcome]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The hosts where a claim always holds and those where it never does; both empty while one host is neither."""
    with_it = tuple(host for host, outcome in hosts.items() if outcome.always)
    without = tuple(host for host, outcome in hosts.items() if outcome.never)
    return (with_it, without) if len(with_it) + len(without) == len(hosts) else ((), ())


def larger_hosts(gains: list[Gain]) -> tuple[str, ...]:
    """The hosts on which a change gains more than on all others, interval above interval, at every place they share.

    Gains are ratios from within recordings; no times are compared. The division is at the largest gap between the
    hosts' mean gains. Empty when a host has no proven gain or the intervals of some place overlap.
    """
    known: dict[str, dict[Place, Estimate]] = {gain.place.host: {} for gain in gains}
    for gain in gains:
        if is_known(gain.speedup) and gain.difference is not Difference.UNPROVEN:
            known[gain.place.host][replace(gain.place, host="")] = gain.speedup
    shared = set.intersection(*(set(places) for places in known.values()))
    if len(known) < 2 or not shared:
        return ()
    mean = {host: sum(math.log(places[place].value) for place in shared) for host, places in known.items()}
    ordered = sorted(known, key=lambda host: -mean[host])
    cut = max(range(1, len(ordered)), key=lambda place: mean[ordered[place - 1]] - mean[ordered[place]])
    upper, lower = ordered[:cut], ordered[cut:]
    for place in shared:
        if min(known[host][place].low for host in upper) <= max(known[host][place].high for host in lower):
            return ()
    return tuple(upper)


def goes_with(with_it: Iterable[str], without: Iterable[str], machines: dict[str, Machine]) -> tuple[str, ...]:
    """Facts that all hosts `with_it` share, and no host `without` has.

    Empty when one side is, or when a host's machine is not known.
    """
    sides = [[machines.get(host) for host in side] for side in (with_it, without)]
    have, lack = ([facts_of(machine) for machine in side if machine is not None] for side in sides)
    if not (have and lack) or len(have) + len(lack) < sum(map(len, sides)):
        return ()
    return tuple(sorted(set[str].intersection(*have) - set[str].union(*lack)))


def facts_of(machine: Machine) -> set[str]:
    """The facts by which libraries choose kernels and allocators."""
    facts = {f"isa:{flag}" for flag in machine.isa} | {f"arch:{machine.architecture}"}
    for name, value in (("vendor", machine.vendor), ("libc", machine.libc), ("allocator", machine.allocator)):
        if is_known(value):
            facts.add(f"{name}:{value}")
    return facts


def _same_cpu(one: Machine, other: Machine) -> bool:
    return (one.cpu, one.isa) == (other.cpu, other.isa)


def _note_versions(seen: _Seen, cell: Cell, machine: Maybe[Machine], ironlaw: str) -> None:
    versions = {"ironlaw": ironlaw, **(machine.versions if is_known(machine) else {})}
    for package, version in versions.items():
        seen.versions.setdefault(package, {}).setdefault(version, set()).add(str(cell.host))


def node_version_concerns(machines: dict[str, Machine]) -> list[Concern]:
    """The same doubt about a cluster's nodes, by name, before anything was measured on them."""
    versions: dict[str, dict[str, set[str]]] = {}
    for node, machine in machines.items():
        for package, version in machine.versions.items():
            versions.setdefault(package, {}).setdefault(version, set()).add(node)
    return list(version_concerns(versions))


def version_concerns(versions: dict[str, dict[str, set[str]]]) -> Iterator[Concern]:
    """One doubt for each package, given by version and where that was seen, that is not the same everywhere."""
    for package, places in versions.items():
        if len(places) > 1:
            listed = ", ".join(
                f"{version} on {' and '.join(sorted(where))}" for version, where in sorted(places.items())
            )
            yield Concern(
                slug="versions-differ",
                text=f"{package} is not the same everywhere in this sweep: {listed}",
                fix="install one version everywhere, delete the recordings made with another, sweep again",
            )
