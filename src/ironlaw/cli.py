"""argv -> a command -> text. The only place that turns errors into two lines and an exit code."""

from __future__ import annotations

import errno
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import click

from ironlaw.errors import TOO_MANY_FILES, ExitCode, IronlawError, offer_closest, step_for
from ironlaw.text import plain

# One module of commands/ each, holding a click command of the same name; imported when it is needed. By what they are
# for, in the order of the help.
GROUPS = {
    "Measure": {
        "run": "measure variants of a model and explain the difference",
        "sweep": "measure many models, threads and hosts from one plan file",
        "compare": "fail if a recording breaks a rule, for CI",
    },
    "Explain": {
        "explain": "explain a recording, a table, or files of other tools",
        "layers": "show which layers got faster or slower, in milliseconds",
        "history": "query a folder of recordings: list, trends, SQL",
    },
    "Share": {
        "report": "write a recording as an HTML page, Markdown or CSV",
        "bundle": "write what a maintainer needs for an issue, in one file",
        "export": "export an arm as a model file and a script that runs it",
    },
    "Machine": {
        "doctor": "check what this machine can measure, and how to fix it",
        "completion": "print completion scripts for bash, zsh and fish",
    },
}
COMMANDS = {name: said for group in GROUPS.values() for name, said in group.items()}


SHOWS_TRACEBACK = "IRONLAW_TRACEBACK"  # the variable that has a fault of ironlaw's own printed in full


class _Lazy(click.Group):
    """A command group that imports a command's module only when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"ironlaw.commands.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise IronlawError(f"unknown command {args[0]!r}", hint=offer_closest(args[0], list(COMMANDS)))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        widest = max(map(len, COMMANDS))
        for title, group in GROUPS.items():
            with formatter.section(title):
                # Padded, so that the columns of all groups stand below each other.
                formatter.write_dl([(name.ljust(widest), said) for name, said in group.items()])


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(version("ironlaw"), prog_name="ironlaw")
def program() -> None:
    """Why is my quantized model faster, or slower, on this CPU? Measured, not guessed.

    Exit codes: 0 done, 1 a gate failed, 2 bad usage or input, 3 the run could not be completed (what was recorded is
    kept).
    """


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command line and exit with its code."""
    from ironlaw.commands.streams import make_streams_last

    make_streams_last()
    sys.exit(run(list(sys.argv[1:] if argv is None else argv)))


def run(argv: list[str]) -> int:
    """Run a command line and return its exit code; errors become two lines on stderr."""
    try:
        result = program.main(args=argv, prog_name="ironlaw", standalone_mode=False)
    except IronlawError as error:
        return _report(error.message, error.hint, error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return ExitCode.BAD_INPUT
    except click.NoSuchOption as error:
        return _report(f"unknown option {error.option_name}", _usage_hint(error), ExitCode.BAD_INPUT)
    except click.UsageError as error:
        return _report(error.format_message(), _usage_hint(error), ExitCode.BAD_INPUT)
    except click.ClickException as error:
        return _report(error.format_message(), "see ironlaw --help", ExitCode.BAD_INPUT)
    except (click.Abort, KeyboardInterrupt):
        return _report("interrupted", "what was recorded is kept; run the command again", ExitCode.INCOMPLETE)
    except Exception as error:  # noqa: BLE001  # the last guard: an unexpected error is two lines as well
        return _report_unforeseen(error)
    return result if isinstance(result, int) else ExitCode.DONE


def _report_unforeseen(error: Exception) -> int:
    """Print two lines about an unexpected error, and the traceback on request."""
    if os.environ.get(SHOWS_TRACEBACK):
        traceback.print_exc()
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return _report(TOO_MANY_FILES, step_for(error), ExitCode.BAD_INPUT)
    if isinstance(error, MemoryError):
        return _report("out of memory", "give it more memory (a container's limit counts)", ExitCode.BAD_INPUT)
    said = " ".join(str(error).split())[:200]
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    hint = f"this is a bug in ironlaw: please report it, with the output under {SHOWS_TRACEBACK}=1"
    return _report(f"{type(error).__name__}{place}: {said}", hint, ExitCode.BAD_INPUT)


def _usage_hint(error: click.UsageError) -> str:
    command = error.ctx.command_path if error.ctx else "ironlaw"
    if isinstance(error, click.NoSuchOption) and error.possibilities:
        return f"did you mean {' or '.join(sorted(error.possibilities))}?"
    return f"see {command} --help"


def _report(message: str, hint: str, code: ExitCode) -> int:
    click.echo(f"ironlaw: {plain(message)}", err=True)
    click.echo(f"   hint: {plain(hint)}", err=True)
    return int(code)
