"""The break-even map in words, as a page, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from dataclasses import replace

import pytest
from rich.console import Console

from ironlaw.concern import Concern
from ironlaw.estimate import Estimate
from ironlaw.explanation import Difference, Outcome
from ironlaw.explanation.break_even import (
    THE_GAIN,
    Absent,
    Axis,
    BreakEvenMap,
    Gain,
    Holding,
    HostOutcome,
    Place,
    SignTurn,
)
from ironlaw.missing import Missing
from ironlaw.report.break_even import document, page, sentences, terminal


def gain(batch: int, speedup: float, difference: Difference, *, host: str = "isa:avx512_vnni") -> Gain:
    return Gain(
        place=Place(model="net", shape="", threads=1, batch=batch, host=host),
        control="fp32",
        changed="int8",
        difference=difference,
        speedup=Estimate(value=speedup, low=speedup - 0.05, high=speedup + 0.05),
        once_ns=250e6,
        inputs_to_repay=Estimate(value=119.2, low=110.0, high=math.inf)
        if difference is Difference.FASTER
        else Missing("never: it is slower"),
        causes={"page-faults": Outcome.CONFIRMED},
        effects={"page-faults": Estimate(value=1.2, low=1.1, high=1.3)},
    )


FASTER, SLOWER = gain(1, 2.0, Difference.FASTER), gain(32, 0.8, Difference.SLOWER)
DRAWN = BreakEvenMap(
    gains=(FASTER, SLOWER, gain(1, 1.2, Difference.FASTER, host="arch:aarch64")),
    turns=(SignTurn(axis=Axis.BATCH, before=FASTER, after=SLOWER),),
    holdings=(
        Holding(
            model="net",
            control="fp32",
            changed="int8",
            cause=THE_GAIN,
            hosts={
                "isa:avx512_vnni": HostOutcome(holds=2, of=2, effect=(1.9, 2.1)),
                "arch:aarch64": HostOutcome(holds=0, of=1, effect=(1.2, 1.2)),
            },
            larger_on=("isa:avx512_vnni",),
            goes_with=("isa:avx512_vnni",),
        ),
    ),
    absent=(Absent(place=SLOWER.place, reason="killed by SIGKILL", arm="int4"),),
    concerns=(Concern(slug="versions-differ", text="torch differs", fix="install one version"),),
    cells=4,
    measured=3,
)


def printed(drawn: BreakEvenMap) -> str:
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    terminal.show(drawn, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_no_line_is_wider_than_80_columns() -> None:
    assert max(map(len, printed(DRAWN).splitlines())) <= 80


def test_the_turn_of_the_sign_is_a_sentence() -> None:
    assert sentences.turn_sentence(DRAWN.turns[0]) == (
        "int8 against fp32 on net (threads 1, host isa:avx512_vnni) changes sign between batch 1 and 32: faster "
        "(2.00× [1.95, 2.05]), then slower (0.80× [0.75, 0.85])."
    )


def test_what_holds_where_is_said_host_by_host_and_not_as_a_cause() -> None:
    assert sentences.holding_sentence(DRAWN.holdings[0]) == (
        "int8 is faster than fp32 on net: isa:avx512_vnni: holds in all 2 (1.90× to 2.10×); arch:aarch64: not shown "
        "(1.20×). The gain is larger on isa:avx512_vnni. It occurs with isa:avx512_vnni: this is association, "
        "not cause."
    )


def test_a_claim_that_holds_nowhere_does_not_read_like_one() -> None:
    nowhere = replace(DRAWN.holdings[0], hosts={"any": HostOutcome(holds=0, of=1, open=1, effect=Missing("none"))})
    assert sentences.holding_sentence(nowhere).startswith("Not shown in any cell: int8 is faster")


def test_inputs_until_repaid_have_an_interval_and_no_fractions() -> None:
    assert sentences.repaid_text(FASTER.inputs_to_repay) == "120 [110, ∞]"
    assert sentences.repaid_text(SLOWER.inputs_to_repay) == "never: it is slower"
    assert (
        sentences.repaid_sentence(FASTER) == "one-time cost 250\N{NO-BREAK SPACE}ms; repaid after 120 [110, ∞] inputs"
    )
    assert sentences.repaid_text(Estimate(value=0.0, low=0.0, high=0.0)) == "at once"


def test_nothing_shown_is_not_sold_as_no_turn() -> None:
    nothing = BreakEvenMap(gains=(), turns=(), holdings=(), absent=(), concerns=(), cells=1, measured=0)
    assert sentences.no_turn_sentence(nothing).startswith("No cell shows")
    assert "0 of 1 cells are measured." in printed(nothing)


def test_csv_has_a_line_for_each_gain_and_an_empty_cell_for_a_gap() -> None:
    rows = list(csv.DictReader(io.StringIO(document.to_csv(DRAWN))))
    assert [(row["batch"], row["gain"], row["inputs_to_repay"]) for row in rows] == [
        ("1", "2.0", "119.2"),
        ("32", "0.8", ""),
        ("1", "1.2", "119.2"),
    ]
    assert rows[0]["inputs_to_repay_high"] == ""
    assert rows[0]["once_ms"] == "250.0"


def test_json_gives_gaps_their_reasons() -> None:
    reported = json.loads(document.to_json(DRAWN))
    assert reported["gains"][1]["inputs_to_repay"] == {"missing": "never: it is slower"}
    assert reported["gains"][0]["causes"]["page-faults"]["outcome"] == "confirmed"
    assert reported["turns"][0]["text"] == sentences.turn_sentence(DRAWN.turns[0])
    assert reported["absent"][0]["arm"] == "int4"
    assert "Infinity" not in document.to_json(DRAWN)


def test_the_page_has_a_grid_of_batches_and_loads_nothing() -> None:
    text = page.render(DRAWN, title="plan")
    assert re.findall(r"<th scope=\"col\">batch (\d+)</th>", text) == ["1", "32"]
    assert "not measured" in text  # aarch64 at batch 32
    assert not re.search(r"(src|href)=\"(?!data:,)", text)


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "[bold]x[/bold]", "\x1b[31mred"])
def test_hostile_names_stay_text(hostile: str) -> None:
    bad = replace(FASTER, place=replace(FASTER.place, host=hostile, model=hostile))
    drawn = replace(DRAWN, gains=(bad,), turns=())
    assert "<script>" not in page.render(drawn, title=hostile)
    assert "\x1b" not in printed(drawn)
