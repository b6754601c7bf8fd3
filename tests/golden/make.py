"""Makes the golden recordings from stated laws, and what explaining them must print.

`python -m tests.golden.make recordings` rewrites the recordings, `python -m tests.golden.make explanations` what they
must give. Either is a change of what users see: say in the commit which number moved and why it should.
"""

from __future__ import annotations

import base64
import json
import math
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ironlaw.analysis.assemble import explain
from ironlaw.explanation import (
    Comparison,
    Difference,
    Explanation,
)
from ironlaw.explanation.split import Term
from ironlaw.fact import ArmPrepared, Fact, Outputs
from ironlaw.lines import encode
from ironlaw.machine import Machine
from ironlaw.missing import Missing
from ironlaw.program import PreparedModel
from ironlaw.recording import Recording, load
from ironlaw.report.columns import arms_table, cell_text
from ironlaw.report.quantity import TIME, Footnotes, quantity, ratio
from ironlaw.report.splitting import split_rows
from tests.analysis.stated import SPLIT_GROUP, Law, Noise, recording

FOLDER = Path(__file__).parent
NAMES = ("with-pmu", "without-pmu", "cut-short")
PRINTED_DIGITS = 9
TOP_DOWN = (
    "instructions",
    "cycles",
    "slots",
    "topdown-retiring",
    "topdown-bad-spec",
    "topdown-fe-bound",
    "topdown-be-bound",
)
GROUPS = (SPLIT_GROUP, TOP_DOWN, ("instructions", "cycles", "cache-references", "cache-misses"))
NOISE = Noise(shared=0.03, own=0.01, rounds=0.004, drift=0.05)


def slots(cycles: float, retiring: float, backend: float) -> dict[str, float]:
    """Top-down counts of a core with six slots; a twentieth is lost to bad speculation, the frontend has the rest."""
    whole = 6 * cycles
    return {
        "slots": whole,
        "topdown-retiring": whole * retiring,
        "topdown-bad-spec": whole * 0.05,
        "topdown-fe-bound": whole * (0.95 - retiring - backend),
        "topdown-be-bound": whole * backend,
    }


LAWS = {
    "fp32": Law(
        instructions=42e6,
        cpi=0.8,
        kernel_instructions=9e6,
        kernel_cpi=1.6,
        page_faults=3500,
        references=9e5,
        misses=2e5,
        extra=slots(48e6, 0.2, 0.55),
    ),
    "fp32+fused": Law(
        instructions=36e6,
        cpi=0.75,
        kernel_instructions=6e6,
        kernel_cpi=1.6,
        page_faults=2100,
        references=7e5,
        misses=1.2e5,
        extra=slots(36.6e6, 0.22, 0.5),
    ),
    "int8": Law(
        instructions=18e6,
        cpi=0.9,
        kernel_instructions=4e5,
        kernel_cpi=1.5,
        references=2e5,
        misses=5e4,
        ghz=2.9,
        utilisation=0.98,
        extra=slots(16.8e6, 0.18, 0.6),
    ),
}


def answers(arm: str, noise: float) -> Outputs:
    """Two rows of five classes, the noise alternating in sign."""
    exact = np.array([[0.5, 4.0, 1.0, -2.0, 0.0], [3.0, 0.25, -1.0, 2.75, 1.0]])
    array = (exact + noise * np.where(np.arange(10).reshape(2, 5) % 2, 1, -1)).astype("<f4")
    data = base64.b64encode(zlib.compress(array.tobytes())).decode()
    return Outputs(arm=arm, shape=array.shape, data=data, input_digest="two rows")


def facts(fact: Recording) -> list[Fact]:
    """A recording's facts in the order of a file."""
    assert not isinstance(fact.counters, Missing)
    assert not isinstance(fact.ended, Missing)
    machine = Machine(architecture="x86_64", cpu="stated by law", vendor="GenuineIntel", family=6)
    prepared = [
        ArmPrepared(
            arm=name,
            prepared=PreparedModel(
                path=f"{name}.pt", size_bytes=size, phases_ns={"convert": 5_000_000}, weights="stated"
            ),
        )
        for name, size in (("fp32", 14_260_500), ("fp32+fused", 14_100_000), ("int8", 3_943_600))
    ]
    outputs = [answers("fp32", 0.0), answers("fp32+fused", 0.0), answers("int8", 0.2)]
    return [
        fact.header,
        machine,
        fact.plan,
        fact.counters,
        *prepared,
        *fact.started,
        *fact.readings,
        *outputs,
        fact.ended,
    ]


