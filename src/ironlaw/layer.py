"""Layers as facts: what an arm calls within one inference, and the time of each layer, measured in turns of their own.

A call is a leaf module that ran, or a functional operator between modules. Layers are read in separate turns, because
reading at the border of each layer slows the inference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

from ironlaw.code import CodeSite, SampledBy
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.ranges import Amount, Ordinal, OrdinalOrNone, Positive, Real

BYTES = {
    "float64": 8, "int64": 8, "complex64": 8, "float32": 4, "int32": 4, "qint32": 4, "float16": 2, "bfloat16": 2,
    "int16": 2, "int8": 1, "uint8": 1, "qint8": 1, "quint8": 1, "bool": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Form:
    """A tensor's shape and number format, in torch's notation: (1, 32, 112, 112), quint8."""

    shape: tuple[Amount, ...]
    dtype: str

    @property
    def elements(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> Maybe[int]:
        """Its size in memory."""
        if self.dtype not in BYTES:
            return Missing(f"the size of a {self.dtype} is not known")
        return self.elements * BYTES[self.dtype]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A layer of the model that a call computes, as the engine reports it: a module, or a functional operator within
    one.

    `path` is the innermost module around it, `operator` the engine's name for it; `repeat` counts the calls of the
    module, or of the operator within it, from 0.
    """

    path: str
    operator: str
    is_functional: bool = False
    repeat: Ordinal = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCall:
    """One call of a layer within an inference, in the order of execution.

    `path` is the module's dotted path or, for a functional operator, that of the module around it ("": the model
    itself); `operator` is the class or function; `repeat` counts calls of the same operator at the same path from 0.
    `fed_by` are the indices of the calls whose outputs it reads; -1 is the inference's own input. `kernels` are the
    kernels that ran, if the engine reports them; `operators` are the operators that torch's dispatcher saw. `origins`
    are the layers of the model that it computes, if the engine reports more than one.
    """

    path: str
    operator: str
    repeat: Ordinal = 0
    is_functional: bool = False
    inputs: tuple[Form, ...] = ()
    outputs: tuple[Form, ...] = ()
    parameters: tuple[Form, ...] = ()
    fed_by: tuple[OrdinalOrNone, ...] = ()
    operators: tuple[str, ...] = ()
    kernels: tuple[str, ...] = ()
    origins: tuple[Origin, ...] = ()
    library: str = ""  # of an operator for which the engine names no kernel: the library its weights are packed for

    @property
    def name(self) -> str:
        """The displayed name of the call: features.0.0, layer1.0 + add, shared (2nd call)."""
        name = self.path or ("" if self.is_functional else "(whole model)")
        if self.is_functional:
            name = f"{name} {self.operator}".strip()
        return f"{name} #{self.repeat + 1}" if self.repeat else name


class Probe(Enum):
    """What is read at the border of a layer, besides the wall clock."""

    CLOCK = "clock"  # nothing
    CPU = "cpu"  # CPU time of all threads, ns
    FAULTS = "faults"  # minor page faults
    GROUP = "group"  # an event group of the PMU
    ENGINE = "engine"  # nothing: the engine's own profile gives each layer's time
    CODE = "code"  # samples of the code that executes: such a turn gives a LayerCode


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeProfile:
    """An engine's own profile of some inferences: its nodes as calls, the time in each, and the total.

    `notes` say what it could not report. `spans` are all runs of the calls, each as its place in `calls`, start and end
    in ns on CLOCK_MONOTONIC (time.perf_counter_ns).
    """

    calls: tuple[LayerCall, ...]
    calls_ns: tuple[int, ...]
    wall_ns: int
    notes: tuple[str, ...] = ()
    spans: Maybe[tuple[tuple[int, int, int], ...]] = Missing("the profile does not report when a layer started")


@dataclass(frozen=True, slots=True, kw_only=True)
class BorderCost:
    """The time that reading adds to a layer's own interval: the mean per call, measured on a layer that does nothing.

    `probed` is the same for each probed quantity. What reading adds outside the layers is measured in each layer turn,
    which runs as many inferences without reading as with it.
    """

    inside_ns: Real
    probed: dict[str, Real] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerGraph:
    """The calls of one inference of an arm, in order of execution, or why they cannot be distinguished.

    `silent` are the paths of modules that only pass their input on (Identity, stubs that convert nothing) and do not
    count as layers. `passed` counts the calls of torch functions per inference that make no tensor (shape, dim); they
    are not layers, and reading layers slows them a little. `notes` states what was not distinguished; `costs`, the cost
    of reading by what is probed (a Probe's value). `profiled_by` names the engine whose own profile gives the times, if
    layer borders cannot be read; empty: read at the borders.
    """

    arm: str
    calls: Maybe[tuple[LayerCall, ...]]
    silent: tuple[str, ...] = ()
    passed: Ordinal = 0
    notes: tuple[str, ...] = ()
    costs: dict[str, BorderCost] = field(default_factory=dict)
    profiled_by: str = ""


NO_PLAIN = Missing("no plain inferences ran beside those that were read")


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerReading:
    """The result of one layer turn: sums over `inferences` inferences for each call of the graph.

    `wall_ns` is the time of the inferences that were read, reading included; `alone_ns` that of as many inferences
    without reading, alternating with them: the difference is the cost of reading. `calls_ns` is the time within each
    call, `before_ns` the time from the end of the previous call (or the start of the inference) to its start; the rest
    is what follows the last call. `probed` holds, by quantity, the amount within each call: {"cpu_ns": ...},
    {"page-faults": ...}, or the events of the group. `probed_whole` is the amount over the inferences that were read,
    `probed_alone` over the others.
    """

    arm: str
    replicate: Ordinal
    round: Ordinal
    position: Ordinal
    probe: Probe
    group: OrdinalOrNone = -1
    inferences: Positive
    wall_ns: Amount
    alone_ns: Amount
    calls_ns: tuple[Amount, ...]
    before_ns: tuple[Amount, ...]
    probed: dict[str, tuple[Amount, ...]] = field(default_factory=dict)
    probed_whole: dict[str, Amount] = field(default_factory=dict)
    probed_alone: dict[str, Amount] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)  # quantities that cannot be believed in this turn, and why
    plain_ns: Maybe[Positive] = NO_PLAIN  # of as many inferences beside them that ran as in a turn that counts

    @property
    def took_ns(self) -> int:
        """The time of all its inferences; under an engine's profile, `alone_ns` is that of the unprofiled ones."""
        apart = self.plain_ns if self.probe is not Probe.ENGINE else 0
        return self.wall_ns + self.alone_ns + (apart if is_known(apart) else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCode:
    """One layer turn in which the arm's threads were sampled: which code ran while which layer was called.

    `within` are the samples that fell into inferences, as place of the call in the graph (behind the last one: between
    layers), place of the code in `sites`, and how many. A site's own count is of all of its samples. Which thread was
    sampled does not matter: one inference runs one call at a time.
    """

    arm: str
    replicate: Ordinal
    round: Ordinal
    inferences: Positive
    period_ns: Positive
    by: SampledBy
    kernel_seen: bool = True
    lost: Amount = 0  # samples that the kernel dropped
    sites: Maybe[tuple[CodeSite, ...]] = Missing("were not taken")
    within: tuple[tuple[Ordinal, Ordinal, Positive], ...] = ()
