"""A language model in a GGUF file, with the tokens of a passage as inputs, so that all arms compute the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ironlaw.errors import ArmFailed, BadInput
from ironlaw.missing import Maybe, Missing
from ironlaw.models import LoadedModel, packaged, texts
from ironlaw.models.gguf import Gguf, read_gguf
from ironlaw.models.inputs import Arguments, Examples
from ironlaw.models.llama_library import Context, ContextSize
from ironlaw.models.weights import Provenance
from ironlaw.phase import ONE_SEQUENCE

# Scores that are compared of all probes together: whole vocabularies of as many tokens as that allows, 16 at most.
_MOST_SCORES = 1 << 20
_MOST_SCORED, _LEAST_SCORED = 16, 2


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
        raise BadInput(f"{source} is measured for one sequence at a time, not {batch}", hint=ONE_SEQUENCE)
    import numpy

    scored = max(_LEAST_SCORED, min(_MOST_SCORED, _MOST_SCORES // texts.PROBES // max(1, header.vocabulary or 1)))
    windows = texts.token_windows(
        source, _passage(path), vocabulary=header.vocabulary or texts.ENOUGH_TOKENS, scored=scored, seed=seed
    )

    def arrays(some: list[list[int]]) -> list[Arguments]:
        return [(numpy.array(window, dtype=numpy.int32),) for window in some]

    examples = Examples(
        turns=arrays(windows.turns), calibration=[], probes=arrays(windows.probes), circumstances=windows.circumstances
    )
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
    return (
        found if known >= texts.ENOUGH_TOKENS else Missing(f"its vocabulary distinguishes {known} tokens in a passage")
    )
