"""The ledger in a terminal: what is not known of its layers, and what only seems so."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from ironlaw.explanation.split import REPLACED, LedgerRow, Term
from ironlaw.missing import Missing
from ironlaw.report.layers.table import show_ledger
from tests.report import explanations


def shown(total: LedgerRow) -> str:
    whole = explanations.with_pmu()
    (comparison,) = (one for one in whole.comparisons if one.changed == "int8+fused")
    out = io.StringIO()
    show_ledger(whole, comparison, (), total, Console(file=out, width=200))
    return out.getvalue()


def test_a_term_that_others_stand_for_is_not_reported_as_lost() -> None:
    row = explanations.ledger(1).rows[0]
    lost = Missing("kernel instructions were refused")
    text = shown(replace(row, terms={Term.CPI: 1.0, Term.CPU_TIME: REPLACED, Term.KERNEL: lost}))
    assert text.count("Not known layer by layer") == 1
    assert "(kernel instructions were refused)" in text
    assert REPLACED.reason not in text
