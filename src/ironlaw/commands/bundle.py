"""ironlaw bundle: what a maintainer asks for, in one file."""

from __future__ import annotations

from pathlib import Path

import click

from ironlaw.commands.showing import check_writable, say, write_text


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE.md",
    help="Write the bundle to FILE.md; default: FILE.bundle.md.",
)
def bundle(file: Path, out: Path | None) -> int:
    """Write what a maintainer asks for about the recording FILE into one Markdown file.

    It holds versions, flags, threads, the census of what was executed, the split, the causes, and the commands that
    measure the same arms again; no weights and no images.
    """
    import ironlaw
    from ironlaw.report.bundle import to_bundle

    recording = ironlaw.load(file)
    out = out or file.with_suffix(".bundle.md")
    check_writable(out, keeping=[file])
    write_text(to_bundle(ironlaw.explain(recording), recording), out)
    say(f"Bundle: {out}", err=True)
    return 0
