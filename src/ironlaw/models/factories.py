"""Models from a user's own function: file.py:factory and package.module:factory. Runs user code."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from ironlaw.arm import HANDED_OVER
from ironlaw.circumstance import GivenExamples
from ironlaw.errors import ArmFailed, BadInput, offer_closest
from ironlaw.models import LoadedModel, handed_over, inputs, saved, torch_use
from ironlaw.models.images import Preprocessing
from ironlaw.models.weights import Provenance, first_line
from ironlaw.point import BATCH

_RETURNS = "it returns a torch module (or a callable), or (module, inputs) with inputs a tuple of its arguments"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a factory returned: something to call, and arguments for it if it gave any; and what it was called with."""

    program: Callable[..., Any]
    examples: list[tuple[Any, ...]]
    keywords: dict[str, object] = field(default_factory=dict)


def open_factory(
    source: str, *, images: str | None, batch: int, seed: int, keywords: Mapping[str, object] | None = None
) -> LoadedModel:
    """The model that a user's function makes; its own inputs, or photographs where it gives none.

    A factory with a keyword `batch` is called with the batch.

    The module is left as the factory made it, training mode included; a callable is run as it is, autograd included.

    Raises:
        BadInput: the module has no such function, or the images cannot be used.
        ArmFailed: the function raised or returned something else, or the module cannot take its inputs.
    """
    made = make(source, seed=seed, keywords=keywords, batch=batch)
    if made.examples and batch > 1 and BATCH not in made.keywords:
        raise BadInput(
            f"{source} gives its own inputs, so a batch of {batch} would change nothing",
            hint="give the factory a keyword for it, def build(batch=1), and return inputs of that batch",
        )
    if made.examples:
        examples = inputs.from_given(made.examples, (GivenExamples(count=len(made.examples)),))
    else:
        examples = inputs.from_photos(images, _preprocessing(made.program), batch=batch, seed=seed)
    examples = inputs.fitting(made.program, examples)
    _try_out(source, made, examples.turns[0])
    opened = LoadedModel.fed(source, made.program, Provenance(text="as the factory made them"), examples)
    return replace(opened, keywords=made.keywords)


def _preprocessing(program: Any) -> Preprocessing:
    """How photographs are shown: as the module's `default_cfg` says, timm's way of writing that down, where it has one.

    Raises:
        BadInput: its `default_cfg` is not of square RGB images, or has a value that is none.
    """
    said = getattr(program, "default_cfg", None)
    if not isinstance(said, Mapping):
        return Preprocessing()
    plain = Preprocessing()
    try:
        channels, height, width = (int(one) for one in said.get("input_size", (3, plain.crop, plain.crop)))
        how = Preprocessing(
            resize=math.floor(height / float(said.get("crop_pct", plain.crop / plain.resize))),
            crop=height,
            mean=tuple(float(one) for one in said.get("mean", plain.mean)),
            std=tuple(float(one) for one in said.get("std", plain.std)),
            resampling=str(said.get("interpolation", plain.resampling)),
        )
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise BadInput(f"the module's default_cfg cannot be used: {error}", hint=_CFG_HINT) from None
    if channels != 3 or height != width or not len(how.mean) == len(how.std) == 3 or not all(how.std):
        raise BadInput("the module's default_cfg is not of square RGB images", hint=_CFG_HINT)
    if how.resampling not in _RESAMPLING:
        raise BadInput(f"the module's default_cfg interpolates by {how.resampling!r}", hint=_CFG_HINT)
    return how


_RESAMPLING = ("bilinear", "bicubic", "nearest", "lanczos", "box", "hamming")
_CFG_HINT = "as timm's: {'input_size': (3, 224, 224), 'mean': (0.5,) * 3, 'std': (0.5,) * 3, 'crop_pct': 0.875}"


def make(source: str, *, seed: int, keywords: Mapping[str, object] | None = None, batch: int = 1) -> Made:
    """Call the factory with these keywords, and the batch if it has a keyword for it, every random generator seeded.

    Raises:
        BadInput: there is no such function.
        ArmFailed: it raised, or returned something that is not a module.
    """
    if source.endswith(HANDED_OVER):
        _seed_everything(seed)
        return _understood(source, handed_over.read(Path(source)))
    where, _, name = source.rpartition(":")
    module = _imported(where)
    if not hasattr(module, name):
        raise BadInput(f"{where} has no {name!r}", hint=offer_closest(name, _public(module)))
    factory = getattr(module, name)
    if torch_use.is_module(factory):
        return Made(program=factory, examples=[])
    _seed_everything(seed)
    given = dict(keywords or {})
    if batch > 1 and _takes(factory, BATCH):
        given[BATCH] = batch
    try:
        returned = factory(**given)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # user code: whatever it raises is this arm's failure
        how = (
            f"with {', '.join(f'{name}={value!r}' for name, value in given.items())}" if given else "without arguments"
        )
        raise ArmFailed(
            f"{source} raised {type(error).__name__}: {first_line(error)}{_place(error, where)}",
            hint=f"check that it works when called {how}",
        ) from None
    return replace(_understood(source, returned), keywords=given)


