"""Start child processes: by this interpreter, importing nothing from the current folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of ironlaw.

    Uses -P rather than PYTHONSAFEPATH, which programs started by an arm would inherit.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def variables() -> Mapping[str, str]:
    """This process's environment. If ironlaw is imported from the current folder, PYTHONPATH names that folder."""
    source = str(Path(__file__).resolve().parents[1])
    if source != os.getcwd() or source in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        return os.environ
    paths = [source, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
