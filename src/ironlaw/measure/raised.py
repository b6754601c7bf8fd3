"""The place in an arm's code that raised an exception."""

from __future__ import annotations

import traceback


def where(error: BaseException) -> str:
    """The file and line of the last frame of its traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"raised at {frames[-1].filename}:{frames[-1].lineno}" if frames else "no trace"
