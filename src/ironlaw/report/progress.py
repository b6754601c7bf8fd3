"""The progress of a run: a bar on a terminal, else a line per stage."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ironlaw.text import plain


class ProgressBar:
    """A bar with the time left; a plain line for every new stage where there is no terminal."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._said = ""
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )
        self._task = self._bar.add_task("starting", total=1.0)

    def progressed(self, done: float, doing: str) -> None:
        """Move the bar; without a terminal say what is new, up to its round."""
        doing = plain(doing)
        self._bar.update(self._task, completed=done, description=doing)
        stage = doing.partition(", round")[0]
        if not self._console.is_terminal and not self._quiet and stage != self._said:
            self._console.print(f"{done:4.0%} {stage}", highlight=False, markup=False)
            self._said = stage

    def __enter__(self) -> ProgressBar:
        self._bar.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._bar.stop()
