"""The ledger: the split of a comparison by layer, in cells that add up to the measured difference.

Rows are layers, the framework between them, and the unattributed rest. Each row is split by the same LMDI as the whole.
The unattributed row completes every column to the whole split, so that rows, columns and total agree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ironlaw import explanation
from ironlaw.analysis.ceilings import ceilings_of
from ironlaw.analysis.iron_law.lmdi import Classes, State, decompose, log_mean
from ironlaw.analysis.layers.code import executed_in
from ironlaw.analysis.layers.matching import Match, match
from ironlaw.analysis.layers.operators import kind_of
from ironlaw.analysis.layers.times import LayerTimes, layer_times
from ironlaw.analysis.layers.work import executed, work_of
from ironlaw.analysis.statistics.interval import t_interval
from ironlaw.analysis.statistics.paired import Pairs
from ironlaw.analysis.turns import Floats
from ironlaw.circumstance import ShortBudget, Supplement
from ironlaw.estimate import Estimate
from ironlaw.explanation import (
    Comparison,
)
from ironlaw.explanation.split import Ledger, LedgerRow, Term
from ironlaw.fact import Ceilings
from ironlaw.layer import LayerCall
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.recording import Recording

FRAMEWORK, UNATTRIBUTED = "framework", "unattributed"
BOTH, APPEARED, VANISHED = "both", "appeared", "vanished"
MOST_APART = math.log(1.03)  # ln of an arm's time while its layers were read over that in the turns that count
_ONE_REPLICATE = Missing("fewer than two replicates read the layers of both arms")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A row without its cells: its name, and the entries of both arms' arrays that it sums."""

    layer: str
    kind: str
    fate: str
    path: str
    control: tuple[int, ...]
    changed: tuple[int, ...]


def _not_read(recording: Recording) -> Missing:
    if any(isinstance(one, ShortBudget) and Supplement.LAYERS in one.left_out for one in recording.circumstances):
        return Missing("the budget left no time to read layers")
    return Missing("layers were not read")


def ledger(recording: Recording, comparison: Comparison, pairs: Pairs) -> Maybe[Ledger]:
    """The ledger of a comparison, or why there is none."""
    if not recording.layer_graphs:
        return _not_read(recording)
    counted = [
        {int(number): float(value) for number, value in zip(pairs.replicates, values, strict=True)}
        for values in (pairs.ln_control, pairs.ln_changed)
    ]
    control = layer_times(recording, comparison.control, counted[0])
    changed = layer_times(recording, comparison.changed, counted[1])
    if isinstance(control, Missing):
        return control
    if isinstance(changed, Missing):
        return changed
    ceilings = tuple(_Ceiling.of(recording, name) for name in (comparison.control, comparison.changed))
    rows = _rows(control, changed, (ceilings[0], ceilings[1]))
    return Ledger(
        rows=(*rows, _unattributed(rows, comparison, pairs)),
        disturbed_speedup=_disturbed(control, changed),
        undisturbed_speedup=_through_exp(comparison.ln_ratio),
        notes=_notes(comparison, control, changed),
    )


def _notes(comparison: Comparison, control: LayerTimes, changed: LayerTimes) -> tuple[str, ...]:
    found: list[str] = []
    for name, times in ((comparison.control, control), (comparison.changed, changed)):
        if times.profiled_by:
            found.append(f"the layers of {name} come from the profile of {times.profiled_by}: time only")
        found += [f"{name}: {note}" for note in times.notes]
        if is_known(times.slower_ln) and abs(times.slower_ln) > MOST_APART:
            change = f"{100 * abs(math.expm1(times.slower_ln)):.0f} % {'slower' if times.slower_ln > 0 else 'faster'}"
            found.append(
                f"{name} ran {change} while its layers were read than in the counted turns: "
                "each layer is taken as its share of the time"
            )
    if not any("cycles:k" in times.amounts for times in (control, changed)):
        found.append("a layer's CPU time is of user and kernel mode together: nothing separates them within a layer")
    return tuple(found)


def _through_exp(estimate: Maybe[Estimate]) -> Maybe[Estimate]:
    return estimate if isinstance(estimate, Missing) else estimate.through(math.exp)


def _disturbed(control: LayerTimes, changed: LayerTimes) -> Maybe[Estimate]:
    """The speed-up in the inferences whose layers were read."""
    shared = sorted(control.read_ln.keys() & changed.read_ln.keys())
    if len(shared) < 2:
        return _ONE_REPLICATE
    return _through_exp(t_interval([control.read_ln[number] - changed.read_ln[number] for number in shared]))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ceiling:
    """The machine's ceilings by the threads of an arm, and the size of its last cache; 0 if unknown."""

    ceilings: Maybe[Ceilings]
    cache_bytes: int

    @classmethod
    def of(cls, recording: Recording, arm: str) -> _Ceiling:
        machine = recording.machine
        caches = machine.cache_bytes if is_known(machine) else {}
        return cls(ceilings=ceilings_of(recording, arm), cache_bytes=max(caches.values(), default=0))

    def work(self, times: LayerTimes, at: tuple[int, ...], time_ns: float) -> dict[str, Maybe[float]]:
        """The work of some calls of an arm, with what was counted in them; none for the framework."""
        calls = _calls(times, at)
        if not calls:
            return {}
        work = work_of(calls, time_ns, self.ceilings, self.cache_bytes)
        return {**work, **_counted(times, at, work)}


