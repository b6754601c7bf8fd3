"""An explanation as one JSON object: the contract that programs rely on.

Fields may be added and are never changed. Times are milliseconds per inference; a gap is {"missing": reason}.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec

from ironlaw.concern import Concern
from ironlaw.estimate import Estimate
from ironlaw.explanation import (
    ArmSummary,
    Association,
    CauseVerdict,
    Comparison,
    Design,
    Explanation,
    FrontPoint,
    Mixed,
    OnceTerm,
    Recommendation,
    WaterfallStep,
)
from ironlaw.explanation.split import SplitTerm, Term
from ironlaw.missing import Maybe, Missing
from ironlaw.report.account import account_document, executed_document
from ironlaw.report.arms import answers_document
from ironlaw.report.attached import next_document, operators_document
from ironlaw.report.columns import added_arms, comparison_speedup, ordered_arms, speedup, wall_time
from ironlaw.report.doubts import control_sentence
from ironlaw.report.frontier import frontier_value
from ironlaw.report.generation import gains_document, generation_document, threads_document
from ironlaw.report.graph_diff import diff_document
from ironlaw.report.guesses import guesses
from ironlaw.report.json_values import (
    SCHEMA,
    estimate_value,
    finite,
    gap,
    interval,
    number_value,
    plain_value,
    value_and_interval,
)
from ironlaw.report.layers.document import ledger_check, ledger_value
from ironlaw.report.left_in_float import left_value
from ironlaw.report.paragraph import paragraph
from ironlaw.report.quantity import MILLISECONDS
from ironlaw.report.recommendation import recommendation_sentence
from ironlaw.report.run_time import run_document
from ironlaw.report.sensitivity import sensitivity_value
from ironlaw.report.vary import explanation_at, point_document, varied_document
from ironlaw.report.verdicts import cause_sentence
from ironlaw.text import plain_json


def to_document(explanation: Explanation) -> dict[str, Any]:
    """The whole explanation as JSON-ready dicts, lists, strings, numbers and booleans."""
    return {
        "schema": SCHEMA,
        "machine": plain_value(explanation.machine),
        "plan": plain_value(explanation.plan),
        "was_cut": explanation.was_cut,
        "stopped_on_precision": explanation.stopped_on_precision,
        "stopped_when_settled": explanation.stopped_when_settled,
        "run": run_document(explanation.run),
        "arms": [_arm(arm, explanation) for arm in ordered_arms(explanation)],
        "comparisons": [_comparison(comparison, explanation) for comparison in explanation.comparisons],
        "control_check": _control_check(explanation),
        "concerns": [_concern(concern) for concern in explanation.concerns],
        "associations": [_association(association) for association in explanation.associations],
        "recommendation": _recommendation(explanation.recommendation),
        "next_run": next_document(explanation),
        "gains_by_phase": gains_document(explanation),
        "rates_by_threads": threads_document(explanation),
        "front": [_front(point) for point in explanation.front],
        "mixed": _mixed(explanation.mixed),
        "untried": list(explanation.plan.untried) if not isinstance(explanation.plan, Missing) else [],
        "varied": varied_document(explanation),
        "left_in_float": [left_value(one) for one in explanation.left_in_float],
        "frontiers": [frontier_value(one) for one in explanation.frontiers],
        "sensitivities": {arm: sensitivity_value(found) for arm, found in explanation.sensitivities.items()},
        "waterfall": [_step(step) for step in explanation.waterfall],
        "guesses": [
            {"guess": guess.guess, "answer": guess.answer, "evidence": list(guess.evidence)}
            for guess in guesses(explanation)
        ],
    }


def _concern(concern: Concern) -> dict[str, Any]:
    return {
        "concern": concern.slug,
        "arm": concern.arm or None,
        "weight": concern.weight.value,
        "text": concern.text,
        "fix": concern.fix,
    }


def _front(point: FrontPoint) -> dict[str, Any]:
    return {
        "arm": point.arm,
        "speedup": estimate_value(point.speedup),
        "size_mb": number_value(point.size_bytes, unit=1e6),
        "agreement": number_value(point.agreement),
    }


def _step(step: WaterfallStep) -> dict[str, Any]:
    return {
        "step": step.name,
        "is_whole": step.is_whole,
        "arms": list(step.arms),
        "factor": _effect(step.ln),
        "ln": estimate_value(step.ln),
    }


def to_json(explanation: Explanation) -> str:
    """The document as text, indented, keys in the documented order."""
    encoded = msgspec.json.encode(to_document(explanation))
    return plain_json(msgspec.json.format(encoded, indent=2).decode())


def _arm(arm: ArmSummary, explanation: Explanation) -> dict[str, Any]:
    ms = MILLISECONDS.size
    return {
        "arm": arm.arm,
        "point": point_document(explanation, arm.arm),
        "added_by_experiments": arm.arm in added_arms(explanation),
        "inferences": plain_value(arm.inferences),
        **value_and_interval("time_ms", wall_time(arm), unit=ms),
        "speedup": estimate_value(speedup(explanation, arm.arm)),
        "user_ms": number_value(arm.user_ns, unit=ms),
        "kernel_ms": number_value(arm.kernel_ns, unit=ms),
        "cpu_ms": number_value(arm.cpu_ns, unit=ms),
        "instructions": number_value(arm.instructions),
        "cycles": number_value(arm.cycles),
        "ipc": number_value(arm.ipc),
        "frequency_hz": number_value(arm.frequency_hz),
        "cache_references": number_value(arm.cache_references),
        "cache_misses": number_value(arm.cache_misses),
        "cache_miss_percent": number_value(arm.cache_miss_share, unit=0.01),
        "branch_misses": number_value(arm.branch_misses),
        "context_switches": number_value(arm.context_switches),
        "page_faults": number_value(arm.page_faults),
        "migrations": number_value(arm.migrations),
        "size_mb": number_value(arm.size_bytes, unit=1e6),
        "top1_agreement": number_value(arm.top1_agreement),
        "sqnr_db": number_value(arm.sqnr_db),
        "largest_difference": number_value(arm.largest_difference),
        "identical_outputs": plain_value(arm.identical_outputs),
        "cosine": number_value(arm.cosine),
        "not_finite_outputs": plain_value(arm.not_finite),
        "answers": answers_document(arm, explanation),
        "accuracy": estimate_value(arm.accuracy),
        "boundary": arm.boundary or None,
        "phases_ms": {name: ns / ms for name, ns in arm.phases_ns.items()},
        "first_inference_ms": number_value(arm.first_inference_ns, unit=ms),
        "executed": executed_document(arm.executed),
        **generation_document(arm.generation),
        "failure": arm.failure or None,
    }


def _comparison(comparison: Comparison, explanation: Explanation) -> dict[str, Any]:
    return {
        "control": comparison.control,
        "changed": comparison.changed,
        "difference": comparison.difference.value,
        "speedup": estimate_value(comparison_speedup(comparison)),
        "ln_ratio": estimate_value(comparison.ln_ratio),
        "rank_ln_ratio": estimate_value(comparison.rank),
        "replicates_ln_ratio": list(comparison.replicates),
        "adjusted_ln_ratio": estimate_value(comparison.adjusted),
        "covariate": comparison.covariate or None,
        "covariate_is_equal": comparison.covariate_is_equal,
        "replicates_needed": plain_value(comparison.replicates_needed),
        "seconds_needed": number_value(comparison.seconds_needed),
        "split": _split(comparison),
        "counterfactuals": _counterfactuals(comparison),
        "misleading": list(comparison.misleading),
        "causes": [_cause(verdict, comparison) for verdict in comparison.causes],
        "unexplained_ln": estimate_value(comparison.unexplained),
        "unexplained_share": estimate_value(comparison.unexplained_share),
        "unexplained_ms": number_value(comparison.unexplained_ns, unit=MILLISECONDS.size),
        "unexplained_ms_interval": interval(comparison.unexplained_interval_ns),
        "interaction_ln": {name: estimate_value(value) for name, value in comparison.interaction.items()},
        "ledger": ledger_value(comparison.ledger),
        **ledger_check(comparison.ledger),
        "account": account_document(comparison.account),
        "graph": diff_document(comparison),
        "operators": operators_document(comparison),
        "point": point_document(explanation, comparison.changed),
        "text": paragraph(comparison, explanation_at(explanation, comparison.changed)),
    }


def _split(comparison: Comparison) -> dict[str, Any]:
    once, split = comparison.once, comparison.split
    absent = Missing("is not a term of this split")
    if isinstance(split, Missing):
        if isinstance(once, Missing):
            return gap(split)
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
        gap(term)
        if isinstance(term, Missing)
        else {**_term(term), "share_percent": number_value(share(term.ln), unit=0.01)}
    )


def _term(term: SplitTerm | OnceTerm | Missing) -> dict[str, Any]:
    if isinstance(term, Missing):
        return gap(term)
    return {
        **value_and_interval("ln", term.ln),
        **value_and_interval("ms", term.ns, unit=MILLISECONDS.size),
    }


def _counterfactuals(comparison: Comparison) -> list[dict[str, Any]]:
    times: list[tuple[Term, Estimate | float]] = [(item.term, item.wall_ns) for item in comparison.counterfactuals]
    if not isinstance(comparison.once, Missing):
        times += comparison.once.counterfactuals_ns.items()
    return [{"term": term.value, "time_ms": estimate_value(time, unit=MILLISECONDS.size)} for term, time in times]


def _cause(verdict: CauseVerdict, comparison: Comparison) -> dict[str, Any]:
    arms = [verdict.control, verdict.changed]
    return {
        "cause": verdict.cause,
        "outcome": verdict.outcome.value,
        "experiment": None if None in arms or verdict.design is Design.FACTORIAL else arms,
        "design": verdict.design.value,
        "other_side": None if verdict.others is None else list(verdict.others),
        "predicts": None if verdict.predicts is None else verdict.predicts.value,
        "effect": _effect(verdict.effect),
        "effect_ln": estimate_value(verdict.effect),
        **value_and_interval("share", verdict.share),
        "saved_ms": number_value(verdict.saved_ns, unit=MILLISECONDS.size),
        "saved_ms_interval": interval(verdict.saved_interval_ns),
        "evidence": {name: number_value(value) for name, value in verdict.evidence.items()},
        "reason": verdict.reason or None,
        "text": cause_sentence(verdict, comparison),
    }


def _effect(effect: Maybe[Estimate]) -> Any:
    return estimate_value(effect if isinstance(effect, Missing) else effect.through(math.exp))


def ledger_document(comparison: Comparison) -> dict[str, Any]:
    """One comparison's ledger, as in the whole document."""
    return {
        "schema": SCHEMA,
        "control": comparison.control,
        "changed": comparison.changed,
        "speedup": estimate_value(comparison_speedup(comparison)),
        "split": _split(comparison),
        "ledger": ledger_value(comparison.ledger),
        **ledger_check(comparison.ledger),
    }


