"""ironlaw layers: which layers got faster or slower, in milliseconds that add up."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ironlaw.circumstance import ShortBudget, Supplement
from ironlaw.commands.answers import ANSWERS_BUDGET_S, show_answers
from ironlaw.commands.attaching import load_recording
from ironlaw.commands.consent import require_consent, run_its_code
from ironlaw.commands.showing import check_writable, echo, keeping_measured, say_json
from ironlaw.errors import BadInput
from ironlaw.explanation import NOT_RECORDED, Comparison, Explanation
from ironlaw.missing import Maybe, Missing

if TYPE_CHECKING:
    from ironlaw.explanation.split import Ledger, LedgerRow
    from ironlaw.recording import Recording

TOP = 20
FLIP_BUDGET_S = 180.0
FLIP_DEPTH = 2
SHORTEST_BUDGET_S = 60.0  # in which small models have their layers read
_BUDGETS = f"Seconds for --flip ({FLIP_BUDGET_S:.0f}) or --answers ({ANSWERS_BUDGET_S:.0f})."


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("others", nargs=-1, type=click.Path(path_type=Path), metavar="")
@click.option("--control", metavar="ARM", help="The arm to compare with; default: the plan's first.")
@click.option("--changed", metavar="ARM", help="The arm to explain; default: the one that differs most.")
@click.option("--order", type=click.Choice(["contribution", "execution"]), default="contribution", show_default=True)
@click.option("--by", type=click.Choice(["layer", "kind", "block"]), default=None, help="What one row shows.")
@click.option(
    "--depth", type=click.IntRange(min=1), metavar="N", help="Group by block: the first N parts of the module path."
)
@click.option("--top", type=click.IntRange(min=1), default=TOP, show_default=True, help="Number of rows.")
@click.option("--all", "is_all", is_flag=True, help="Show every row.")
@click.option("--work", is_flag=True, help="Also show work, speed, ceilings and kernels.")
@click.option("--code", is_flag=True, help="Group by executed code, then show which code each layer ran.")
@click.option("--csv", "as_csv", is_flag=True, help="Print every row and column as CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option(
    "--trace", type=click.Path(path_type=Path), metavar="FILE", help="Write a trace of both arms for ui.perfetto.dev."
)
@click.option("--answers", is_flag=True, help="Show what each layer in int8 does to the answers.")
@click.option("--markdown", "as_markdown", is_flag=True, help="With --answers, print the table as Markdown.")
@click.option("--flip", is_flag=True, help="Measure each block alone in int8, and alone in float.")
@click.option("--blocks", type=click.IntRange(min=1), default=6, show_default=True, help="Number of blocks for --flip.")
@click.option(
    "--budget",
    type=float,
    metavar="S",
    help=_BUDGETS,
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the recording of --flip or --answers to FILE."
)
@run_its_code
def layers(file: Path, others: tuple[Path, ...], control: str | None, changed: str | None, **options: object) -> int:
    """Show which layers of the recording FILE got faster or slower, in milliseconds that add up to the difference."""
    import ironlaw

    trace = options["trace"]
    if isinstance(trace, Path):
        check_writable(trace, keeping=[file])
    if others:
        raise BadInput(
            f"ironlaw layers shows one recording, and {1 + len(others)} files are named",
            hint="files of other tools: ironlaw explain A B --verbose lists all their layers",
        )
    recording = load_recording(file)
    if options["flip"]:
        return flip(recording, control, changed, {**options, "file": file})
    if options["answers"]:
        return show_answers(recording, file, changed, options)
    explanation = ironlaw.explain(recording, control=control, changed=changed)
    if options["code"]:
        show_by_code(explanation, options)
        return 0
    comparison = chosen(explanation, recording, file)
    if isinstance(trace, Path):
        write_trace(comparison, trace)
    if options["as_csv"]:
        from ironlaw.report.delimited import ledger_csv

        click.echo(ledger_csv(_only(explanation, comparison)), nl=False)
    elif options["as_json"]:
        from ironlaw.report.document import ledger_document

        say_json(ledger_document(comparison))
    else:
        _show(explanation, comparison, options)
    return 0


def chosen(explanation: Explanation, recording: Recording, file: Path) -> Comparison:
    """The comparison to show: of those with a ledger the one with the largest difference.

    Raises:
        BadInput: there is none; the reason, and the command that records one.
    """
    try:
        return _widest_with(explanation, lambda one: one.ledger, what="ledger", hint="")
    except BadInput:
        why, hint = _without_ledger(explanation, recording, file)
        raise BadInput(f"{file} has no layers to compare: {why}", hint=hint) from None


def _without_ledger(explanation: Explanation, recording: Recording, file: Path) -> tuple[str, str]:
    """Why no comparison has a ledger, and what to run."""
    from ironlaw.report.bundle import arms_command

    plan = recording.plan
    again = shlex.join(arms_command(plan))
    if not explanation.comparisons:
        return "it has nothing but its control", "name two arms: ironlaw run MODEL --arms fp32,int8"
    first = explanation.comparisons[0]
    if not plan.layers:
        return "the run left them out, as --no-layers does", f"to read them: {again}"
    cut = [one for one in recording.circumstances if isinstance(one, ShortBudget) and Supplement.LAYERS in one.left_out]
    if cut:
        return (
            f"the budget of {cut[0].budget_s:g} s left no time to read them",
            f"a longer one: {again} --budget {max(SHORTEST_BUDGET_S, 2 * cut[0].budget_s):g}",
        )
    if first.ledger == NOT_RECORDED and isinstance(first.ln_ratio, Missing):  # an arm failed
        return first.ln_ratio.reason, f"ironlaw explain {file} shows what was recorded"
    if any(isinstance(graph.calls, Missing) for graph in recording.layer_graphs):  # no time would help
        return _reason(first.ledger), f"change that, then: {again}"
    return _reason(first.ledger), f"a longer run may read them: {again} --budget {SHORTEST_BUDGET_S:g}"


def _reason(part: Maybe[object]) -> str:
    return part.reason if isinstance(part, Missing) else ""


def _widest_with(
    explanation: Explanation, part: Callable[[Comparison], Maybe[object]], *, what: str, hint: str
) -> Comparison:
    """Of the comparisons that have a part, the one that differs most.

    Raises:
        BadInput: there is none; the reason.
    """
    parts = [(one, part(one)) for one in explanation.comparisons]
    found = [one for one, held in parts if not isinstance(held, Missing)]
    if not found:
        reason = next((held.reason for _, held in parts if isinstance(held, Missing)), "nothing is compared")
        raise BadInput(f"there is no {what}: {reason}", hint=hint)
    return max(found, key=_size)


def show_by_code(explanation: Explanation, options: dict[str, object]) -> None:
    """Print the account of the comparison that differs most.

    Raises:
        BadInput: there is none; the reason.
    """
    from rich.console import Console

    from ironlaw.report.account import account_comparison_document
    from ironlaw.report.delimited import account_csv
    from ironlaw.report.json_values import SCHEMA
    from ironlaw.report.layers.code import layer_code_records, show_layer_code
    from ironlaw.report.paragraph import headline
    from ironlaw.report.terminal.code import show_account

    hint = "record with ironlaw run, where this process may be sampled"
    comparison = _widest_with(explanation, lambda one: one.account, what="account of code", hint=hint)
    assert not isinstance(comparison.account, Missing), "only a comparison with an account is chosen"
    rows = () if isinstance(comparison.ledger, Missing) else _chosen_rows(comparison.ledger, options)
    if options["as_csv"]:
        click.echo(account_csv(_only(explanation, comparison)), nl=False)
    elif options["as_json"]:
        say_json({"schema": SCHEMA, **account_comparison_document(comparison), "layers": layer_code_records(rows)})
    else:
        console = Console()
        console.print(headline(comparison, explanation), markup=False, highlight=False)
        show_account(comparison.account, comparison, console, most=None)
        if rows:
            show_layer_code(comparison, rows, console)


def flip(recording: Recording, control: str | None, changed: str | None, options: dict[str, object]) -> int:
    """Measure the flips of a recording's int8 arm, or show those of a recording of flips."""
    from rich.console import Console

    import ironlaw
    from ironlaw.analysis.layers.flips import blocks_to_flip, flip_plan, flips, is_of_flips
    from ironlaw.commands.run import exit_code
    from ironlaw.plan import Schedule
    from ironlaw.report.layers.document import flips_document
    from ironlaw.report.layers.flips import show_flips
    from ironlaw.report.progress import ProgressBar
    from ironlaw.running import default_out

    after: AbstractContextManager[None] = nullcontext()
    if not is_of_flips(recording.plan):
        file = options["file"]
        assert isinstance(file, Path)
        comparison = chosen(ironlaw.explain(recording, control=control, changed=changed), recording, file)
        assert not isinstance(comparison.ledger, Missing), "only a comparison with a ledger is chosen"
        depth, most, budget_s = options["depth"] or FLIP_DEPTH, options["blocks"], options["budget"] or FLIP_BUDGET_S
        assert isinstance(depth, int)
        assert isinstance(most, int)
        assert isinstance(budget_s, float)
        blocks = blocks_to_flip(comparison.ledger, depth=depth, most=most)
        plan = flip_plan(recording.plan, comparison.changed, blocks, Schedule(budget_s=budget_s))
        require_consent(plan, file, given=bool(options["run_its_code"]))
        out = options["out"] if isinstance(options["out"], Path) else default_out(f"{plan.model}-flips")
        with ProgressBar(Console(stderr=True), quiet=False) as bar:
            recording = ironlaw.record(plan, out, watcher=bar)
        echo(f"Recording: {out}", err=True)
        after = keeping_measured(out)
    with after:
        found = flips(recording)
        if options["as_json"]:
            say_json(flips_document(found))
        else:
            show_flips(found, Console())
    return int(exit_code(recording))