def _calls(times: LayerTimes, at: tuple[int, ...]) -> list[LayerCall]:
    return [times.calls[place] for place in at if place < len(times.calls)]


def _rows(control: LayerTimes, changed: LayerTimes, ceilings: tuple[_Ceiling, _Ceiling]) -> list[LedgerRow]:
    """The rows of all layers of both arms and of the framework, without the unattributed rest."""
    planned = [_planned(one, control, changed) for one in match(control.calls, changed.calls)]
    planned.append(
        _Row(
            layer=FRAMEWORK,
            kind=FRAMEWORK,
            fate=FRAMEWORK,
            path="",
            control=(len(control.calls),),
            changed=(len(changed.calls),),
        )
    )
    sides = [
        _Cells.of(times, [row.control if times is control else row.changed for row in planned])
        for times in (control, changed)
    ]
    terms = _terms(*sides)
    return [
        LedgerRow(
            layer=row.layer,
            kind=row.kind,
            fate=row.fate,
            order=place,
            control_ns=float(sides[0].wall_ns[place]),
            changed_ns=float(sides[1].wall_ns[place]),
            terms={
                term: values if isinstance(values, Missing) else float(values[place]) for term, values in terms.items()
            },
            control_work=ceilings[0].work(control, row.control, float(sides[0].wall_ns[place])),
            changed_work=ceilings[1].work(changed, row.changed, float(sides[1].wall_ns[place])),
            path=row.path,
            executed=(executed(_calls(control, row.control)), executed(_calls(changed, row.changed))),
            control_layers=tuple(call.name for call in _calls(control, row.control)),
            changed_layers=tuple(call.name for call in _calls(changed, row.changed)),
            control_code=executed_in(control.code, row.control),
            changed_code=executed_in(changed.code, row.changed),
        )
        for place, row in enumerate(planned)
    ]