def made() -> dict[str, bytes]:
    """The three files."""
    with_pmu = recording(LAWS, NOISE, replicates=7, rounds=6, groups=GROUPS, seed=2027, precision=0.01)
    without = recording(LAWS, NOISE, replicates=7, rounds=6, groups=(), seed=2026)
    stolen = tuple(replace(one, steal_ns=one.wall_ns // 40) for one in without.readings)
    files = {
        "with-pmu": b"".join(encode(fact) + b"\n" for fact in facts(with_pmu)),
        "without-pmu": b"".join(encode(fact) + b"\n" for fact in facts(replace(without, readings=stolen))),
    }
    files["cut-short"] = files["with-pmu"][: len(files["with-pmu"]) * 7 // 10]
    return files


def printed(explanation: Explanation) -> str:
    """What the statistics, the split and the doubts say, to the last printed digit; causes have tests of their own."""
    parts = {
        "arms": explanation.arms,
        "comparisons": [_statistics(comparison) for comparison in explanation.comparisons],
        "control_check": explanation.control_check
        if isinstance(explanation.control_check, Missing)
        else _statistics(explanation.control_check),
        "concerns": explanation.concerns,
        "was_cut": explanation.was_cut,
    }
    return json.dumps(_rounded(msgspec.to_builtins(parts)), indent=1, ensure_ascii=False) + "\n"


def as_printed(explanation: Explanation) -> str:
    """Every number of the terminal's table, comparisons and splits, digit by digit as it is printed."""
    table, footnotes = arms_table(explanation, n=5000), Footnotes()
    cells = {
        row.name: {column.key: cell_text(column.cells[place], footnotes) for column in table.columns}
        for place, row in enumerate(table.rows)
    }
    return (
        json.dumps(
            {
                "table": cells,
                "comparisons": [_printed_comparison(comparison) for comparison in explanation.comparisons],
            },
            indent=1,
            ensure_ascii=False,
        )
        + "\n"
    )


def _printed_comparison(comparison: Comparison) -> dict[str, Any]:
    split, ln_ratio = comparison.split, comparison.ln_ratio
    assert not isinstance(split, Missing)
    assert not isinstance(ln_ratio, Missing)
    is_slower = comparison.difference is Difference.SLOWER
    shown = ln_ratio.negated() if is_slower else ln_ratio
    return {
        "changed": comparison.changed,
        "speedup": ratio(shown.through(math.exp)),
        "split": {row.title.strip(): [row.size, row.share] for row in split_rows(split)},
        "what if": {
            item.term.value: quantity(item.wall_ns, TIME[2])
            for item in comparison.counterfactuals
            if item.term in (Term.CPI, Term.INSTRUCTIONS, Term.KERNEL)
        },
    }


def _statistics(comparison: Comparison) -> dict[str, Any]:
    names = (
        "control changed difference ln_ratio rank replicates adjusted covariate split counterfactuals misleading "
        "replicates_needed once"
    )
    return {name: getattr(comparison, name) for name in names.split()}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return f"{value:.{PRINTED_DIGITS}g}" if isinstance(value, float) else value


def main(what: str) -> None:
    """Rewrite the recordings or what they must give."""
    if what == "recordings":
        for name, content in made().items():
            (FOLDER / f"{name}.jsonl").write_bytes(content)
    for name in NAMES:
        explained = printed(explain(load(FOLDER / f"{name}.jsonl")))
        (FOLDER / f"{name}.explained.json").write_text(explained, encoding="utf-8")
        shown = as_printed(explain(load(FOLDER / f"{name}.jsonl")))
        (FOLDER / f"{name}.printed.json").write_text(shown, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
