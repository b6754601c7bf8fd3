"""Recordings to go with the explanations: seeded readings around each arm's time."""

from __future__ import annotations

import random

from ironlaw.explanation import Explanation
from ironlaw.fact import CounterCheck, Ended, Ending, Fact, Header, Meter, Reading
from ironlaw.missing import Missing
from ironlaw.recording import Recording, assemble


def recording(explanation: Explanation, *, replicates: int = 8, rounds: int = 10) -> Recording:
    """What could have been read in a measurement with this explanation."""
    dice = random.Random(7)
    arms = [arm for arm in explanation.arms if not isinstance(arm.wall_ns, Missing)]
    readings = []
    for replicate in range(replicates):
        variation = dice.gauss(1, 0.01)
        for turn in range(rounds):
            for position, arm in enumerate(arms):
                assert not isinstance(arm.wall_ns, Missing)
                wall_ns = int(3 * arm.wall_ns.value * variation * dice.gauss(1, 0.01))
                readings.append(
                    Reading(
                        arm=arm.arm,
                        replicate=replicate,
                        round=turn,
                        position=position,
                        group=-1,
                        inferences=3,
                        wall_ns=wall_ns,
                        cpu_ns=wall_ns,
                        user_ns=wall_ns,
                        kernel_ns=0,
                        minor_faults=12,
                        major_faults=0,
                        context_switches=1,
                    )
                )
    facts: list[Fact] = [Header(schema=1, ironlaw="0.1.0", started_utc="2026-01-01T00:00:00Z")]
    facts += [fact for fact in (explanation.machine, explanation.plan) if not isinstance(fact, Missing)]
    facts.append(
        CounterCheck(
            meter=Meter.CLOCK,
            slots=Missing("the kernel refused hardware events"),
            groups=(),
            lost={"cycles": "the kernel refused hardware events (ENOENT)"},
        )
    )
    return assemble([*facts, *readings, *explanation.concerns, Ended(why=Ending.COMPLETE, elapsed_s=93.4)])
