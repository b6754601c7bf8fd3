"""The split of a comparison: terms with intervals that add up to the difference, and counterfactual times."""

from __future__ import annotations

import math

import numpy as np

from ironlaw.analysis.iron_law.lmdi import Decomposition, log_mean
from ironlaw.analysis.statistics.interval import t_interval
from ironlaw.analysis.turns import Floats
from ironlaw.explanation import (
    Counterfactual,
    OnceTerm,
    ReadOnce,
)
from ironlaw.explanation.split import Split, SplitTerm
from ironlaw.missing import Maybe, Missing, is_known


def split_with_intervals(decomposition: Decomposition, assumptions: tuple[str, ...]) -> Maybe[Split]:
    """The terms with their intervals; values add up to the total in ln and in ns, without remainder.

    In ln a term is the mean of its replicates, whose terms add up to that replicate's ln-ratio. In ns it is that mean
    times L(control, changed) of the two geometric mean times, as LMDI's additive and multiplicative forms are
    related (Ang 2004), so that the terms in ns add up to control - changed and keep the same proportions.
    """
    if len(decomposition.ln_ratio) < 2:
        return Missing("one replicate gives no interval")
    if not any(is_known(term) for term in decomposition.terms.values()):
        return next(term for term in decomposition.terms.values() if isinstance(term, Missing))
    to_ns = _Nanoseconds(decomposition)
    return Split(
        total=to_ns.term(decomposition.ln_ratio),
        terms={name: _with_interval(to_ns, term) for name, term in decomposition.terms.items()},
        assumptions=assumptions,
        parts={
            name: {part: _with_interval(to_ns, values) for part, values in parts.items()}
            for name, parts in decomposition.parts.items()
        },
    )


def counterfactuals(decomposition: Decomposition) -> tuple[Counterfactual, ...]:
    """The control's time with one term replaced by the changed arm's, for each known term."""
    made = []
    for term, ln_wall in decomposition.ln_counterfactuals.items():
        estimate = t_interval(ln_wall)
        if is_known(estimate):
            made.append(Counterfactual(term=term, wall_ns=estimate.through(math.exp)))
    return tuple(made)


def read_once(decomposition: Decomposition, assumptions: tuple[str, ...]) -> ReadOnce:
    """The split without intervals: values that add up, of one replicate or of the means of several."""
    control = float(decomposition.control.ln_wall.mean())
    changed = float(decomposition.changed.ln_wall.mean())
    to_ns = _Nanoseconds(decomposition)
    return ReadOnce(
        ln_ratio=control - changed,
        control_ns=math.exp(control),
        changed_ns=math.exp(changed),
        terms={
            name: term
            if isinstance(term, Missing)
            else OnceTerm(ln=float(term.mean()), ns=to_ns.weight * float(term.mean()))
            for name, term in decomposition.terms.items()
        },
        counterfactuals_ns={
            term: math.exp(float(ln_wall.mean())) for term, ln_wall in decomposition.ln_counterfactuals.items()
        },
        assumptions=assumptions,
    )


class _Nanoseconds:
    """Converts ln terms to ns, with intervals that include the variation of the times themselves."""

    def __init__(self, decomposition: Decomposition) -> None:
        ln0, ln1 = decomposition.control.ln_wall, decomposition.changed.ln_wall
        control, changed = math.exp(float(ln0.mean())), math.exp(float(ln1.mean()))
        self.weight = float(log_mean(np.array([control]), np.array([changed]))[0])
        by_control, by_changed = _slopes(control, changed, self.weight)
        self._weight_moves = by_control * (ln0 - ln0.mean()) + by_changed * (ln1 - ln1.mean())

    def term(self, ln_values: Floats) -> SplitTerm:
        """The term in ns from its ln values per replicate, of which there are at least two."""
        in_ln = t_interval(ln_values)
        # First order in the deviations of each replicate: their mean is the term's value exactly.
        in_ns = t_interval(self.weight * ln_values + float(ln_values.mean()) * self._weight_moves)
        assert is_known(in_ln)
        assert is_known(in_ns)
        return SplitTerm(ln=in_ln, ns=in_ns)


def _slopes(control: float, changed: float, weight: float) -> tuple[float, float]:
    """The derivatives of L(control, changed) by ln control and by ln changed."""
    distance = math.log(control / changed)
    if abs(distance) < 1e-6:
        return weight / 2, weight / 2
    return (control - weight) / distance, (weight - changed) / distance


def _with_interval(to_ns: _Nanoseconds, term: Maybe[Floats]) -> Maybe[SplitTerm]:
    return term if isinstance(term, Missing) else to_ns.term(term)
