"""Where an arm's code raised what it raised."""

from __future__ import annotations

import traceback


def where(error: BaseException) -> str:
    """The last line of its trace."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"raised at {frames[-1].filename}:{frames[-1].lineno}" if frames else "no trace"
