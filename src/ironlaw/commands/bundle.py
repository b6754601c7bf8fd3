"""ironlaw bundle: what a maintainer asks for, in one file."""

from __future__ import annotations

from pathlib import Path

import click

from ironlaw.commands.showing import check_writable, echo, write_text
from ironlaw.errors import BadInput


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE.md",
    help="Write the bundle to FILE.md; default: FILE.bundle.md.",
)
def bundle(files: tuple[Path, ...], out: Path | None) -> int:
    """Write what a maintainer asks for into one Markdown file: about a recording, or about files of other tools.

    It holds versions, flags, threads, the census of what was executed, the split, the causes, and the commands that
    measure the same arms again; no weights and no images. Of two profiles or logs of other tools it holds what they
    show: times, operators and kernels, what they state of versions and threads, and the command to run next.

    \b
    ironlaw bundle run.jsonl
    ironlaw bundle fp32-profile.json int8-profile.json -o issue.md
    ironlaw bundle hyperfine.json
    """
    if not files:
        raise BadInput("no file is named", hint="ironlaw bundle FILE, a recording of ironlaw run, or two files")
    if not files[0].name:
        raise BadInput(f"{files[0]} is a folder", hint="ironlaw bundle FILE, a recording of ironlaw run, or two files")
    out = out or files[0].with_suffix(".bundle.md")
    check_writable(out, keeping=files)
    is_attached = len(files) > 1 or _is_of_another_tool(files[0])
    write_text(_of_files(files) if is_attached else _of_one(files[0]), out)
    echo(f"Bundle: {out}", err=True)
    return 0


def _is_of_another_tool(file: Path) -> bool:
    """Whether a single file is one that explain takes too: results of several benchmarks."""
    from ironlaw.attached import recognised
    from ironlaw.attached.text import AttachedText
    from ironlaw.commands.explain import Content, content_of

    if not file.is_file():
        return False
    try:
        with file.open("rb") as stream:
            head = AttachedText(stream, named=str(file)).head
    except (OSError, ValueError, BadInput):
        return False  # the reader of recordings reports why
    return content_of(head) is not Content.RECORDING and recognised(head) is not None


def _of_one(file: Path) -> str:
    import ironlaw
    from ironlaw.report.bundle import to_bundle

    recording = ironlaw.load(file)
    return to_bundle(ironlaw.explain(recording), recording)


def _of_files(files: tuple[Path, ...]) -> str:
    from ironlaw.analysis.attached.explain import explain_attached
    from ironlaw.commands.attaching import read_files
    from ironlaw.report.bundle import attached_bundle

    found = read_files(files)
    return attached_bundle(explain_attached(found), found)
