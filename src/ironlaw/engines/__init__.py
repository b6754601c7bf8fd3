"""Engines: what turns a variant of a model into something to call.

One folder each, found by looking into this one: `declaration.py` says what the engine is, offers and needs, and is all
that planners, help and reports know of it; `execution.py` prepares and loads, and imports what is heavy inside its
functions. border/ and torch_modules/ hold what several of them share.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ironlaw.engine import Declaration, Export
from ironlaw.errors import BadInput, offer_closest
from ironlaw.telemetry import TelemetryOff, together

if TYPE_CHECKING:
    from ironlaw.models import LoadedModel
    from ironlaw.program import PreparedModel, Program
    from ironlaw.variant import Variant


def _found() -> dict[str, Declaration]:
    folders = sorted(path.parent.name for path in Path(__file__).parent.glob("*/declaration.py"))
    declared: dict[str, Declaration] = {
        name: importlib.import_module(f"{__name__}.{name}.declaration").DECLARATION for name in folders
    }
    return dict(sorted(declared.items(), key=lambda item: (not item[1].is_plain, item[0])))


# By name; first the one of a variant that names none.
ENGINES: dict[str, Declaration] = _found()
PLAIN = next(iter(ENGINES))


class Execution(Protocol):
    """What the module `execution` of every engine offers, as functions."""

    def prepare(self, variant: Variant, model: LoadedModel, folder: Path, *, threads: int = 1) -> PreparedModel:
        """Make the variant and save it under the folder; everything that is done once per arm.

        `threads` is the size of the engine's own thread pool; torch's has it already.

        Raises:
            ArmFailed: the engine cannot run this model in this variant; names the operator.
        """

    def load(self, variant: Variant, prepared: PreparedModel, model: LoadedModel, *, threads: int = 1) -> Program:
        """What was prepared, ready to be called on the model's inputs."""


@runtime_checkable
class Profiled(Protocol):
    """What an engine offers besides that has to make something before it can report an arm's layers."""

    def prepare_profile(self, model: LoadedModel, folder: Path) -> None:
        """Make it, under the folder where `prepare` made the arm; only for arms whose layers are read."""

    def refuse_profile(self, folder: Path, reason: str) -> None:
        """Write why it was not made instead: asked for layers, the arm answers with the reason."""


@runtime_checkable
class Exporting(Protocol):
    """What an engine offers besides whose arms can be exported; its folder holds an infer.py.jinja as well."""

    def export(self, variant: Variant, prepared: Path) -> Export:
        """What the script for an arm needs of what was prepared in a folder.

        Raises:
            BadInput: this program cannot be exported.
        """


def telemetry_off() -> TelemetryOff:
    """What keeps every engine from reporting, for each child process: user code may import any of them in any arm."""
    return together(declared.telemetry_off for declared in ENGINES.values())


def engine(name: str) -> Execution:
    """The engine of that name, imported.

    Raises:
        BadInput: there is none.
    """
    if name not in ENGINES:
        raise BadInput(f"there is no engine {name!r}", hint=offer_closest(name, list(ENGINES)))
    module: Execution = importlib.import_module(f"{__name__}.{name}.execution")
    return module


def engines_of_file(source: str) -> tuple[str, ...]:
    """The engines that run a model file of this name as it is; none for what is no model file."""
    return tuple(name for name, declared in ENGINES.items() if source.endswith(declared.files or ("\0",)))
