"""perf_event_open: what is asked of the kernel, and what its refusals mean."""

from __future__ import annotations

import errno
import mmap
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ironlaw.event import (
    CONTEXT_SWITCHES,
    CYCLES,
    INSTRUCTIONS,
    MIGRATIONS,
    PAGE_FAULTS,
    Event,
    Mode,
    Source,
)
from ironlaw.measure.pmu.open_group import OpenGroup
from ironlaw.measure.pmu.perf_event import (
    EventRefused,
    GroupReading,
    SyscallKernel,
    core_pmu_type,
    decode_group,
    pack_attributes,
    refusal,
)
from ironlaw.missing import Missing, is_known


def fields(event: Event, *, is_leader: bool = True, pmu_type: int = 0) -> tuple[int, ...]:
    return struct.unpack_from("=IIQQQQQ", pack_attributes(event, is_leader=is_leader, pmu_type=pmu_type))


def test_the_attributes_have_the_size_they_state() -> None:
    packed = pack_attributes(CYCLES, is_leader=True)
    assert len(packed) == fields(CYCLES)[1] == 112


def test_type_and_config_are_those_of_the_event() -> None:
    assert (fields(INSTRUCTIONS)[0], fields(INSTRUCTIONS)[2]) == (0, 1)
    raw = Event("ex_ret_ops", Source.RAW, 0xC1)
    assert (fields(raw)[0], fields(raw)[2]) == (4, 0xC1)


def test_the_leader_is_pinned_and_off_and_its_members_follow_it() -> None:
    disabled, pinned = 0b1, 0b100
    assert fields(CYCLES, is_leader=True)[6] & (disabled | pinned) == disabled | pinned
    assert fields(CYCLES, is_leader=False)[6] & (disabled | pinned) == 0


@pytest.mark.parametrize(("mode", "excluded"), [(Mode.USER, 0b100000), (Mode.KERNEL, 0b010000), (Mode.BOTH, 0b000000)])
def test_a_mode_excludes_the_other(mode: Mode, excluded: int) -> None:
    assert fields(CYCLES.in_mode(mode))[6] & 0b110000 == excluded


def test_readings_come_with_times_ids_and_as_a_group() -> None:
    assert fields(CYCLES)[5] == 0b1111


def test_cores_of_several_kinds_get_the_pmu_they_are_on() -> None:
    # cpu_core has number 10: it stands in the upper half of a generic event's config, and is a raw event's own type.
    assert fields(CYCLES, pmu_type=10)[:3:2] == (0, 10 << 32)
    raw = Event("ex_ret_ops", Source.RAW, 0xC1)
    assert fields(raw, pmu_type=10)[:3:2] == (10, 0xC1)


def stated_root(tmp_path: Path, *, paranoid: int = 2, capabilities: int = 0, seccomp: int = 0) -> Path:
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/self").mkdir()
    (tmp_path / "proc/sys/kernel/perf_event_paranoid").write_text(f"{paranoid}\n")
    (tmp_path / "proc/self/status").write_text(f"Name:\tpython\nCapEff:\t{capabilities:016x}\nSeccomp:\t{seccomp}\n")
    return tmp_path


def test_a_paranoid_kernel_is_named_with_the_command_that_helps(tmp_path: Path) -> None:
    refused = refusal(CYCLES, errno.EACCES, stated_root(tmp_path, paranoid=3))
    assert "perf_event_paranoid is 3" in refused.message
    assert "sudo sysctl kernel.perf_event_paranoid=1" in refused.hint


def test_a_container_s_filter_is_named_when_the_kernel_would_allow_it(tmp_path: Path) -> None:
    refused = refusal(CYCLES, errno.EPERM, stated_root(tmp_path, paranoid=1, seccomp=2))
    assert "seccomp" in refused.message
    assert "--cap-add PERFMON" in refused.hint


def test_a_capable_process_does_not_blame_the_sysctl(tmp_path: Path) -> None:
    refused = refusal(CYCLES, errno.EPERM, stated_root(tmp_path, paranoid=4, capabilities=1 << 38, seccomp=2))
    assert "paranoid" not in refused.message


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EOPNOTSUPP, errno.EINVAL, errno.EMFILE, errno.ENOSYS, 99999])
def test_every_refusal_says_what_happened_and_what_to_do(number: int, tmp_path: Path) -> None:
    refused = refusal(CYCLES.in_mode(Mode.KERNEL), number, tmp_path)
    assert "cycles:k" in refused.message
    assert refused.hint
    assert refused.number == number


