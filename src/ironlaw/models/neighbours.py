"""What a user's program imports from beside itself, and whether something of the same name is installed.

In the processes of arms the user's folder is searched last, so that a file of any name in it replaces no library. A
program that means such a file would then get the library instead: it is refused. Only reads; nothing is imported.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path

from ironlaw.errors import BadInput
from ironlaw.models.user_files import MOST_BYTES_OF_SOURCE, read_bounded


def refuse_hidden(first: Path, folder: Path) -> None:
    """Follow the imports of a file, or of a package's files, as far as they stay in the folder.

    Raises:
        BadInput: one of them names a file of the folder, and the standard library or an installed package as well.
    """
    for file, name, beside in _followed(first, folder):
        if beside is not None:
            refuse_installed(name, beside, folder, by=file)


def imported_from_outside(first: Path, folder: Path) -> set[str]:
    """What a file, or a package's files, and what they import from the folder, import from elsewhere."""
    return {name for _, name, beside in _followed(first, folder) if beside is None}


def _followed(first: Path, folder: Path) -> Iterator[tuple[Path, str, Path | None]]:
    """Each import of the files that are reached: the file, the name, and the file of the folder that it stands for."""
    waiting, seen = list(_files(first)), set[Path]()
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        for name in _imported(file):
            beside = _beside(name, folder)
            yield file, name, beside
            if beside is not None:
                waiting += _files(beside)


def refuse_installed(name: str, beside: Path, folder: Path, *, by: Path | None = None) -> None:
    """Check that a name stands for what is in the folder and for nothing that is searched before it.

    Raises:
        BadInput: it does not.
    """
    elsewhere = _elsewhere(name, folder)
    if elsewhere is None or (os.path.exists(elsewhere) and os.path.samefile(elsewhere, beside)):
        return
    subject = f"{by} imports {name}, which" if by else name
    raise BadInput(
        f"{subject} is {beside} and also {elsewhere}",
        hint=f"rename your file or folder {name}: it never replaces an installed package",
    )


def _beside(name: str, folder: Path) -> Path | None:
    """The file that a name stands for in the folder; a folder without __init__.py gives way to packages anyway."""
    return next((path for path in (folder / name / "__init__.py", folder / f"{name}.py") if path.is_file()), None)


def _files(first: Path) -> Iterator[Path]:
    if first.name == "__init__.py":
        yield from first.parent.rglob("*.py")
    else:
        yield first


def _imported(file: Path) -> set[str]:
    """The first part of each absolute import; none where the file is not Python, which importing it will report."""
    try:
        tree = ast.parse(read_bounded(file, most=MOST_BYTES_OF_SOURCE), filename=str(file))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def _elsewhere(name: str, folder: Path) -> str | None:
    """Where a name would be found without the folder: a path, or the standard library."""
    if name in sys.stdlib_module_names:
        return "a module of the standard library"
    # Without the current folder too: this process may have begun with it, an arm's never does.
    own = {os.path.realpath(folder), os.path.realpath(os.getcwd())}
    spec = PathFinder.find_spec(name, [path for path in sys.path if os.path.realpath(path or ".") not in own])
    return None if spec is None or spec.origin is None else spec.origin
