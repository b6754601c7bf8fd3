"""A plan measured on this machine into a file: however the run ends, the file is kept and no process is left."""

from __future__ import annotations

import signal
from pathlib import Path

from ironlaw.errors import BadInput, IronlawError, RunIncomplete, step_for
from ironlaw.measure.interruption import Interruption
from ironlaw.measure.processes import ProcessStage
from ironlaw.measure.recorder import Advice, record
from ironlaw.models.sources import files_of
from ironlaw.models.user_files import refuse_overwriting
from ironlaw.plan import Plan
from ironlaw.recording import Recording, RecordingWriter, load
from ironlaw.watcher import Watcher


def record_to(out: Path, plan: Plan, *, force: bool, watcher: Watcher, advice: Advice) -> Recording:
    """Measure a plan, write the recording to `out`, and return it; after Ctrl-C, return what was recorded so far.

    Raises:
        BadInput: `out` exists (without force), is being written or cannot be, or is a file that the plan reads; or the
            model or its inputs do not exist; nothing was measured and no file is left.
        RunIncomplete: the disk is full, the recording was overwritten or cannot be read back, or a signal ended the
            run; what was recorded is kept where the hint says.
        KeyboardInterrupt: Ctrl-C was pressed before anything was recorded.
    """
    refuse_overwriting(out, files_of(plan))
    with Interruption() as interruption:
        sink = RecordingWriter(out, force=force)
        try:
            stage = ProcessStage(plan)
            try:
                record(plan, stage, sink, watcher=watcher, advice=advice)
            finally:
                interruption.close()
                stage.close()
        except BadInput:
            sink.discard()
            raise
        except OSError as error:
            raise _refused(error, sink) from error
        except BaseException:
            if sink.is_empty:
                sink.discard()
            else:
                sink.close()
            raise
        sink.close()
    if interruption.first in (signal.SIGTERM, signal.SIGHUP):
        raise RunIncomplete(
            f"{interruption.first.name} ended the run", hint=f"what was recorded is kept: ironlaw explain {out}"
        )
    try:
        return load(sink.path)
    except IronlawError as error:
        raise RunIncomplete(
            f"the run ended, but what it recorded cannot be read: {error.message}",
            hint=f"it is kept in {sink.path}; another run may have written it, or this is a bug in ironlaw",
        ) from error


def _refused(error: OSError, sink: RecordingWriter) -> IronlawError:
    """The error for descriptors, memory or space that the system refused; what was counted before is kept."""
    why = f"the system refused a resource that every run needs: {error.strerror}"
    if not sink.has_readings:
        sink.discard()
        return BadInput(why, hint=step_for(error))
    sink.close()
    return RunIncomplete(why, hint=f"{step_for(error)}; what was recorded is kept: ironlaw explain {sink.path}")
