"""Language models small enough for a test: a GGUF file of two layers with seeded weights, and one byte a token."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

WIDTH, LAYERS, HEADS, HIDDEN = 64, 2, 4, 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The sizes and types that a file is made with."""

    kind: str = "F32"  # of its matrices
    architecture: str = "llama"
    context: int = 1024
    seed: int = 0
    width: int = WIDTH
    layers: int = LAYERS
    heads: int = HEADS
    hidden: int = HIDDEN


def byte_tokens() -> list[str]:
    """A letter for each byte, as GPT-2 writes them: printable ones as they are, others from U+0100 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


def gguf_file(path: Path, made: Made | None = None) -> Path:
    """Write a decoder; all layers have the same weights, each in bytes of its own."""
    import gguf

    made = made or Made()
    writer: Any = gguf.GGUFWriter(str(path), made.architecture)
    _describe(writer, made)
    kind, kept = getattr(gguf.GGMLQuantizationType, made.kind), dict[tuple[str, int, int], Any]()
    drawn = numpy.random.default_rng(made.seed)

    def add(name: str, rows: int, columns: int) -> None:
        key = name.split(".")[-2], rows, columns
        if key not in kept:
            matrix = drawn.standard_normal((rows, columns), dtype="float32") / columns**0.5
            kept[key] = gguf.quants.quantize(matrix, kind)
        writer.add_tensor(name, kept[key], raw_dtype=kind)

    width, hidden = made.width, made.hidden
    add("token_embd.weight", len(_tokens()), width)
    for layer in range(made.layers):
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{norm}.weight", numpy.ones(width, dtype="float32"))
        for name, rows, columns in (
            ("attn_q", width, width),
            ("attn_k", width // 2, width),
            ("attn_v", width // 2, width),
            ("attn_output", width, width),
            ("ffn_gate", hidden, width),
            ("ffn_up", hidden, width),
            ("ffn_down", width, hidden),
        ):
            add(f"blk.{layer}.{name}.weight", rows, columns)
    writer.add_tensor("output_norm.weight", numpy.ones(width, dtype="float32"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _tokens() -> list[str]:
    return [*byte_tokens(), "th", "the"]


def _describe(writer: Any, made: Made) -> None:
    """The key-value pairs: sizes, and a vocabulary of bytes."""
    writer.add_block_count(made.layers)
    writer.add_context_length(made.context)
    writer.add_embedding_length(made.width)
    writer.add_feed_forward_length(made.hidden)
    writer.add_head_count(made.heads)
    writer.add_head_count_kv(made.heads // 2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(made.width // made.heads)
    writer.add_vocab_size(len(_tokens()))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(_tokens())
    writer.add_token_types([1] * len(_tokens()))
    writer.add_token_merges(["t h", "th e"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)


def decoder_folder(folder: Path, **changed: Any) -> Path:
    """Write the configuration of a small Llama: transformers gives it seeded weights."""
    import json

    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 128, "hidden_size": WIDTH,
        "intermediate_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS // 2, "max_position_embeddings": 512, "tie_word_embeddings": False,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps({**about, **changed}))
    return folder
