"""The doctor's findings on a terminal: what was found, what it costs, what fixes it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ironlaw.doctor.finding import Finding, Health
from ironlaw.machine import Machine

# Distinguished by shape as well, for readers without colour.
_SIGNS = {Health.GOOD: ("✓", "green"), Health.COSTS: ("!", "yellow"), Health.UNKNOWN: ("?", "cyan")}


def show_findings(machine: Machine, findings: Sequence[Finding], console: Console) -> None:
    """Print the findings, those that cost something first with their fix, and one line that counts them."""
    cpus = len(machine.cpus_allowed)
    console.print(Text(f"{machine.cpu}, {cpus} {'CPU' if cpus == 1 else 'CPUs'} allowed", style="bold"))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in sorted(findings, key=lambda finding: list(_ORDER).index(finding.state)):
        sign, style = _SIGNS[finding.state]
        table.add_row(Text(sign, style=style), Text(finding.topic, style="bold"), _body(finding))
    console.print(Padding(table, (1, 0)))
    counts = {state: sum(finding.state is state for finding in findings) for state in Health}
    console.print(
        f"{counts[Health.GOOD]} good, {counts[Health.COSTS]} cost something, {counts[Health.UNKNOWN]} unknown here",
        highlight=False,
    )


_ORDER = (Health.COSTS, Health.UNKNOWN, Health.GOOD)


def _body(finding: Finding) -> Text:
    body = Text(finding.text)
    if finding.cost:
        body.append(f"\n{finding.cost}", style="dim")
    if finding.fix:
        body.append("\nfix: ", style="dim")
        body.append(finding.fix, style="italic")
    return body
