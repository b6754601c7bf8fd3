"""ironlaw explain: explain a recording, a published table or files of other tools."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import click

from ironlaw.commands.attaching import explain_files, shown_names, unreadable
from ironlaw.commands.showing import Display, check_writable, echo, say_json, show_explanation, write_text
from ironlaw.errors import BadInput, offer_closest
from ironlaw.explanation import Explanation
from ironlaw.missing import Missing

_MOST_BYTES = 2**24  # of a table or an output of perf stat: a hundred thousand rows
_PEEK = 4096  # characters that identify what a file is
# What a file can be named as, and the option that it is parsed into.
_FLAGS = {"--table": "is_table", "--perf-stat": "is_perf_stat", "--llama-bench": "is_llama_bench"}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--table", "is_table", is_flag=True, help="FILE is a published table: arm,time_s,ipc[,...] as CSV.")
@click.option("--perf-stat", "is_perf_stat", is_flag=True, help="FILEs are saved outputs of perf stat, one per arm.")
@click.option("--llama-bench", "is_llama_bench", is_flag=True, help="FILEs are results of llama-bench.")
@click.option("--control", metavar="ARM", help="The arm to compare with; default: the plan's first.")
@click.option("--changed", metavar="ARM", help="Explain only this arm.")
@click.option("--correlate", is_flag=True, help="Correlate every counter with time: association, not cause.")
@click.option("--code-of", metavar="ARM", help="List the code that ARM executed, by share of its time.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the list of --code-of as CSV.")
@click.option("--report", type=click.Path(path_type=Path), metavar="FILE.html|.md", help="Write a report as well.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option("--quiet", is_flag=True, help="Print only the table and one sentence per comparison.")
@click.option("--verbose", is_flag=True, help="Print everything that is known.")
def explain(files: tuple[Path, ...], **options: object) -> int:
    """Explain FILE: a recording of ironlaw run, a published table, or files of other tools.

    What a file is, its content says. Two or more files are compared with the first: profiles of ONNX Runtime and
    torch.profiler, oneDNN's verbose log, counters of OpenVINO, perf stat, perf report and perf script, and the results
    of llama-bench, pyperf, pytest-benchmark, hyperfine and Google Benchmark.

    \b
    ironlaw explain run.jsonl
    ironlaw explain fp32-profile.json int8-profile.json
    """
    flag = _flag_of(options)
    display = Display(
        as_json=bool(options["as_json"]),
        quiet=bool(options["quiet"]),
        verbose=bool(options["verbose"]),
        correlate=bool(options["correlate"]),
    )
    code_of, report = options["code_of"], options["report"]
    if isinstance(report, Path):
        check_writable(report, keeping=files)
    if options["as_csv"] and code_of is None:
        raise BadInput("--csv prints the list of --code-of", hint="ironlaw layers FILE --csv prints the ledger")
    if flag == "--table":
        explanation = _explain_table(files)
    elif flag == "--perf-stat":
        explanation = _explain_perf_stat(files)
    elif flag:
        explanation = _explain_results(files, flag)
    else:
        control, changed = options["control"], options["changed"]
        choice = Choice(
            control=None if control is None else str(control),
            changed=None if changed is None else str(changed),
            needs_recording=display.correlate,
        )
        explanation = _explain_by_content(files, choice)
    if isinstance(report, Path):
        _write_report(explanation, report)
    if code_of is None:
        show_explanation(explanation, display=display)
    else:
        show_code_of(explanation, str(code_of), display=display, as_csv=bool(options["as_csv"]))
    return 0


def _flag_of(options: Mapping[str, object]) -> str:
    """What the files were named as; empty where their content says.

    Raises:
        BadInput: two things, or options that apply to a recording alone were given as well.
    """
    named = [flag for flag, option in _FLAGS.items() if options[option]]
    if len(named) > 1:
        raise BadInput(f"{' and '.join(named[:2])} exclude each other", hint="name one of them")
    if not named:
        return ""
    if options["control"] or options["changed"]:
        raise BadInput("--control and --changed choose arms of a recording", hint="order the rows or files instead")
    if options["correlate"]:
        raise BadInput("--correlate needs rounds and replicates, which only a recording has", hint="leave it out")
    if options["code_of"] is not None:
        raise BadInput("--code-of needs samples, which only a recording has", hint="leave it out")
    return named[0]


def show_code_of(explanation: Explanation, name: str, *, display: Display, as_csv: bool) -> None:
    """Print the code that an arm executed.

    Raises:
        BadInput: there is no such arm, or its code was not sampled.
    """
    from rich.console import Console

    from ironlaw.report.account import code_document
    from ironlaw.report.delimited import code_csv
    from ironlaw.report.json_values import SCHEMA
    from ironlaw.report.terminal.code import show_code

    arm = next((one for one in explanation.arms if one.arm == name), None)
    if arm is None:
        raise BadInput(
            f"no arm of this recording is called {name!r}",
            hint=offer_closest(name, [one.arm for one in explanation.arms]),
        )
    if isinstance(arm.executed, Missing):
        raise BadInput(f"what {name} executed is not known: {arm.executed.reason}", hint="record again: ironlaw run")
    if as_csv:
        click.echo(code_csv(arm), nl=False)
    elif display.as_json:
        say_json({"schema": SCHEMA, **code_document(arm)})
    else:
        show_code(arm, arm.executed, Console(), is_whole=display.verbose)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The options that apply to recordings only: a control, one arm, its rounds or its samples."""

    control: str | None
    changed: str | None
    needs_recording: bool

    def refuse(self, what: str) -> None:
        """Check that no option for recordings was given, for a file that is none.

        Raises:
            BadInput: one was given.
        """
        if self.needs_recording or self.control is not None or self.changed is not None:
            raise BadInput(
                f"--control, --changed and --correlate are about recordings, and this is {what}",
                hint="leave them out; of files, the first is what the others are compared with",
            )


