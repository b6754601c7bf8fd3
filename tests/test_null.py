"""Where nothing differs, nothing may be claimed, however many signatures the arms show."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.explanation import Difference
from ironlaw.measure.scripted import Script
from ironlaw.missing import Maybe

from .scripted import SOUND, SOUND_CENSUS, confirmed, explained, own

SEEDS = range(24)
SUSPECT: dict[str, Maybe[float]] = {
    **SOUND_CENSUS,
    "subnormal_share": 0.1,
    "sparse_convolutions": 3.0,
    "norm_operators": 9.0,
    "operators": 5000.0,
}
# Everything that calls for an experiment is shown, and costs nothing.
HARMLESS = replace(SOUND, page_faults=900.0, census=SUSPECT, checks={**SOUND.checks, "records_graph": True})


def test_identical_arms_that_show_every_signature_confirm_nothing() -> None:
    false = 0
    for seed in SEEDS:
        (comparison,) = explained(
            (own("a"), own("b")), Script(arms={"a": HARMLESS, "b": HARMLESS}, seed=seed), replicates=5
        ).comparisons
        false += bool(confirmed(comparison))
    # A family-wise 5 % of 24 recordings is 1.2; four or more would happen once in thirty times.
    assert false <= 3


def test_a_difference_without_a_cause_in_the_catalogue_confirms_nothing() -> None:
    for seed in range(6):
        quicker = replace(HARMLESS, user_instructions=70e6)
        (comparison,) = explained(
            (own("a"), own("b")), Script(arms={"a": HARMLESS, "b": quicker}, seed=seed), replicates=5
        ).comparisons
        assert comparison.difference is Difference.FASTER
        assert confirmed(comparison) == set()
