"""How long a replay is waited for: its own time and some more, and no longer than the run's budget allows."""

from __future__ import annotations

from typing import Any

import pytest

from ironlaw.arm import Arm
from ironlaw.fact import Fact, Failure
from ironlaw.leaving import float_family
from ironlaw.measure.limits import Limit, Limits
from ironlaw.measure.replaying import host
from ironlaw.measure.replaying.host import LATE_S, ReplayHosts
from ironlaw.missing import Missing
from ironlaw.plan import Replays
from ironlaw.program import PreparedModel

ARM = Arm.of("int8@onnxruntime")
PREPARED = PreparedModel(path="", size_bytes=0, phases_ns={}, weights="")


class _Silent:
    """Twins that answer nothing in time."""

    def __init__(self) -> None:
        self.limits: list[Limit] = []

    def ask(self, arm: str, order: object, limit: Limit) -> list[Fact]:
        self.limits.append(limit)
        return [Failure(arm=arm, replicate=-1, stage="replay", reason=limit.reason)]

    def hang_up(self) -> None: ...


@pytest.mark.parametrize(("budget_s", "limit_s"), [(None, LATE_S + 30.0), (1000.0, LATE_S + 30.0), (100.0, 75.0)])
def test_a_replay_that_does_not_end_is_given_up_by_the_budget(budget_s: float | None, limit_s: float) -> None:
    twins: Any = _Silent()
    unused: Any = None
    hosts = ReplayHosts(unused, unused, Limits(lambda: 0.0, budget_s).of)
    hosts._hosts[float_family(ARM).prepared_as()] = host._Host(arm=ARM, twins=twins, interpreter=None)
    replay = hosts.replay(ARM, PREPARED, Replays(arm=ARM.name, within_s=30.0))
    assert [one.s for one in twins.limits] == [limit_s]
    assert isinstance(replay.layers, Missing)
    assert f"no answer within {limit_s:.0f} s" in replay.layers.reason
