"""How much a terminal shows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verbosity(Enum):
    """How much is printed."""

    QUIET = "quiet"  # the table and one sentence per comparison
    NORMAL = "normal"  # MOST_LINES at most
    VERBOSE = "verbose"  # every arm's comparison, the whole ledger, the evidence behind each cause


MOST_LINES = 60  # of 80 columns
BELOW = 1  # of these that a command adds: where the recording lies


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How many lines each part of an output may take, and which parts that repeat others are included."""

    code_rows: int  # 0: the paragraph alone reports where the time went
    open_rows: int  # causes that are not confirmed, of the widest comparison; 0: their names, without a table
    doubts: int  # in words; the others are named
    has_open_of_others: bool = False  # what is not confirmed in the other comparisons
    has_shares_of_others: bool = True  # a line for each cause confirmed in them; else their names on one
    has_split: bool = True  # by the iron law, where code is there too
    has_guesses: bool = True  # the answers to published guesses, and the next best arms
    has_remarks: bool = True  # what limits a confirmed cause's figure


# From the most to the least; the first with which a default output fits is taken.
ROOMS = (
    Room(code_rows=5, open_rows=9, doubts=9, has_open_of_others=True),
    Room(code_rows=5, open_rows=6, doubts=4),
    Room(code_rows=4, open_rows=4, doubts=3),
    Room(code_rows=3, open_rows=3, doubts=2, has_split=False),
    Room(code_rows=2, open_rows=2, doubts=0, has_split=False),
    Room(code_rows=2, open_rows=0, doubts=0, has_split=False, has_shares_of_others=False),
    Room(code_rows=0, open_rows=0, doubts=0, has_split=False, has_shares_of_others=False, has_guesses=False),
    Room(
        code_rows=0,
        open_rows=0,
        doubts=0,
        has_split=False,
        has_shares_of_others=False,
        has_guesses=False,
        has_remarks=False,
    ),
)