def _control_check(explanation: Explanation) -> dict[str, Any]:
    check = explanation.control_check
    if isinstance(check, Missing):
        return gap(check)
    return {
        "control": check.control,
        "changed": check.changed,
        "difference": check.difference.value,
        "speedup": estimate_value(comparison_speedup(check)),
        "text": control_sentence(explanation),
    }


def _association(association: Association) -> dict[str, Any]:
    return {
        "counter": association.counter,
        "over": association.over,
        "arm": association.arm or None,
        "n": association.n,
        "covariance": finite(association.covariance),
        "correlation": estimate_value(association.correlation),
    }


def _mixed(mixed: Maybe[tuple[Mixed, ...]]) -> Any:
    if isinstance(mixed, Missing):
        return gap(mixed)
    return [
        {
            "arm": one.arm,
            "blocks": list(one.blocks),
            "rival": one.rival,
            "is_best": one.is_best,
            "gain": estimate_value(one.gain),
        }
        for one in mixed
    ]


def _recommendation(recommendation: Maybe[Recommendation]) -> dict[str, Any]:
    if isinstance(recommendation, Missing):
        return gap(recommendation)
    return {
        "arm": recommendation.arm,
        "gain": estimate_value(recommendation.gain),
        "how": recommendation.how,
        "answers_judged": recommendation.is_judged,
        "tried": list(recommendation.tried),
        "unlike": list(recommendation.unlike),
        "next_best": [
            {"arm": option.arm, "gain": estimate_value(option.gain), "how": option.how}
            for option in recommendation.next_best
        ],
        "text": recommendation_sentence(recommendation),
    }
