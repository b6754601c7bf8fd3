"""An explanation as one JSON object: the contract that programs rely on.

Fields may be added and are never changed. Times are milliseconds per inference; a gap is {"missing": reason}.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec

from ironlaw.estimate import Estimate
from ironlaw.explanation import (
    ArmSummary,
    Association,
    CauseVerdict,
    Comparison,
    Design,
    Explanation,
    Flips,
    Ledger,
    LedgerRow,
    Mixed,
    OnceTerm,
    Recommendation,
    SplitTerm,
    Term,
)
from ironlaw.missing import Maybe, Missing
from ironlaw.report.account import account_document, executed_document
from ironlaw.report.arms import answers_document
from ironlaw.report.columns import added_arms, comparison_speedup, ordered_arms, speedup, wall_time
from ironlaw.report.doubts import control_sentence
from ironlaw.report.guesses import guesses
from ironlaw.report.paragraph import paragraph
from ironlaw.report.quantity import MILLISECONDS
from ironlaw.report.recommendation import recommendation_sentence
from ironlaw.report.run_time import run_document
from ironlaw.report.verdicts import cause_sentence
from ironlaw.text import plain_json

SCHEMA = 1
_NO_INTERVAL = {"missing": "read once, so there is no interval"}


def to_document(explanation: Explanation) -> dict[str, Any]:
    """The whole explanation as JSON-ready dicts, lists, strings, numbers and booleans."""
    return {
        "schema": SCHEMA,
        "machine": _plain(explanation.machine),
        "plan": _plain(explanation.plan),
        "was_cut": explanation.was_cut,
        "stopped_on_precision": explanation.stopped_on_precision,
        "run": run_document(explanation.run),
        "arms": [_arm(arm, explanation) for arm in ordered_arms(explanation)],
        "comparisons": [_comparison(comparison, explanation) for comparison in explanation.comparisons],
        "control_check": _control_check(explanation),
        "concerns": [
            {
                "concern": concern.slug,
                "arm": concern.arm or None,
                "weight": concern.weight.value,
                "text": concern.text,
                "fix": concern.fix,
            }
            for concern in explanation.concerns
        ],
        "associations": [_association(association) for association in explanation.associations],
        "recommendation": _recommendation(explanation.recommendation),
        "front": [
            {
                "arm": point.arm,
                "speedup": _estimate(point.speedup),
                "size_mb": _number(point.size_bytes, unit=1e6),
                "agreement": _number(point.agreement),
            }
            for point in explanation.front
        ],
        "mixed": _mixed(explanation.mixed),
        "waterfall": [
            {
                "step": step.name,
                "is_whole": step.is_whole,
                "arms": list(step.arms),
                "factor": _effect(step.ln),
                "ln": _estimate(step.ln),
            }
            for step in explanation.waterfall
        ],
        "guesses": [
            {"guess": guess.guess, "answer": guess.answer, "evidence": list(guess.evidence)}
            for guess in guesses(explanation)
        ],
    }


def to_json(explanation: Explanation) -> str:
    """The document as text, indented, keys in the documented order."""
    encoded = msgspec.json.encode(to_document(explanation))
    return plain_json(msgspec.json.format(encoded, indent=2).decode())


def _plain(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


def _gap(missing: Missing) -> dict[str, str]:
    return {"missing": missing.reason}


def _number(value: Maybe[float], *, unit: float = 1.0) -> Any:
    return _gap(value) if isinstance(value, Missing) else _finite(value / unit)


def _finite(value: float) -> Any:
    return value if math.isfinite(value) else {"missing": "unbounded: too few replicates for an interval"}


def _estimate(estimate: Estimate | float | Missing, *, unit: float = 1.0) -> Any:
    if isinstance(estimate, Missing):
        return _gap(estimate)
    if not isinstance(estimate, Estimate):
        return {"value": estimate / unit, "low": _NO_INTERVAL, "high": _NO_INTERVAL}
    return {
        "value": _finite(estimate.value / unit),
        "low": _finite(estimate.low / unit),
        "high": _finite(estimate.high / unit),
    }


def _value_and_interval(name: str, estimate: Estimate | float | Missing, *, unit: float = 1.0) -> dict[str, Any]:
    if isinstance(estimate, Missing):
        return {name: _gap(estimate)}
    if not isinstance(estimate, Estimate):
        return {name: _finite(estimate / unit), f"{name}_interval": _NO_INTERVAL}
    ends = [_finite(estimate.low / unit), _finite(estimate.high / unit)]
    return {name: _finite(estimate.value / unit), f"{name}_interval": ends}


def _interval(estimate: Maybe[Estimate]) -> Any:
    """The ends of an interval of ns, in ms."""
    if isinstance(estimate, Missing):
        return _gap(estimate)
    return [_finite(end / MILLISECONDS.size) for end in (estimate.low, estimate.high)]


def _arm(arm: ArmSummary, explanation: Explanation) -> dict[str, Any]:
    ms = MILLISECONDS.size
    return {
        "arm": arm.arm,
        "added_by_experiments": arm.arm in added_arms(explanation),
        "inferences": _plain(arm.inferences),
        **_value_and_interval("time_ms", wall_time(arm), unit=ms),
        "speedup": _estimate(speedup(explanation, arm.arm)),
        "user_ms": _number(arm.user_ns, unit=ms),
        "kernel_ms": _number(arm.kernel_ns, unit=ms),
        "cpu_ms": _number(arm.cpu_ns, unit=ms),
        "instructions": _number(arm.instructions),
        "cycles": _number(arm.cycles),
        "ipc": _number(arm.ipc),
        "frequency_hz": _number(arm.frequency_hz),
        "cache_references": _number(arm.cache_references),
        "cache_misses": _number(arm.cache_misses),
        "cache_miss_percent": _number(arm.cache_miss_share, unit=0.01),
        "branch_misses": _number(arm.branch_misses),
        "context_switches": _number(arm.context_switches),
        "page_faults": _number(arm.page_faults),
        "migrations": _number(arm.migrations),
        "size_mb": _number(arm.size_bytes, unit=1e6),
        "top1_agreement": _number(arm.top1_agreement),
        "sqnr_db": _number(arm.sqnr_db),
        "largest_difference": _number(arm.largest_difference),
        "identical_outputs": _plain(arm.identical_outputs),
        "cosine": _number(arm.cosine),
        "not_finite_outputs": _plain(arm.not_finite),
        "answers": answers_document(arm, explanation),
        "accuracy": _estimate(arm.accuracy),
        "boundary": arm.boundary or None,
        "phases_ms": {name: ns / ms for name, ns in arm.phases_ns.items()},
        "first_inference_ms": _number(arm.first_inference_ns, unit=ms),
        "executed": executed_document(arm.executed),
        "failure": arm.failure or None,
    }


def _comparison(comparison: Comparison, explanation: Explanation) -> dict[str, Any]:
    return {
        "control": comparison.control,
        "changed": comparison.changed,
        "difference": comparison.difference.value,
        "speedup": _estimate(comparison_speedup(comparison)),
        "ln_ratio": _estimate(comparison.ln_ratio),
        "rank_ln_ratio": _estimate(comparison.rank),
        "replicates_ln_ratio": list(comparison.replicates),
        "adjusted_ln_ratio": _estimate(comparison.adjusted),
        "covariate": comparison.covariate or None,
        "covariate_is_equal": comparison.covariate_is_equal,
        "replicates_needed": _plain(comparison.replicates_needed),
        "seconds_needed": _number(comparison.seconds_needed),
        "split": _split(comparison),
        "counterfactuals": _counterfactuals(comparison),
        "misleading": list(comparison.misleading),
        "causes": [_cause(verdict) for verdict in comparison.causes],
        "unexplained_ln": _estimate(comparison.unexplained),
        "unexplained_share": _estimate(comparison.unexplained_share),
        "unexplained_ms": _number(comparison.unexplained_ns, unit=MILLISECONDS.size),
        "unexplained_ms_interval": _interval(comparison.unexplained_interval_ns),
        "interaction_ln": {name: _estimate(value) for name, value in comparison.interaction.items()},
        "ledger": _ledger(comparison.ledger),
        **_ledger_check(comparison.ledger),
        "account": account_document(comparison.account),
        "text": paragraph(comparison, explanation),
    }


def _split(comparison: Comparison) -> dict[str, Any]:
    once, split = comparison.once, comparison.split
    absent = Missing("is not a term of this split")
    if isinstance(split, Missing):
        if isinstance(once, Missing):
            return _gap(split)
        total = OnceTerm(ln=once.ln_ratio, ns=once.control_ns - once.changed_ns)
        bare = {term.value: _shared_term(once.terms.get(term, absent), once.share) for term in Term}
        return {**bare, "total": _term(total), "assumptions": list(once.assumptions)}
    return {
        **{term.value: _shared_term(split.terms.get(term, absent), split.share) for term in Term},
        "total": _term(split.total),
        "assumptions": list(split.assumptions),
        "parts": {
            term.value: {name: _shared_term(part, split.share) for name, part in parts.items()}
            for term, parts in split.parts.items()
        },
    }


def _shared_term(term: Any, share: Callable[[Any], Maybe[float]]) -> dict[str, Any]:
    """A term with its share of the difference."""
    return (
        _gap(term)
        if isinstance(term, Missing)
        else {**_term(term), "share_percent": _number(share(term.ln), unit=0.01)}
    )


def _term(term: SplitTerm | OnceTerm | Missing) -> dict[str, Any]:
    if isinstance(term, Missing):
        return _gap(term)
    return {
        **_value_and_interval("ln", term.ln),
        **_value_and_interval("ms", term.ns, unit=MILLISECONDS.size),
    }


def _counterfactuals(comparison: Comparison) -> list[dict[str, Any]]:
    times: list[tuple[Term, Estimate | float]] = [(item.term, item.wall_ns) for item in comparison.counterfactuals]
    if not isinstance(comparison.once, Missing):
        times += comparison.once.counterfactuals_ns.items()
    return [{"term": term.value, "time_ms": _estimate(time, unit=MILLISECONDS.size)} for term, time in times]


def _cause(verdict: CauseVerdict) -> dict[str, Any]:
    arms = [verdict.control, verdict.changed]
    return {
        "cause": verdict.cause,
        "outcome": verdict.outcome.value,
        "experiment": None if None in arms or verdict.design is Design.FACTORIAL else arms,
        "design": verdict.design.value,
        "other_side": None if verdict.others is None else list(verdict.others),
        "predicts": None if verdict.predicts is None else verdict.predicts.value,
        "effect": _effect(verdict.effect),
        "effect_ln": _estimate(verdict.effect),
        **_value_and_interval("share", verdict.share),
        "saved_ms": _number(verdict.saved_ns, unit=MILLISECONDS.size),
        "saved_ms_interval": _interval(verdict.saved_interval_ns),
        "evidence": {name: _number(value) for name, value in verdict.evidence.items()},
        "reason": verdict.reason or None,
        "text": cause_sentence(verdict),
    }


def _effect(effect: Maybe[Estimate]) -> Any:
    return _estimate(effect if isinstance(effect, Missing) else effect.through(math.exp))


def ledger_document(comparison: Comparison) -> dict[str, Any]:
    """One comparison's ledger alone, as it stands in the whole document."""
    return {
        "schema": SCHEMA,
        "control": comparison.control,
        "changed": comparison.changed,
        "speedup": _estimate(comparison_speedup(comparison)),
        "split": _split(comparison),
        "ledger": _ledger(comparison.ledger),
        **_ledger_check(comparison.ledger),
    }


