"""ironlaw report: a recording as one self-contained HTML file, as Markdown, as CSV, or bundled for a maintainer."""

from __future__ import annotations

from pathlib import Path

import click

from ironlaw.commands.attaching import load_recording
from ironlaw.commands.showing import check_writable, echo, write_report, write_text


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, metavar="FILE.html|.md|.csv")
@click.option("--control", metavar="ARM", help="The arm to compare with; default: the plan's first.")
def report(file: Path, out: Path, control: str | None) -> int:
    """Write a report of the recording FILE to OUT: HTML, Markdown or CSV, by the extension of OUT."""
    import ironlaw

    check_writable(out, keeping=[file])
    recording = load_recording(file)
    explanation = ironlaw.explain(recording, control=control)
    match out.suffix.lower():
        case ".md":
            from ironlaw.report.markdown import to_markdown

            write_text(to_markdown(explanation, recording), out)
        case ".csv":
            from ironlaw.report.delimited import arms_csv

            write_text(arms_csv(explanation), out)
        case _:
            write_report(explanation, recording, out)
    echo(f"Report: {out}", err=True)
    return 0
