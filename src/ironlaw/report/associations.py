"""How counters go with time, as a table; the text says what that is worth."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ironlaw.explanation import Association, Explanation
from ironlaw.missing import Missing
from ironlaw.report.quantity import number
from ironlaw.report.words import plain

# What would test whether a counter that goes with time also causes it: the experiment's slug.
_TESTED_BY = {
    "page-faults": "page-faults",
    "cache-misses": "cache-fit,weight-traffic",
    "cache-references": "weight-traffic",
    "instructions": "simd-density,dispatch-overhead",
}


def show_associations(explanation: Explanation, console: Console) -> None:
    """Every counter against time over rounds, replicates and arms."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title, justify in (("counter", "left"), ("over", "left"), ("n", "right"), ("covariance", "right")):
        grid.add_column(title, justify="right" if justify == "right" else "left")
    grid.add_column("correlation [95 %]", justify="right")
    for item in explanation.associations:
        over = f"{item.over} of {item.arm}" if item.arm else item.over
        grid.add_row(
            Text(plain(item.counter)), Text(plain(over)), str(item.n), number(item.covariance), _correlation(item)
        )
    if not grid.row_count:
        console.print("No counter was read often enough to be set against time.")
        return
    console.print(grid)
    console.print()
    for sentence in caveats(explanation):
        console.print(Text(sentence))


def caveats(explanation: Explanation) -> list[str]:
    """What a correlation does not say, and which experiments would."""
    counters = {item.counter.partition(":")[0] for item in explanation.associations}
    slugs = sorted({_TESTED_BY[counter] for counter in counters if counter in _TESTED_BY})
    said = [
        "This is association, not cause: what moves time can move a counter along with it, and both can follow a third."
    ]
    if slugs:
        said.append(f"An experiment tests it: ironlaw run --experiments {','.join(slugs)}")
    return said


def _correlation(item: Association) -> str:
    if isinstance(item.correlation, Missing):
        return plain(item.correlation.reason)
    found = item.correlation
    return f"{found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"
