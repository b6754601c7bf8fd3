"""ironlaw run: measure a model's variants and explain the difference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ironlaw.arm import Arm
from ironlaw.commands.showing import Display, check_writable, echo, keeping_measured, show_explanation, write_report
from ironlaw.engines import ENGINES
from ironlaw.errors import BadInput, ExitCode
from ironlaw.running.option import Option, ValueKind
from ironlaw.running.planning import parse_own_arm, variants_named
from ironlaw.running.settings import DEFAULT_MODEL, Settings, options

if TYPE_CHECKING:
    from ironlaw.recording import Recording

# What click makes of the words; what a value must be is the option's own to say.
_CLICK_TYPES: dict[ValueKind, click.ParamType[Any]] = {
    ValueKind.COUNT: click.INT,
    ValueKind.WHOLE: click.INT,
    ValueKind.SECONDS: click.FLOAT,
    ValueKind.SHARE: click.STRING,
    ValueKind.PATH: click.STRING,
    ValueKind.CAUSES: click.STRING,
    ValueKind.VARIED: click.STRING,
}


def settings_options(command: Callable[..., int]) -> Callable[..., int]:
    """The options of the table of settings, in its order."""
    defaults = {field.name: field.default for field in fields(Settings)}
    for name, option in reversed(options().items()):
        command = _click_option(option, default=defaults[name])(command)
    return command


def _click_option(option: Option, *, default: object) -> Callable[[Callable[..., int]], Callable[..., int]]:
    if option.kind is ValueKind.SWITCH:
        return click.option(option.flag, is_flag=True, default=None, help=option.help)
    is_shown = isinstance(default, int)
    return click.option(
        option.flag,
        option.keyword,
        type=click.Choice(option.choices) if option.kind is ValueKind.CHOICE else _CLICK_TYPES[option.kind],
        metavar=option.metavar,
        multiple=option.kind is ValueKind.VARIED,
        default=default if is_shown else None,
        show_default=is_shown,
        help=option.help,
    )


_ARMS = f"Variants to measure; the first is the control. Engines, after an @: {', '.join(ENGINES)}."
_OWN = "A program of your own, or a model file: NAME=FILE.onnx[@ENGINE]. Levels may follow: +threads=2."


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("model", default=DEFAULT_MODEL)
@click.argument("others", nargs=-1, metavar="")
@click.option("--arms", metavar="A,B,...", help=_ARMS)
@click.option("--arm", "programs", multiple=True, metavar="NAME=FILE.py:FACTORY", help=_OWN)
@settings_options
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the recording to FILE.")
@click.option("--force", is_flag=True, help="Overwrite the recording if it exists.")
@click.option("--report", type=click.Path(path_type=Path), metavar="FILE.html", help="Also write an HTML report.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option("--quiet", is_flag=True, help="Print only the table and one sentence per comparison.")
@click.option("--verbose", is_flag=True, help="Print everything that is known.")
def run(**words: Any) -> int:
    """Measure variants of MODEL and explain why their times differ.

    MODEL is a torchvision, timm or Hugging Face name, package.module:factory, file.py:factory or a model file
    (.onnx, .xml, .gguf). Default: mobilenet_v2.

    \b
    ironlaw run
    ironlaw run resnet18 --arms fp32,int8+fused --budget 120
    ironlaw run model.py:build --report why.html
    """
    if others := words.pop("others"):
        raise BadInput(
            f"a run is of one model, and {1 + len(others)} are named",
            hint=f"what is compared is an arm each: --arm a={words['model']} --arm b={others[0]}",
        )
    return execute(Invocation.of(words))


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """The parsed command line: what to measure, where to keep it, what to show."""

    settings: Settings
    out: Path
    force: bool
    report: Path | None
    display: Display

    @classmethod
    def of(cls, words: dict[str, Any]) -> Invocation:
        """Check everything that can be checked before anything starts.

        Raises:
            BadInput: what is wrong, and what to do.
        """
        from ironlaw.models.sources import files_of
        from ironlaw.models.user_files import refuse_overwriting
        from ironlaw.running import check, out_for, plan_of

        keywords = [option.keyword for option in options().values()]
        # What may be repeated is an empty tuple where it is not given.
        given = {keyword: words[keyword] if words[keyword] != () else None for keyword in keywords}
        settings = Settings.of(given, model=words["model"], arms=_named_arms(words), typed=True)
        plan = plan_of(settings)
        check(settings)
        out, report = words["out"] or out_for(settings), words["report"]
        refuse_overwriting(out, files_of(plan))
        if report is not None:
            check_writable(report, keeping=[out, *files_of(plan)])
        return cls(
            settings=settings,
            out=out,
            force=words["force"],
            report=report,
            display=Display(as_json=words["as_json"], quiet=words["quiet"], verbose=words["verbose"]),
        )


def _named_arms(words: dict[str, Any]) -> tuple[Arm, ...]:
    """The arms of --arms and --arm; the option that was typed first comes first, as click preserves the order."""
    own = tuple(parse_own_arm(text) for text in words["programs"])
    variants = () if words["arms"] is None else variants_named(words["arms"])
    order = list(words)
    return (*variants, *own) if order.index("arms") < order.index("programs") else (*own, *variants)


def execute(invocation: Invocation) -> int:
    """Measure, explain and show; return the exit code."""
    from rich.console import Console

    import ironlaw
    from ironlaw.report.progress import ProgressBar
    from ironlaw.running import measure

    display, out = invocation.display, invocation.out
    with ProgressBar(Console(stderr=True), quiet=display.quiet) as bar:
        recording = measure(invocation.settings, out, force=invocation.force, watcher=bar)
    with keeping_measured(out):
        explanation = ironlaw.explain(recording)
        if invocation.report is not None:
            write_report(explanation, recording, invocation.report)
        show_explanation(explanation, display=display, n=recording.plan.schedule.inferences)
        if not display.as_json:
            echo(f"Recording: {out}", err=True)
    return int(exit_code(recording, searched=invocation.settings.search))


def exit_code(recording: Recording, *, searched: bool = False) -> ExitCode:
    """The exit code: 3 if a requested arm failed or the run was cut short. A search may lose arms."""
    from ironlaw.fact import Ended, Ending

    whole = isinstance(recording.ended, Ended) and recording.ended.why is not Ending.INTERRUPTED
    added = {arm.name for arm in recording.plan.arms if arm.serves}
    counted = [failure for failure in recording.failures if not (searched and failure.replicate < 0)]
    failed = any(failure.arm not in added for failure in counted)
    return ExitCode.INCOMPLETE if failed or not whole else ExitCode.DONE
