"""Layers that an engine cannot replay: left out with the reason, and all others replayed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from ironlaw.errors import ArmFailed
from ironlaw.measure.replaying.inputs import Inputs
from ironlaw.measure.replaying.replays import replay
from ironlaw.missing import is_known
from ironlaw.replay import Replay, Use
from ironlaw.replayer import Begun, Flipped, ReplaySite, Rounding

SITES = 5
SCORES = [np.array([[0.0, 1.0]], np.float32)]


class Network:
    """Sites of which some cannot be opened, and some not be run."""

    how = "by hand"

    def __init__(self, *, closed: Sequence[int] = (), broken: Sequence[int] = (), at_once: int = SITES) -> None:
        self.sites = tuple(
            ReplaySite(name=f"site{place}", path="", operator="Conv", nodes=(f"node{place}",)) for place in range(SITES)
        )
        self.at_once = at_once
        self.runs_kernels = True
        self._closed, self._broken = closed, broken
        self.opened: list[list[int]] = []

    def open(self, places: Sequence[int]) -> None:
        self.opened.append(list(places))
        for place in places:
            if place in self._closed:
                raise RuntimeError(f"no kernel for {place}")

    def begin(self, arguments: tuple[Any, ...]) -> Begun:
        return Begun(in_float=SCORES, in_int8=SCORES)

    def flip(self, place: int) -> Flipped:
        if place in self._broken:
            raise RuntimeError(f"overflow in {place}")
        return Flipped(own_float=SCORES[0], own_int8=SCORES[0], alone=SCORES, left_float=SCORES)

    def value_of(self, step: Rounding) -> Any:
        return SCORES[0]

    def mixed(self, floats: frozenset[int]) -> Callable[[tuple[Any, ...]], list[Any]]:
        return lambda arguments: SCORES


def replayed(network: Network) -> Replay:
    inputs = Inputs(by_use={use: [(np.zeros((1, 2), np.float32),)] * 2 for use in Use})
    return replay("int8", network, inputs, None, within_s=1.0)


def names(made: Replay) -> list[str]:
    assert is_known(made.layers)
    return [one.name for one in made.layers]


@pytest.mark.parametrize("at_once", [2, SITES])
def test_a_site_that_cannot_be_opened_is_left_out_with_the_reason(at_once: int) -> None:
    made = replayed(Network(closed=[0, 3], at_once=at_once))
    assert names(made) == ["site1", "site2", "site4"]
    assert set(made.failed) == {"site0", "site3"}
    assert "no kernel for 3" in made.failed["site3"]
    assert made.whole[Use.HELD_OUT].inputs == 2


def test_a_site_that_cannot_be_run_is_left_out_with_the_reason() -> None:
    made = replayed(Network(broken=[1]))
    assert names(made) == ["site0", "site2", "site3", "site4"]
    assert "overflow in 1" in made.failed["site1"]


def test_where_every_site_fails_the_reason_is_raised_before_all_are_tried() -> None:
    network = Network(closed=range(SITES))
    with pytest.raises(ArmFailed, match="no kernel"):
        replayed(network)
    assert [4] not in network.opened


def test_where_no_site_can_be_run_the_reason_is_raised() -> None:
    with pytest.raises(ArmFailed, match="overflow in 0"):
        replayed(Network(broken=range(SITES)))
