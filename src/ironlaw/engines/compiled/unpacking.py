"""Opening a package that was compiled ahead of time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

_FOLDER = "TMPDIR"  # read by torch at each call


def open_package(package: Path) -> Any:
    """A compiled package, unpacked beside its file.

    torch removes what it unpacked when a process ends by itself. Of one that is killed it stays, 89 MB of MiniLM; in
    the folder of an arm it is removed with the run's.
    """
    import torch

    before = os.environ.get(_FOLDER)
    os.environ[_FOLDER] = str(package.parent)
    try:
        return torch._inductor.aoti_load_package(str(package))
    finally:
        if before is None:
            del os.environ[_FOLDER]
        else:
            os.environ[_FOLDER] = before
