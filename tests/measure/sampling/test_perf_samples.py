"""Ring buffers and attributes as the kernel writes and reads them, on literal bytes."""

from __future__ import annotations

import struct
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from ironlaw.code import SampledBy
from ironlaw.measure.sampling.perf_samples import Sample, decode_ring, pack_sampling_attributes

SAMPLE, LOST, THROTTLE = 9, 2, 5
USER, KERNEL = 2, 1
OWN = 7


def record(pointer: int, *, thread: int = 7, time_ns: int = 5, mode: int = USER, process: int = OWN) -> bytes:
    return struct.pack("=IHHQIIQ", SAMPLE, mode, 32, pointer, process, thread, time_ns)


def test_samples_are_read_with_their_thread_and_mode_and_lost_ones_are_counted() -> None:
    ring = record(0x1000) + struct.pack("=IHHQQ", LOST, 0, 24, 1, 3) + record(0xFFFF800000000000, mode=KERNEL, thread=8)
    samples, lost = decode_ring(ring.ljust(4096, b"\0"), tail=0, head=len(ring), process=OWN)
    assert samples == [Sample(0x1000, 7, 5, in_kernel=False), Sample(0xFFFF800000000000, 8, 5, in_kernel=True)]
    assert lost == 3


def test_records_of_other_kinds_are_passed_over() -> None:
    ring = struct.pack("=IHHQQQ", THROTTLE, 0, 32, 0, 0, 0) + record(1)
    assert [sample.pointer for sample in decode_ring(ring.ljust(128, b"\0"), tail=0, head=64, process=OWN)[0]] == [1]


@settings(max_examples=200, derandomize=True)
@given(pointers=st.lists(st.integers(0, 2**64 - 1), max_size=100), start=st.integers(0, 1000))
def test_a_ring_gives_back_what_was_written_wherever_it_wraps(pointers: list[int], start: int) -> None:
    size = 4096
    begin = start * 8
    written = b"".join(record(pointer) for pointer in pointers)
    ring = bytearray(size)
    for place, byte in enumerate(written):
        ring[(begin + place) % size] = byte
    samples, lost = decode_ring(bytes(ring), tail=begin, head=begin + len(written), process=OWN)
    assert [sample.pointer for sample in samples] == pointers
    assert lost == 0


@settings(max_examples=200, derandomize=True)
@given(data=st.binary(min_size=8, max_size=256), tail=st.integers(0, 2**40), length=st.integers(0, 512))
def test_a_ring_of_any_bytes_is_read_without_an_error(data: bytes, tail: int, length: int) -> None:
    samples, lost = decode_ring(data, tail=tail, head=tail + length, process=OWN)
    assert lost >= 0
    assert all(sample.thread >= 0 for sample in samples)


def test_samples_of_forked_processes_are_left_out() -> None:
    ring = record(1) + record(2, process=8)
    samples, _ = decode_ring(ring.ljust(128, b"\0"), tail=0, head=len(ring), process=OWN)
    assert [sample.pointer for sample in samples] == [1]


def test_attributes_ask_for_the_event_with_pointer_thread_and_time() -> None:
    def unpacked(by: SampledBy, *, kernel: bool, inherit: bool) -> tuple[int, ...]:
        packed = pack_sampling_attributes(period=3_000_017, kernel=kernel, by=by, inherit=inherit)
        return struct.unpack_from("=IIQQQQQ", packed)

    off_until_enabled, inherited, no_kernel, no_hypervisor, clock_id = 1 << 0, 1 << 1, 1 << 5, 1 << 6, 1 << 25
    clock = unpacked(SampledBy.CPU_CLOCK, kernel=False, inherit=True)
    assert clock[:5] == (1, 112, 0, 3_000_017, 0b111)  # PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK
    assert clock[6] == off_until_enabled | inherited | no_kernel | no_hypervisor | clock_id
    cycles = unpacked(SampledBy.CYCLES, kernel=True, inherit=False)
    assert cycles[:5] == (0, 112, 0, 3_000_017, 0b111)  # PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES
    assert cycles[6] == off_until_enabled | no_hypervisor | clock_id


def test_samples_are_timed_by_the_clock_that_layers_are_timed_by() -> None:
    packed = pack_sampling_attributes(period=1, kernel=True, by=SampledBy.CPU_CLOCK, inherit=False)
    # After branch_sample_type, sample_regs_user and sample_stack_user: 92 bytes into struct perf_event_attr.
    assert struct.unpack_from("=i", packed, 92) == (time.CLOCK_MONOTONIC,)
    assert "CLOCK_MONOTONIC" in time.get_clock_info("perf_counter").implementation
