"""What a twin is told, and what it does with it, without starting a process."""

from __future__ import annotations

import pytest

from ironlaw.arm import Arm
from ironlaw.errors import BadInput
from ironlaw.fact import CounterCheck, Failure, Meter
from ironlaw.measure import twin
from ironlaw.measure.messages import Post, Prepare
from ironlaw.missing import Missing
from ironlaw.plan import Plan, Schedule


def test_the_model_is_opened_with_the_batch_of_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def refuse(source: str, **options: object) -> None:
        asked.append((source, options["batch"]))
        raise BadInput("enough seen", hint="none")

    monkeypatch.setattr(twin, "open_model", refuse)
    monkeypatch.setattr(twin.Twin, "_enter_process", lambda self: None)
    check = CounterCheck(meter=Meter.CLOCK, slots=Missing("no PMU"), groups=())
    post = Post(
        arm=Arm.of("fp32"),
        replicate=-1,
        model="net",
        images=None,
        labels=None,
        seed=0,
        threads=1,
        batch=8,
        cpus=(0,),
        check=check,
        fd=-1,
        log="",
    )
    (fact,) = twin.Twin(post).obey(Prepare("nowhere"))
    assert asked == [("net", 8)]
    assert isinstance(fact, Failure)


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(BadInput, match="the batch is 0"):
        Plan(model="net", arms=(Arm.of("fp32"),), schedule=Schedule(), batch=0)