def flips_document(found: Flips) -> dict[str, Any]:
    """Measured flips: milliseconds that int8 saves, by block."""
    ms = MILLISECONDS.size
    return {
        "schema": SCHEMA,
        "flips": [
            {
                "block": row.block,
                "alone_ms": _estimate(row.alone, unit=ms),
                "left_float_ms": _estimate(row.left_float, unit=ms),
            }
            for row in found.rows
        ],
        "sum_alone_ms": _number(found.sum_alone, unit=ms),
        "sum_left_float_ms": _number(found.sum_left_float, unit=ms),
        "whole_ms": _estimate(found.whole, unit=ms),
    }


def _ledger(ledger: Maybe[Ledger]) -> Any:
    return _gap(ledger) if isinstance(ledger, Missing) else [_ledger_row(row) for row in ledger.rows]


def _ledger_check(ledger: Maybe[Ledger]) -> dict[str, Any]:
    if isinstance(ledger, Missing):
        return {}
    return {
        "ledger_speedup_disturbed": _estimate(ledger.disturbed_speedup),
        "ledger_speedup_undisturbed": _estimate(ledger.undisturbed_speedup),
        "ledger_notes": list(ledger.notes),
    }


def _ledger_row(row: LedgerRow) -> dict[str, Any]:
    ms = MILLISECONDS.size
    return {
        "layer": row.layer,
        "control_ms": row.control_ns / ms,
        "changed_ms": row.changed_ns / ms,
        "saved_ms": row.saved_ns / ms,
        **{f"{term.value}_ms": _number(value, unit=ms) for term, value in row.terms.items()},
        "kind": row.kind,
        "fate": row.fate,
        "order": row.order,
        "control_work": {name: _number(value) for name, value in row.control_work.items()},
        "changed_work": {name: _number(value) for name, value in row.changed_work.items()},
        "executed": list(row.executed),
        "path": row.path,
        "control_layers": list(row.control_layers),
        "changed_layers": list(row.changed_layers),
    }


