"""Engines: what turns a variant of a model into something to call. One folder each; heavy imports inside functions."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol, runtime_checkable

from ironlaw.errors import BadInput, offer_closest
from ironlaw.missing import Maybe
from ironlaw.models import LoadedModel
from ironlaw.program import PreparedModel, Program
from ironlaw.telemetry import TelemetryOff, together
from ironlaw.variant import Variant

# What makes a folder here an engine, of the folder's name: the module that offers what `Engine` asks for.
_EXECUTION = "execution"
_FOUND = tuple(sorted(path.parent.name for path in Path(__file__).parent.glob(f"*/{_EXECUTION}.py")))


class Engine(Protocol):
    """What every engine's module offers, as functions."""

    # Modules that a replicate's interpreter imports once, before its twins are forked.
    IMPORTS: tuple[str, ...]

    def missing_extra(self) -> Maybe[bool]:
        """True when the engine is installed; otherwise Missing with the extra to install."""

    def prepare(self, variant: Variant, model: LoadedModel, folder: Path) -> PreparedModel:
        """Make the variant and save it under the folder; everything that is done once per arm.

        Raises:
            ArmFailed: the engine cannot run this model in this variant; names the operator.
        """

    def load(self, variant: Variant, prepared: PreparedModel, model: LoadedModel) -> Program:
        """What was prepared, ready to be called on the model's inputs."""


@runtime_checkable
class Profiled(Protocol):
    """What an engine offers besides that has to make something before it can tell an arm's layers."""

    def prepare_profile(self, model: LoadedModel, folder: Path) -> None:
        """Make it, under the folder where `prepare` made the arm; only for arms whose layers are read."""


@runtime_checkable
class Reporting(Protocol):
    """What an engine offers besides that reports its use to its makers unless it is kept from it."""

    TELEMETRY_OFF: TelemetryOff


def telemetry_off() -> TelemetryOff:
    """What keeps every engine from reporting, for each child process: user code may import any of them in any arm."""
    found = [engine(name) for name in _FOUND]
    return together(one.TELEMETRY_OFF for one in found if isinstance(one, Reporting))


def engine(name: str) -> Engine:
    """The engine of that name.

    Raises:
        BadInput: there is none.
    """
    if name not in _FOUND:
        raise BadInput(f"there is no engine {name!r}", hint=offer_closest(name, list(_FOUND)))
    module: Engine = importlib.import_module(f"{__name__}.{name}.{_EXECUTION}")
    return module
