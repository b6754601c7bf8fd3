"""The loss of a text's tokens, by hand and by a law."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ironlaw.engines.border.text_losses import MOST_TOKENS, text_losses
from ironlaw.missing import Missing
from ironlaw.phase import TEXT_NATS, TEXT_TOKENS


@pytest.mark.parametrize("length", [2, 64, 65, 66, 130])
def test_equal_logits_lose_the_logarithm_of_the_vocabulary_on_every_token(length: int) -> None:
    found = text_losses(np.arange(length) % 7, lambda known: np.full((len(known), 7), 3.0))
    assert found[TEXT_NATS] == pytest.approx(math.log(7))
    assert found[TEXT_TOKENS] == min(length, MOST_TOKENS) - 1


def test_each_token_is_looked_up_behind_the_one_before_it_also_across_parts() -> None:
    seen: list[int] = []

    def scores(known: Any) -> Any:
        seen.extend(known.tolist())
        return np.log(np.where(np.arange(5) == (known[:, None] + 1) % 5, 0.6, 0.1))

    found = text_losses(np.arange(100) % 5, scores)
    assert seen == (np.arange(99) % 5).tolist()
    assert found[TEXT_NATS] == pytest.approx(-math.log(0.6))


def test_a_long_text_is_cut_and_a_single_token_predicts_nothing() -> None:
    assert text_losses(np.zeros(9999, dtype=int), lambda known: np.zeros((len(known), 2)))[TEXT_TOKENS] == (
        MOST_TOKENS - 1
    )
    assert isinstance(text_losses(np.zeros(1, dtype=int), np.zeros_like)[TEXT_NATS], Missing)