def _takes(factory: Any, keyword: str) -> bool:
    """Whether a factory names a keyword among its parameters."""
    try:
        return keyword in inspect.signature(factory).parameters
    except (ValueError, TypeError):  # it is no function, or a builtin of which nothing is known
        return False


def _imported(where: str) -> ModuleType:
    try:
        if where.endswith(".py"):
            return _imported_file(Path(where))
        saved.search_in(str(Path.cwd()))
        return importlib.import_module(where)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # user code: whatever it raises is this arm's failure
        raise ArmFailed(
            f"importing {where} raised {type(error).__name__}: {first_line(error)}{_place(error, where)}",
            hint="check that it can be imported alone",
        ) from None


def _imported_file(path: Path) -> ModuleType:
    """The module in a file; its classes are later pickled by value, so that replicates need not run the file."""
    import cloudpickle

    saved.search_in(str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(f"_of_the_user_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    cloudpickle.register_pickle_by_value(module)
    return module


def _place(error: BaseException, where: str) -> str:
    """Where in the user's own file an exception came from."""
    import traceback

    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).name == Path(where).name
    ]
    return f" ({Path(where).name} line {frames[-1].lineno})" if frames else ""


def _public(module: ModuleType) -> list[str]:
    return [name for name in vars(module) if not name.startswith("_")]


def _seed_everything(seed: int) -> None:
    import random

    import numpy

    random.seed(seed)
    numpy.random.seed(seed)  # user code may draw from the global generator
    if torch_use.is_loaded():
        import torch

        torch.manual_seed(seed)


def _understood(source: str, returned: Any) -> Made:
    import numpy

    program, given = returned, None
    if isinstance(returned, tuple) and len(returned) == 2:
        program, given = returned
    if not callable(program):
        raise ArmFailed(f"{source} returned {_described(returned)}", hint=_RETURNS)
    if given is None:
        return Made(program=program, examples=[])
    if isinstance(given, dict):
        return Made(program=program, examples=[_in_order(source, program, given)])
    if isinstance(given, numpy.ndarray) or torch_use.is_tensor(given):
        return Made(program=program, examples=[(given,)])
    if isinstance(given, list) and given and all(isinstance(one, tuple) for one in given):
        return Made(program=program, examples=given)
    if isinstance(given, tuple):
        return Made(program=program, examples=[given])
    raise ArmFailed(f"{source} returned inputs of type {type(given).__name__}", hint=_RETURNS)


def _in_order(source: str, program: Callable[..., Any], given: dict[str, Any]) -> tuple[Any, ...]:
    """Named arguments in the order in which the program takes them, defaults in between.

    Raises:
        ArmFailed: the program has no such parameters, or takes them by name only.
    """
    signature = inspect.signature(getattr(program, "forward", program))
    try:
        bound = signature.bind(**given)
    except TypeError as error:
        raise ArmFailed(f"{source} gave inputs that do not fit: {error}", hint=_RETURNS) from None
    last = max(place for place, name in enumerate(signature.parameters) if name in bound.arguments)
    by_name_only = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)
    needed = list(signature.parameters.values())[: last + 1]
    for parameter in needed:
        if parameter.kind in by_name_only:
            raise ArmFailed(
                f"{source}: the model takes {parameter.name!r} by name only",
                hint="wrap it in a module whose forward takes its inputs in order",
            )
    return tuple(bound.arguments.get(one.name, one.default) for one in needed)


def _described(returned: Any) -> str:
    if isinstance(returned, tuple):
        return "(" + ", ".join(type(part).__name__ for part in returned) + ")"
    if returned is None:
        return "None"
    name = type(returned).__name__
    return f"an {name}" if name[0] in "aeiouAEIOU" else f"a {name}"


def _try_out(source: str, made: Made, example: tuple[Any, ...]) -> None:
    """Call the program once, in eval mode, so that wrong inputs are reported before anything is measured.

    One that fails without gradients may need them, and is called once more with them.
    """
    program: Any = made.program
    parts = list(program.modules()) if torch_use.is_module(made.program) else []
    training = [part.training for part in parts]
    for part in parts:
        part.training = False
    try:
        with torch_use.without_gradients():
            made.program(*example)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # user code: whatever it raises is this arm's failure
        if runs_with_gradients(made.program, example):
            return
        raise ArmFailed(
            f"{source} cannot take {inputs.described(example)}: {first_line(error)}",
            hint="return (module, (its, inputs)) from the factory, in the shapes and types it takes",
        ) from None
    finally:
        for part, was in zip(parts, training, strict=True):
            part.training = was


def runs_with_gradients(program: Callable[..., Any], arguments: tuple[Any, ...]) -> bool:
    """Whether a program that failed without gradients can be called with them."""
    if not torch_use.is_loaded():
        return False
    try:
        with torch_use.with_gradients():
            program(*arguments)
    except (Exception, SystemExit):  # noqa: BLE001  # user code, again: its first failure is the one that is reported
        return False
    return True
