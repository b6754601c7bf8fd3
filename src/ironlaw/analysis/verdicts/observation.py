"""The readings of every arm of a recording, in the form that signatures of causes use."""

from __future__ import annotations

from ironlaw.analysis.turns import ArmTurns
from ironlaw.fact import ArmStarted
from ironlaw.missing import Missing, is_known
from ironlaw.observed import SUSPECTED_BYTES, Observed
from ironlaw.recording import Recording


def observe(recording: Recording, turns: dict[str, ArmTurns]) -> dict[str, Observed]:
    """Collect the readings of every arm that took a turn."""
    started: dict[str, ArmStarted] = {}
    for fact in recording.started:
        if fact.checks or fact.arm not in started:  # looked at in the first replicate of an arm, and of a later one
            started[fact.arm] = fact
    censuses = {fact.arm: fact.counts for fact in recording.censuses}
    nodes = {fact.arm: fact.nodes for fact in recording.censuses}
    sizes = {fact.arm: fact.prepared.size_bytes for fact in recording.prepared}
    shapes: dict[str, tuple[tuple[int, ...], ...]] = {}
    for answer in recording.outputs:
        if answer.input_forms and answer.forms:
            shapes.setdefault(answer.arm, (*answer.input_forms, *answer.forms))
    level2 = recording.machine.cache_bytes.get("L2") if is_known(recording.machine) else None
    seen = {}
    for arm in recording.plan.arms:
        table = turns.get(arm.name)
        if table is None or not len(table) or arm.name not in started:
            continue
        fact = started[arm.name]
        seen[arm.name] = Observed(
            arm=arm,
            wall_ns=float(table.wall_ns.mean()),
            page_faults=table.mean("page-faults"),
            compilations=table.mean("compilations"),
            checks={name: found for name, found in fact.checks.items() if not isinstance(found, Missing)},
            census={
                name: count
                for name, count in {**fact.work, **censuses.get(arm.name, {})}.items()
                if not isinstance(count, Missing)
            },
            nodes=nodes.get(arm.name, {}),
            cpus=len(fact.cpus),
            training_layers=() if isinstance(fact.training_layers, Missing) else fact.training_layers,
            shapes=shapes.get(arm.name, ()),
            size_bytes=sizes.get(arm.name, SUSPECTED_BYTES),
            level2_bytes=Missing("the size of the level-2 cache is not known") if level2 is None else level2,
        )
    return seen
