"""Graphs of language models in .onnx files: the input of the tokens, and the keys and values of the tokens before them.

transformers' exporters and ONNX Runtime GenAI's builder use the same names: `past_key_values.0.key` is an input, and
`present.0.key` the output that holds the new token's as well. OpenVINO keeps keys and values as a state inside the
graph, which an .xml file shows as ReadValue.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ironlaw.errors import ArmFailed, BadInput
from ironlaw.missing import Maybe, Missing
from ironlaw.models import texts
from ironlaw.models.graph_inputs import GraphInput, read_inputs
from ironlaw.models.inputs import Arguments, Examples
from ironlaw.phase import Phase

TOKENS, MASK, POSITIONS, BEAM = "input_ids", "attention_mask", "position_ids", "beam_idx"
BRANCH = "use_cache_branch"  # of a file that holds one graph for each phase: whether there are tokens before
_PAST, _PRESENT = "past_key_values", "present"
_KNOWN = (TOKENS, MASK, POSITIONS, BEAM, BRANCH)
_HEADS, _SIZE, _DIMENSIONS = 1, 3, 4  # of keys and values: batch, heads, tokens, size of a head
_SCORED = 16  # tokens of an input on which answers are compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Keys or values of the earlier tokens in one layer: the input, the output that continues it, type and sizes."""

    takes: str
    gives: str
    dtype: str
    heads: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderGraph:
    """What a graph takes besides the tokens, by name; `past` is empty where keys and values are its own state."""

    others: tuple[str, ...]
    past: tuple[Past, ...] = ()


NOT_A_DECODER = Missing("it takes no keys and values of earlier tokens")


def is_decoder(source: str) -> bool:
    """Whether a model file generates text token by token, as its inputs or its state show; False for a damaged one."""
    try:
        names = [one.name for one in read_inputs(source)]
        if source.endswith(".xml"):
            return TOKENS in names and _has_state(source)
        return TOKENS in names and any(name.startswith(_PAST) for name in names)
    except BadInput:
        return False


def _has_state(source: str) -> bool:
    try:
        return ElementTree.parse(source).getroot().find("./layers/layer[@type='ReadValue']") is not None
    except (OSError, ElementTree.ParseError):
        return False


def read_decoder(source: str) -> Maybe[DecoderGraph]:
    """What the graph in a file takes; of a file that generates no text why not.

    Raises:
        BadInput: it does, but takes something that is not known, or has an unknown size.
    """
    if not is_decoder(source):
        return NOT_A_DECODER
    inputs = read_inputs(source)
    past = [one for one in inputs if one.name.startswith(_PAST)]
    others = [one.name for one in inputs if one not in past and one.name != TOKENS]
    for name in others:
        if name not in _KNOWN:
            raise BadInput(
                f"{source} takes {name}, which a decoder alone does not", hint="export the decoder by itself"
            )
    return DecoderGraph(others=tuple(others), past=tuple(_past(source, one) for one in past))


def _past(source: str, one: GraphInput) -> Past:
    if len(one.shape) != _DIMENSIONS:
        raise BadInput(
            f"{source} takes {one.name} with {len(one.shape)} dimensions, not batch, heads, tokens and size of a head",
            hint="export it with a key and a value for each layer",
        )
    return Past(
        takes=one.name,
        gives=one.name.replace(_PAST, _PRESENT, 1),
        dtype=one.dtype,
        heads=_size(source, one, _HEADS),
        size=_size(source, one, _SIZE),
    )


# Where the sizes that a graph leaves open are in the configurations that lie beside it.
_CONFIGURED = {
    _HEADS: (("model", "decoder", "num_key_value_heads"), ("num_key_value_heads",), ("num_attention_heads",)),
    _SIZE: (("model", "decoder", "head_size"), ("head_dim",)),
}


def _size(source: str, one: GraphInput, place: int) -> int:
    """A size of keys and values: the graph's own, or what a configuration in the same folder says."""
    if (fixed := one.shape[place]) is not None:
        return fixed
    for name in ("genai_config.json", "config.json"):
        try:
            said = json.loads((Path(source).parent / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        for keys in _CONFIGURED[place]:
            if isinstance(found := _at(said, keys), int) and found > 0:
                return found
        width, heads = _at(said, ("hidden_size",)), _at(said, ("num_attention_heads",))
        if place == _SIZE and isinstance(width, int) and isinstance(heads, int) and heads > 0:
            return width // heads
    raise BadInput(
        f"{source} leaves size {place} of {one.name} open, and no configuration beside it says what it is",
        hint="keep genai_config.json or config.json in its folder",
    )


def _at(said: Any, keys: Iterable[str]) -> Any:
    for key in keys:
        said = said.get(key) if isinstance(said, dict) else None
    return said


def in_a_phase(level: str, graph: DecoderGraph | None) -> Phase | None:
    """The phase in which a graph is run; None for the whole of a graph that generates no text.

    Raises:
        ArmFailed: a decoder is to run without a phase, or something else in one.
    """
    phase = Phase.read(level)
    if graph is None and isinstance(phase, Phase):
        raise ArmFailed(
            f"phase={phase} is for graphs that take keys and values of earlier tokens, and this takes none",
            hint="leave phase= out for this arm, or export a decoder with its key-value cache",
        )
    if graph is not None and isinstance(phase, Missing):
        raise ArmFailed(
            "it takes keys and values of earlier tokens, and runs in one phase of generating text, which is not named",
            hint="add +phase=prefill:128 or +phase=decode:32",
        )
    return None if isinstance(phase, Missing) else phase


def examples(source: str, vocabulary: int, seed: int) -> Examples:
    """Windows of a passage as tokens, by the tokenizer.json beside the file; without one, of random tokens."""
    import numpy

    windows = texts.token_windows(
        source, _passage(source, vocabulary), vocabulary=vocabulary, scored=_SCORED, seed=seed
    )

    def arrays(some: list[list[int]]) -> list[Arguments]:
        return [(numpy.array([window], dtype=numpy.int64),) for window in some]

    return Examples(
        turns=arrays(windows.turns),
        calibration=arrays(windows.turns),
        probes=arrays(windows.probes),
        circumstances=windows.circumstances,
    )


def _passage(source: str, vocabulary: int) -> Maybe[list[int]]:
    """The tokens of the shipped passage, or why there are none."""
    file = Path(source).parent / "tokenizer.json"
    if not file.is_file():
        return Missing("no tokenizer.json lies beside it")
    if importlib.util.find_spec("tokenizers") is None:
        return Missing("the package tokenizers is not installed, which reads its tokenizer.json")
    import tokenizers

    try:
        read = tokenizers.Tokenizer.from_file(str(file))
        found: list[int] = read.encode(" ".join(texts.words()), add_special_tokens=False).ids
    except Exception as error:  # noqa: BLE001  # the border to tokenizers, which raises bare Exception
        return Missing(f"its tokenizer.json cannot be read: {error}")
    if len(set(found)) < texts.ENOUGH_TOKENS or max(found) >= vocabulary:
        return Missing("its tokenizer.json is another model's: the tokens of a passage are not in its vocabulary")
    return found
