"""ironlaw: why is my quantized model faster, or slower, on this CPU? Measured, not guessed.

    plan = ironlaw.Plan(model="mobilenet_v2", arms=..., schedule=...)
    recording = ironlaw.record(plan, "run.jsonl")
    explanation = ironlaw.explain(recording)

Importing the package loads neither torch nor numpy.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ironlaw.explain.brief import Brief
    from ironlaw.explanation import Explanation
    from ironlaw.measure.recorder import Advice, Watcher
    from ironlaw.plan import Plan
    from ironlaw.recording import Recording

__all__ = ["differences", "explain", "load", "record"]


def record(
    plan: Plan,
    out: Path | str,
    *,
    force: bool = False,
    watcher: Watcher | None = None,
    advice: Advice | None = None,
) -> Recording:
    """Measure a plan on this machine, write the recording to `out`, and return it.

    Raises:
        BadInput: `out` exists (without force) or cannot be written, or the model or its inputs do not exist; nothing
        was
            measured and no file is left.
    """
    from ironlaw.errors import BadInput
    from ironlaw.measure.processes import ProcessStage
    from ironlaw.measure.recorder import Advice, Unwatched
    from ironlaw.measure.recorder import record as run
    from ironlaw.recording import RecordingWriter

    sink = RecordingWriter(Path(out), force=force)
    stage = ProcessStage(plan)
    try:
        run(plan, stage, sink, watcher=watcher or Unwatched(), advice=advice or Advice())
    except BadInput:
        Path(out).unlink()
        raise
    finally:
        sink.close()
        stage.close()
    return load(out)


def load(path: Path | str) -> Recording:
    """Read a recording, whole or cut short.

    Raises:
        RecordingUnreadable: the file is not a recording that this version can read.
    """
    from ironlaw.recording import load as read

    return read(path)


def explain(recording: Recording, *, control: str | None = None, changed: str | None = None) -> Explanation:
    """What a recording says: comparisons with intervals, splits, causes and doubts.

    Every arm is compared with `control` (the plan's first arm unless given); only `changed` is when it is given.

    Raises:
        BadInput: an arm of that name is not in the recording.
    """
    from ironlaw.explain.assemble import explain as assemble

    return assemble(recording, control=control, changed=changed)


def differences(recording: Recording) -> Brief:
    """The comparisons of a recording with their intervals, and nothing behind them; much faster than `explain`.

    Raises:
        RecordingUnreadable: the recording was cut before its plan.
    """
    from ironlaw.explain.brief import briefly

    return briefly(recording)
