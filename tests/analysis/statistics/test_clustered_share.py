"""The interval of a share over clusters whose members depend on each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironlaw.analysis.statistics.interval import clustered_share_interval, share_interval
from ironlaw.estimate import Estimate
from ironlaw.missing import Missing

CLUSTERS = st.lists(
    st.integers(1, 40).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))), min_size=2, max_size=12
)


@given(CLUSTERS)
def test_it_holds_the_share_and_is_no_narrower_than_that_of_independent_inputs(counts: list[tuple[int, int]]) -> None:
    found = clustered_share_interval(counts)
    alone = share_interval(sum(count for count, _ in counts), sum(total for _, total in counts))
    assert isinstance(found, Estimate)
    assert isinstance(alone, Estimate)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.high - found.low >= alone.high - alone.low - 1e-9


def test_clusters_that_differ_entirely_count_as_their_number() -> None:
    """Five of ten photographs agree on all of their crops and five on none: as ten inputs, or fewer, would."""
    found = clustered_share_interval([(25, 25)] * 5 + [(0, 25)] * 5)
    ten = share_interval(5, 10)
    assert isinstance(found, Estimate)
    assert isinstance(ten, Estimate)
    assert found.value == 0.5
    # Effective: 10 - 1 inputs by the clusters' variance, less Student's t for 9 degrees of freedom.
    assert found.low < ten.low
    assert found.high > ten.high


def test_where_all_agree_few_clusters_still_widen_it() -> None:
    found = clustered_share_interval([(25, 25)] * 10)
    assert isinstance(found, Estimate)
    # Of 250 inputs (t of 249 and of 9 degrees of freedom: 1.9695 and 2.2622): 189.5 count.
    assert found.low == pytest.approx(0.025 ** (1 / 189.5), abs=1e-4)


def test_one_cluster_gives_no_interval() -> None:
    assert isinstance(clustered_share_interval([(3, 4)]), Missing)
