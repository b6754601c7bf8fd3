"""The blog post's table as an explanation written by hand: what was measured once, by others."""

from __future__ import annotations

import math

from ironlaw.explanation import (
    ArmSummary,
    Comparison,
    Difference,
    Explanation,
    OnceTerm,
    ReadOnce,
)
from ironlaw.explanation.split import Term
from ironlaw.missing import Missing


def published_table() -> Explanation:
    """The blog post's first two rows: times of one whole run, IPC and size, no interval anywhere."""
    gap = Missing("a published table has no replicates")
    rows = (("fp32", 89.8063e9, 0.58, 14_260_500), ("int8", 54.4425e9, 0.68, 4_242_200))
    ln_ratio = math.log(89.8063 / 54.4425)
    cpi = math.log(0.68 / 0.58)
    saved_ns = (89.8063 - 54.4425) * 1e9
    once = ReadOnce(
        ln_ratio=ln_ratio,
        control_ns=89.8063e9,
        changed_ns=54.4425e9,
        terms={
            Term.INSTRUCTIONS: OnceTerm(ln=ln_ratio - cpi, ns=saved_ns * (1 - cpi / ln_ratio)),
            Term.CPI: OnceTerm(ln=cpi, ns=saved_ns * cpi / ln_ratio),
        },
        counterfactuals_ns={Term.CPI: 89.8063e9 * 0.58 / 0.68},
        assumptions=("equal clock frequency and utilisation",),
    )
    return Explanation(
        machine=Missing("a table does not say"),
        plan=Missing("a table has no plan"),
        arms=tuple(
            ArmSummary(arm=name, inferences=gap, wall_ns=gap, wall_ns_once=wall_ns, ipc=ipc, size_bytes=size_bytes)
            for name, wall_ns, ipc, size_bytes in rows
        ),
        comparisons=(
            Comparison(
                control="fp32",
                changed="int8",
                difference=Difference.UNPROVEN,
                ln_ratio=gap,
                rank=gap,
                replicates=(),
                split=gap,
                once=once,
            ),
        ),
        concerns=(),
    )
