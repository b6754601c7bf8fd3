"""The interpreter's share of an arm's time, divided among the Python functions that it ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ironlaw.code import CodeSamples
from ironlaw.explanation.account import FunctionShare
from ironlaw.missing import Maybe, Missing, is_known

FEWEST_SAMPLES = 30  # in the interpreter's code, below which they are too few to divide a share


def shares_of_functions(taken: Sequence[CodeSamples], interpreter: float) -> Maybe[tuple[FunctionShare, ...]]:
    """The share of the interpreter in proportion to the samples of all replicates, the largest first."""
    named = [fact.functions for fact in taken if is_known(fact.functions)]
    if not named:
        return next((fact.functions for fact in taken if isinstance(fact.functions, Missing)), _NONE)
    counts = Counter[tuple[str, str]]()
    for functions in named:
        for one in functions:
            counts[one.name, one.file] += one.count
    if counts.total() < FEWEST_SAMPLES:
        return Missing(f"fewer than {FEWEST_SAMPLES} samples of the interpreter's functions")
    return tuple(
        FunctionShare(name=name, file=file, share=interpreter * count / counts.total())
        for (name, file), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )


_NONE = Missing("the interpreter's functions were not sampled")
