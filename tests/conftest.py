"""Property tests are as deterministic as the others: the same examples every time, and no time limit on one."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("ironlaw", deadline=None, derandomize=True)
settings.load_profile("ironlaw")
