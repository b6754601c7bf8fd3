"""One-time costs of preparing an arm, by name."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Phases:
    """Wall time in ns of each phase (fuse, calibrate, convert, export, compile); repeated names add up."""

    ns: dict[str, int] = field(default_factory=dict)

    @contextlib.contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the time of the block to the phase of that name, also if it fails."""
        began = time.perf_counter_ns()
        try:
            yield
        finally:
            self.ns[name] = self.ns.get(name, 0) + time.perf_counter_ns() - began
