"""Whether an arm used the CPUs it was given, by its threads and by CPU time over wall time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ironlaw.analysis.turns import ArmTurns
from ironlaw.arm import Arm
from ironlaw.causes.unequal_arms import CAUSE as UNEQUAL_ARMS
from ironlaw.concern import Concern, Weight
from ironlaw.engines import engines_of_file
from ironlaw.missing import is_known
from ironlaw.recording import Recording

# What clocks of threads and of the wall may differ by; one more busy thread shows as a whole.
SLACK = 0.1


def pool_doubts(recording: Recording, turns: dict[str, ArmTurns]) -> Iterator[Concern]:
    """Concerns about requested arms that ran on more or fewer threads or CPUs than they were given."""
    for arm in recording.plan.asked():
        if arm.variant.level("oversubscribe") == "no" and arm.name in turns and len(turns[arm.name]):
            yield from _of_arm(recording, arm, turns[arm.name])


def _who(arm: Arm) -> str:
    """Who starts threads in an arm: in a user's own program that may be any library in it."""
    is_own = arm.factory is not None and not engines_of_file(arm.factory)
    return "a library that its own code uses starts" if is_own else "its engine starts"


def _of_arm(recording: Recording, arm: Arm, table: ArmTurns) -> Iterator[Concern]:
    given = arm.variant.threads(recording.plan.threads)
    busy = float(np.sum(table.cpu_ns * table.inferences) / np.sum(table.wall_ns * table.inferences))
    started = [fact for fact in recording.started if fact.arm == arm.name]
    working = [fact.working_threads for fact in started if is_known(fact.working_threads)]
    outside = sorted({cpu for fact in started for cpu in fact.thread_cpus if cpu not in fact.cpus})
    if busy > given + SLACK:
        yield Concern(
            slug=UNEQUAL_ARMS.slug,
            text=f"kept {busy:.2f} CPUs busy where it was given {given}: {_who(arm)} more threads",
            fix="set the number of threads of every pool in it; the comparison is unequal",
            arm=arm.name,
            weight=Weight.INVALIDATES,
        )
    if outside:
        yield Concern(
            slug=UNEQUAL_ARMS.slug,
            text=f"has threads that may run on CPUs {', '.join(map(str, outside))}, which it was not given",
            fix="configure the engine to keep its threads on the CPUs of the process",
            arm=arm.name,
        )
    if working and max(working) < given:
        yield Concern(
            slug="idle-threads",
            text=f"used {max(working)} of the {given} threads it was given",
            fix="its operators are too small to split, or its engine has no parallel kernel for them",
            arm=arm.name,
            weight=Weight.NOTES,
        )
