"""The stage on which arms run: real processes, or a script. This is the recorder's only interface to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ironlaw.arm import Arm
from ironlaw.fact import Ceilings, CounterCheck, Fact
from ironlaw.machine import Machine
from ironlaw.measure.messages import CodeTurn, LayerTurn, SurveyLayers, Turn
from ironlaw.measure.warm_up import WarmUp
from ironlaw.plan import Replays
from ironlaw.program import PreparedModel


class Stage(Protocol):
    """Prepares arms, starts replicates of them, and lets one after the other take a turn.

    Any error of an arm is returned as a Failure of that arm; the recorder decides what follows.
    """

    def begin(self, budget_s: float | None) -> None:
        """The run begins, and has this budget: an arm is lost where what it is asked takes longer than that allows."""

    def inspect(self) -> Machine:
        """Return the facts about the machine."""

    def check_counters(self) -> CounterCheck:
        """Run the known-answer test, which decides what is counted later."""

    def measure_ceilings(self, machine: Machine, threads: int) -> Ceilings:
        """Measure the machine's highest rates by a number of threads, on the CPUs of the arms."""

    def prepare(self, arms: tuple[Arm, ...]) -> Iterator[Fact]:
        """Make and save each arm's model; arms that can share one do. One ArmPrepared or Failure an arm."""

    def start(
        self, replicate: int, arms: tuple[Arm, ...], models: dict[str, PreparedModel], warm_up: WarmUp
    ) -> Iterator[Fact]:
        """Fork the twins of a replicate and warm each up. One ArmStarted or Failure an arm."""

    def turn(self, arm: Arm, order: Turn) -> Fact:
        """Return a Reading, or a Failure."""

    def survey(self, arm: Arm, order: SurveyLayers) -> Fact:
        """Return a LayerGraph, or a Failure, after which the arm has left this replicate."""

    def layer_turn(self, arm: Arm, order: LayerTurn) -> Fact:
        """Return a LayerReading; a LayerGraph that says why the arm cannot be read; or a Failure as above."""

    def code_turn(self, arm: Arm, order: CodeTurn) -> Fact:
        """Return CodeSamples, with samples or with the reason why there are none; or a Failure as above."""

    def measure_nothing(self, arm: Arm) -> list[Fact]:
        """Return NullReadings of turns like the arm's last one, or a Failure."""

    def answers(self, arms: tuple[Arm, ...]) -> Iterator[tuple[Arm, list[Fact]]]:
        """Yield a Census and Outputs, or a Failure, of each arm as they arrive; arms run in parallel, unmeasured."""

    def replay(self, arm: Arm, prepared: PreparedModel, asked: Replays) -> Iterator[Fact]:
        """Yield a Replay of a prepared arm, with its layers or with the reason why there are none."""

    def stop(self, *, at_once: bool = False) -> list[Fact]:
        """End the replicate and all its processes; return a fact about the processes that arms had left running.

        With `at_once`, whatever they are doing, which says nothing about what they would leave.
        """

    def now_s(self) -> float:
        """Seconds on the clock that the budget is counted in."""