def _control_check(explanation: Explanation) -> dict[str, Any]:
    check = explanation.control_check
    if isinstance(check, Missing):
        return _gap(check)
    return {
        "control": check.control,
        "changed": check.changed,
        "difference": check.difference.value,
        "speedup": _estimate(comparison_speedup(check)),
        "text": control_sentence(explanation),
    }


def _association(association: Association) -> dict[str, Any]:
    return {
        "counter": association.counter,
        "over": association.over,
        "arm": association.arm or None,
        "n": association.n,
        "covariance": _finite(association.covariance),
        "correlation": _estimate(association.correlation),
    }


def _mixed(mixed: Maybe[tuple[Mixed, ...]]) -> Any:
    if isinstance(mixed, Missing):
        return _gap(mixed)
    return [
        {
            "arm": one.arm,
            "blocks": list(one.blocks),
            "rival": one.rival,
            "is_best": one.is_best,
            "gain": _estimate(one.gain),
        }
        for one in mixed
    ]


def _recommendation(recommendation: Maybe[Recommendation]) -> dict[str, Any]:
    if isinstance(recommendation, Missing):
        return _gap(recommendation)
    return {
        "arm": recommendation.arm,
        "gain": _estimate(recommendation.gain),
        "how": recommendation.how,
        "tried": list(recommendation.tried),
        "unlike": list(recommendation.unlike),
        "next_best": [
            {"arm": option.arm, "gain": _estimate(option.gain), "how": option.how}
            for option in recommendation.next_best
        ],
        "text": recommendation_sentence(recommendation),
    }