def hybrid_root(tmp_path: Path) -> Path:
    for name, number, cpus in (("cpu_core", 4, "0-7"), ("cpu_atom", 10, "8-15")):
        folder = tmp_path / "sys/bus/event_source/devices" / name
        folder.mkdir(parents=True)
        (folder / "type").write_text(f"{number}\n")
        (folder / "cpus").write_text(f"{cpus}\n")
    return tmp_path


def test_pinned_to_efficiency_cores_their_pmu_counts(tmp_path: Path) -> None:
    assert core_pmu_type(frozenset({9, 10}), hybrid_root(tmp_path)) == 10


def test_cpus_of_several_kinds_cannot_be_counted_whole(tmp_path: Path) -> None:
    found = core_pmu_type(frozenset({7, 8}), hybrid_root(tmp_path))
    assert isinstance(found, Missing)
    with pytest.raises(EventRefused, match="several kinds"):
        SyscallKernel(found).open(INSTRUCTIONS, thread=0, leader=-1)


def test_one_kind_of_cores_needs_no_number(tmp_path: Path) -> None:
    assert core_pmu_type(frozenset({0}), tmp_path) == 0


def software_group() -> OpenGroup:
    events = (PAGE_FAULTS, CONTEXT_SWITCHES, MIGRATIONS)
    try:
        return OpenGroup(events, thread=0, kernel=SyscallKernel())
    except EventRefused as refused:
        pytest.skip(refused.one_line)


def test_software_events_go_through_the_real_kernel_as_a_group() -> None:
    kernel = SyscallKernel()
    group = software_group()
    memory = mmap.mmap(-1, 64 * mmap.PAGESIZE)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    group.begin()
    kernel.enable(group.leader)
    for page in range(64):
        memory[page * mmap.PAGESIZE] = 1
    kernel.disable(group.leader)
    memory[:] = bytes(len(memory))  # off: not counted
    reading = group.since_begin()
    group.close()
    memory.close()
    assert is_known(reading)
    assert 64 <= reading.values[0] < 80
    assert reading.running_ns == reading.enabled_ns > 0


def test_a_second_turn_of_a_group_starts_at_zero() -> None:
    kernel = SyscallKernel()
    group = software_group()
    for _ in range(2):
        group.begin()
        kernel.enable(group.leader)
        kernel.disable(group.leader)
        reading = group.since_begin()
        assert is_known(reading)
        assert reading.values[0] < 8
    group.close()


def test_what_no_kernel_knows_is_refused_with_its_errno() -> None:
    with pytest.raises(EventRefused) as refused:
        SyscallKernel(0).open(Event("nonsense", Source.SOFTWARE, 2**40), thread=0, leader=-1)
    assert refused.value.number in (errno.ENOENT, errno.EINVAL, errno.EPERM, errno.EACCES, errno.ENOSYS)


def test_a_group_is_decoded_as_the_kernel_lays_it_out() -> None:
    # PERF_FORMAT_GROUP | ID | TOTAL_TIME_ENABLED | TOTAL_TIME_RUNNING of perf_event_open(2): how many, both times, then
    # a value and the id it belongs to, for each. Little-endian 64-bit words, written out by hand.
    data = bytes.fromhex(
        "0200000000000000"  # two events
        "00ca9a3b00000000"  # enabled for 1,000,000,000 ns
        "0065cd1d00000000"  # running for 500,000,000 ns
        "2a00000000000000 0700000000000000"  # id 7 counted 42
        "0000000001000000 0900000000000000"  # id 9 counted 2**32
    )
    assert decode_group(data) == GroupReading(
        enabled_ns=1_000_000_000, running_ns=500_000_000, values={7: 42, 9: 2**32}
    )


def test_an_empty_read_is_a_gap_and_not_zero() -> None:
    assert isinstance(decode_group(b""), Missing)


def _answer(count: int) -> st.SearchStrategy[bytes]:
    """A group of this number of counters, with up to a byte too few or too many."""
    size = 16 + 16 * count
    return st.binary(min_size=size - 1, max_size=size + 1).map(lambda rest: count.to_bytes(8, sys.byteorder) + rest)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(data=st.one_of(st.binary(max_size=80), st.integers(0, 4).flatmap(_answer)))
def test_any_answer_of_the_kernel_is_a_whole_group_or_a_gap(data: bytes) -> None:
    decoded = decode_group(data)
    if isinstance(decoded, GroupReading):
        assert len(data) == 24 + 16 * int.from_bytes(data[:8], sys.byteorder)