def _planned(one: Match, control: LayerTimes, changed: LayerTimes) -> _Row:
    calls = [control.calls[at] for at in one.control] or [changed.calls[at] for at in one.changed]
    fate = BOTH if one.control and one.changed else VANISHED if one.control else APPEARED
    return _Row(
        layer=calls[0].name,
        kind=kind_of(calls),
        fate=fate,
        path=calls[0].path,
        control=one.control,
        changed=one.changed,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cells:
    """One arm's rows: arrays of one entry per row, summed over the row's calls."""

    wall_ns: Floats
    cpu_ns: Maybe[Floats]
    amounts: dict[str, Floats]

    @classmethod
    def of(cls, times: LayerTimes, members: list[tuple[int, ...]]) -> _Cells:
        share = times.cpu_share
        cpu = share if isinstance(share, Missing) else _summed(times.wall_ns * share, members)
        return cls(
            wall_ns=_summed(times.wall_ns, members),
            cpu_ns=cpu,
            amounts={name: _summed(values, members) for name, values in times.amounts.items()},
        )

    def classes(self) -> Maybe[Classes]:
        """The PMU's counts: user and kernel mode separately, or both together."""
        if isinstance(self.cpu_ns, Missing):
            return self.cpu_ns
        for mode in (":u", ""):
            if f"instructions{mode}" in self.amounts and f"cycles{mode}" in self.amounts:
                break
        else:
            return Missing("instructions and cycles were not counted layer by layer")
        kernel = self.amounts.get("cycles:k") if mode else None
        gap = Missing("the kernel's part was not counted apart, layer by layer")
        return Classes(
            instructions=self.amounts[f"instructions{mode}"],
            cycles_per_ns=self.amounts[f"cycles{mode}"] / self.cpu_ns,
            kernel_cycles_per_ns=gap if kernel is None else kernel / self.cpu_ns,
            kernel_instructions=self.amounts.get("instructions:k", gap) if mode else gap,
        )


def _summed(values: Floats, members: list[tuple[int, ...]]) -> Floats:
    return np.array([math.fsum(values[at] for at in places) for places in members])


def _terms(control: _Cells, changed: _Cells) -> dict[Term, Maybe[Floats]]:
    """Each term's part of every row in ns. A row that only one arm has, or that shows no CPU time, is attributed
    whole.
    """
    saved = control.wall_ns - changed.wall_ns
    with np.errstate(divide="ignore", invalid="ignore"):
        found = decompose(_state(control), _state(changed)).terms
        weight = log_mean(control.wall_ns, changed.wall_ns)
        cells = {term: ln if isinstance(ln, Missing) else weight * ln for term, ln in found.items()}
    known = [term for term, values in cells.items() if not isinstance(values, Missing)]
    if not known:
        return cells
    leading = Term.INSTRUCTIONS if Term.INSTRUCTIONS in known else Term.CPU_TIME
    is_split = np.ones(len(saved), dtype=np.bool_)
    for term in known:
        is_split &= np.isfinite(_array(cells[term]))
    is_split &= (control.wall_ns > 0) & (changed.wall_ns > 0)
    for term in known:
        whole = saved if term is leading else np.zeros(len(saved))
        cells[term] = np.where(is_split, _array(cells[term]), whole)
    # The rounding of the logarithms goes to the leading term, so that a row's cells are its difference.
    rest = saved - sum((_array(cells[term]) for term in known), np.zeros(len(saved)))
    cells[leading] = _array(cells[leading]) + rest
    return cells


def _array(values: Maybe[Floats]) -> Floats:
    assert not isinstance(values, Missing)
    return values


def _state(cells: _Cells) -> State:
    return State(wall_ns=cells.wall_ns, cpu_ns=cells.cpu_ns, classes=cells.classes())


def _counted(times: LayerTimes, at: Sequence[int], work: dict[str, Maybe[float]]) -> dict[str, Maybe[float]]:
    """Page faults and, if a PMU counted them, instructions."""
    found: dict[str, Maybe[float]] = {}
    if "page-faults" in times.amounts:
        found["page_faults"] = math.fsum(times.amounts["page-faults"][place] for place in at)
    by_mode = [times.amounts[name] for name in ("instructions:u", "instructions:k") if name in times.amounts]
    counted = by_mode or [times.amounts[name] for name in ("instructions",) if name in times.amounts]
    if counted:
        instructions = math.fsum(values[place] for values in counted for place in at)
        found["instructions"] = instructions
        macs = work.get("macs", 0.0)
        if isinstance(macs, Missing) or macs > 0:
            found["instructions_per_mac"] = macs if isinstance(macs, Missing) else instructions / macs
    return found


def reached(ceilings: Maybe[Ceilings]) -> Maybe[explanation.Roofline]:
    """The machine's measured ceilings, in the form that an explanation reports."""
    if isinstance(ceilings, Missing):
        return ceilings
    return explanation.Roofline(macs_per_s=dict(ceilings.macs_per_s), bytes_per_s=ceilings.read_bytes_per_s)


def _unattributed(rows: Sequence[LedgerRow], comparison: Comparison, pairs: Pairs) -> LedgerRow:
    """The measured difference minus the rows, for both arms and for each term."""
    control_ns = math.exp(float(pairs.ln_control.mean()))
    changed_ns = math.exp(float(pairs.ln_changed.mean()))
    whole = split_terms(comparison, rows[0])
    terms: dict[Term, Maybe[float]] = {}
    for term, value in rows[0].terms.items():
        known = whole.get(term, _UNKNOWN)
        if isinstance(value, Missing) or isinstance(known, Missing):
            terms[term] = value if isinstance(value, Missing) else known
        else:
            terms[term] = math.fsum([known, *(-_number(row.terms[term]) for row in rows)])
    return LedgerRow(
        layer=UNATTRIBUTED,
        kind=UNATTRIBUTED,
        fate=UNATTRIBUTED,
        order=len(rows),
        control_ns=math.fsum([control_ns, *(-row.control_ns for row in rows)]),
        changed_ns=math.fsum([changed_ns, *(-row.changed_ns for row in rows)]),
        terms=terms,
    )


def split_terms(comparison: Comparison, row: LedgerRow) -> dict[Term, Maybe[float]]:
    """The terms of the whole comparison in ns, merged in the same way as in the rows.

    If no row separates the kernel, its part is in the rows' CPU time or, if only cycles of user mode were counted, in
    their frequency. If rows have CPU time only, it includes instructions, CPI and frequency of the split.
    """
    once, split = comparison.once, comparison.split
    found: dict[Term, Maybe[float]] = {}
    if not isinstance(split, Missing):
        found = {term: one if isinstance(one, Missing) else one.ns.value for term, one in split.terms.items()}
    elif not isinstance(once, Missing):
        found = {term: one if isinstance(one, Missing) else one.ns for term, one in once.terms.items()}
    into = Term.CPU_TIME if is_known(row.terms.get(Term.CPU_TIME, _UNKNOWN)) else Term.FREQUENCY
    parts = [term for term in _BEHIND_TIME if isinstance(row.terms.get(term), Missing) or term is into]
    known = [value for term in parts if not isinstance(value := found.get(term, _UNKNOWN), Missing)]
    if known and is_known(row.terms.get(into, _UNKNOWN)):
        found[into] = math.fsum(known)
    return found


_UNKNOWN = Missing("is not a term of this split")
_BEHIND_TIME = (Term.INSTRUCTIONS, Term.CPI, Term.FREQUENCY, Term.KERNEL, Term.CPU_TIME)


def _number(value: Maybe[float]) -> float:
    assert not isinstance(value, Missing)
    return value
