"""ironlaw explain: what a recording, a published table or two saved outputs of perf stat say."""

from __future__ import annotations

from pathlib import Path

import click

from ironlaw.commands.showing import Display, show
from ironlaw.errors import BadInput
from ironlaw.explanation import Explanation


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]")
@click.option("--table", "is_table", is_flag=True, help="FILE is a published table: arm,time_s,ipc[,...] as CSV.")
@click.option("--perf-stat", "is_perf_stat", is_flag=True, help="FILEs are saved outputs of perf stat, one an arm.")
@click.option("--control", metavar="ARM", help="The arm to compare with; the plan's first unless said.")
@click.option("--changed", metavar="ARM", help="Only this arm.")
@click.option("--correlate", is_flag=True, help="How every counter goes with time: association, not cause.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option("--quiet", is_flag=True, help="The table only.")
@click.option("--verbose", is_flag=True, help="Everything that is known.")
def explain(files: tuple[Path, ...], is_table: bool, is_perf_stat: bool, **options: object) -> int:
    """Say what FILE shows: a recording of ironlaw run, or with an option other people's numbers."""
    if is_table and is_perf_stat:
        raise BadInput("--table and --perf-stat exclude each other", hint="name one of them")
    display = Display(
        as_json=bool(options["as_json"]),
        quiet=bool(options["quiet"]),
        verbose=bool(options["verbose"]),
        correlate=bool(options["correlate"]),
    )
    arms = (options["control"], options["changed"])
    if (is_table or is_perf_stat) and any(arms):
        raise BadInput("--control and --changed choose arms of a recording", hint="order the rows or files instead")
    if is_table:
        explanation = _explain_table(files)
    elif is_perf_stat:
        explanation = _explain_perf_stat(files)
    else:
        explanation = _explain_recording(files, *(None if arm is None else str(arm) for arm in arms))
    show(explanation, display=display)
    return 0


def _explain_recording(files: tuple[Path, ...], control: str | None, changed: str | None) -> Explanation:
    import ironlaw

    if len(files) != 1:
        raise BadInput(f"{len(files)} files are named", hint="ironlaw explain FILE, a recording of ironlaw run")
    return ironlaw.explain(ironlaw.load(files[0]), control=control, changed=changed)


def _explain_table(files: tuple[Path, ...]) -> Explanation:
    from ironlaw.explain.published import explain_table

    if len(files) != 1:
        raise BadInput(f"{len(files)} tables are named", hint="ironlaw explain --table FILE.csv")
    return explain_table(_text(files[0]), named=str(files[0]))


def _explain_perf_stat(files: tuple[Path, ...]) -> Explanation:
    from ironlaw.explain.perf_stat import explain_perf_stat

    if len(files) < 2:
        raise BadInput(f"{len(files)} outputs are named; two or more can be compared", hint="--perf-stat A.txt B.txt")
    return explain_perf_stat([(str(file), _text(file)) for file in files])


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise BadInput(f"cannot read {file}: {error.strerror}", hint="name a file you may read") from None
