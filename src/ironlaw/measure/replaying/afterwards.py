"""Replay the layers of an arm of an existing recording, and write a copy of the recording with the replay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ironlaw.arm import Arm
from ironlaw.errors import ArmFailed
from ironlaw.fact import ArmPrepared, Fact, Failure
from ironlaw.lines import encode
from ironlaw.measure.processes import ProcessStage
from ironlaw.plan import Plan, Replays
from ironlaw.recording import Recording, load
from ironlaw.replay import Replay

_LAST = b'{"ended"'


def replay_of(plan: Plan, arm: Arm, within_s: float) -> Replay:
    """Prepare an arm of a plan again, and replay its layers; nothing is timed.

    Raises:
        ArmFailed: it cannot be prepared.
    """
    stage = ProcessStage(replace(plan, layers=False, code=False))
    try:
        stage.check_counters()
        facts: list[Fact] = list(stage.prepare((arm,)))
        if (failed := next((fact for fact in facts if isinstance(fact, Failure)), None)) is not None:
            raise ArmFailed(f"{arm.name} cannot be prepared: {failed.reason}", hint=failed.hint or "see ironlaw doctor")
        prepared = next(fact.prepared for fact in facts if isinstance(fact, ArmPrepared))
        replayed = stage.replay(arm, prepared, Replays(arm=arm.name, within_s=within_s))
        return next(fact for fact in replayed if isinstance(fact, Replay))
    finally:
        stage.close()


def write_with(source: Path, out: Path, replayed: Replay) -> Recording:
    """Write a recording's lines and the replay, before the last line, to a new file; return it as a recording.

    Raises:
        OSError: a file cannot be read or written.
    """
    lines = source.read_bytes().splitlines(keepends=True)
    ends = next((place for place, line in enumerate(lines) if line.startswith(_LAST)), len(lines))
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("xb") as file:
        file.writelines([*lines[:ends], encode(replayed) + b"\n", *lines[ends:]])
    return load(out)
