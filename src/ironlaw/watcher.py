"""Who is shown how far a run is: a bar in a terminal, the line of a sweep's cell, or nothing."""

from __future__ import annotations

from typing import Protocol


class Watcher(Protocol):
    """Receives the progress of a run, or of one cell of a sweep."""

    def progressed(self, done: float, doing: str) -> None:
        """`done` is the share of the run behind us, 0 to 1; `doing` says what happens now."""


class Unwatched:
    """A watcher that does not look."""

    def progressed(self, done: float, doing: str) -> None:
        """Nothing."""
