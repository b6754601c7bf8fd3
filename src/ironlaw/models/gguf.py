"""The header of a GGUF file: architecture, shapes, and the type of each tensor.

Read without an engine, in milliseconds: lists of the vocabulary are skipped, and weights are not touched.

Source: docs/gguf.md of ggml (magic, version, counts, key-value pairs, tensor infos, alignment of the data), and the
sizes of blocks as ggml's type traits have them.
"""

from __future__ import annotations

import errno
import math
import mmap
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ironlaw.errors import BadInput

SUFFIX = ".gguf"
# ggml's types by number: name, elements of a block, bytes of a block.
TYPES = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 40), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17), 40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18),
}  # fmt: skip
# Values by number, as struct reads them; 8 is text and 9 a list.
_PLAIN = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _LIST = 8, 9
_VERSIONS = (2, 3)
_ALIGNMENT = 32  # of the data, where the file does not say otherwise
_MOST_DIMENSIONS = 4  # GGML_MAX_DIMS
_MEMORY = "give it more memory (a container's limit counts), or run a smaller model"
_HINT = "download or convert it again"
# Tensors of a layer that one token reads a row of, not the whole: the embedding of the token.
_EMBEDDING = "token_embd.weight"
_OUTPUT = "output.weight"

Value = int | float | bool | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """One tensor: its sizes, the first one innermost, and where its bytes are in the file."""

    name: str
    sizes: tuple[int, ...]
    type: str
    start: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gguf:
    """The header of a file; `values` are its key-value pairs without lists."""

    values: Mapping[str, Value]
    tensors: tuple[Tensor, ...]
    lists: Mapping[str, int] = field(default_factory=dict)  # lengths

    @property
    def architecture(self) -> str:
        """The name of its architecture in llama.cpp."""
        return str(self.values.get("general.architecture", ""))

    def of_architecture(self, key: str) -> int | None:
        """A whole number among the values of its architecture, such as context_length."""
        value = self.values.get(f"{self.architecture}.{key}")
        return int(value) if isinstance(value, int) else None

    @property
    def context_length(self) -> int | None:
        """The number of tokens of the context it was trained with."""
        return self.of_architecture("context_length")

    @property
    def vocabulary(self) -> int | None:
        """The number of tokens of its vocabulary."""
        return self.of_architecture("vocab_size") or self.lists.get("tokenizer.ggml.tokens")

    @property
    def output(self) -> Tensor | None:
        """The matrix that makes the logits: the embedding where the file has no other."""
        named = {tensor.name: tensor for tensor in self.tensors}
        return named.get(_OUTPUT, named.get(_EMBEDDING))

    def bytes_by_type(self, micro_batches: int = 1) -> dict[str, int]:
        """The bytes of its weights that tokens read which are processed in as many parts, by type of number.

        Every tensor once for each part, but of the embedding one row, unless it is the output's matrix as well, and the
        output's matrix for the last part alone.
        """
        found: dict[str, int] = {}
        for tensor in self.tensors:
            is_looked_up = tensor.name == _EMBEDDING and tensor is not self.output
            size = tensor.bytes // max(1, tensor.sizes[-1]) if is_looked_up else tensor.bytes
            times = 1 if tensor is self.output else micro_batches
            found[tensor.type] = found.get(tensor.type, 0) + times * size
        return found

    def macs_per_token(self, tokens: int = 1) -> float:
        """Products of a token with the weights, of `tokens` processed together: an element each of the matrices, but
        of the embedding a row is read, and the output's matrix is multiplied with the last token alone.

        Without those of attention, which grow with the depth.
        """
        inner = [
            tensor for tensor in self.tensors if len(tensor.sizes) > 1 and tensor.name not in (_EMBEDDING, _OUTPUT)
        ]
        last = math.prod(self.output.sizes) if self.output is not None else 0
        return sum(math.prod(one.sizes) for one in inner) + last / tokens

    @property
    def has_experts(self) -> bool:
        """Whether only some of its weights are read for each token, by the choice of a router."""
        return bool(self.of_architecture("expert_count"))

    def keys_and_values(self) -> int | None:
        """Numbers that one token adds to the key-value cache over all layers; None where the file does not say."""
        layers, heads = self.of_architecture("block_count"), self.of_architecture("attention.head_count")
        width = self.of_architecture("embedding_length")
        if layers is None or heads is None or width is None or not heads:
            return None
        kept = self.of_architecture("attention.head_count_kv") or heads
        key = self.of_architecture("attention.key_length") or width // heads
        value = self.of_architecture("attention.value_length") or width // heads
        return layers * kept * (key + value)


