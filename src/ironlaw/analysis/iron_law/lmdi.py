"""The exact split of one time into the terms of the iron law, by the logarithmic mean Divisia index.

wall = sum over user, kernel of instructions x CPI / (frequency x utilisation). Arithmetic on arrays with one entry per
replicate. Sources: LMDI-I, Ang, Energy Policy 32 (2004) 1131 and 33 (2005) 867; terms that appear or vanish: Wood &
Lenzen, Energy Policy 34 (2006) 1326.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ironlaw.analysis.turns import Floats
from ironlaw.explanation.split import REPLACED, Term
from ironlaw.missing import Maybe, Missing, first_missing

NO_CYCLES = Missing("cycles and instructions were not counted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """The PMU's counts of one arm: user mode (or both modes together) and, separately, kernel mode.

    Instructions are per inference; `cycles_per_ns` is per ns of the arm's whole CPU time, so that user and kernel rates
    add up to the frequency. `cpi_shares` are the top-down categories' shares of the user class's cycles, which add up
    to 1.
    """

    instructions: Floats
    cycles_per_ns: Floats
    kernel_cycles_per_ns: Maybe[Floats]
    kernel_instructions: Maybe[Floats]
    cpi_shares: Maybe[dict[str, Floats]] = Missing("the PMU counted no slots")


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One arm's time and its factors in ns per inference; arrays have one entry per replicate."""

    wall_ns: Floats
    cpu_ns: Maybe[Floats]
    classes: Maybe[Classes]
    kernel_time_share: Maybe[Floats] = Missing("user and kernel time were not distinguished")
    clock_per_ns: Maybe[Floats] = Missing("the clock was not read")  # cycles per ns, without a PMU

    @property
    def ln_wall(self) -> Floats:
        """The logarithm of the time."""
        return np.log(self.wall_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decomposition:
    """Per replicate: each term's part of ln(control/changed), and the control's ln time with one term replaced by the
    changed arm's.

    The known terms add up to `ln_ratio`; the parts of a term add up to it.
    """

    control: State
    changed: State
    terms: dict[Term, Maybe[Floats]]
    parts: dict[Term, dict[str, Maybe[Floats]]] = field(default_factory=dict)
    ln_counterfactuals: dict[Term, Floats] = field(default_factory=dict)

    @property
    def ln_ratio(self) -> Floats:
        """ln(control/changed), positive when changed is faster."""
        return self.control.ln_wall - self.changed.ln_wall


def log_mean(first: Floats, second: Floats) -> Floats:
    """The logarithmic mean (a - b)/(ln a - ln b); L(a, a) = a and L(a, 0) = 0. Exactly symmetric."""
    small, large = np.minimum(first, second), np.maximum(first, second)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        excess = (large - small) / small
        mean = np.where(excess > 0, (large - small) / np.log1p(excess), small)
    return np.where(small > 0, mean, 0.0)


def decompose(control: State, changed: State) -> Decomposition:
    """Split ln(control/changed) into terms without remainder, replicate by replicate.

    Positive means that the term makes `changed` faster. A class that only one arm has is attributed whole. Without
    cycles the terms are user CPU time, kernel CPU time and utilisation, and the frequency where the clock is known in
    both arms: CPU times are then in cycles. Without CPU time there are no terms.
    """
    gap = first_missing(control.cpu_ns, changed.cpu_ns)
    if gap is not None:
        return Decomposition(control=control, changed=changed, terms=dict.fromkeys(Term, gap))
    gap = first_missing(control.classes, changed.classes)
    if gap is not None:
        return _by_cpu_time(control, changed, gap)
    return _by_cycles(control, changed)


def _by_cpu_time(control: State, changed: State, gap: Missing) -> Decomposition:
    """User and kernel CPU time over utilisation; one term if the modes are not distinguished."""
    unsplit = first_missing(control.kernel_time_share, changed.kernel_time_share)
    unclocked = first_missing(control.clock_per_ns, changed.clock_per_ns)
    law0, law1 = (_law_of_time(state, unsplit, unclocked) for state in (control, changed))
    per_ns = 1 / log_mean(control.wall_ns, changed.wall_ns)
    user = log_mean(law0.user_wall, law1.user_wall) * per_ns
    kernel = log_mean(law0.kernel_wall, law1.kernel_wall) * per_ns
    terms: dict[Term, Maybe[Floats]] = dict.fromkeys(Term, gap)
    terms[Term.CPU_TIME] = _ratio_or_whole(
        user, (law0.instructions, law1.instructions), (law0.user_wall - law1.user_wall) * per_ns
    )
    terms[Term.UTILISATION] = -(user + kernel) * np.log(law0.utilisation / law1.utilisation)
    terms[Term.KERNEL] = unsplit or _kernel_term(kernel, law0, law1, per_ns)
    swapped = _swapped(law0, law1, unsplit)
    kept = {Term.INSTRUCTIONS: Term.CPU_TIME, Term.UTILISATION: Term.UTILISATION, Term.KERNEL: Term.KERNEL}
    if unclocked is None:
        terms[Term.FREQUENCY] = -(user + kernel) * np.log(law0.frequency / law1.frequency)
        kept[Term.FREQUENCY] = Term.FREQUENCY
    return Decomposition(
        control=control,
        changed=changed,
        terms=terms,
        ln_counterfactuals={kept[term]: values for term, values in swapped.items() if term in kept},
    )


def _law_of_time(state: State, unsplit: Missing | None, unclocked: Missing | None) -> _Law:
    """The factors of a time without counted cycles: CPU time replaces instructions and CPI, in cycles of the clock or,
    if that is not known, in ns.
    """
    cpu_ns = _known(state.cpu_ns)
    one = np.ones_like(cpu_ns)
    clock = one if unclocked else _known(state.clock_per_ns)
    kernel = np.zeros_like(cpu_ns) if unsplit else cpu_ns * clock * _known(state.kernel_time_share)
    return _Law(
        instructions=cpu_ns * clock - kernel,
        cpi=one,
        kernel=kernel,
        frequency=clock,
        utilisation=cpu_ns / state.wall_ns,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Law:
    """The factors of one arm's wall time. `kernel` is in cycles; 0 if there are none, or none are known."""

    instructions: Floats
    cpi: Floats
    kernel: Floats
    frequency: Floats  # cycles per ns
    utilisation: Floats

    @property
    def user_wall(self) -> Floats:
        return self.instructions * self.cpi / (self.frequency * self.utilisation)

    @property
    def kernel_wall(self) -> Floats:
        return self.kernel / (self.frequency * self.utilisation)


def _law(state: State, classes: Classes) -> _Law:
    cpu_ns = _known(state.cpu_ns)
    kernel_rate = classes.kernel_cycles_per_ns
    kernel = np.zeros_like(cpu_ns) if isinstance(kernel_rate, Missing) else kernel_rate
    return _Law(
        instructions=classes.instructions,
        cpi=classes.cycles_per_ns * cpu_ns / classes.instructions,
        kernel=kernel * cpu_ns,
        frequency=classes.cycles_per_ns + kernel,
        utilisation=cpu_ns / state.wall_ns,
    )


def _by_cycles(control: State, changed: State) -> Decomposition:
    classes0, classes1 = _known_classes(control.classes), _known_classes(changed.classes)
    law0, law1 = _law(control, classes0), _law(changed, classes1)
    per_ns = 1 / log_mean(control.wall_ns, changed.wall_ns)  # from ns of wall time to ln
    user = log_mean(law0.user_wall, law1.user_wall) * per_ns
    kernel = log_mean(law0.kernel_wall, law1.kernel_wall) * per_ns
    gap = first_missing(classes0.kernel_cycles_per_ns, classes1.kernel_cycles_per_ns)
    cpi = user * np.log(law0.cpi / law1.cpi)
    terms: dict[Term, Maybe[Floats]] = {
        Term.INSTRUCTIONS: user * np.log(law0.instructions / law1.instructions),
        Term.CPI: cpi,
        Term.FREQUENCY: -(user + kernel) * np.log(law0.frequency / law1.frequency),
        Term.UTILISATION: -(user + kernel) * np.log(law0.utilisation / law1.utilisation),
        Term.KERNEL: gap or _kernel_term(kernel, law0, law1, per_ns),
        Term.CPU_TIME: REPLACED,
    }
    parts: dict[Term, dict[str, Maybe[Floats]]] = {}
    shares0, shares1 = classes0.cpi_shares, classes1.cpi_shares
    if not isinstance(shares0, Missing) and not isinstance(shares1, Missing) and shares0.keys() == shares1.keys():
        per_cpi = user / log_mean(law0.cpi, law1.cpi)
        parts[Term.CPI] = {name: per_cpi * (law0.cpi * shares0[name] - law1.cpi * shares1[name]) for name in shares0}
    parts.update(_kernel_parts(kernel, law0, law1, (classes0, classes1)))
    return Decomposition(
        control=control, changed=changed, terms=terms, parts=parts, ln_counterfactuals=_swapped(law0, law1, gap)
    )


def _kernel_term(kernel: Floats, law0: _Law, law1: _Law, per_ns: Floats) -> Floats:
    """The kernel class's term; if one arm has no kernel time, all of the class's time."""
    return _ratio_or_whole(kernel, (law0.kernel, law1.kernel), (law0.kernel_wall - law1.kernel_wall) * per_ns)


def _ratio_or_whole(weight: Floats, amounts: tuple[Floats, Floats], whole: Floats) -> Floats:
    """A class's weight times the ln-ratio of its amounts; if one arm has none, the whole class."""
    both = (amounts[0] > 0) & (amounts[1] > 0) & (weight > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        changed = weight * (np.log(amounts[0]) - np.log(amounts[1]))
    return np.where(both, changed, whole)


def _kernel_parts(
    kernel: Floats, law0: _Law, law1: _Law, classes: tuple[Classes, Classes]
) -> dict[Term, dict[str, Maybe[Floats]]]:
    """The kernel term divided into instructions and CPI, if both arms counted both."""
    counted0, counted1 = classes[0].kernel_instructions, classes[1].kernel_instructions
    if isinstance(counted0, Missing) or isinstance(counted1, Missing):
        return {}
    if not all((amount > 0).all() for amount in (counted0, counted1, law0.kernel, law1.kernel)):
        return {}
    instructions = kernel * np.log(counted0 / counted1)
    cpi = kernel * np.log((law0.kernel / counted0) / (law1.kernel / counted1))
    return {Term.KERNEL: {"instructions": instructions, "cpi": cpi}}


def _swapped(law0: _Law, law1: _Law, gap: Missing | None) -> dict[Term, Floats]:
    """ln of the control's time with one factor replaced by that of the changed arm."""
    wall = law0.user_wall + law0.kernel_wall
    swapped = {
        Term.INSTRUCTIONS: law1.instructions * law0.cpi / (law0.frequency * law0.utilisation) + law0.kernel_wall,
        Term.CPI: law0.instructions * law1.cpi / (law0.frequency * law0.utilisation) + law0.kernel_wall,
        Term.FREQUENCY: wall * law0.frequency / law1.frequency,
        Term.UTILISATION: wall * law0.utilisation / law1.utilisation,
    }
    if gap is None:
        swapped[Term.KERNEL] = law0.user_wall + law1.kernel / (law0.frequency * law0.utilisation)
    return {term: np.log(wall_ns) for term, wall_ns in swapped.items() if (wall_ns > 0).all()}


def _known(values: Maybe[Floats]) -> Floats:
    assert not isinstance(values, Missing)
    return values


def _known_classes(classes: Maybe[Classes]) -> Classes:
    assert not isinstance(classes, Missing)
    return classes
