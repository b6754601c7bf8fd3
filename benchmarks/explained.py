"""How much of a difference recordings explain by experiment: `python -m benchmarks.explained RECORDING ...`.

One row of Markdown for each: what the confirmed causes explain of the first comparison's ln-ratio, with these causes,
and what of the account differs most, in milliseconds.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import ironlaw
from ironlaw.causes import cause_of
from ironlaw.explanation import Comparison, Explanation, Outcome
from ironlaw.missing import Missing
from ironlaw.report.account import named_rows
from ironlaw.report.columns import asked_comparisons
from ironlaw.report.quantity import MILLISECONDS, quantity, ratio

LOCATED = 3


def row(explanation: Explanation) -> str:
    """The widest difference of a recording that was requested."""
    comparison = asked_comparisons(explanation)[0]
    ln = comparison.ln_ratio
    speed = "no interval" if isinstance(ln, Missing) else str(ratio(ln.through(math.exp)))
    cells = (f"`{comparison.control}`", f"`{comparison.changed}`", speed, _explained(comparison), _located(comparison))
    return f"| {' | '.join(cells)} |"


def _explained(comparison: Comparison) -> str:
    confirmed = [one for one in comparison.foremost().values() if one.outcome is Outcome.CONFIRMED]
    if not confirmed:
        return "nothing confirmed"
    return f"{_share(comparison)}: {', '.join(_part(one) for one in confirmed)}"


def _share(comparison: Comparison) -> str:
    """What is explained of the ln-ratio; where parts oppose each other and have no shares, what is left in time."""
    left, left_ns = comparison.unexplained_share, comparison.unexplained_interval_ns
    if not isinstance(left, Missing):
        return f"{1 - left.value:.0%} [{1 - left.high:.0%}, {1 - left.low:.0%}]"
    if isinstance(left_ns, Missing):
        return "share unknown"
    return f"all but {quantity(left_ns, MILLISECONDS)}, parts oppose each other"


def _part(verdict: ironlaw.explanation.CauseVerdict) -> str:
    share = "" if isinstance(verdict.share, Missing) else f" {verdict.share.value:.0%}"
    return f"{cause_of(verdict.cause).title}{share}"


def _located(comparison: Comparison) -> str:
    if isinstance(comparison.account, Missing):
        return comparison.account.reason
    rows = sorted(named_rows(comparison.account), key=lambda one: -abs(one.row.saved_ns.value))[:LOCATED]
    return ", ".join(f"{one.name} {one.row.saved_ns.value / 1e6:+.2g} ms" for one in rows)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(row(ironlaw.explain(ironlaw.load(Path(name)))))
