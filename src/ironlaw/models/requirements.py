"""Whether a user's program may import a library, found without running it: by what its files import and require.

What cannot be seen counts as needing it, since importing an unneeded library costs seconds, and importing it late costs
them in every process.
"""

from __future__ import annotations

import mmap
import re
import sys
from pathlib import Path

from ironlaw.models import neighbours, sources

_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def may_import(source: str, library: str) -> bool:
    """Whether opening a source, or running what it gives, may import a library."""
    match sources.kind_of(source):
        case sources.Kind.FILE:
            file = Path(source.rpartition(":")[0] or source)
            names = neighbours.imported_from_outside(file, file.resolve().parent)
            return any(_leads_to(name, library) for name in names - sys.stdlib_module_names)
        case sources.Kind.HANDED_OVER:
            return _names(Path(source), library)
        case _:
            return True


def _names(file: Path, library: str) -> bool:
    """Whether a pickle holds a library's name: classes and functions are saved by the names of their modules."""
    if not file.stat().st_size:
        return False
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as held:
        return held.find(library.encode()) >= 0


def _leads_to(name: str, library: str) -> bool:
    """Whether a package is the library, or requires it directly, in an extra, or by way of what it requires."""
    from importlib.metadata import PackageNotFoundError, requires

    waiting, seen = [name], set[str]()
    while waiting:
        project = waiting.pop()
        if project == library:
            return True
        if project in seen:
            continue
        seen.add(project)
        try:
            wanted = requires(project) or []
        except PackageNotFoundError:
            if project == name:
                return True  # its project has another name, and its requirements are not known
            continue
        # Extras of what a program imports itself count; those of packages further down lead to everything.
        waiting += [_project(one) for one in wanted if project == name or "extra ==" not in one]
    return False


def _project(requirement: str) -> str:
    found = _PROJECT.match(requirement)
    return re.sub(r"[-_.]+", "-", found.group()).lower() if found else requirement
