"""A language model in a GGUF file, with the tokens of a passage as inputs, so that all arms compute the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ironlaw.circumstance import Circumstance, RandomTokens
from ironlaw.errors import ArmFailed, BadInput
from ironlaw.missing import Maybe, Missing
from ironlaw.models import LoadedModel, packaged, texts
from ironlaw.models.gguf import Gguf, read_gguf
from ironlaw.models.inputs import Examples
from ironlaw.models.llama_library import Context, ContextSize
from ironlaw.models.weights import Provenance

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WINDOW = 512  # tokens of an input; phases that take more go round in it
_INPUTS = 10  # for turns, as many as there are photographs
_PROBES = 2
# Scores that are compared of all probes together: whole vocabularies of as many tokens as that allows, 16 at most.
_MOST_SCORES = 1 << 20
_MOST_SCORED, _LEAST_SCORED = 16, 2
_ENOUGH_TOKENS = 20  # different ones in a passage; a vocabulary that gives fewer knows no word of it


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufFile:
    """A file and its header."""

    path: str
    header: Gguf


def open_gguf(source: str, *, images: str | None, batch: int, seed: int) -> LoadedModel:
    """Open the model in a file, or in a package that has it under a name, with windows of a passage as tokens.

    Raises:
        BadInput: the file is damaged or no GGUF file; or more than one input at a time is asked for.
    """
    path = packaged.file_of(source) or source
    header = read_gguf(path)
    if batch > 1:
        raise BadInput(f"{source} is measured for one sequence at a time, not {batch}", hint="leave --batch out")
    tokens = _passage(path)
    circumstances: tuple[Circumstance, ...] = ()
    if isinstance(tokens, Missing):
        circumstances = (RandomTokens(source=source, reason=tokens.reason),)
        tokens = _random(header.vocabulary or _ENOUGH_TOKENS, seed)
    scored = max(_LEAST_SCORED, min(_MOST_SCORED, _MOST_SCORES // _PROBES // max(1, header.vocabulary or 1)))
    turns = [(_window(tokens, number * len(tokens) // _INPUTS, WINDOW),) for number in range(_INPUTS)]
    probes = [(_window(tokens, (2 * number + 1) * len(tokens) // (2 * _INPUTS), scored),) for number in range(_PROBES)]
    examples = Examples(turns=turns, calibration=[], probes=probes, circumstances=circumstances)
    module = GgufFile(path=str(Path(path).resolve()), header=header)
    return LoadedModel.fed(source, module, Provenance(text="as in the file"), examples)


def _passage(path: str) -> Maybe[list[int]]:
    """The tokens of the shipped passage in the file's own vocabulary, or why there are none."""
    try:
        context = Context(path, ContextSize(tokens=1, batch=1, threads=1))
    except ArmFailed as error:
        return Missing(error.message)
    found = context.tokens_of(" ".join(texts.words()))
    context.close()
    known = len(set(found))
    return found if known >= _ENOUGH_TOKENS else Missing(f"its vocabulary distinguishes {known} tokens in a passage")


def _random(vocabulary: int, seed: int) -> list[int]:
    import numpy

    drawn: list[int] = numpy.random.default_rng(seed).integers(0, vocabulary, WINDOW).tolist()
    return drawn


def _window(tokens: list[int], first: int, length: int) -> NDArray[np.int32]:
    import numpy

    found: Any = numpy.resize(numpy.roll(numpy.array(tokens, dtype=numpy.int32), -first), length)
    return found  # type: ignore[no-any-return]  # numpy types what resize gives as Any
