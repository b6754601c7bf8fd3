"""Constants in float are found in memory by what they are: numbers like weights that stay the same."""

from __future__ import annotations

import ctypes
import mmap

import numpy
import pytest

from ironlaw.engines.border.constant_pages import constant_ranges, float_pages
from ironlaw.engines.border.frames import over_frames, over_one_frame, over_own_frames, read_bytes
from ironlaw.factors.weights import Memory

PAGE, PAGES = mmap.PAGESIZE, 8


class Block:
    """Pages of this process, as an array of float32."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, PAGES * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self.numbers = numpy.frombuffer(self.memory, numpy.float32)
        self.numbers[:] = numpy.random.default_rng(1).standard_normal(len(self.numbers))

    def pages(self) -> set[int]:
        """Which of its pages are found."""
        places = {(page - self.address) // PAGE for page in float_pages() if 0 <= page - self.address < PAGES * PAGE}
        return {int(place) for place in places}


@pytest.fixture
def block() -> Block:
    return Block()


def test_pages_of_weights_are_found(block: Block) -> None:
    assert block.pages() == set(range(PAGES))


def test_a_page_with_a_pointer_a_count_or_nothing_is_none_of_weights(block: Block) -> None:
    words = block.numbers.view(numpy.uint64)
    words[100] = block.address  # in page 0
    block.numbers.view(numpy.uint32)[PAGE // 4 + 900] = 7  # in page 1
    block.numbers[2 * PAGE // 4 : 3 * PAGE // 4] = 0
    assert block.pages() == set(range(3, PAGES))


def test_only_rows_of_pages_that_are_new_and_stay_the_same_are_constants() -> None:
    before = {0: 1, PAGE: 2}
    first = {page * PAGE: page + 10 for page in range(12)} | {0: 1}
    second = {**first, 6 * PAGE: 99}
    assert constant_ranges(before, [first, second]) == [(PAGE, 5 * PAGE), (7 * PAGE, 5 * PAGE)]
    assert constant_ranges(first, [first, second]) == []
    shorter = {page * PAGE: 1 for page in range(3)}
    assert constant_ranges({}, [shorter, shorter]) == []


def test_what_is_written_into_a_private_frame_stays_where_it_was_written(block: Block) -> None:
    ranges = [(block.address, PAGES * PAGE)]
    assert over_one_frame(ranges, PAGE, is_private=True) == PAGE
    numpy.testing.assert_array_equal(block.numbers[: PAGE // 4], block.numbers[PAGE // 4 : PAGE // 2])
    block.numbers[0] = 5
    assert block.numbers[PAGE // 4] != 5


def test_own_frames_keep_the_contents_and_count_what_is_read(block: Block) -> None:
    held, before = block.numbers.copy(), read_bytes()
    assert over_own_frames([(block.address, PAGES * PAGE)], is_private=True) == PAGES * PAGE
    assert read_bytes() == before
    numpy.testing.assert_array_equal(block.numbers, held)
    assert read_bytes() == before + PAGES * PAGE


def test_repeated_frames_hold_what_aliased_ones_hold_in_memory_of_their_own(block: Block) -> None:
    first, before = block.numbers[: PAGE // 4].copy(), read_bytes()
    ranges = [(block.address, PAGES * PAGE)]
    assert over_frames(ranges, Memory(period=PAGE), is_private=True) == PAGES * PAGE
    numpy.testing.assert_array_equal(block.numbers, numpy.tile(first, PAGES))
    assert read_bytes() == before + PAGES * PAGE
    assert over_frames(ranges, Memory(period=PAGE, is_shared=True), is_private=True) == PAGE
    numpy.testing.assert_array_equal(block.numbers, numpy.tile(first, PAGES))


def test_numbers_that_do_not_repeat_stay_as_they_are(block: Block) -> None:
    held = block.numbers.copy()
    assert over_frames([(block.address, PAGES * PAGE)], Memory(), is_private=True) == PAGES * PAGE
    numpy.testing.assert_array_equal(block.numbers, held)
