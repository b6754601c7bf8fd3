"""An explanation as Python users hold it: shown by a notebook, turned into a data frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ironlaw.explanation import Explanation

if TYPE_CHECKING:
    from ironlaw.recording import Recording


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Explanation):
    """An explanation that a notebook shows with its tables and figures; single turns are the recording's."""

    recording: Recording | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, explanation: Explanation, recording: Recording | None = None) -> Answer:
        """The same explanation, with what a notebook asks of it."""
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


def measure_programs(
    programs: Mapping[str, Any], *, inputs: Any, out: Path | str | None, options: dict[str, object]
) -> Recording:
    """Record programs of this session, each as an arm under its name; they are opened in other processes only.

    Raises:
        BadInput: there is none, or one cannot be called, pickled or named so.
    """
    import tempfile

    from ironlaw.arm import HANDED_OVER
    from ironlaw.errors import BadInput
    from ironlaw.models import handed_over

    example = 'compare({"fp32": module, "int8": quantized}, inputs=x)'
    if not programs or any("=" in name for name in programs):
        raise BadInput("programs need names, without an equals sign", hint=example)
    with tempfile.TemporaryDirectory(prefix="ironlaw-") as folder:
        words = []
        for place, (name, program) in enumerate(programs.items()):
            source = program if isinstance(program, str) else str(Path(folder) / f"{place}{HANDED_OVER}")
            if not isinstance(program, str):
                handed_over.keep(program, inputs, Path(source), name=name)
            words += ["--arm", f"{name}={source}"]
        return _measured([*words, *_words(out, options)])


def measure(model: str, arms: Sequence[str], *, out: Path | str | None, options: dict[str, object]) -> Recording:
    """Record as `ironlaw run` does with these options, named as on the command line; a recording that may be cut."""
    return _measured([model, *(["--arms", ",".join(arms)] if arms else []), *_words(out, options)])


def _words(out: Path | str | None, options: dict[str, object]) -> list[str]:
    words = [] if out is None else ["--out", str(out)]
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        words += [option] if value is True else [] if value in (None, False) else [option, str(value)]
    return words


def _measured(words: list[str]) -> Recording:
    from ironlaw.commands.run import Settings, measured
    from ironlaw.commands.run import run as command

    params = dict(command.make_context("run", words).params)
    return measured(Settings.of(params.pop("model"), params))