def read_gguf(source: str) -> Gguf:
    """Read a file's header, and check it against the file's length.

    Raises:
        BadInput: it is another file, damaged, or cut short.
    """
    try:
        with Path(source).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as kept:
            return _read(_Reader(kept))
    except (OSError, ValueError, struct.error) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            raise BadInput(f"{source} does not fit into memory", hint=_MEMORY) from None
        raise BadInput(f"{source} cannot be read as a GGUF file: {error}", hint=_HINT) from None


@dataclass(slots=True)
class _Reader:
    """A position in a file, which advances with every read."""

    file: mmap.mmap
    at: int = 0

    def number(self, kind: str) -> Value:
        """A number in a format of the module struct."""
        size = struct.calcsize(f"<{kind}")
        if self.at + size > len(self.file):
            raise ValueError("it ends within its header")
        (value,) = struct.unpack_from(f"<{kind}", self.file, self.at)
        self.at += size
        found: Value = value
        return found

    def count(self) -> int:
        """A number of things, each of which takes a byte at least."""
        value = int(self.number("Q"))
        if value > len(self.file):
            raise ValueError(f"it says that it holds {value} of something, more than it has bytes")
        return value

    def text(self) -> str:
        """Read a text, which is preceded by its length."""
        return self.skip(self.count()).decode(errors="replace")

    def skip(self, size: int) -> bytes:
        """Skip this number of bytes."""
        if self.at + size > len(self.file):
            raise ValueError("it ends within its header")
        taken = self.file[self.at : self.at + size]
        self.at += size
        return taken


def _read(reader: _Reader) -> Gguf:
    if reader.skip(4) != b"GGUF":
        raise ValueError("it does not begin with GGUF")
    version = reader.number("I")
    if version not in _VERSIONS:
        raise ValueError(f"its version is {version}; 2 and 3 are known")
    tensors, pairs = reader.count(), reader.count()
    values, lists = dict[str, Value](), dict[str, int]()
    for key, value, length in _pairs(reader, pairs):
        if value is None:
            lists[key] = length
        else:
            values[key] = value
    infos = [_info(reader) for _ in range(tensors)]
    aligned = values.get("general.alignment", _ALIGNMENT)
    if not isinstance(aligned, int) or aligned < 1:
        raise ValueError(f"its data is aligned to {aligned}")
    begin = -(-reader.at // aligned) * aligned
    found = tuple(_placed(name, sizes, kind, begin + offset) for name, sizes, kind, offset in infos)
    for tensor in found:
        if tensor.start + tensor.bytes > len(reader.file):
            raise ValueError(f"it ends before its tensor {tensor.name} does: it was cut short")
    return Gguf(values=values, tensors=found, lists=lists)


def _pairs(reader: _Reader, count: int) -> Iterator[tuple[str, Value | None, int]]:
    """Each key with its value, or without one where that is a list, and the list's length."""
    for _ in range(count):
        key, kind = reader.text(), int(reader.number("I"))
        if kind == _TEXT:
            yield key, reader.text(), 0
        elif kind == _LIST:
            yield key, None, _pass_list(reader)
        elif kind in _PLAIN:
            yield key, reader.number(_PLAIN[kind]), 0
        else:
            raise ValueError(f"its value {key} has the type number {kind}")


def _pass_list(reader: _Reader) -> int:
    kind, length = int(reader.number("I")), reader.count()
    if kind == _TEXT:
        for _ in range(length):
            size = reader.count()
            if reader.at + size > len(reader.file):
                raise ValueError("it ends within its header")
            reader.at += size
    elif kind in _PLAIN:
        reader.skip(length * struct.calcsize(f"<{_PLAIN[kind]}"))
    else:
        raise ValueError(f"it holds a list of the type number {kind}")
    return length


def _info(reader: _Reader) -> tuple[str, tuple[int, ...], int, int]:
    name, dimensions = reader.text(), int(reader.number("I"))
    if not 1 <= dimensions <= _MOST_DIMENSIONS:
        raise ValueError(f"its tensor {name} has {dimensions} dimensions")
    sizes = tuple(int(reader.number("Q")) for _ in range(dimensions))
    return name, sizes, int(reader.number("I")), int(reader.number("Q"))


def _placed(name: str, sizes: tuple[int, ...], kind: int, start: int) -> Tensor:
    if kind not in TYPES:
        raise ValueError(f"its tensor {name} has the type number {kind}")
    word, block, size = TYPES[kind]
    return Tensor(name=name, sizes=sizes, type=word, start=start, bytes=-(-math.prod(sizes) // block) * size)
