"""The interface to what shows the progress of a run: a bar on a terminal, a line of a sweep, or nothing."""

from __future__ import annotations

from typing import Protocol


class Watcher(Protocol):
    """Receives the progress of a run, or of one cell of a sweep."""

    def progressed(self, done: float, doing: str) -> None:
        """Take the progress: `done` is the share of the run that is over, 0 to 1; `doing` names the current step."""


class Unwatched:
    """A watcher that shows nothing."""

    def progressed(self, done: float, doing: str) -> None:
        """Ignore the progress."""
