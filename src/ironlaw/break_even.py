"""A break-even map: where a change pays, by model, shape, threads, batch and host. Numbers only; report/ has the words.

Every gain comes from within one recording. Clocks of different hosts are never set against each other.
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
    """What can be walked along, in the order of the plan."""

    BATCH = "batch"
    THREADS = "threads"
    SHAPE = "shape"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where on the map."""

    model: str
    shape: str
    threads: int
    batch: int
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What one change gave at one place.

    `once_ns` is what making and loading `changed` takes beyond `control`, once; negative: it takes less.
    `inputs_to_repay` is how many inputs it takes until that is saved again. Its interval is that of the saving; the
    one-time cost itself was read once.
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
    """Two places on one axis, all else equal, between which a gain becomes a loss or the other way round.

    Between the two there may be places that show no difference, and none that shows one.
    """

    axis: Axis
    before: Gain
    after: Gain


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOutcome:
    """What one host's recordings say: in how many of `of` the claim holds, and between which values its effect lies.

    `open` are those that decide nothing: undecided, unproven, or without an interval.
    """

    holds: int
    of: int
    open: int = 0
    effect: Maybe[tuple[float, float]]  # least and largest ratio seen

    @property
    def always(self) -> bool:
        """It holds in every recording of this host."""
        return self.holds == self.of

    @property
    def never(self) -> bool:
        """It holds in none, and none is open."""
        return self.holds == 0 and self.open == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """On which hosts a cause of a comparison is confirmed (or, as THE_GAIN, the change is faster).

    `larger_on` are the hosts on which the gain is larger than on all others, at every place that all of them share.
    `goes_with` are facts that every host where it always holds (for a gain: is larger) has and no other one: what goes
    with it, not why.
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
    """A place without a recording, and why; `arm` names the one that failed inside a recording."""

    place: Place
    reason: str
    arm: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEvenMap:
    """Everything a sweep says so far."""

    gains: tuple[Gain, ...]
    turns: tuple[SignTurn, ...]
    holdings: tuple[Holding, ...]
    absent: tuple[Absent, ...]
    concerns: tuple[Concern, ...]
    cells: int
    measured: int
