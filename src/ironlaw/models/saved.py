"""A model's inputs, and modules, on disk: written once, read by every replicate without building anything again.

    save(model, folder)            inputs, probes and what is known about the model
    load(folder)                   inputs only (module=None), a few milliseconds: what a replicate needs
    load(folder, probes=True)      with the inputs for comparing answers
    save_module, load_module       what an engine prepared

Modules are pickled; classes from a user's own file are pickled by value. Only files of the same run are read back.
"""

from __future__ import annotations

import json
import pickle
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import msgspec

from ironlaw.circumstance import Circumstance
from ironlaw.errors import ArmFailed
from ironlaw.lines import decode, encode
from ironlaw.models import LoadedModel, torch_use
from ironlaw.models.images import Preprocessing
from ironlaw.models.reached_code import names_library
from ironlaw.models.sources import LIBRARIES
from ironlaw.models.weights import first_line

_ABOUT = "about.json"


def save(model: LoadedModel, folder: Path) -> None:
    """Write the inputs of a model and what is known about it under a folder, which is made; not its module."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "name": model.name,
        "weights": model.weights,
        "source": model.source,
        "seed": model.seed,
        "keywords": dict(model.keywords),
        "preprocessing": msgspec.to_builtins(model.preprocessing),
        "circumstances": [encode(fact).decode() for fact in model.circumstances],
        **_dealt(model),
    }
    (folder / _ABOUT).write_text(json.dumps(about))
    for part in ("inputs", "probes"):
        given: list[tuple[Any, ...]] = getattr(model, part)
        plain = [tuple(map(_as_array, one)) for one in given] if torch_use.is_module(model.module) else given
        save_inputs(plain, folder / f"{part}.pickle")


def load(folder: Path, *, probes: bool = False) -> LoadedModel:
    """What `save` wrote, without a module; the probes only when requested."""
    about = json.loads((folder / _ABOUT).read_text())
    return LoadedModel(
        name=about["name"],
        weights=about["weights"],
        source=about["source"],
        seed=about["seed"],
        keywords=about["keywords"],
        circumstances=_circumstances(about["circumstances"]),
        preprocessing=msgspec.convert(about.get("preprocessing"), Preprocessing | None),
        module=None,
        inputs=load_inputs(folder / "inputs.pickle"),
        calibration=[],
        probes=load_inputs(folder / "probes.pickle") if probes else [],
    )


def _dealt(model: LoadedModel) -> dict[str, Any]:
    """The places of the probes that are held out, and whether they calibrated; of photographs further crops are."""
    if model.preprocessing is not None or not model.probes:
        return {}
    from ironlaw.models.inputs import deal

    dealt = deal(model.probes, model.calibration)
    held = {id(one) for one in dealt.held_out}
    return {
        "held_out": [place for place, one in enumerate(model.probes) if id(one) in held],
        "calibrated": bool(dealt.calibrating),
    }


def held_out(folder: Path, probes: list[tuple[Any, ...]]) -> tuple[list[tuple[Any, ...]], bool]:
    """The probes of a saved model that are held out, all where there are too few, and whether they calibrated."""
    about = json.loads((folder / _ABOUT).read_text())
    return [probes[place] for place in about["held_out"]] or probes, bool(about["calibrated"])


def _circumstances(lines: list[str]) -> tuple[Circumstance, ...]:
    facts = [decode(line.encode()) for line in lines]
    return tuple(fact for fact in facts if isinstance(fact, Circumstance))


def _as_array(value: Any) -> Any:
    """A plain tensor as an array, which engines without torch take and torch turns back at no cost; others stay."""
    if not torch_use.is_tensor(value):
        return value
    is_plain = value.is_contiguous() and not value.requires_grad and not value.is_quantized
    try:
        return value.numpy() if is_plain else value
    except (TypeError, RuntimeError):
        return value


def save_inputs(inputs: list[tuple[Any, ...]], path: Path) -> None:
    """Write the arguments of several inferences."""
    import cloudpickle

    with path.open("wb") as file:
        cloudpickle.dump(inputs, file)


def load_inputs(path: Path) -> list[tuple[Any, ...]]:
    """The arguments that `save_inputs` wrote."""
    with path.open("rb") as file:
        loaded: list[tuple[Any, ...]] = pickle.load(file)
    return loaded


def save_module(module: Any, path: Path) -> tuple[str, ...]:
    """Write a module (or any callable) so that a fresh interpreter can read it; the libraries to import before that.

    A published model carries its classes along where it can: importing torchvision takes 1.7 s in every replicate, most
    of it for a compiler that nothing uses.

    Raises:
        ArmFailed: it holds something that cannot be pickled.
    """
    path.with_suffix(".paths.json").write_text(json.dumps(_search_paths()))
    libraries = libraries_of(module) if torch_use.is_module(module) else ()
    if libraries and _save_with_classes(module, path, libraries):
        return ()
    others = set(libraries) - set(_CARRIED)
    imports = (*libraries, *(_modules_of(module, others) if others else ()))
    try:
        _write(module, path)
    except _UNPICKLABLE as error:
        raise ArmFailed(
            f"{type(module).__name__} cannot be saved: {first_line(error)}",
            hint="keep open files, sessions and locks out of the module",
        ) from None
    return imports


_UNPICKLABLE = (pickle.PicklingError, TypeError, AttributeError, RuntimeError, ValueError)
# Libraries whose models are classes of layers and little else. Those of transformers reach into all of it.
_CARRIED = ("torchvision", "timm")


def _write(module: Any, path: Path) -> None:
    import cloudpickle

    if torch_use.is_loaded():
        import torch

        torch.save(module, path, pickle_module=cloudpickle)
    else:
        path.write_bytes(cloudpickle.dumps(module))


def _save_with_classes(module: Any, path: Path, libraries: tuple[str, ...]) -> bool:
    """Write a module with its classes by value; False where it may need its libraries all the same.

    It does where other code is among its layers, which would import the libraries and find classes that are not the
    module's; and where a function names a library by itself, as those do that call its own operators.
    """
    import cloudpickle

    roots = {type(part).__module__.partition(".")[0] for part in module.modules()}
    import torch

    graphs = [part.graph for part in module.modules() if isinstance(part, torch.fx.GraphModule)]
    # A traced module is read back from text, which imports what its graph calls.
    called = {str(getattr(node.target, "__module__", "")) for graph in graphs for node in graph.nodes}
    if any(name.partition(".")[0] in _CARRIED for name in called):
        return False
    classes = {type(part) for part in module.modules()}
    if not roots <= {"torch", *_CARRIED} or names_library(classes, frozenset(_CARRIED)):
        return False
    registered = [sys.modules[name] for name in libraries]
    for library in registered:
        cloudpickle.register_pickle_by_value(library)
    try:
        _write(module, path)
    except (*_UNPICKLABLE, RecursionError):
        return False
    finally:
        for library in registered:
            cloudpickle.unregister_pickle_by_value(library)
    return True


def load_module(path: Path) -> Any:
    """The module that `save_module` wrote, with its user's folders searched for imports again."""
    for folder in json.loads(path.with_suffix(".paths.json").read_text()):
        if folder not in sys.path:
            sys.path.append(folder)
    if not zipfile.is_zipfile(path):  # written where torch takes no part
        return pickle.loads(path.read_bytes())
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own storage classes when it reads int8 weights
        return torch.load(path, weights_only=False)


def search_in(folder: str) -> None:
    """Let user code import what is beside it, here and in the replicates that read its modules back.

    The folder is searched last: what is in it must not replace a module that torch or an engine imports later.
    """
    if folder not in sys.path:
        sys.path.append(folder)
    if folder not in _USER_FOLDERS:
        _USER_FOLDERS.append(folder)


_USER_FOLDERS: list[str] = []


def _search_paths() -> list[str]:
    return list(_USER_FOLDERS)


def libraries_of(module: Any) -> tuple[str, ...]:
    """The slow libraries whose classes a module is made of; to be imported before twins are forked."""
    roots = {type(part).__module__.partition(".")[0] for part in module.modules()}
    return tuple(name for name in LIBRARIES.values() if name in roots)


def _modules_of(module: Any, libraries: set[str]) -> tuple[str, ...]:
    """The modules in which these libraries define a model's classes: transformers imports none of them by itself, and
    3 s of reading a decoder back are theirs.
    """
    homes = {type(part).__module__ for part in module.modules()}
    return tuple(sorted(home for home in homes if home.partition(".")[0] in libraries and home not in libraries))
