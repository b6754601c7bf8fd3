"""What a sweep says while it runs."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from rich.console import Console

from ironlaw.commands.sweep_progress import SweepProgress
from tests.sweep.scripted import plan
from tests.sweep.simulated import node


def started(folder: Path, budget_s: float | None, there: int = 0) -> tuple[SweepProgress, io.StringIO]:
    from dataclasses import replace

    wanted = plan(folder)
    wanted = replace(wanted, shared=replace(wanted.shared, budget_s=budget_s, inferences=10))
    reported = io.StringIO()
    return SweepProgress(Console(file=reported, width=200), wanted, there=there, quiet=False), reported


def test_before_a_cell_ended_the_budget_reports_the_time_left(tmp_path: Path) -> None:
    progress, _ = started(tmp_path, 60.0, there=1)
    assert progress.left_s(time.monotonic()) == 3 * 60.0
    cells = list(plan(tmp_path).cells())
    for cell, name in zip(cells[:3], "abc", strict=False):
        progress.started(cell, node(name))
    assert progress.left_s(time.monotonic()) == 60.0  # three nodes share them


def test_without_a_budget_nothing_reports_the_time_left(tmp_path: Path) -> None:
    assert started(tmp_path, None)[0].left_s(time.monotonic()) is None


def test_once_a_cell_ended_it_reports_the_time_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    progress, _ = started(tmp_path, 60.0)
    cell = next(plan(tmp_path).cells())
    progress.started(cell, node("a"))
    progress.ended(cell, node("a"), "")
    assert progress.left_s(110.0) == 30.0  # one in ten seconds, three to go


def test_without_a_terminal_each_cell_that_ends_is_a_line_with_its_node(tmp_path: Path) -> None:
    progress, reported = started(tmp_path, 60.0)
    first, second = list(plan(tmp_path).cells())[:2]
    progress.started(first, node("a"))
    progress.ended(first, node("a"), "")
    progress.started(second, node("b"))
    progress.ended(second, node("b"), "killed by SIGKILL")
    assert reported.getvalue().splitlines() == [
        "1 of 4: net, threads 1, batch 1, host any, a: measured",
        "1 of 4: net, threads 2, batch 1, host any, b: killed by SIGKILL",
    ]
