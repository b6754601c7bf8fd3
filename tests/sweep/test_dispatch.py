"""The dispatcher on simulated nodes: every cell once, whatever is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ironlaw.sweep.cell import Cell
from ironlaw.sweep.cluster import Outcome
from ironlaw.sweep.dispatch import Tally, dispatch
from ironlaw.sweep.store import Store
from tests.sweep.scripted import plan
from tests.sweep.simulated import Quiet, Simulated, by_host, node


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "out")
    yield opened
    opened.close()


def cells(folder: Path, *hosts: str) -> list[Cell]:
    return list(plan(folder, hosts=hosts or ("any",)).cells())


def test_every_cell_is_measured_once(tmp_path: Path, store: Store) -> None:
    wanted = cells(tmp_path)
    cluster = Simulated([node("a"), node("b")])
    tally = dispatch(by_host(wanted), cluster, store, Quiet())
    assert tally == Tally(measured=4, failed=0)
    assert Counter(cell for cell, _ in cluster.log) == {cell.id: 1 for cell in wanted}
    assert len(list(store.folder.glob("*.jsonl"))) == 4


def test_a_node_measures_one_cell_at_a_time(tmp_path: Path, store: Store) -> None:
    cluster = Simulated([node("a"), node("b"), node("c")])
    dispatch(by_host(cells(tmp_path)), cluster, store, Quiet())
    assert cluster.most_at_once == {"a": 1, "b": 1, "c": 1}


def test_cells_go_to_nodes_with_their_label_only(tmp_path: Path, store: Store) -> None:
    wanted = {cell.id: cell for cell in cells(tmp_path, "arch:aarch64", "isa:avx512_vnni")}
    cluster = Simulated([node("arm", arch="aarch64"), node("vnni", arch="x86_64", isa="avx512_vnni")])
    dispatch(by_host(list(wanted.values())), cluster, store, Quiet())
    went = {(str(wanted[id].host), name) for id, name in cluster.log}
    assert went == {("arch:aarch64", "arm"), ("isa:avx512_vnni", "vnni")}


def test_a_lost_cell_is_measured_on_another_node_of_the_label(tmp_path: Path, store: Store) -> None:
    wanted = cells(tmp_path, "arch:x86_64")
    cluster = Simulated(
        [node("a", arch="x86_64"), node("b", arch="x86_64"), node("arm", arch="aarch64")], losses={wanted[0].id: 1}
    )
    tally = dispatch(by_host(wanted), cluster, store, Quiet())
    assert tally == Tally(measured=4, failed=0)
    assert [name for id, name in cluster.log if id == wanted[0].id] == ["a", "b"]


def test_a_cell_is_given_up_after_two_retries(tmp_path: Path, store: Store) -> None:
    wanted = cells(tmp_path)
    cluster = Simulated([node(name) for name in "abcde"], losses={wanted[0].id: 9})
    tally = dispatch(by_host(wanted), cluster, store, Quiet())
    assert tally == Tally(measured=3, failed=1)
    assert len({name for id, name in cluster.log if id == wanted[0].id}) == 3
    failure = store.failure(wanted[0])
    assert failure is not None
    assert failure.reason == "failed on 3 nodes, last: the worker died"


def test_without_another_node_of_the_label_a_lost_cell_is_reported(tmp_path: Path, store: Store) -> None:
    wanted = cells(tmp_path, "arch:x86_64")
    cluster = Simulated([node("a", arch="x86_64"), node("arm", arch="aarch64")], losses={wanted[0].id: 1})
    assert dispatch(by_host(wanted), cluster, store, Quiet()) == Tally(measured=3, failed=1)
    failure = store.failure(wanted[0])
    assert failure is not None
    assert failure.reason == "the worker died; no other node is arch:x86_64"


def test_cells_of_a_host_that_left_are_reported_and_the_others_measured(tmp_path: Path, store: Store) -> None:
    wanted = cells(tmp_path, "arch:x86_64", "arch:aarch64")
    lost = next(cell for cell in wanted if str(cell.host) == "arch:aarch64")
    cluster = Simulated(
        [node("a", arch="x86_64"), node("arm", arch="aarch64")], losses={lost.id: 1}, leaving=frozenset({"arm"})
    )
    assert dispatch(by_host(wanted), cluster, store, Quiet()) == Tally(measured=4, failed=4)
    reasons = [failure.reason for cell in wanted if (failure := store.failure(cell)) is not None]
    assert sorted(set(reasons)) == ["no node is arch:aarch64", "the worker died; no other node is arch:aarch64"]


def test_a_cell_that_fails_is_not_tried_elsewhere(tmp_path: Path, store: Store) -> None:
    wanted = cells(tmp_path)
    cluster = Simulated([node("a"), node("b")], refused=frozenset({wanted[1].id}))
    watcher = Quiet()
    assert dispatch(by_host(wanted), cluster, store, watcher) == Tally(measured=3, failed=1)
    assert sum(id == wanted[1].id for id, _ in cluster.log) == 1
    assert sorted(watcher.troubles) == ["", "", "", "no such model"]


def test_a_second_sweep_measures_only_what_is_missing(tmp_path: Path, store: Store) -> None:
    wanted = cells(tmp_path)
    dispatch(by_host(wanted[:3]), Simulated([node("a")]), store, Quiet())
    cluster = Simulated([node("a")])
    assert dispatch(by_host(wanted), cluster, store, Quiet()) == Tally(measured=1, failed=0)
    assert cluster.log == [(wanted[3].id, "a")]


def test_what_failed_before_is_tried_again_and_its_reason_forgotten(tmp_path: Path, store: Store) -> None:
    wanted = cells(tmp_path)[:1]
    dispatch(by_host(wanted), Simulated([node("a")], refused=frozenset({wanted[0].id})), store, Quiet())
    assert store.failure(wanted[0]) is not None
    dispatch(by_host(wanted), Simulated([node("a")]), store, Quiet())
    assert store.failure(wanted[0]) is None


class _Interrupted(Simulated):
    def wait(self) -> Sequence[Outcome]:
        raise KeyboardInterrupt


def test_an_interrupted_sweep_stops_what_runs(tmp_path: Path, store: Store) -> None:
    cluster = _Interrupted([node("a")])
    with pytest.raises(KeyboardInterrupt):
        dispatch(by_host(cells(tmp_path)), cluster, store, Quiet())
    assert cluster.cancelled


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    nodes=st.lists(st.sampled_from(["x86_64", "aarch64"]), min_size=1, max_size=6),
    losses=st.lists(st.integers(0, 4), min_size=8, max_size=8),
    leaving=st.sets(st.integers(0, 5)),
)
def test_measured_and_failed_add_up_to_all_cells(
    tmp_path_factory: pytest.TempPathFactory, nodes: list[str], losses: list[int], leaving: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("law")
    wanted = cells(folder, "arch:x86_64", "any")
    cluster = Simulated(
        [node(f"n{place}", arch=arch) for place, arch in enumerate(nodes)],
        losses={cell.id: times for cell, times in zip(wanted, losses, strict=True)},
        leaving=frozenset(f"n{place}" for place in leaving),
    )
    store = Store(folder / "out")
    tally = dispatch(by_host(wanted), cluster, store, Quiet())
    kept = {cell.id for cell in wanted if store.has(cell)}
    reported = {cell.id for cell in wanted if store.failure(cell) is not None}
    store.close()
    assert tally == Tally(measured=len(kept), failed=len(reported))
    assert kept | reported == {cell.id for cell in wanted}
    assert not kept & reported
    attempts = Counter(cell for cell, _ in cluster.log)
    assert max(attempts.values(), default=0) <= 3
    assert len(set(cluster.log)) == len(cluster.log)  # a cell meets no node twice
