"""The explanation that the Python API returns: a notebook displays it, and it converts to a data frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ironlaw.explanation import Explanation

if TYPE_CHECKING:
    from ironlaw.recording import Recording
    from ironlaw.running.settings import Settings

EXAMPLE = 'compare({"fp32": module, "int8": quantized}, inputs=x)'


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Explanation):
    """An explanation that a notebook displays with tables and figures. Single turns are in `recording`."""

    recording: Recording | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, explanation: Explanation, recording: Recording | None = None) -> Answer:
        """The same explanation, with the methods that a notebook calls."""
        known = {field.name: getattr(explanation, field.name) for field in fields(explanation)}
        return cls(**known, recording=recording)

    def to_frame(self) -> Any:
        """A pandas.DataFrame with one row per arm; a gap is pandas.NA.

        Raises:
            BadInput: pandas is not installed.
        """
        from ironlaw.report.frame import to_frame

        return to_frame(self)

    def to_json(self) -> str:
        """What `ironlaw explain --json` prints."""
        from ironlaw.report.document import to_json

        return to_json(self)

    def __str__(self) -> str:
        """What `ironlaw explain` prints, 80 columns wide."""
        import io

        from rich.console import Console

        from ironlaw.report.terminal import show

        out = io.StringIO()
        show(self, Console(file=out, width=80))
        return out.getvalue()

    def _repr_html_(self) -> str:
        from ironlaw.report.notebook import to_fragment

        return to_fragment(self, self.recording)


def measure_model(
    model: str, arms: str | Sequence[str], destination: Destination, options: Mapping[str, object]
) -> Recording:
    """Record a model's arms. The recording is cut short when the run was interrupted.

    Raises:
        BadInput: the model, an arm or an option cannot be used.
    """
    from ironlaw.running.planning import variants_named
    from ironlaw.running.settings import Settings

    return destination.measured(Settings.of(options, model=model, arms=() if arms == () else variants_named(arms)))


def measure_programs(
    programs: Mapping[str, Any], inputs: Any, destination: Destination, options: Mapping[str, object]
) -> Recording:
    """Record programs of this session, each as an arm under its name. They are unpickled only in other processes.

    Raises:
        BadInput: there is none, or one cannot be called, pickled or named so.
    """
    import tempfile

    from ironlaw.arm import HANDED_OVER
    from ironlaw.errors import BadInput
    from ironlaw.models import handed_over
    from ironlaw.running.planning import own_arm
    from ironlaw.running.settings import Settings

    if not programs or any(not isinstance(name, str) or not name or "=" in name for name in programs):
        raise BadInput("programs need names, without an equals sign", hint=EXAMPLE)
    with tempfile.TemporaryDirectory(prefix="ironlaw-") as folder:
        arms = []
        for place, (name, program) in enumerate(programs.items()):
            source = program if isinstance(program, str) else str(Path(folder) / f"{place}{HANDED_OVER}")
            if not isinstance(program, str):
                handed_over.keep(program, inputs, Path(source), name=name)
            arms.append(own_arm(name, source))
        return destination.measured(Settings.of(options, arms=tuple(arms)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a recording is written, and whether progress is shown."""

    out: Path | str | None = None
    force: bool = False
    quiet: bool = False

    def measured(self, settings: Settings) -> Recording:
        """Measure, with a progress bar."""
        from rich.console import Console

        from ironlaw.report.progress import ProgressBar
        from ironlaw.running import measure, out_for

        out = out_for(settings) if self.out is None else Path(self.out)
        with ProgressBar(Console(stderr=True), quiet=self.quiet) as bar:
            return measure(settings, out, force=self.force, watcher=bar)