def _size(comparison: Comparison) -> float:
    if not isinstance(comparison.ln_ratio, Missing):
        return abs(comparison.ln_ratio.value)
    return 0.0 if isinstance(comparison.once, Missing) else abs(comparison.once.ln_ratio)


def _only(explanation: Explanation, comparison: Comparison) -> Explanation:
    from dataclasses import replace

    return replace(explanation, comparisons=(comparison,))


def write_trace(comparison: Comparison, path: Path) -> None:
    """Write the comparison's trace.

    Raises:
        BadInput: the file cannot be written.
    """
    from ironlaw.analysis.layers.views import timeline
    from ironlaw.report.layers.trace import to_trace

    assert not isinstance(comparison.ledger, Missing), "only a comparison with a ledger is chosen"
    spans = [timeline(comparison.ledger, is_changed=is_changed) for is_changed in (False, True)]
    try:
        path.write_text(json.dumps(to_trace(comparison, *spans), allow_nan=False), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}", hint="name another file") from None
    echo(f"Trace: {path} (open it in ui.perfetto.dev)", err=True)


def _chosen_rows(ledger: Ledger, options: dict[str, object]) -> tuple[LedgerRow, ...]:
    """The rows of a ledger, grouped, ordered and cut as requested."""
    from ironlaw.analysis.layers.views import By, Order, cut, viewed

    depth, by, top = options["depth"], options["by"], options["top"]
    rows = viewed(
        ledger,
        by=By(by) if by else By.BLOCK if depth else By.LAYER,
        depth=depth if isinstance(depth, int) else 1,
        order=Order(options["order"]),
    )
    return rows if options["is_all"] or not isinstance(top, int) else cut(rows, top)


def _show(explanation: Explanation, comparison: Comparison, options: dict[str, object]) -> None:
    from rich.console import Console

    from ironlaw.analysis.layers.views import total
    from ironlaw.report.layers.table import show_ledger, show_work

    assert not isinstance(comparison.ledger, Missing), "only a comparison with a ledger is chosen"
    rows = _chosen_rows(comparison.ledger, options)
    console = Console()
    show_ledger(explanation, comparison, rows, total(comparison.ledger), console)
    if options["work"]:
        show_work(comparison, rows, console)
    others = [one.changed for one in explanation.comparisons if one.changed != comparison.changed]
    if others:
        console.print(f"Other arms: --changed {', '.join(others)}", style="dim", markup=False, highlight=False)
