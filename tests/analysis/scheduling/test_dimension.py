"""Shares of a count that is planned: whole, as equal as they can be, and nothing of it lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ironlaw.analysis.scheduling.dimension import share_out


@given(st.integers(0, 10**6), st.integers(1, 500))
def test_shares_are_whole_and_differ_by_at_most_one(total: int, parts: int) -> None:
    shares = share_out(total, parts)
    assert len(shares) == parts
    assert sum(shares) == total
    assert max(shares) - min(shares) <= 1