def _explain_by_content(files: tuple[Path, ...], choice: Choice) -> Explanation:
    """Explain one recording, one table, or files of other tools. Each file is opened once, since a pipe can be read
    only once.
    """
    if not files:
        raise BadInput(_counted(0), hint="ironlaw explain FILE, a recording of ironlaw run, or two files to compare")
    with ExitStack() as opened:
        streams = []
        for file in files:
            stream, content = _opened(file, opened)
            streams.append(stream)
            if content is Content.RECORDING and len(files) > 1:
                raise BadInput(_counted(len(files)), hint=f"ironlaw explain {file}, one recording at a time")
            if content is Content.RECORDING:
                return _explain_recording(stream, file, choice)
            if content is Content.TABLE and len(files) == 1:
                choice.refuse("a table")
                return _table_of(stream.read(_MOST_BYTES + 1), file)
        choice.refuse("a file of another tool")
        return explain_files(files, streams)


def _opened(file: Path, opened: ExitStack) -> tuple[io.BufferedReader, Content]:
    """A file, and what it holds by its first lines."""
    try:
        stream = opened.enter_context(file.open("rb"))
        head = stream.peek(_PEEK)[:_PEEK]
    except (OSError, ValueError) as error:
        raise unreadable(file, error) from None
    return stream, content_of(head.decode("utf-8", "replace"))


def _explain_recording(stream: io.BufferedReader, file: Path, choice: Choice) -> Explanation:
    import ironlaw
    from ironlaw.recording import read

    try:
        recording = read(stream, named=str(file))
    except (OSError, ValueError) as error:
        raise unreadable(file, error) from None
    return ironlaw.explain(recording, control=choice.control, changed=choice.changed)


def _table_of(content: bytes, file: Path) -> Explanation:
    from ironlaw.analysis.imported.published import explain_table

    return explain_table(_decoded(content, file), named=str(file))


