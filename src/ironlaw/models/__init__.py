"""Where a model, its weights and its inputs come from.

check_source(source), images.check_folder(path)   in the parent, before anything is measured: no torch, no user code
libraries_for(source)                             in the parent: what a child should import before it forks
open_model(source, ...)                           in a child: the model with real inputs
saved.save(model, folder), saved.load(folder)     so that replicates only read
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ironlaw.circumstance import Circumstance
from ironlaw.models.images import Preprocessing
from ironlaw.point import NOWHERE, Point

if TYPE_CHECKING:
    from ironlaw.models.inputs import Examples
    from ironlaw.models.weights import Provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model as its author made it, with real inputs.

    `module` is a torch module, or any callable of a user's own (None when only inputs were requested); `quantizable` is
    the variant of the same architecture with the same weights that the author made for eager quantization, where there
    is one. `inputs` are tuples of arguments for single inferences, `calibration` and `probes` (for comparing answers)
    likewise. `source` and `seed` are the arguments of `open_model`.
    """

    name: str
    module: Any
    inputs: list[tuple[Any, ...]]
    calibration: list[tuple[Any, ...]]
    probes: list[tuple[Any, ...]]
    weights: str
    quantizable: Any | None = None
    circumstances: tuple[Circumstance, ...] = ()
    preprocessing: Preprocessing | None = None  # of its images; None where it takes none
    source: str = ""
    seed: int = 0
    keywords: Mapping[str, object] = field(default_factory=dict)  # that its factory was called with

    @classmethod
    def fed(
        cls, name: str, module: Any, provenance: Provenance, examples: Examples, *, quantizable: Any | None = None
    ) -> LoadedModel:
        """A module with its weights, and what it is called with; the doubts of both."""
        from ironlaw.models.inputs import fitting

        examples = fitting(module, examples)
        return cls(
            name=name,
            module=module,
            quantizable=quantizable,
            inputs=examples.turns,
            calibration=examples.calibration,
            probes=examples.probes,
            preprocessing=examples.preprocessing,
            weights=provenance.text,
            circumstances=(*provenance.circumstances, *examples.circumstances),
        )

    @property
    def form(self) -> Any:
        """The module that every engine starts from, so that all arms of a recording compute the same function.

        It is the quantizable variant where there is one: the eager int8 arms cannot do without it. In float it differs
        by empty modules that mark where int8 begins and by additions written as modules.
        """
        return self.module if self.quantizable is None else self.quantizable

    @property
    def to_choose_by(self) -> list[tuple[Any, ...]]:
        """The probes by which a quantization may be chosen: of photographs all, since further crops of them are held
        out; of other inputs those that `deal` does not hold out.
        """
        from ironlaw.models.inputs import deal

        return self.probes if self.preprocessing is not None else deal(self.probes, self.calibration).choosing


def open_model(
    source: str,
    *,
    images: str | None = None,
    inputs: str | None = None,
    batch: int = 1,
    seed: int = 0,
    at: Point = NOWHERE,
) -> LoadedModel:
    """The model a source names, with weights and inputs. Imports torch and runs user code: call it in a child process.

    `at` holds what a factory is called with, or the sizes of open dimensions of a model file.

    Raises:
        BadInput: nothing has that name, or the images cannot be used.
        ArmFailed: the user's factory raised or returned something else than a module.
    """
    from ironlaw.models.sources import open_source

    return open_source(source, images=images, batch=batch, seed=seed, keywords=at.keywords(), inputs=inputs)


def check_source(source: str) -> None:
    """Check that a source can exist, without importing torch and without running user code.

    Raises:
        BadInput: the file, function or name does not exist; offers the closest names.
    """
    from ironlaw.models.sources import check_source

    check_source(source)


def libraries_for(source: str) -> tuple[str, ...]:
    """The slow libraries that opening a source will import; in the parent, without importing them."""
    from ironlaw.models.sources import libraries_for

    return libraries_for(source)


def may_import(source: str, library: str) -> bool:
    """Whether a user's program may import a library; in the parent, without importing or running anything."""
    from ironlaw.models.requirements import may_import

    return may_import(source, library)
