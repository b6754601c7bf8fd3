"""Texts for language models: every input is another window of one passage."""

from __future__ import annotations

from ironlaw.circumstance import RandomTokens
from ironlaw.missing import Missing
from ironlaw.models.texts import WINDOW, token_windows

PASSAGE = list(range(100, 860))


def test_windows_of_tokens_begin_at_different_places_and_go_round() -> None:
    made = token_windows("a model", PASSAGE, vocabulary=1000, scored=16, seed=3)
    assert [one[0] for one in made.turns] == list(range(100, 860, 76))
    assert made.turns[-1] == (PASSAGE[684:] + PASSAGE)[:WINDOW]
    assert made.probes == [PASSAGE[38:54], PASSAGE[114:130]]
    assert made.circumstances == ()


def test_without_a_passage_tokens_are_random_of_the_vocabulary_by_the_seed_and_reported() -> None:
    made, again, other = (
        token_windows("a model", Missing("no tokenizer"), vocabulary=50, scored=16, seed=seed) for seed in (3, 3, 4)
    )
    assert made == again
    assert made.turns != other.turns
    assert {token for one in (*made.turns, *made.probes) for token in one} <= set(range(50))
    assert made.circumstances == (RandomTokens(source="a model", reason="no tokenizer"),)
