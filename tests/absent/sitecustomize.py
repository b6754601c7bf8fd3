"""Imported by every interpreter that has this folder on PYTHONPATH: packages named in ABSENT are not found in it.

As where they are not installed: `find_spec` gives None, and an import raises ModuleNotFoundError. Children inherit it.
"""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

ABSENT = tuple(filter(None, os.environ.get("IRONLAW_TEST_ABSENT", "").split(",")))


class Without(PathFinder):
    """Finds what is installed, but for those packages."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """None for them."""
        return None if fullname.partition(".")[0] in ABSENT else PathFinder.find_spec(fullname, path, target)


sys.meta_path[:] = [Without if one is PathFinder else one for one in sys.meta_path]
