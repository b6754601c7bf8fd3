"""The split of a difference in time into terms that add up to it, and its ledger, layer by layer."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

from ironlaw.concern import Concern
from ironlaw.estimate import Estimate
from ironlaw.explanation.account import Code
from ironlaw.missing import Maybe, Missing


class Term(Enum):
    """The terms of the iron law, in the order in which they are shown."""

    INSTRUCTIONS = "instructions"
    CPI = "cpi"
    CPU_TIME = "cpu_time"  # without a PMU: instructions, CPI and frequency in one; of both modes if not distinguished
    KERNEL = "kernel"
    FREQUENCY = "frequency"
    UTILISATION = "utilisation"


# Instead of CPU_TIME where a PMU counted: nothing is lost, the same time is in the other terms.
REPLACED = Missing("with cycles counted, instructions, CPI, frequency and kernel replace it")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitTerm:
    """One term's share of the difference: ln units and ns per inference, positive when it makes `changed` faster."""

    ln: Estimate
    ns: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The exact decomposition of control minus changed; the terms that are known add up to `total`.

    `parts` divides a term further, by name (frontend, backend ... of CPI; user, kernel of CPU time): the parts of a
    term add up to it.
    """

    total: SplitTerm
    terms: dict[Term, Maybe[SplitTerm]]
    assumptions: tuple[str, ...] = ()  # what had to be assumed; empty when all was measured
    parts: dict[Term, dict[str, Maybe[SplitTerm]]] = field(default_factory=dict)

    @property
    def times_ns(self) -> Maybe[tuple[float, float]]:
        """Geometric mean times of control and changed over the replicates that both ran in; they differ by `total`.

        total.ns is their logarithmic mean times total.ln, so that both follow from it.
        """
        ratio = math.expm1(self.total.ln.value)
        if ratio == 0 or self.total.ns.value == 0:
            return Missing("the times are equal")
        changed = self.total.ns.value / ratio
        return changed + self.total.ns.value, changed

    def share(self, ln: Estimate) -> Maybe[float]:
        """A term's (or part's) share of the difference, in ln; Missing if no difference is shown."""
        if not self.total.ln.excludes(0.0):
            return Missing("no difference is shown")
        return ln.value / self.total.ln.value


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerExecuted:
    """The code that ran in the calls of one row of one arm: pieces with their shares of its samples, largest first."""

    samples: int
    code: tuple[tuple[Code, float], ...]


_NOT_SAMPLED = Missing("code was not sampled layer by layer")


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One layer's part of the difference, ns per inference; terms as in Split.

    `kind` groups rows (1x1, depth-wise, 3x3, linear, quantize ...); `fate` is "both", "appeared", "vanished" for
    layers, and "framework" or "unattributed" for the two rows that are not layers. `control_layers` and
    `changed_layers` are the calls of each arm that the row stands for: several where one arm has fused them.
    """

    layer: str
    kind: str
    fate: str
    order: int
    control_ns: float
    changed_ns: float
    terms: dict[Term, Maybe[float]]
    control_work: dict[str, Maybe[float]] = field(default_factory=dict)  # macs, bytes, ceiling_ns ...
    changed_work: dict[str, Maybe[float]] = field(default_factory=dict)
    executed: tuple[str, str] = ("", "")  # dtype and kernel in control and changed
    path: str = ""  # of the module it is, or is inside of
    control_layers: tuple[str, ...] = ()
    changed_layers: tuple[str, ...] = ()
    control_code: Maybe[LayerExecuted] = _NOT_SAMPLED
    changed_code: Maybe[LayerExecuted] = _NOT_SAMPLED

    @property
    def saved_ns(self) -> float:
        """The time that the changed arm saves against the control."""
        return self.control_ns - self.changed_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorRow:
    """All operators of one type that one kernel ran, in two arms: ns per repeat, and calls per repeat."""

    operator: str
    kernel: str  # empty where the file names none
    control_ns: float
    changed_ns: float
    control_times: float
    changed_times: float

    @property
    def saved_ns(self) -> float:
        """The time that they save in the changed arm."""
        return self.control_ns - self.changed_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A row of a ledger laid out in time, in one arm; ns from the start of the inference."""

    row: LedgerRow
    start_ns: float
    length_ns: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The split, layer by layer; all rows together are the undisturbed difference."""

    rows: tuple[LedgerRow, ...]
    disturbed_speedup: Maybe[Estimate]  # with layer reading on
    undisturbed_speedup: Maybe[Estimate]
    notes: tuple[str, ...] = ()  # what could not be distinguished, and how it was read


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """What one block saves in int8, in ns per inference: as the only int8 block, and as the only float one."""

    block: str
    alone: Maybe[Estimate]
    left_float: Maybe[Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    """Measured flips; `whole` is what int8 saves in the whole network; the sums are over the flipped blocks."""

    rows: tuple[Flip, ...]
    whole: Maybe[Estimate]
    sum_alone: Maybe[float]
    sum_left_float: Maybe[float]
    concerns: tuple[Concern, ...] = ()
