"""timm's architectures, with their weights and preprocessing."""

from __future__ import annotations

import importlib.util
import math
from typing import Any

from ironlaw.errors import ArmFailed, BadInput
from ironlaw.models import LoadedModel, hub, inputs
from ironlaw.models.images import Preprocessing
from ironlaw.models.weights import Provenance, first_line, settle_statistics

PREFIX = "timm/"


def open_timm(source: str, *, images: str | None, batch: int, seed: int) -> LoadedModel:
    """A timm model by name, `timm/` before it or not.

    Raises:
        ArmFailed: timm is not installed.
        BadInput: there is none of that name.
    """
    import torch

    if importlib.util.find_spec("timm") is None:
        raise ArmFailed("timm is not installed", hint="pip install 'ironlaw[timm]'")
    name = source.removeprefix(PREFIX)
    reason = hub.offline()
    module, reason = _created(name, reason)
    how = preprocessing(module)
    if reason is not None:
        torch.manual_seed(seed)
        module = _built(name)
    examples = inputs.from_photos(images, how, batch=batch, seed=seed)
    module.eval()
    if reason is not None:
        settle_statistics(module, inputs.one_batch(examples.calibration))
    provenance = Provenance.of(f"timm {name}", refused=reason, cache=_cache(name), seed=seed)
    return LoadedModel.fed(name, module, provenance, examples)


def _cache(name: str) -> str:
    """Where the weights would be found without a network; empty if timm publishes none."""
    import timm

    return hub.CACHE if timm.is_model_pretrained(name) else ""


def _created(name: str, reason: str | None) -> tuple[Any, str | None]:
    """The model, with its trained weights if they are available; otherwise the reason."""
    import timm

    try:
        return timm.create_model(name, pretrained=True), None
    except Exception as error:  # noqa: BLE001  # the border to timm and its hub: no weights is a gap with a reason
        return _built(name), reason or first_line(error)


def _built(name: str) -> Any:
    import timm

    try:
        return timm.create_model(name, pretrained=False)
    except (RuntimeError, ValueError, KeyError) as error:
        raise BadInput(
            f"timm has no model {name!r}: {first_line(error)}", hint=f"timm.list_models('*{name[:6]}*')"
        ) from None


def preprocessing(module: Any) -> Preprocessing:
    """The resize, crop and normalisation in a timm model's configuration.

    Raises:
        BadInput: it does not take square RGB images.
    """
    from timm.data.config import resolve_model_data_config

    said = resolve_model_data_config(module)  # type: ignore[no-untyped-call]  # timm does not type it
    channels, height, width = said["input_size"]
    if channels != 3 or height != width:
        raise BadInput(
            f"this timm model takes {channels}x{height}x{width} inputs", hint="write a file.py:factory that gives some"
        )
    return Preprocessing(
        resize=math.floor(height / said["crop_pct"]),
        crop=height,
        mean=tuple(said["mean"]),
        std=tuple(said["std"]),
        resampling=said["interpolation"],
    )
