"""How much a terminal shows."""

from __future__ import annotations

from enum import Enum


class Verbosity(Enum):
    """How much is printed."""

    QUIET = "quiet"  # the table and one sentence per comparison
    NORMAL = "normal"  # a screen or two
    VERBOSE = "verbose"  # every arm's comparison, the whole ledger, the evidence behind each cause
