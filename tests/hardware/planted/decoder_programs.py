"""Seeded decoders of transformers, in pairs of equal products and doubled bytes; `file.py:factory` of each."""

from __future__ import annotations

from typing import Any

import torch

# 259 million weights: 1036 MB in float32, several times what last-level caches hold (300 MB here).
_BEYOND: dict[str, Any] = {
    "hidden_size": 2048,
    "intermediate_size": 5632,
    "num_hidden_layers": 5,
    "num_attention_heads": 16,
}
# 27 million: 107 MB in float32, of which a prompt uses each weight 256 times.
_PROMPTED: dict[str, Any] = {**_BEYOND, "hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": 2}
# 0.1 million: 0.43 MB in float32, less than half of a level-2 cache of 1 MiB.
_WITHIN: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
}
_TOKENS = 128

Made = tuple[Any, list[tuple[Any, ...]]]


def _decoder(sizes: dict[str, Any], kind: torch.dtype) -> Made:
    import transformers

    torch.manual_seed(7)
    config = transformers.LlamaConfig(vocab_size=512, max_position_embeddings=512, tie_word_embeddings=False, **sizes)
    config.architectures = ["LlamaForCausalLM"]
    with torch.device("meta"):
        module: Any = transformers.LlamaForCausalLM(config)
    module = module.to_empty(device="cpu").to(kind)
    for parameter in module.parameters():  # a tenth of the time of transformers' own initialization
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=parameter.shape[-1] ** -0.5)
        else:
            torch.nn.init.ones_(parameter)
    module.model.rotary_emb = type(module.model.rotary_emb)(config)
    tokens = torch.randint(0, 512, (1, _TOKENS), generator=torch.Generator().manual_seed(3))
    return module.eval().requires_grad_(False), [(tokens,)]


def beyond_in_32() -> Made:
    """A decoder several times beyond the last-level cache, in float32."""
    return _decoder(_BEYOND, torch.float32)


def beyond_in_16() -> Made:
    """The same products in bfloat16: half of the bytes."""
    return _decoder(_BEYOND, torch.bfloat16)


def prompted_in_32() -> Made:
    """A decoder beyond the last-level cache for a prompt, in float32."""
    return _decoder(_PROMPTED, torch.float32)


def prompted_in_16() -> Made:
    """The same products in bfloat16."""
    return _decoder(_PROMPTED, torch.bfloat16)


def within_in_32() -> Made:
    """A decoder inside the level-2 cache, in float32."""
    return _decoder(_WITHIN, torch.float32)


def within_in_16() -> Made:
    """The same products in bfloat16."""
    return _decoder(_WITHIN, torch.bfloat16)
