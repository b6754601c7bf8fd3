"""Views of a ledger: whatever is grouped, ordered or cut, the sums stay."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironlaw.analysis.layers.views import OUTSIDE, By, Order, block_of, cut, timeline, total, viewed
from ironlaw.explanation.split import Ledger, LedgerRow, Term
from ironlaw.missing import Missing

GAP = Missing("stated")


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """Layers of any time, kind and place, the framework and the rest."""
    times = st.floats(0, 1e9)
    rows = []
    for place in range(draw(st.integers(0, 12))):
        control, changed = draw(times), draw(times)
        rows.append(
            LedgerRow(
                layer=f"layer{place}",
                kind=draw(st.sampled_from(["1x1", "3x3", "linear"])),
                fate=draw(st.sampled_from(["both", "appeared", "vanished"])),
                order=place,
                control_ns=control,
                changed_ns=changed,
                terms={Term.CPU_TIME: control - changed, Term.CPI: GAP},
                path=draw(st.sampled_from(["", "a", "a.b", "a.b.c", "d.e"])),
            )
        )
    for name in ("framework", "unattributed"):
        rows.append(
            LedgerRow(
                layer=name,
                kind=name,
                fate=name,
                order=len(rows),
                control_ns=3.0,
                changed_ns=5.0,
                terms={Term.CPU_TIME: -2.0},
            )
        )
    return Ledger(rows=tuple(rows), disturbed_speedup=GAP, undisturbed_speedup=GAP)


@given(ledgers(), st.sampled_from(By), st.sampled_from(Order), st.integers(1, 3), st.integers(1, 5))
def test_every_view_adds_up_to_the_ledger(ledger: Ledger, by: By, order: Order, depth: int, top: int) -> None:
    rows = cut(viewed(ledger, by=by, depth=depth, order=order), top)
    whole = total(ledger)
    assert math.fsum(row.control_ns for row in rows) == pytest.approx(whole.control_ns)
    assert math.fsum(row.saved_ns for row in rows) == pytest.approx(whole.saved_ns, abs=1e-3)
    cells = [row.terms[Term.CPU_TIME] for row in rows]
    assert math.fsum(cell for cell in cells if not isinstance(cell, Missing)) == pytest.approx(whole.saved_ns, abs=1e-3)
    assert [row.layer for row in rows[-2:]] == ["framework", "unattributed"]


@given(ledgers())
def test_a_gap_stays_a_gap_in_every_sum(ledger: Ledger) -> None:
    if len(ledger.rows) > 2:
        assert isinstance(total(ledger).terms[Term.CPI], Missing)


@given(ledgers())
def test_what_moved_most_comes_first(ledger: Ledger) -> None:
    moved = [abs(row.saved_ns) for row in viewed(ledger)[:-2]]
    assert moved == sorted(moved, reverse=True)


def test_blocks_are_the_first_parts_of_a_path() -> None:
    assert block_of("features.3.conv.0", 2) == "features.3"
    assert block_of("fc", 3) == "fc"
    assert block_of("", 1) == OUTSIDE


@given(ledgers())
def test_a_timeline_has_each_layer_of_the_arm_behind_the_one_before(ledger: Ledger) -> None:
    for is_changed in (False, True):
        spans = timeline(ledger, is_changed=is_changed)
        ends = [span.start_ns + span.length_ns for span in spans]
        assert [span.start_ns for span in spans[1:]] == pytest.approx(ends[:-1])
        assert all(span.length_ns > 0 for span in spans)
