"""An explanation on a terminal: the table first, then the answers."""

from __future__ import annotations

from ironlaw.report.terminal.verbosity import Verbosity
from ironlaw.report.terminal.whole import show

__all__ = ["Verbosity", "show"]
