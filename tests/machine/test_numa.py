"""Which CPUs share memory."""

from __future__ import annotations

from pathlib import Path

from ironlaw.machine.numa import neighbours


def _nodes(root: Path, *lists: str) -> Path:
    for number, listed in enumerate(lists):
        folder = root / f"sys/devices/system/node/node{number}"
        folder.mkdir(parents=True)
        (folder / "cpulist").write_text(f"{listed}\n")
    return root


def test_the_cpus_of_the_same_node_are_neighbours(tmp_path: Path) -> None:
    root = _nodes(tmp_path, "0-3,8-9", "4-7,10")
    assert neighbours((3,), root) == (0, 1, 2, 3, 8, 9)
    assert neighbours((7, 10), root) == (4, 5, 6, 7, 10)


def test_cpus_of_two_nodes_have_no_neighbours_but_themselves(tmp_path: Path) -> None:
    assert neighbours((3, 4), _nodes(tmp_path, "0-3", "4-7")) == (3, 4)


def test_a_kernel_without_nodes_shows_none(tmp_path: Path) -> None:
    assert neighbours((0,), tmp_path) == (0,)


def test_a_node_without_cpus_is_no_neighbour(tmp_path: Path) -> None:
    assert neighbours((0,), _nodes(tmp_path, "", "0-1")) == (0, 1)
