"""Hugging Face models: a name on the hub (from its cache when offline) or a folder with a config.json.

Only transformers' own architectures: code that comes with a checkpoint is never run.
"""

from __future__ import annotations

import importlib.util
import inspect
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ironlaw.circumstance import AssumedArchitecture, RandomTokens
from ironlaw.errors import ArmFailed, BadInput
from ironlaw.missing import Maybe, Missing
from ironlaw.models import LoadedModel, hub, images, inputs, texts
from ironlaw.models.images import Preprocessing
from ironlaw.models.weights import Provenance, first_line

TOKENS = 128  # the length most published latency tables of encoders use
_FEWEST_TOKENS = 20  # different ones in the passage; the smallest real vocabulary gives hundreds
_TURNS = 10  # inputs for turns, as many as there are photographs
_CAUSAL_PROBES = 16  # each has logits over a whole vocabulary, and in a phase each is an inference


def open_hugging_face(source: str, *, images: str | None, batch: int, seed: int) -> LoadedModel:
    """A model of transformers by name or folder, on text or photographs.

    Raises:
        ArmFailed: transformers is not installed.
        BadInput: neither cached nor reachable, or it takes something else than text or images.
    """
    import torch

    if importlib.util.find_spec("transformers") is None:
        raise ArmFailed("transformers is not installed", hint="pip install 'ironlaw[transformers]'")
    refused = None if Path(source).is_dir() else hub.offline()
    config, assumed = _configuration(source, refused)
    # The head of a causal model reads what its inner model returns by name; its cache is asked for by phases alone.
    config.return_dict = _continues_text(config)
    if config.return_dict:
        config.use_cache = False
    torch.manual_seed(seed)
    module, reason = _with_weights(source, config, refused)
    module.eval()
    if "pixel_values" in _parameters(module):
        examples = inputs.from_photos(images, _preprocessing(source, config), batch=batch, seed=seed)
    else:
        examples = _from_text(source, module, config, batch=batch, seed=seed)
    cache = "" if Path(source).is_dir() else hub.CACHE
    provenance = Provenance.of(source, refused=reason, cache=cache, seed=seed)
    if reason is not None:
        provenance = replace(provenance, circumstances=(*assumed, *provenance.circumstances))
    return LoadedModel.fed(source, module, provenance, examples)


def _configuration(source: str, refused: str | None) -> tuple[Any, tuple[AssumedArchitecture, ...]]:
    """The model's configuration: its own, or the one that transformers documents for this very checkpoint."""
    import transformers

    try:
        return transformers.AutoConfig.from_pretrained(source, trust_remote_code=False), ()
    except (OSError, ValueError) as error:
        said = first_line(error)
    documented = _documented(source)
    if documented is None:
        if refused is None:
            raise BadInput(f"{source} cannot be opened: {said}", hint="check its name on https://huggingface.co")
        raise hub.not_cached(source, refused)
    return getattr(transformers, documented)(), (AssumedArchitecture(source=source, configuration=documented),)


def _documented(source: str) -> str | None:
    """The configuration class whose documentation says that its defaults are like this checkpoint."""
    spec = importlib.util.find_spec("transformers")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "models"
    for file in sorted(folder.glob("*/configuration_*.py")):
        text = file.read_text(encoding="utf-8")
        if f'checkpoint="{source}"' in text:
            after = text.partition(f'checkpoint="{source}"')[2]
            found = re.search(r"^class (\w+)", after, re.MULTILINE)
            return found.group(1) if found else None
    return None


def _with_weights(source: str, config: Any, refused: str | None) -> tuple[Any, str | None]:
    """The model with its trained weights, or a seeded one and why."""
    import torch

    kind = _class_of(config)
    try:
        loaded = kind.from_pretrained(source, config=config, dtype=torch.float32)
    except Exception as error:  # noqa: BLE001  # the border to transformers and its hub: no weights is a gap with a reason
        if _has_weights(source):
            raise BadInput(
                f"the weights in {source} cannot be read: {first_line(error)}", hint="copy or download them again"
            ) from None
        reason = refused or f"no usable weights: {first_line(error)}"
        maker = kind.from_config if hasattr(kind, "from_config") else kind
        return maker(config), reason
    return loaded, None


