"""Free memory: read from stated files, and compacted through a stated switch."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from ironlaw.machine import free_memory
from ironlaw.machine.free_memory import Hold, compact, half_is_left, scattered_bytes, settle
from ironlaw.missing import Missing, is_known


def put(root: Path, name: str, text: str) -> Path:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_only_blocks_below_sixteen_pages_are_scattered_and_all_zones_count(tmp_path: Path) -> None:
    rows = ["Node 0, zone      DMA      3      0      0      0      9      9", "Node 1, zone   Normal 5 2 1 1 7 1000"]
    put(tmp_path, "proc/buddyinfo", "\n".join(rows) + "\n")
    assert scattered_bytes(tmp_path) == (3 + 5 + 2 * 2 + 4 + 8) * resource.getpagesize()


def test_without_buddyinfo_there_is_a_reason_and_no_number(tmp_path: Path) -> None:
    assert scattered_bytes(tmp_path) == Missing("/proc/buddyinfo cannot be read: No such file or directory")


def test_what_is_scattered_is_held_within_a_sixteenth_of_what_is_available_and_half_a_gigabyte(tmp_path: Path) -> None:
    put(tmp_path, "proc/buddyinfo", "Node 0, zone   Normal  1000  0  0  0  50\n")
    put(tmp_path, "proc/meminfo", "MemTotal: 99999 kB\nMemAvailable: 8000000 kB\n")
    page = resource.getpagesize()
    assert settle(tmp_path).held_bytes == 1000 * page
    put(tmp_path, "proc/meminfo", "MemAvailable: 8003 kB\n")
    assert settle(tmp_path).held_bytes == 8003 * 1024 // 16 // page * page
    put(tmp_path, "proc/meminfo", "MemTotal: 99999 kB\n")
    assert settle(tmp_path).held_bytes == 0
    put(tmp_path, "proc/meminfo", "MemAvailable: 80000000 kB\n")
    put(tmp_path, "proc/buddyinfo", "Node 0, zone   Normal  1000000  0  0  0  50\n")
    assert settle(tmp_path).held_bytes == 512 << 20


def test_held_memory_is_resident_until_it_is_given_back() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    before, hold = resident(), Hold()
    for size in (32 << 20, 64 << 20, 16 << 20):
        hold.grow(size)
    assert hold.bytes == 64 << 20
    assert 60 << 20 <= resident() - before < 90 << 20
    hold.release()
    assert resident() - before < 30 << 20


def test_what_is_held_counts_as_scattered_and_is_never_taken_twice(tmp_path: Path) -> None:
    put(tmp_path, "proc/buddyinfo", "Node 0, zone   Normal  100  0  0  0  50\n")
    put(tmp_path, "proc/meminfo", "MemAvailable: 8000000 kB\n")
    page = resource.getpagesize()
    memory = settle(tmp_path, compacting=False, held_bytes=1000 * page)
    assert (memory.scattered_bytes, memory.held_bytes) == (1100 * page, 1100 * page)
    put(tmp_path, "proc/meminfo", "MemAvailable: 8 kB\n")
    assert settle(tmp_path, compacting=False, held_bytes=1000 * page).held_bytes == 1000 * page


def test_compacting_writes_one_to_the_kernel_s_switch(tmp_path: Path) -> None:
    switch = put(tmp_path, "proc/sys/vm/compact_memory", "")
    assert compact(tmp_path) is True
    assert switch.read_text() == "1"


def test_a_kernel_without_the_switch_is_named(tmp_path: Path) -> None:
    found = compact(tmp_path)
    assert found == Missing("/proc/sys/vm/compact_memory: No such file or directory")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_who_may_not_compact_learns_why(tmp_path: Path) -> None:
    put(tmp_path, "proc/sys/vm/compact_memory", "").chmod(0o444)
    assert compact(tmp_path) == Missing("/proc/sys/vm/compact_memory: Permission denied")


def test_a_compaction_without_end_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "proc/sys/vm").mkdir(parents=True)
    os.mkfifo(tmp_path / "proc/sys/vm/compact_memory")  # opening it waits for a reader that never comes
    assert compact(tmp_path, limit_s=0.2) == Missing("compacting memory took more than 0.2 s and was given up")


def test_memory_is_compacted_and_timed_only_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def compacted(root: Path) -> bool:
        asked.append(root)
        return True

    monkeypatch.setattr(free_memory, "compact", compacted)
    first, second = settle(tmp_path), settle(tmp_path, compacting=False)
    assert asked == [tmp_path]
    assert first.compacted is True
    assert is_known(first.compaction_ns)
    assert not is_known(second.compacted)
    assert not is_known(second.compaction_ns)


def _available(root: Path, kilobytes: int) -> None:
    put(root, "proc/meminfo", f"MemAvailable: {kilobytes} kB\n")


def test_half_of_the_memory_is_left_until_less_is_available(tmp_path: Path) -> None:
    _available(tmp_path, 1000)
    is_left = half_is_left(tmp_path)
    _available(tmp_path, 500)
    assert is_left()
    _available(tmp_path, 499)
    assert not is_left()


def test_a_group_that_may_use_less_than_the_machine_has_counts_too(tmp_path: Path) -> None:
    _available(tmp_path, 1000)
    put(tmp_path, "proc/self/cgroup", "0::/app\n")
    put(tmp_path, "sys/fs/cgroup/memory.max", "max\n")
    put(tmp_path, "sys/fs/cgroup/app/memory.max", "90000\n")
    used = put(tmp_path, "sys/fs/cgroup/app/memory.current", "20000\n")
    put(tmp_path, "sys/fs/cgroup/app/memory.stat", "anon 7\ninactive_file 10000\n")  # 80,000 are left
    is_left = half_is_left(tmp_path)
    used.write_text("60000\n")
    assert is_left()
    used.write_text("60001\n")
    assert not is_left()


def test_where_it_is_unknown_how_much_memory_is_left_half_of_it_is_not(tmp_path: Path) -> None:
    assert not half_is_left(tmp_path)()
