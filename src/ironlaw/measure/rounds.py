"""The order of arms in each round: balanced for position and for carry-over, and random."""

from __future__ import annotations

import random
from collections.abc import Sequence

from ironlaw.arm import Arm


def williams_rows(size: int) -> list[tuple[int, ...]]:
    """Rows of a Williams design: every item in each position, and after each other item, equally often.

    `size` rows for even sizes, two squares of `size` rows for odd ones, where one square cannot be balanced.

    Source: Williams, Australian Journal of Scientific Research A 2 (1949) 149.
    """
    if size < 1:
        raise ValueError(f"a design of {size} arms")
    zigzag = [0]
    low, high = 1, size - 1
    while low <= high:
        zigzag.append(high)
        if low < high:
            zigzag.append(low)
        low, high = low + 1, high - 1
    square = [tuple((item + shift) % size for item in zigzag) for shift in range(size)]
    if size % 2 == 0 or size == 1:
        return square
    return square + [tuple(reversed(row)) for row in square]


def order_rounds(arms: int, rounds: int, rng: random.Random) -> list[tuple[int, ...]]:
    """The order of the arms (as indices) in each round.

    Whole Latin squares in random order with randomly relabelled arms: after every `arms` rounds each arm has stood
    in each position equally often, so a cut between squares leaves no imbalance and a cut within one at most one turn.
    """
    labels = list(range(arms))
    rng.shuffle(labels)
    rows = williams_rows(arms)
    squares = [rows[start : start + arms] for start in range(0, len(rows), arms)]
    ordered: list[tuple[int, ...]] = []
    while len(ordered) < rounds:
        for square in rng.sample(squares, len(squares)):
            ordered += [tuple(labels[item] for item in row) for row in rng.sample(square, len(square))]
    return ordered[:rounds]


def starting_order(arms: Sequence[Arm], replicate: int, *, seed: int) -> tuple[Arm, ...]:
    """The arms in the order in which they are forked, loaded and warmed up: each in each place equally often.

    A place has an advantage of its own where free memory is scattered (machine/free_memory.py): always started
    last, fp32 was 2.5 % [1.7, 3.3] faster than itself, of eight replicates on a Zen 4 guest. Taking turns at it makes
    what compaction leaves of that variation between replicates, which the interval includes.
    """
    if not arms:
        return ()
    orders = order_rounds(len(arms), replicate + 1, random.Random(f"{seed}/start"))
    return tuple(arms[place] for place in orders[replicate])