def _has_weights(source: str) -> bool:
    """Whether a folder holds weights: then seeded ones in their place would be another model."""
    folder = Path(source)
    return folder.is_dir() and any(list(folder.glob(pattern)) for pattern in ("*.safetensors", "*.bin"))


def _class_of(config: Any) -> Any:
    """The class with the checkpoint's own head; without one for heads that only fill in text."""
    import transformers

    for name in config.architectures or ():
        if hasattr(transformers, name) and not re.search("MaskedLM|PreTraining", name):
            return getattr(transformers, name)
    return transformers.AutoModel


def _continues_text(config: Any) -> bool:
    return any(re.search("CausalLM|LMHead", name) for name in config.architectures or ())


def _parameters(module: Any) -> list[str]:
    return list(inspect.signature(module.forward).parameters)


def _preprocessing(source: str, config: Any) -> Preprocessing:
    import transformers

    side = config.image_size if isinstance(getattr(config, "image_size", None), int) else 224
    try:
        maker: Any = transformers.AutoImageProcessor  # its methods are not typed
        said = maker.from_pretrained(source, trust_remote_code=False)
        mean, std = tuple(said.image_mean), tuple(said.image_std)
    except (OSError, ValueError, ImportError, AttributeError, TypeError):
        mean, std = Preprocessing().mean, Preprocessing().std
    return Preprocessing(resize=math.ceil(side * 256 / 224), crop=side, mean=mean, std=std)


def _from_text(source: str, module: Any, config: Any, *, batch: int, seed: int) -> inputs.Examples:
    """Of TOKENS tokens each, by the model's tokenizer or of random tokens."""
    named = _parameters(module)
    if "input_ids" not in named:
        raise BadInput(
            f"{source} takes {', '.join(named[:3])}: neither text nor images",
            hint="write a file.py:factory that returns (module, (its, inputs))",
        )
    length = min(TOKENS, getattr(config, "max_position_embeddings", TOKENS))
    probed = _CAUSAL_PROBES if _continues_text(config) else images.PROBES
    counts = [-(-count // batch) for count in (_TURNS * batch, images.CALIBRATION, probed)]
    tokenizer = _tokenizer(source)
    groups, first = [], 0
    for count in counts:
        groups.append([_tokens(tokenizer, config, (first + i) * batch, batch, length, seed) for i in range(count)])
        first += count
    turns, calibration, probes = ([_in_order(module, tokens) for tokens in group] for group in groups)
    circumstances = (RandomTokens(source=source, reason=tokenizer.reason),) if isinstance(tokenizer, Missing) else ()
    return inputs.Examples(turns=turns, calibration=calibration, probes=probes, circumstances=circumstances)


def _tokenizer(source: str) -> Maybe[Callable[..., Any]]:
    """What makes tokens of a text, or why nothing does."""
    import transformers

    try:
        found = transformers.AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        known = len(set(found(" ".join(texts.words()))["input_ids"]))
    except Exception as error:  # noqa: BLE001  # the border to transformers: the reason why the tokens are random
        return Missing(f"{type(error).__name__}: {first_line(error)}")
    if known < _FEWEST_TOKENS:
        # Without its files transformers makes one that knows no word, so that all texts become the same tokens.
        return Missing(f"its files are missing: it distinguishes only {known} tokens in a whole passage")
    made: Callable[..., Any] = found
    return made


def _tokens(
    tokenizer: Maybe[Callable[..., Any]], config: Any, first: int, batch: int, length: int, seed: int
) -> dict[str, Any]:
    import torch

    if not isinstance(tokenizer, Missing):
        written = texts.windows(batch, length=length, first=first)
        found = tokenizer(written, padding="max_length", truncation=True, max_length=length, return_tensors="pt")
        return dict(found)
    generator = torch.Generator().manual_seed(seed * 1_000_003 + first)
    ids = torch.randint(0, config.vocab_size, (batch, length), generator=generator)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def _in_order(module: Any, tokens: dict[str, Any]) -> inputs.Arguments:
    """The tensors in the order of the model's parameters, as far as it takes them."""
    named = _parameters(module)
    taken = {name: tensor for name, tensor in tokens.items() if name in named}
    last = max(named.index(name) for name in taken)
    return tuple(taken.get(name) for name in named[: last + 1])
