"""How well a language model predicts a text: the mean loss of its tokens, whose exponential is the perplexity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ironlaw.missing import Maybe, Missing
from ironlaw.phase import TEXT_NATS, TEXT_TOKENS

MOST_TOKENS = 128  # of the text: as many as a window of a model of transformers; SmolLM2-135M takes about 1 s for them
_AT_ONCE = 64  # so that the logits of a large vocabulary take little memory


def text_losses(tokens: Any, scores: Callable[[Any], Any]) -> dict[str, Maybe[float]]:
    """The mean of -ln(probability) over the tokens of a text after its first one, in nats, and their number.

    `scores` gives the logits after each of some tokens, a row for each, and keeps those tokens in its state for the
    next call.
    """
    import numpy

    given = numpy.asarray(tokens).reshape(-1)[:MOST_TOKENS]
    if len(given) < 2:
        return {TEXT_NATS: Missing("the text has a single token"), TEXT_TOKENS: Missing("the text has a single token")}
    losses: list[float] = []
    for first in range(0, len(given) - 1, _AT_ONCE):
        known = given[first : min(first + _AT_ONCE, len(given) - 1)]
        rows = numpy.asarray(scores(known), dtype=numpy.float64)
        rows -= rows.max(axis=1, keepdims=True)
        total = numpy.log(numpy.exp(rows).sum(axis=1))
        asked = given[first + 1 : first + 1 + len(known)]
        losses += (total - rows[numpy.arange(len(known)), asked]).tolist()
    return {TEXT_NATS: float(numpy.mean(losses)), TEXT_TOKENS: float(len(losses))}
