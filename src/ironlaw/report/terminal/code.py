"""Executed code on a terminal: a comparison's account, and the pieces of code of one arm."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ironlaw.explanation import ArmSummary, Comparison
from ironlaw.explanation.account import Account, Category, Executed
from ironlaw.missing import Missing
from ironlaw.report.account import (
    account_sentences,
    code_kind,
    code_name,
    executed_sentence,
    function_name,
    named_rows,
    share_cell,
)
from ironlaw.report.arm_names import arm_headings
from ironlaw.report.console import headed_grid, print_grid, say
from ironlaw.report.quantity import TIME, number, quantity, scale_for

LISTED = 40  # pieces of code of an arm that are listed unless all are requested
_SAVED = "saved [95 %]"
_LEAST_ARM = 8
_BETWEEN = 4 + 4 * 2  # the indent, and the space behind each column
_FUNCTIONS = 10  # of Python, likewise


def show_account(account: Account, comparison: Comparison, console: Console, *, most: int | None) -> None:
    """The rows that differ most, or all of them without `most`, below a heading."""
    rows = named_rows(account)
    shown = rows[:most]
    scale = scale_for(TIME, [time.value for one in shown for time in (one.row.control_ns, one.row.changed_ns)])
    lines = [
        (
            one.name,
            number(one.row.control_ns.value, scale),
            number(one.row.changed_ns.value, scale),
            quantity(one.row.saved_ns, scale, null=0.0),
        )
        for one in shown
    ]
    widths = [max(map(len, column), default=0) for column in zip(*lines, strict=True)]
    widest = _arm_width(widths, console.width) if lines else _LEAST_ARM
    grid = headed_grid()
    grid.add_column("code", overflow="fold")
    for title in (*arm_headings((comparison.control, comparison.changed), widest), _SAVED):
        heading = Text(f"{title}\n{scale.unit}", justify="right", overflow="fold")
        grid.add_column(heading, justify="right", no_wrap=title == _SAVED, overflow="fold")
    for line in lines:
        grid.add_row(*map(Text, line))
    title = "By executed code:"
    if len(shown) < len(rows):
        title = f"By executed code ({len(shown)} of {len(rows)} kinds):"
    say(console, title, indent=2)
    print_grid(console, grid, indent=4)
    if most is None:
        for said in account_sentences(account):
            console.print(Padding(Text(said, style="dim"), (0, 0, 0, 4)))


def _arm_width(widths: list[int], width: int) -> int:
    """What the name of an arm may take beside the code's names and what is saved; no less than its times need."""
    name, control, changed, saved = widths
    return max(_LEAST_ARM, control, changed, (width - _BETWEEN - name - max(saved, len(_SAVED))) // 2)


def show_code(arm: ArmSummary, executed: Executed, console: Console, *, is_whole: bool) -> None:
    """The pieces of code of one arm with their shares of its time, the largest first."""
    shown = executed.code if is_whole else executed.code[:LISTED]
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    rows = [(share_cell(share), code_kind(code), code_name(code)) for code, share in shown]
    left = console.width
    for place, title in enumerate(("share", "category")):
        widest = max(len(title), *(len(row[place]) for row in rows))
        left -= widest + 2
        grid.add_column(title, justify="left" if place else "right", no_wrap=True, width=widest)
    # In a narrow terminal the names would push out the numbers.
    grid.add_column("object: symbol", no_wrap=not is_whole, overflow="fold" if is_whole else "ellipsis", width=left)
    for row in rows:
        grid.add_row(*map(Text, row))
    console.print(Text(executed_sentence(arm, executed), style="bold"))
    console.print(grid)
    if len(shown) < len(executed.code):
        rest = 1 - sum(share for _, share in shown)
        console.print(
            Text(f"{share_cell(rest)} is {len(executed.code) - len(shown)} more; --verbose lists them.", style="dim")
        )
    _show_functions(executed, console, most=None if is_whole else _FUNCTIONS)


def _show_functions(executed: Executed, console: Console, *, most: int | None) -> None:
    """The Python functions that the interpreter spent its time on, or why they are not known."""
    share = executed.categories.get(Category.INTERPRETER, 0.0)
    if not share:
        return
    functions = executed.functions
    console.print()
    if isinstance(functions, Missing):
        console.print(Text(f"By Python function: {functions.reason}.", style="dim"))
        return
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    grid.add_column("share", justify="right", no_wrap=True)
    grid.add_column("function", overflow="fold")
    for one in functions[:most]:
        grid.add_row(share_cell(one.share), Text(function_name(one)))
    console.print(Text(f"The interpreter's {share_cell(share)} by Python function:"))
    console.print(grid)
    rest = sum(one.share for one in functions[len(functions[:most]) :])
    if rest:
        left = len(functions) - len(functions[:most])
        console.print(Text(f"{share_cell(rest)} is {left} more; --verbose lists them.", style="dim"))
