"""A break-even map: where a change pays, by model, shape, threads, batch and host. It holds numbers; report/ words
them.

Every gain is measured within one recording. Times of different hosts are never compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from ironlaw.concern import Concern
from ironlaw.estimate import Estimate
from ironlaw.explanation import Difference, Outcome
from ironlaw.missing import Maybe

THE_GAIN = ""  # is in a Holding for the gain itself, instead of a cause of it


class Axis(Enum):
    """The axes of the map, in the order of the plan."""

    BATCH = "batch"
    THREADS = "threads"
    SHAPE = "shape"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A point on the map: one value on each axis."""

    model: str
    shape: str
    threads: int
    batch: int
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What one change gained at one place.

    `once_ns` is the one-time cost of making and loading `changed` beyond that of `control`; negative if it costs less.
    `inputs_to_repay` is the number of inputs after which that cost is saved. Its interval is that of the saving only:
    the one-time cost was measured once.
    """

    place: Place
    control: str
    changed: str
    difference: Difference
    speedup: Maybe[Estimate]
    once_ns: Maybe[float]
    inputs_to_repay: Maybe[Estimate]
    causes: dict[str, Outcome] = field(default_factory=dict)
    effects: dict[str, Maybe[Estimate]] = field(default_factory=dict)  # by cause: ratios


@dataclass(frozen=True, slots=True, kw_only=True)
class SignTurn:
    """Two places on one axis, all else equal, between which a gain becomes a loss or a loss a gain.

    Places between the two, if any, show no difference.
    """

    axis: Axis
    before: Gain
    after: Gain


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOutcome:
    """One host's recordings: in how many of `of` the claim holds, and the range of its effect.

    `open` counts recordings that do not decide it: undecided, unproven, or without an interval.
    """

    holds: int
    of: int
    open: int = 0
    effect: Maybe[tuple[float, float]]  # least and largest ratio seen

    @property
    def always(self) -> bool:
        """Whether it holds in every recording of this host."""
        return self.holds == self.of

    @property
    def never(self) -> bool:
        """Whether it holds in no recording, and none is open."""
        return self.holds == 0 and self.open == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """The hosts on which a cause of a comparison is confirmed (for THE_GAIN: on which the change is faster).

    `larger_on` lists the hosts on which the gain is larger than on all others, at every place that all hosts share.
    `goes_with` lists the facts that hold on every host where the claim always holds (for a gain: where it is larger)
    and on no other host: an association, not a reason.
    """

    model: str
    control: str
    changed: str
    cause: str
    hosts: dict[str, HostOutcome]
    larger_on: tuple[str, ...] = ()
    goes_with: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A place without a result, and why; `arm` names the arm that failed inside a recording."""

    place: Place
    reason: str
    arm: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEvenMap:
    """The results of a sweep so far."""

    gains: tuple[Gain, ...]
    turns: tuple[SignTurn, ...]
    holdings: tuple[Holding, ...]
    absent: tuple[Absent, ...]
    concerns: tuple[Concern, ...]
    cells: int
    measured: int
