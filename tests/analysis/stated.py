"""Recordings made from stated laws: what analysis must find is known from the law beforehand, not from the code."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ironlaw.arm import Arm
from ironlaw.event import Count
from ironlaw.fact import ArmStarted, CounterCheck, Ended, Ending, Header, Meter, Reading
from ironlaw.machine import Machine
from ironlaw.missing import Missing
from ironlaw.plan import Plan, Schedule
from ironlaw.recording import Recording, assemble
from ironlaw.variant import Variant

SPLIT_GROUP = ("instructions:u", "cycles:u", "instructions:k", "cycles:k")
CACHE_GROUP = ("instructions", "cycles", "cache-references", "cache-misses")
BOTH_GROUPS = (SPLIT_GROUP, CACHE_GROUP)


@dataclass(frozen=True, kw_only=True)
class Law:
    """One arm's truth, per inference. wall = (user + kernel cycles) / (frequency x utilisation)."""

    instructions: float = 20e6
    cpi: float = 0.5
    kernel_instructions: float = 1e6
    kernel_cpi: float = 1.0
    ghz: float = 3.0
    utilisation: float = 1.0
    page_faults: int = 0
    references: float = 1e5
    misses: float = 1e4
    extra: dict[str, float] = field(default_factory=dict)  # further events, per inference

    @property
    def user_cycles(self) -> float:
        return self.instructions * self.cpi

    @property
    def kernel_cycles(self) -> float:
        return self.kernel_instructions * self.kernel_cpi

    @property
    def cpu_ns(self) -> float:
        return (self.user_cycles + self.kernel_cycles) / self.ghz

    @property
    def wall_ns(self) -> float:
        return self.cpu_ns / self.utilisation


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Factors on CPI, and so on time: ln-scale sd between replicates (shared by twins, and each twin's own) and rounds.

    `tails` are the degrees of freedom of the t distribution that rounds follow; `drift` is the ln by which
    the last round of a replicate is slower than the first.
    """

    shared: float = 0.0
    own: float = 0.0
    rounds: float = 0.0
    tails: float = 3.0
    drift: float = 0.0


def arms(names: list[str], *, control: bool) -> tuple[Arm, ...]:
    made = [Arm(name=name, variant=Variant()) for name in names]
    return (*made, made[0].again()) if control else tuple(made)


@dataclass(frozen=True, kw_only=True)
class Run:
    """How much was recorded, and how it ended."""

    replicates: int = 8
    rounds: int = 10
    groups: tuple[tuple[str, ...], ...] = BOTH_GROUPS
    control: bool = True
    seed: int = 1
    inferences: int = 10
    ended: Ending | None = Ending.COMPLETE
    precision: float | None = None
    lost: dict[str, str] = field(default_factory=dict)


def recording(laws: dict[str, Law], noise: Noise | None = None, **run: Any) -> Recording:
    """A recording in which every arm follows its law; the control arm follows that of the first. `run` as in Run."""
    how, noise = Run(**run), noise or Noise()
    rng = np.random.default_rng(how.seed)
    measured = arms(list(laws), control=how.control)
    readings = []
    for replicate in range(how.replicates):
        shared = rng.normal(0, noise.shared) if noise.shared else 0.0
        own = {arm.name: rng.normal(0, noise.own) if noise.own else 0.0 for arm in measured}
        for number in range(how.rounds):
            order = rng.permutation(len(measured))
            group = number % len(how.groups) if how.groups else -1
            for position, index in enumerate(order):
                arm = measured[index]
                place = (number + position / len(order)) / how.rounds
                variation = noise.rounds * rng.standard_t(noise.tails) if noise.rounds else 0.0
                one = reading(
                    laws[arm.repeats or arm.name],
                    arm=arm.name,
                    at=(replicate, number, position),
                    events=how.groups[group] if how.groups else (),
                    factor=float(np.exp(shared + own[arm.name] + variation + noise.drift * place)),
                    inferences=how.inferences,
                )
                readings.append(replace(one, group=group))
    return whole(measured, tuple(readings), how)


def reading(
    law: Law,
    *,
    arm: str,
    at: tuple[int, int, int],
    events: tuple[str, ...] = (),
    factor: float = 1.0,
    inferences: int = 10,
) -> Reading:
    """One turn of an arm under its law, its CPI in user and kernel mode times `factor`."""
    replicate, number, position = at
    cpu = law.cpu_ns * factor
    amounts = {
        "instructions:u": law.instructions,
        "cycles:u": law.user_cycles * factor,
        "instructions:k": law.kernel_instructions,
        "cycles:k": law.kernel_cycles * factor,
        "cache-references": law.references,
        "cache-misses": law.misses,
        **law.extra,
    }
    amounts["instructions"] = amounts["instructions:u"] + amounts["instructions:k"]
    amounts["cycles"] = amounts["cycles:u"] + amounts["cycles:k"]
    wall_ns = round(cpu / law.utilisation * inferences)
    kernel_share = law.kernel_cycles / (law.user_cycles + law.kernel_cycles)
    return Reading(
        arm=arm,
        replicate=replicate,
        round=number,
        position=position,
        group=-1,
        inferences=inferences,
        wall_ns=wall_ns,
        cpu_ns=round(cpu * inferences),
        user_ns=round(cpu * inferences * (1 - kernel_share)),
        kernel_ns=round(cpu * inferences * kernel_share),
        minor_faults=law.page_faults * inferences,
        major_faults=0,
        context_switches=0,
        migrations=0,
        counts=tuple(
            Count(event=event, raw=round(amounts[event] * inferences), enabled_ns=wall_ns, running_ns=wall_ns)
            for event in events
        ),
        steal_ns=0,
    )


def whole(measured: tuple[Arm, ...], readings: tuple[Reading, ...], run: Run) -> Recording:
    """The recording around some readings."""
    plan = Plan(
        model="stated",
        arms=measured,
        schedule=Schedule(replicates=run.replicates, rounds=run.rounds, precision=run.precision),
    )
    counters = CounterCheck(
        meter=Meter.SCRIPTED if run.groups else Meter.CLOCK,
        slots=max(map(len, run.groups)) if run.groups else Missing("this machine exposes no PMU"),
        groups=run.groups,
        lost=run.lost,
    )
    ran = dict.fromkeys((reading.arm, reading.replicate) for reading in readings)
    started = [
        ArmStarted(
            arm=arm,
            replicate=replicate,
            load_ns=1_000_000,
            warm_up_ns=(9_000_000, 5_000_000),
            steady_at=1,
            threads=1,
            cpus=(0,),
        )
        for arm, replicate in ran
    ]
    return assemble(
        [
            Header(schema=1, ironlaw="0.1.0", started_utc="2025-01-01T00:00:00Z"),
            Machine(architecture="x86_64", cpu="stated"),
            plan,
            counters,
            *started,
            *readings,
            *([Ended(why=run.ended, elapsed_s=1.0)] if run.ended else []),
        ]
    )
