"""torchvision's architectures, with their weights, their preprocessing and their author's quantizable variant."""

from __future__ import annotations

import functools
import warnings
from typing import Any

from ironlaw.concern import Concern
from ironlaw.errors import BadInput
from ironlaw.missing import Missing
from ironlaw.models import LoadedModel, inputs, sources
from ironlaw.models.images import Preprocessing
from ironlaw.models.weights import settle_statistics, trained, untrained


def open_published(name: str, *, images: str | None, batch: int, seed: int) -> LoadedModel:
    """A torchvision model by name.

    Raises:
        BadInput: there is none of that name, or its input is not one image.
    """
    from torchvision import models

    if name not in models.list_models() or name.startswith("quantized_"):
        raise sources.unknown_name(name, [known for known in models.list_models() if "quantized_" not in known])
    published = getattr(models.get_model_weights(name), "DEFAULT", None)
    how = preprocessing(name, published)
    shown, calibration, probes = inputs.from_photos(images, how, batch=batch, seed=seed)
    module, said, concerns = _with_weights(name, published, seed, calibration)
    return LoadedModel(
        name=name,
        module=module,
        inputs=shown,
        calibration=calibration,
        probes=probes,
        weights=said,
        quantizable=quantizable_like(module, name),
        concerns=concerns,
        source=name,
        seed=seed,
    )


def preprocessing(name: str, published: Any) -> Preprocessing:
    """The resize, crop and normalisation that a model's published weights were made for.

    Raises:
        BadInput: the model takes something else than a batch of images.
    """
    if published is None:
        return Preprocessing()
    transform = published.transforms()
    if type(transform).__name__ not in ("ImageClassification", "SemanticSegmentation"):
        raise BadInput(
            f"{name} does not take a plain batch of images ({type(transform).__name__})",
            hint="write a file.py:factory that returns (module, (its, inputs))",
        )
    resize = transform.resize_size[0]
    return Preprocessing(
        resize=resize,
        crop=getattr(transform, "crop_size", [resize])[0],
        mean=tuple(transform.mean),
        std=tuple(transform.std),
        resampling=transform.interpolation.value,
    )


def _with_weights(
    name: str, published: Any, seed: int, calibration: list[inputs.Arguments]
) -> tuple[Any, str, tuple[Concern, ...]]:
    """The module in eval mode, where its weights came from, and the doubt they cast."""
    import torch

    state = Missing("none are published") if published is None else trained(published.url)
    torch.manual_seed(seed)
    module = _build(name)
    if isinstance(state, Missing):
        module.eval()
        settle_statistics(module, _one_batch(calibration))
        return module, f"untrained, seed {seed}", (untrained(state.reason),)
    try:
        module.load_state_dict(state)
    except RuntimeError:
        raise BadInput(
            f"the cached checkpoint of {name} belongs to another model",
            hint=f"delete {published.url.rpartition('/')[2]} from torch's cache",
        ) from None
    return module.eval(), f"trained, {published}", ()


def _one_batch(calibration: list[inputs.Arguments]) -> inputs.Arguments:
    import torch

    return (torch.cat([batch for (batch,) in calibration]),)


def _build(name: str) -> Any:
    from torchvision import models

    options: dict[str, Any] = {"weights_backbone": None} if "weights_backbone" in _options(name) else {}
    if name in ("googlenet", "inception_v3"):  # trained ones have the auxiliary heads and normalise anew
        options |= {"init_weights": True, "transform_input": True}
    return models.get_model(name, weights=None, **options)


def _options(name: str) -> tuple[str, ...]:
    import inspect

    from torchvision import models

    return tuple(inspect.signature(models.get_model_builder(name)).parameters)


def quantizable_like(module: Any, name: str) -> Any | None:
    """torchvision's variant of an architecture for eager quantization, with the weights and activations of `module`.

    The variant replaces ReLU6 by ReLU, which is another function wherever an activation exceeds 6; here each ReLU6 is
    put back, so that float and int8 arms compute the same function. None when torchvision has no variant.
    """
    from torch import nn
    from torchvision import models

    if f"quantized_{name}" not in models.list_models():
        return None
    options: dict[str, Any] = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    if options:
        options |= {"transform_input": module.transform_input, "aux_logits": module.aux_logits}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.ao announces its move to torchao
        variant = models.get_model(f"quantized_{name}", weights=None, quantize=False, **options)
    if variant.load_state_dict(module.state_dict(), strict=False) != ([], []):
        return None
    for path, part in module.named_modules():
        if isinstance(part, nn.ReLU6):
            replace_part(variant, path, nn.ReLU6(inplace=part.inplace))
    return variant.eval()


def replace_part(module: Any, path: str, part: Any) -> None:
    """Put another module at a dotted path."""
    *parents, last = path.split(".")
    holder = functools.reduce(getattr, parents, module)
    setattr(holder, last, part)
