"""Which code ran in which layer of an arm: the samples of its layer turns, over all replicates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ironlaw.analysis.account.executed import code_of
from ironlaw.analysis.account.kernels import categorised
from ironlaw.analysis.account.operators import functions_by_operator, judged
from ironlaw.explanation.account import Code
from ironlaw.explanation.split import LayerExecuted
from ironlaw.missing import Maybe, Missing
from ironlaw.recording import Recording

FEWEST_SAMPLES = 10  # of a row, below which its largest piece of code may not be its largest
ByCall = dict[int, Counter[Code]]
NO_CODE = Missing("code was not sampled layer by layer")


def code_by_call(recording: Recording, arm: str, calls: int) -> Maybe[ByCall]:
    """Samples by the place of the call; those between layers stand after the last of the `calls`."""
    facts = [fact for fact in recording.layer_codes if fact.arm == arm]
    functions = functions_by_operator(recording, arm)
    found: ByCall = {}
    gap = NO_CODE
    for fact in facts:
        if isinstance(fact.sites, Missing):
            gap = fact.sites
            continue
        pieces = [code_of(site, category) for site, category in judged(categorised(fact.sites), functions)]
        for call, site, count in fact.within:
            if call <= calls:
                found.setdefault(call, Counter())[pieces[site]] += count
    return found or gap


def executed_in(found: Maybe[ByCall], calls: Sequence[int]) -> Maybe[LayerExecuted]:
    """The code that ran in several calls together."""
    if isinstance(found, Missing):
        return found
    if not calls:
        return Missing("the arm has no such layer")
    counts: Counter[Code] = Counter()
    for call in calls:
        counts.update(found.get(call, {}))
    if counts.total() < FEWEST_SAMPLES:
        return Missing(f"fewer than {FEWEST_SAMPLES} samples fell into it")
    return _shared_out(counts)


def executed_together(parts: Sequence[Maybe[LayerExecuted]]) -> Maybe[LayerExecuted]:
    """The code that ran in several rows; rows with too few samples are left out, and a gap if all are."""
    known = [part for part in parts if not isinstance(part, Missing)]
    if not known:
        return next((part for part in parts if isinstance(part, Missing)), NO_CODE)
    counts: Counter[Code] = Counter()
    for part in known:
        counts.update({code: round(share * part.samples) for code, share in part.code})
    return _shared_out(counts)


def _shared_out(counts: Counter[Code]) -> LayerExecuted:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0].object, item[0].name))
    total = counts.total()
    return LayerExecuted(samples=total, code=tuple((code, count / total) for code, count in ordered))
