"""What a model's name stands for: a published architecture, a user's factory in a file or package."""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
from enum import Enum
from pathlib import Path

from ironlaw.errors import BadInput, offer_closest
from ironlaw.models import LoadedModel


class Kind(Enum):
    """The forms a source can have."""

    FILE = "file.py:factory"
    PACKAGE = "package.module:factory"
    ONNX = "an .onnx file"
    TORCHVISION = "a torchvision name"


def kind_of(source: str) -> Kind:
    """Which form a source has, by its spelling alone."""
    where, colon, _ = source.rpartition(":")
    if source.endswith(".onnx"):
        return Kind.ONNX
    if source.endswith(".py") or where.endswith(".py"):
        return Kind.FILE
    return Kind.PACKAGE if colon else Kind.TORCHVISION


def check(source: str) -> None:
    """See that a source can exist, without importing torch and without running user code.

    Raises:
        BadInput: the file, function or name does not exist; offers the closest names.
    """
    match kind_of(source):
        case Kind.FILE:
            _check_file(source)
        case Kind.PACKAGE:
            _check_package(source)
        case Kind.ONNX:
            _check_onnx(source)
        case Kind.TORCHVISION:
            known = published_names()
            if known and source not in known:
                raise unknown_name(source, list(known))


def open_source(source: str, *, images: str | None, batch: int, seed: int) -> LoadedModel:
    """The model a source names; see `ironlaw.models.open_model`."""
    if batch < 1:
        raise BadInput(f"the batch is {batch}; it must be above 0", hint="for example a batch of 1")
    check(source)
    if kind_of(source) is Kind.TORCHVISION:
        from ironlaw.models import published

        return published.open_published(source, images=images, batch=batch, seed=seed)
    if kind_of(source) is Kind.ONNX:
        from ironlaw.models import onnx_model

        return onnx_model.open_onnx(source, images=images, batch=batch, seed=seed)
    from ironlaw.models import factories

    return factories.open_factory(source, images=images, batch=batch, seed=seed)


def unknown_name(name: str, known: list[str]) -> BadInput:
    """The error for a name that stands for no model."""
    return BadInput(f"there is no model {name!r}", hint=offer_closest(name, known) + _OWN_MODELS)


_OWN_MODELS = " (a model of your own: file.py:factory)"


@functools.cache
def published_names() -> tuple[str, ...]:
    """The names torchvision registers, read from its source so that it need not be imported; empty when unreadable."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        return ()
    folder = Path(spec.submodule_search_locations[0]) / "models"
    names: set[str] = set()
    for file in folder.rglob("*.py"):
        if file.parent.name != "quantization":
            names.update(_registered(file.read_text(encoding="utf-8")))
    return tuple(sorted(names))


def _registered(text: str) -> list[str]:
    found = re.finditer(r"^@register_model\((?:name=\"(\w+)\")?\)\n(?:@(?:.|\n)*?)?^def (\w+)", text, re.MULTILINE)
    return [match.group(1) or match.group(2) for match in found]


def _check_file(source: str) -> None:
    where, _, name = source.rpartition(":")
    if not where:
        raise BadInput(f"{source} names no function", hint=f"write {source}:factory, the function's own name")
    path = Path(where)
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=where)
    except OSError as error:
        raise BadInput(f"cannot read {where}: {error.strerror}", hint="name an existing file.py:factory") from None
    except (SyntaxError, ValueError) as error:
        place = f" line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise BadInput(f"{where}{place} is not Python: {error}", hint="see that it runs by itself") from None
    defined = _top_level_names(tree)
    if name not in defined and "*" not in defined:
        raise BadInput(f"{where} defines no {name!r}", hint=offer_closest(name, sorted(defined)))


def _top_level_names(tree: ast.Module) -> set[str]:
    """Names a module defines at its top level, also inside if and try; "*" when it imports everything of another."""
    names: set[str] = set()
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        else:
            waiting.extend(ast.iter_child_nodes(node))
    return names


def _check_onnx(source: str) -> None:
    try:
        empty = Path(source).stat().st_size == 0
    except OSError as error:
        raise BadInput(f"cannot read {source}: {error.strerror}", hint="name an existing .onnx file") from None
    if empty:
        raise BadInput(f"{source} is empty", hint="export it again")


def _check_package(source: str) -> None:
    where, _, name = source.rpartition(":")
    parts = where.split(".")
    if not name.isidentifier() or not all(part.isidentifier() for part in parts):
        raise BadInput(f"{source!r} is neither file.py:factory nor package.module:factory", hint="mind the spelling")
    # Only the first part: finding a submodule would import its package, which is user code.
    beside = Path(parts[0])
    if beside.is_dir() or beside.with_suffix(".py").exists():
        return
    if importlib.util.find_spec(parts[0]) is None:
        raise BadInput(
            f"there is no package {parts[0]!r}",
            hint="run where it lies, install it, or name its file: path/file.py:factory",
        )
