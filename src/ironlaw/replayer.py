"""The interface by which an engine replays layers: a network whose layers are in int8 or in float as requested."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounding:
    """A tensor's int8 form: value / scale + zero, rounded and cut to `least` .. `most`."""

    name: str
    scale: float
    zero: int
    least: int
    most: int

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest value that it can represent."""
        return (self.least - self.zero) * self.scale, (self.most - self.zero) * self.scale


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySite:
    """A layer that can be replayed; `ironlaw.replay.ReplayedLayer` describes its fields."""

    name: str
    path: str
    operator: str
    nodes: tuple[str, ...]
    repeat: int = 0
    reads: tuple[Rounding, ...] = ()
    gives: Rounding | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flipped:
    """What one input gave: a layer's own output in float and in int8, the network's with it alone in int8, and with it
    alone in float. `own_int8` is None where its output is no tensor of its own."""

    own_float: Any
    own_int8: Any
    alone: list[Any]
    left_float: list[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The results of one input in the float network and in the int8 one."""

    in_float: list[Any]
    in_int8: list[Any]


class Replayer(Protocol):
    """One arm's network. Outputs are lists of arrays, one for each output of the network."""

    sites: tuple[ReplaySite, ...]
    how: str
    at_once: int  # sites for which there is memory together
    runs_kernels: bool  # that the arm runs: `mixed` takes about as long as such an arm

    def open(self, places: Sequence[int]) -> None:
        """Prepare to flip these sites, and release others."""

    def begin(self, arguments: tuple[Any, ...]) -> Begun:
        """Run both networks on an input; the calls that follow refer to it."""

    def flip(self, place: int) -> Flipped:
        """Replay one site on the values that it received."""

    def value_of(self, step: Rounding) -> Any:
        """The values of a tensor in the float network."""

    def mixed(self, floats: frozenset[int]) -> Callable[[tuple[Any, ...]], list[Any]]:
        """The int8 network with some sites left in float."""
