"""Engines: they turn a variant of a model into a callable program.

Each engine is a folder here, found by listing. `declaration.py` states its precisions, options and packages; planning,
help and reports import nothing else. `execution.py` prepares and loads models, with heavy imports inside functions.
border/ and torch_modules/ hold code that several engines share.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ironlaw.engine import Declaration, Export
from ironlaw.errors import BadInput, offer_closest
from ironlaw.telemetry import TelemetryOff, merged

if TYPE_CHECKING:
    from ironlaw.models import LoadedModel
    from ironlaw.program import PreparedModel, Program
    from ironlaw.replayer import Replayer
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
    """The functions of every engine's module `execution`."""

    def prepare(self, variant: Variant, model: LoadedModel, folder: Path, *, threads: int = 1) -> PreparedModel:
        """Prepare the variant and save it in the folder; all work that is done once per arm.

        `threads` is the size of the engine's own thread pool; torch's is already set.

        Raises:
            ArmFailed: the engine cannot run this model in this variant; names the operator.
        """

    def load(self, variant: Variant, prepared: PreparedModel, model: LoadedModel, *, threads: int = 1) -> Program:
        """Load what was prepared, ready to be called on the model's inputs."""


@runtime_checkable
class Profiled(Protocol):
    """The additional functions of an engine that must prepare something before it can report an arm's layers."""

    def prepare_profile(self, model: LoadedModel, folder: Path) -> None:
        """Prepare it in the folder where `prepare` made the arm; called only for arms whose layers are read."""

    def refuse_profile(self, folder: Path, reason: str) -> None:
        """Write the reason why it was not prepared, which the arm returns when it is asked for layers."""


@runtime_checkable
class Replaying(Protocol):
    """What an engine offers besides whose layers can be in int8 or in float one by one, on values that are given."""

    def replayer(self, variant: Variant, prepared: PreparedModel, model: LoadedModel, *, threads: int = 1) -> Replayer:
        """The layers of what was prepared.

        Raises:
            ArmFailed: this arm has none that can be replayed; the reason.
        """


@runtime_checkable
class Exporting(Protocol):
    """The additional function of an engine whose arms can be exported; its folder also has an infer.py.jinja."""

    def export(self, variant: Variant, prepared: Path) -> Export:
        """Return what the script for an arm needs from the folder of the prepared model.

        Raises:
            BadInput: this program cannot be exported.
        """


@runtime_checkable
class BuiltFor(Protocol):
    """What an engine offers besides whose package chooses its instruction set when it is built."""

    def built_for(self) -> tuple[str, ...]:
        """The extensions of the instruction set that its kernels use, as /proc/cpuinfo names them."""


def telemetry_off() -> TelemetryOff:
    """What disables the telemetry of all engines, for every child process: user code may import any engine in any
    arm.
    """
    return merged(declared.telemetry_off for declared in ENGINES.values())


def engine(name: str) -> Execution:
    """Import and return the engine of that name.

    Raises:
        BadInput: there is none.
    """
    if name not in ENGINES:
        raise BadInput(f"there is no engine {name!r}", hint=offer_closest(name, list(ENGINES)))
    module: Execution = importlib.import_module(execution_of(name))
    return module


def execution_of(name: str) -> str:
    """The module of an engine that prepares and loads its arms."""
    return f"{__name__}.{name}.execution"


def engines_of_file(source: str) -> tuple[str, ...]:
    """The engines that run a model file of this name unchanged; empty if it is no model file."""
    return tuple(name for name, declared in ENGINES.items() if source.endswith(declared.files or ("\0",)))
