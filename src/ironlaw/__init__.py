"""ironlaw: why is my quantized model faster, or slower, on this CPU? Measured, not guessed.

    answer = ironlaw.compare("mobilenet_v2", ["fp32", "int8+fused"], budget=60)  # all of it, as `ironlaw run`
    answer = ironlaw.compare({"fp32": module, "int8": quantized}, inputs=x)
    print(answer)

Step by step, a plan becomes a recording, and a recording an answer:

    plan = running.plan_of(running.Settings(budget_s=60.0))  # ironlaw.running; or a Plan of your own
    recording = ironlaw.record(plan, "run.jsonl")  # measures
    recording = ironlaw.load("run.jsonl")  # what was recorded before, or elsewhere
    answer = ironlaw.explain(recording)  # print it, or take answer.to_frame(), answer.to_json()
    brief = ironlaw.differences(recording)  # the comparisons alone, much faster

Importing the package loads neither torch nor numpy.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from ironlaw.analysis.brief import Brief
    from ironlaw.answer import Answer
    from ironlaw.measure.recorder import Advice
    from ironlaw.plan import Plan
    from ironlaw.recording import Recording
    from ironlaw.running.settings import Options
    from ironlaw.watcher import Watcher

__all__ = ["compare", "differences", "explain", "load", "record"]


def record(
    plan: Plan,
    out: Path | str,
    *,
    force: bool = False,
    watcher: Watcher | None = None,
    advice: Advice | None = None,
) -> Recording:
    """Measure a plan on this machine, write the recording to `out`, and return it; after Ctrl-C, return what was
    recorded so far.

    Raises:
        BadInput: `out` exists (without force), another run writes it, or it cannot be written, or the model or its
            inputs do not exist; nothing was measured and no file is left.
        RunIncomplete: the disk is full, `out` was overwritten, or SIGTERM or SIGHUP came; the hint names what is kept.
    """
    from ironlaw.measure.kept import record_to
    from ironlaw.running import advise
    from ironlaw.watcher import Unwatched

    return record_to(Path(out), plan, force=force, watcher=watcher or Unwatched(), advice=advice or advise())


def load(path: Path | str) -> Recording:
    """Read a recording, whole or cut short.

    Raises:
        RecordingUnreadable: the file is not a recording that this version can read.
    """
    from ironlaw.recording import load as read

    return read(path)


def explain(recording: Recording, *, control: str | None = None, changed: str | None = None) -> Answer:
    """Explain a recording: comparisons with intervals, splits, causes and concerns.

    Every arm is compared with `control`, by default the plan's first arm. With `changed`, only that arm is.

    Raises:
        BadInput: an arm of that name is not in the recording.
    """
    from ironlaw.analysis.assemble import explain as assemble
    from ironlaw.answer import Answer

    return Answer.of(assemble(recording, control=control, changed=changed), recording)


def differences(recording: Recording) -> Brief:
    """Return a recording's comparisons with their intervals only; much faster than `explain`.

    Raises:
        RecordingUnreadable: the recording was cut before its plan.
    """
    from ironlaw.analysis.brief import briefly

    return briefly(recording)


def compare(
    model: str | Mapping[str, Any] = "mobilenet_v2",
    arms: str | Sequence[str] = (),
    *,
    inputs: Any = None,
    out: Path | str | None = None,
    force: bool = False,
    quiet: bool = False,
    **options: Unpack[Options],
) -> Answer:
    """Measure a model's arms and explain the difference, as `ironlaw run` does. A notebook displays the answer as a
    report.

    `model` is the name of a model, or a dict of programs by name: modules, plain callables, or sources as text.
    Programs are pickled and run unchanged, in processes of their own. `inputs` is what each is called with: a tensor or
    array, a tuple of arguments, a list of such tuples, or a dict of arguments by name; by default, photographs.

    `options` are the measuring options of `ironlaw run`: budget=60, experiments="none", threads=2, images="photos" and
    so on. The recording is kept under ./ironlaw-runs/ unless `out` names a file; `force` replaces one that exists,
    `quiet` shows no progress.

    Raises:
        BadInput: the model, a program, an arm or an option cannot be used; nothing was measured.
    """
    from ironlaw.answer import EXAMPLE, Destination, measure_model, measure_programs
    from ironlaw.errors import BadInput

    destination = Destination(out=out, force=force, quiet=quiet)
    if isinstance(model, str):
        if inputs is not None:
            raise BadInput("inputs are given, but a model named by text has its own", hint=EXAMPLE)
        return explain(measure_model(model, arms, destination, options))
    if not isinstance(model, Mapping):
        raise BadInput(f"the model is a {type(model).__name__}, neither text nor a mapping of programs", hint=EXAMPLE)
    if arms != ():
        raise BadInput("arms are given, but each program is already an arm", hint=EXAMPLE)
    return explain(measure_programs(model, inputs, destination, options))
