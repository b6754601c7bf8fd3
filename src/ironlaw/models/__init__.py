"""Where a model, its weights and its inputs come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ironlaw.concern import Concern


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model as its author made it, in eval mode, with real inputs.

    `module` is a torch module (None when only inputs were asked for); `quantizable` is the variant of the same
    architecture with the same weights that the author made for eager quantization, where there is one. `inputs` are
    tuples of arguments for single inferences, `calibration` and `probes` (for comparing answers) likewise.
    """

    name: str
    module: Any
    inputs: list[tuple[Any, ...]]
    calibration: list[tuple[Any, ...]]
    probes: list[tuple[Any, ...]]
    weights: str
    quantizable: Any | None = None
    concerns: tuple[Concern, ...] = ()
