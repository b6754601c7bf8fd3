"""How much a terminal shows, what gives way where there is no room for it, and the record of what was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from ironlaw.report.words import joined

T = TypeVar("T")


class Verbosity(Enum):
    """How much is printed."""

    QUIET = "quiet"  # the table and one sentence per comparison
    NORMAL = "normal"  # MOST_LINES at most
    VERBOSE = "verbose"  # every arm's comparison, the whole ledger, the evidence behind each cause


class Detail(Enum):
    """How a confirmed cause is reported."""

    SENTENCES = "sentences"  # with its experiment
    LINE = "line"  # with the size of its effect
    NAME = "name"  # together with the others


MOST_LINES = 60  # of 80 columns
BELOW = 1  # of these that a command adds: where the recording lies


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How many lines each part of an output may take, and which parts are included."""

    code_rows: int = 0  # 0: the paragraph alone reports where the time went
    open_rows: int = 0  # causes that are not confirmed, of the widest comparison; 0: their names, without a table
    doubts: int = 0  # in words; the others are named
    has_open: bool = True  # what is not confirmed in the widest comparison, at least by name
    has_open_of_others: bool = False  # what is not confirmed in the other comparisons
    confirmed: Detail = Detail.SENTENCES  # in the widest comparison
    confirmed_of_others: Detail = Detail.NAME
    has_split: bool = False  # by the iron law, where code is there too
    has_guesses: bool = False  # the answers to published guesses, and the next best arms
    has_remarks: bool = False  # what limits a confirmed cause's figure
    has_places: bool = True  # where the time went: the split, and layers where no code was sampled
    has_paragraphs: bool = True  # a paragraph for each of the other comparisons; else a line, beside the table
    arms: int | None = None  # rows of the table, and comparisons; None: all
    listed: int | None = None  # lines of whatever else is a list, and of sentences about one thing; None: all


# From the most to the least; the first with which a default output fits is taken. Each takes no more lines than the one
# before, but for a longer sentence on what is left out. What is last to give way is the
# answer, the table of the arms, and the confirmed causes.
ROOMS = (
    Room(code_rows=5, open_rows=9, doubts=9, has_open_of_others=True, confirmed_of_others=Detail.SENTENCES,
         has_split=True, has_guesses=True, has_remarks=True),
    Room(code_rows=5, open_rows=6, doubts=4, confirmed_of_others=Detail.SENTENCES, has_split=True, has_guesses=True,
         has_remarks=True),
    Room(code_rows=4, open_rows=4, doubts=3, confirmed_of_others=Detail.SENTENCES, has_split=True, has_guesses=True,
         has_remarks=True),
    Room(code_rows=3, open_rows=3, doubts=2, confirmed_of_others=Detail.SENTENCES, has_guesses=True, has_remarks=True),
    Room(code_rows=2, open_rows=2, confirmed_of_others=Detail.SENTENCES, has_guesses=True, has_remarks=True),
    Room(code_rows=2, has_guesses=True, has_remarks=True),
    Room(has_remarks=True),
    Room(),
    Room(has_places=False),
    Room(has_places=False, confirmed=Detail.LINE),
    Room(has_places=False, confirmed=Detail.LINE, has_paragraphs=False),
    Room(has_places=False, confirmed=Detail.LINE, has_paragraphs=False, listed=6),
    Room(has_places=False, confirmed=Detail.LINE, has_paragraphs=False, listed=3),
    *(Room(has_places=False, has_open=False, confirmed=Detail.NAME, has_paragraphs=False, listed=2, arms=arms)
      for arms in (None, 14, 12, 10, 8)),
    Room(has_places=False, has_open=False, confirmed=Detail.NAME, has_paragraphs=False, listed=1, arms=6),
    Room(has_places=False, has_open=False, confirmed=Detail.NAME, has_paragraphs=False, listed=0, arms=4),
)  # fmt: skip

# Where a setting is varied, `arms` are the rows of the table of all points.
ROOMS_OF_POINTS = (
    Room(doubts=9),
    *(
        Room(doubts=doubts, listed=listed, arms=rows)
        for doubts, listed, rows in ((3, 8, 40), (2, 5, 36), (0, 3, 32), (0, 2, 28), (0, 2, 20), (0, 1, 16))
    ),
)


@dataclass(slots=True)
class LeftOut:
    """What an output leaves to --verbose: how many of which things, and parts by name."""

    counts: dict[str, int] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)

    def count(self, what: str, number: int) -> None:
        """Add a number of things; `what` is one of them, before a bar what takes the plural s: concern|in full."""
        if number > 0:
            self.counts[what] = self.counts.get(what, 0) + number

    def part(self, name: str, is_there: bool = True) -> None:
        """Add a part by its name, if there is one to show."""
        if is_there and name not in self.parts:
            self.parts.append(name)

    def cut(self, items: Sequence[T], most: int | None, what: str) -> list[T]:
        """The first `most` of a list; the others are counted."""
        kept = list(items[:most])
        self.count(what, len(items) - len(kept))
        return kept

    def sentence(self) -> str:
        """What --verbose shows besides; empty where nothing was left out."""
        parts = [_counted(what, number) for what, number in self.counts.items()] + self.parts
        return f"--verbose shows {joined(parts)}." if parts else ""


def few(names: Sequence[str], most: int | None) -> str:
    """The first names of a list, two at least and `most` at most, and the number of the others."""
    count = len(names) if most is None else max(2, most)
    return ", ".join(names[:count]) + (f" and {len(names) - count} more" if len(names) > count else "")


def _counted(what: str, number: int) -> str:
    """A number of things: 3 more columns, 1 concern in full."""
    name, _, rest = what.partition("|")
    return f"{number} {name}{'s' * (number > 1)}{' ' * bool(rest)}{rest}"
