"""torchvision's architectures, with their weights, their preprocessing and their author's quantizable variant."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import Any

from ironlaw.circumstance import QuantizableVariant
from ironlaw.errors import BadInput
from ironlaw.missing import Maybe, Missing
from ironlaw.models import LoadedModel, inputs, sources
from ironlaw.models.images import Preprocessing
from ironlaw.models.weights import CACHE, Provenance, settle_statistics, trained


def open_published(name: str, *, images: str | None, batch: int, seed: int) -> LoadedModel:
    """A torchvision model by name.

    Raises:
        BadInput: there is none of that name, or its input is not one image.
    """
    from torchvision import models

    if name not in models.list_models() or name.startswith("quantized_"):
        raise sources.unknown_name(name, [known for known in models.list_models() if "quantized_" not in known])
    published = weights_of(name)
    how = preprocessing(name, published)
    examples = inputs.from_photos(images, how, batch=batch, seed=seed)
    module, provenance = _with_weights(name, published, seed, examples.calibration)
    variant = quantizable_like(module, name)
    if variant is not None:
        examples = replace(examples, circumstances=compare_variant(name, module, variant, examples.turns))
    return LoadedModel.fed(name, module, provenance, examples, quantizable=variant)


def weights_of(name: str) -> Any:
    """The published weights of an architecture: those its quantizable variant was made for, else the default ones."""
    from torchvision import models

    if f"quantized_{name}" in models.list_models():
        int8 = models.get_model_weights(f"quantized_{name}")
        return getattr(int8, "DEFAULT").meta["unquantized"]  # noqa: B009  # an Enum class torchvision gives no type
    return getattr(models.get_model_weights(name), "DEFAULT", None)


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


def _with_weights(name: str, published: Any, seed: int, calibration: list[inputs.Arguments]) -> tuple[Any, Provenance]:
    """The module in eval mode, and where its weights came from."""
    import torch

    state = Missing("none are published") if published is None else trained(published.url)
    torch.manual_seed(seed)
    module = _build(name)
    if isinstance(state, Missing):
        module.eval()
        settle_statistics(module, inputs.one_batch(calibration))
        cache = "" if published is None else CACHE
        return module, Provenance.of(name, refused=state.reason, cache=cache, seed=seed)
    try:
        module.load_state_dict(state)
    except RuntimeError:
        raise BadInput(
            f"the cached checkpoint of {name} belongs to another model",
            hint=f"delete {published.url.rpartition('/')[2]} from {CACHE}",
        ) from None
    return module.eval(), Provenance.of(str(published), refused=None, cache=CACHE, seed=seed)


def _build(name: str) -> Any:
    from torchvision import models

    options: dict[str, Any] = {"weights_backbone": None} if "weights_backbone" in _options(name) else {}
    if name in ("googlenet", "inception_v3"):  # trained ones have the auxiliary heads and normalise again
        options |= {"init_weights": True, "transform_input": True}
    return models.get_model(name, weights=None, **options)


def _options(name: str) -> tuple[str, ...]:
    import inspect

    from torchvision import models

    return tuple(inspect.signature(models.get_model_builder(name)).parameters)


def quantizable_like(module: Any, name: str) -> Any | None:
    """torchvision's variant of an architecture for eager quantization, with the weights of `module`; else None."""
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
    return variant.eval()


def compare_variant(
    name: str, module: Any, variant: Any, shown: list[inputs.Arguments]
) -> tuple[QuantizableVariant, ...]:
    """What differs when the quantizable variant answers differently from the named model on the photographs.

    MobileNetV2 has ReLU6, its variant ReLU, because int8 convolutions only come with ReLU: another function
    wherever an activation exceeds 6.
    """
    import torch

    shown = list(map(inputs.as_tensors, shown))
    with torch.inference_mode():
        named = torch.cat([module(*one) for one in shown])
        varied = torch.cat([variant(*one) for one in shown])
    if torch.equal(named, varied):
        return ()
    noise = (named - varied).square().sum()
    sqnr_db = float(10 * torch.log10(named.square().sum() / noise))
    shown_db: Maybe[float] = sqnr_db if math.isfinite(sqnr_db) else Missing("an output is zero, infinite or no number")
    agreed = int((named.argmax(1) == varied.argmax(1)).sum())
    return (QuantizableVariant(name=name, agreed=agreed, compared=len(named), sqnr_db=shown_db),)
