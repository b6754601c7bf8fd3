"""Replayed answers against the float network's: shares and cosines with intervals, and the column that agrees least."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from ironlaw.analysis.agreement import agreements
from ironlaw.analysis.statistics.interval import clustered_share_interval, share_interval, t_interval
from ironlaw.estimate import Estimate
from ironlaw.explanation.sensitivity import AnswerAgreement
from ironlaw.fact import Outputs
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.replay import Given, KeptAnswers

if TYPE_CHECKING:
    from ironlaw.explanation.likeness import Likeness

NOISELESS = Missing("the outputs are equal: there is no noise")
_NO_COLUMNS = Missing("scores of classes are compared by the top one")
_EQUAL = 1e-12  # of the signal: noise of float32 sums in another order


@lru_cache(maxsize=1024)  # a search asks for the same ones after each replicate
def answer_agreement(given: Given, reference: KeptAnswers | None) -> AnswerAgreement:
    """One changed network's answers on inputs of one use."""
    column = _column(given, reference)
    share = given.noise / given.signal if given.signal else (1.0 if given.noise else 0.0)
    lost = share / 2
    if is_known(column):
        lost = 1 - column
    return AnswerAgreement(
        inputs=given.inputs,
        agreement=_agreement(given),
        by_class=is_known(given.same_top),
        column=column,
        sqnr_db=sqnr_db(given.signal, given.noise),
        lost=math.inf if given.not_finite else max(0.0, lost),
    )


def sqnr_db(signal: float, noise: float) -> Maybe[float]:
    """Signal to quantization noise in dB; a gap where there is no signal, or only rounding."""
    if not signal:
        return Missing("the float network's are all zero")
    if noise <= _EQUAL * signal:
        return NOISELESS
    return 10 * math.log10(signal / noise)


def _agreement(given: Given) -> Maybe[Estimate]:
    if given.not_finite:
        return Missing("an output is not finite")
    clusters = given.photographs
    if is_known(given.same_top):
        if len(clusters) > 1:
            return clustered_share_interval([(one.same_top, one.inputs) for one in clusters])
        return share_interval(given.same_top, given.inputs)
    found = t_interval([one.cosine for one in clusters] if len(clusters) > 1 else given.cosines)
    if isinstance(found, Missing):
        return Missing("one input gives no interval")
    return Estimate(value=found.value, low=found.low, high=min(1.0, found.high))


def _column(given: Given, reference: KeptAnswers | None) -> Maybe[float]:
    """The least agreement of an output or column, by the rules for whole arms."""
    if isinstance(given.kept, Missing):
        return _NO_COLUMNS
    if reference is None:
        return Missing("the float network's answers were not kept")
    shape = (reference.rows, reference.kept)
    facts = [
        Outputs(
            arm=name, shape=shape, data=data, input_digest="", classes=_NO_COLUMNS, forms=reference.forms, probes=(0,)
        )
        for name, data in (("float", reference.data), ("changed", given.kept))
    ]
    found = agreements(facts, control="float")["changed"]["likeness"]
    if isinstance(found, Missing):
        return found
    return _least(found)


def _least(found: Likeness) -> Maybe[float]:
    if found.constant:
        return 0.0
    return found.worst if isinstance(found.worst, Missing) else found.worst.agreement