def _write_report(explanation: Explanation, path: Path) -> None:
    if path.suffix.lower() == ".md":
        from ironlaw.report.markdown import to_markdown

        write_text(to_markdown(explanation), path)
    else:
        from ironlaw.report.html import render

        write_text(render(explanation, None), path)
    echo(f"Report: {path}", err=True)


def _explain_table(files: tuple[Path, ...]) -> Explanation:
    from ironlaw.analysis.imported.published import explain_table

    if len(files) != 1:
        raise BadInput(_counted(len(files)), hint="ironlaw explain --table FILE.csv")
    text = _text(files[0])
    _require(Content.TABLE, files[0], text)
    return explain_table(text, named=str(files[0]))


def _explain_perf_stat(files: tuple[Path, ...]) -> Explanation:
    from ironlaw.analysis.imported.perf_stat import explain_perf_stat

    if len(files) < 2:
        raise BadInput(f"{_counted(len(files))}; two or more can be compared", hint="--perf-stat A.txt B.txt")
    texts = [_text(file) for file in files]
    for file, text in zip(files, texts, strict=True):
        _require(Content.PERF_STAT, file, text)
    return explain_perf_stat(list(zip(shown_names(files), texts, strict=True)))


def _explain_results(files: tuple[Path, ...], flag: str) -> Explanation:
    """Explain files of the one tool that a flag names."""
    if not files:
        raise BadInput(_counted(0), hint=f"{flag} A.json B.json")
    with ExitStack() as opened:
        streams = []
        for file in files:
            stream, content = _opened(file, opened)
            if content in (Content.RECORDING, Content.TABLE):
                raise BadInput(
                    f"{file} is {_NAMES[content]}, which {flag} does not take", hint=content.value.format(file=file)
                )
            streams.append(stream)
        return explain_files(files, streams, only=flag.removeprefix("--"))


def _counted(files: int) -> str:
    return "no file is named" if not files else "one file is named" if files == 1 else f"{files} files are named"


class Content(Enum):
    """The kind of content of a file, by its first lines; the value is how to explain it."""

    RECORDING = "ironlaw explain {file}"
    TABLE = "ironlaw explain --table {file}"
    PERF_STAT = "ironlaw explain --perf-stat {file} OTHER"
    BINARY = "name a recording, a CSV table or an output of perf stat"
    UNKNOWN = ""


_NAMES = {
    Content.RECORDING: "a recording",
    Content.TABLE: "a table",
    Content.PERF_STAT: "an output of perf stat",
    Content.BINARY: "no text",
}


def content_of(text: str) -> Content:
    """Recognise a text; UNKNOWN if its reader can give a better message."""
    head = text[:_PEEK].lstrip("\ufeff\n\r ")
    if "\0" in head or head.count("\N{REPLACEMENT CHARACTER}") > len(head) // 10:
        return Content.BINARY
    if head.startswith('{"header":'):
        return Content.RECORDING
    if "Performance counter stats for" in head or head.startswith("# started on "):
        return Content.PERF_STAT
    names = {name.strip().lower() for name in head.partition("\n")[0].replace(";", ",").replace("\t", ",").split(",")}
    return Content.TABLE if "arm" in names and len(names) > 1 else Content.UNKNOWN


def _require(wanted: Content, file: Path, text: str) -> None:
    """Check that the file is what it was named as.

    Raises:
        BadInput: it is something else; the hint is how to explain it.
    """
    found = content_of(text)
    if found not in (wanted, Content.UNKNOWN):
        raise BadInput(f"{file} is {_NAMES[found]}, not {_NAMES[wanted]}", hint=found.value.format(file=file))


def _text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise unreadable(file, error) from None
    return _decoded(content, file)


def _decoded(content: bytes, file: Path) -> str:
    if len(content) > _MOST_BYTES:
        raise BadInput(f"{file} is larger than any table or output of perf stat", hint="name a smaller file")
    return content.decode("utf-8", "replace")
