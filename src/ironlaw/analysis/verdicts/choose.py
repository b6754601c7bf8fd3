"""Which layers to leave in float: those that cost the answers most for the time that int8 saves in them.

The order only proposes. Sets of its first layers are replayed on the choosing inputs, and the smallest set that agrees
as far as requested is measured as an arm in the same rounds as all others. Its agreement is then read on inputs that
are held out from the choice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ironlaw.analysis.compare import compare
from ironlaw.analysis.concerns.circumstances import is_trained
from ironlaw.analysis.concerns.outputs import agreements_by_arm, agrees_in
from ironlaw.analysis.layers.ledger import ledger
from ironlaw.analysis.sensitivity.layers import float_form, sensitivity
from ironlaw.analysis.turns import turns_of
from ironlaw.analysis.verdicts.bench import Bench, bench, mean_of
from ironlaw.analysis.verdicts.frontier import fastest_float
from ironlaw.arm import Arm
from ironlaw.explanation.sensitivity import NO_TIME, LayerAnswers, MixedAnswers, Sensitivity
from ironlaw.explanation.split import Ledger
from ironlaw.factors import FACTORS
from ironlaw.leaving import (
    is_chosen_by_answers,
    is_recalibrated,
    leaves_some,
    leaving_factor,
    recalibrations,
    times_longer,
)
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.plan import Plan, Replays
from ironlaw.recording import Recording
from ironlaw.replay import Use
from ironlaw.variant import ENGINE

WITHIN_S = 90.0  # of one arm's replay
SHARE = 0.4  # of the budget, that all replays may take together, starting their process included
LEAST_S = 5.0  # what a replay is begun with: less does not open a model
_RECALIBRATING_SHARE = 0.15  # of the budget, to prepare arms whose ranges are found in other ways
_LEAST_PREPARING_S = 1.0  # of an arm: loading and warming it up is not among the times of preparing
# Parts of an engine's time: its layers, which need sessions of their own; sets of them; the answers of mixed arms.
_OF_LAYERS, _PARTS = 2, 4
# Far apart first: where the time ends before all are replayed, those that were span the whole range.
_SIZES = (0, 8, 24, 4, 16, 48, 2, 12, 32, 1, 3, 6, 64, 96)
_FIRST = (12, 6, 16, 3, 24, 9)  # layers at the front of the network that stay in float together
_BEHIND = (0, 4, 8)  # of those behind them that cost most, beside
# Of the mean gain of a layer: what a layer that gains less is counted with, so that its ratio stays finite.
_LEAST_GAIN = 0.05
_STEPS = 3  # sets that agree, each with half of the noise of the one before
# Of all noise: the layers at the end of the order, which would change nothing.
_LEAST_LOST = 1e-4


def with_choices(recording: Recording, plan: Plan) -> Plan:
    """The plan with the next step towards mixed arms: replays, sets, arms, and their answers on held-out inputs."""
    if not is_trained(recording):
        return plan
    arms: list[Arm] = []
    untried: list[str] = list(plan.untried)
    bases: list[str] = []
    replays = list(plan.replays)
    unfit = _unfit(recording)
    each_s = _each_s(recording, plan, len(unfit))
    if each_s < LEAST_S:
        return plan
    for arm in unfit:
        fresh, late = _to_recalibrate(recording, plan, arm, len(unfit))
        untried += [one.name for one in late]
        if fresh or _is_recalibrating(recording, plan, arm):
            arms += fresh
            continue
        whole = [one for one in recording.replays if one.arm == arm.name and not one.mixtures]
        if not whole:  # of an arm that was only compared, nothing is chosen
            replays.append(Replays(arm=arm.name, within_s=min(WITHIN_S, _OF_LAYERS * each_s)))
            continue
        found = sensitivity(recording, arm.name, _times(recording, arm.name))
        if isinstance(found, Missing):
            continue
        if not found.mixtures:
            sets = sets_to_try(found)
            replays += [Replays(arm=arm.name, within_s=min(WITHIN_S, each_s), sets=sets)] if len(sets) > 1 else []
        else:
            made = [_mixed(arm, found, floats) for floats in chosen(found, plan.agreement)]
            arms += made
            bases += [arm.name] if made else []
    known = {arm.name for arm in plan.arms}
    prepared = {fact.arm for fact in recording.prepared}
    apart = {*plan.retired, *(one.arm for one in plan.replays if one.only_answers)}
    mixed = [arm.name for arm in plan.asked() if leaves_some(arm) and arm.name in prepared]
    mixed += [arm.name for arm in _recalibrated_fit(recording) if arm.name in prepared]
    waiting = [name for name in (*bases, *mixed) if name not in apart]
    within_s = min(WITHIN_S, each_s / max(1, len(waiting)))
    replays += [Replays(arm=name, within_s=within_s, only_answers=True) for name in waiting]
    return replace(
        plan,
        arms=(*plan.arms, *(arm for arm in arms if arm.name not in known)),
        untried=tuple(dict.fromkeys(untried)),
        replays=tuple({(one.arm, one.sets, one.only_answers): one for one in (*replays, *plan.replays)}.values()),
    )


def with_held_out(recording: Recording, plan: Plan) -> Plan:
    """The plan with the answers on held-out inputs of arms that leave in float what was chosen by answers.

    Where there are such arms, those with ranges found in other ways are compared as well: they were chosen among.
    """
    prepared = {fact.arm for fact in recording.prepared}
    asked = [arm for arm in plan.asked() if arm.name in prepared]
    if not is_trained(recording) or not any(is_chosen_by_answers(arm) for arm in asked):
        return plan
    known = {one.arm for one in plan.replays if one.only_answers}
    waiting = [arm.name for arm in asked if is_chosen_by_answers(arm) or is_recalibrated(arm)]
    budget_s = plan.schedule.budget_s
    each_s = WITHIN_S if budget_s is None else min(WITHIN_S, SHARE * budget_s / len(waiting))
    fresh = tuple(Replays(arm=name, within_s=each_s, only_answers=True) for name in waiting if name not in known)
    return replace(plan, replays=(*plan.replays, *fresh))


def _each_s(recording: Recording, plan: Plan, engines: int) -> float:
    """What a part of the steps that are left may take: layers are two parts, sets and answers one each."""
    budget_s = plan.schedule.budget_s
    if budget_s is None:
        return WITHIN_S
    left_s = SHARE * budget_s - math.fsum(one.took_s for one in recording.replays)
    done = sum(_OF_LAYERS if is_known(one.layers) else bool(one.mixtures) for one in recording.replays)
    return left_s / max(1, _PARTS * engines - done)


def order(found: Sensitivity) -> tuple[LayerAnswers, ...]:
    """The layers by answer lost over time gained, largest first, without those that cost next to nothing.

    A layer that loses time by int8 comes before all that gain some. Where a layer's time is not known it is counted
    with the mean gain.
    """
    known = [one.gained_ns for one in found.layers if not isinstance(one.gained_ns, Missing)]
    mean_ns = sum(abs(value) for value in known) / len(known) if known else 1.0
    total = math.fsum(one.lost for one in found.layers if math.isfinite(one.lost))
    worth = [one for one in found.layers if one.lost > _LEAST_LOST * total]

    def ratio(one: LayerAnswers) -> float:
        gained_ns = mean_ns if isinstance(one.gained_ns, Missing) else one.gained_ns
        return one.lost / max(gained_ns, _LEAST_GAIN * mean_ns)

    return tuple(sorted(worth, key=lambda one: -ratio(one)))


def sets_to_try(found: Sensitivity) -> tuple[tuple[str, ...], ...]:
    """Sets of layers, none first.

    They are taken from the front of two orders: by what a layer costs for what it gains, and by what it costs, behind
    the layers that int8 makes slower, which are free to leave. Behind these are sets of all layers up to a place in the
    network, with some of those behind it that cost most: neighbours in float need no conversion between them.
    """
    by_worth = [one.name for one in order(found)]
    free = [one.name for one in order(found) if not isinstance(one.gained_ns, Missing) and one.gained_ns <= 0]
    costly = [one.name for one in found.layers if one.name in set(by_worth)]
    by_loss = list(dict.fromkeys((*free, *costly)))
    sizes = [size for size in _SIZES if size < len(by_worth)]
    sizes.insert(2, len(by_worth))  # where several layers each kill an output, only all of them together bring it back
    ordered = [tuple(names[:size]) for size in sizes for names in (by_worth, by_loss)]
    in_place = [one.name for one in sorted(found.layers, key=lambda one: one.place)]
    for first in _FIRST:
        if first < len(in_place):
            front = in_place[:first]
            behind = [name for name in costly if name not in set(front)]
            ordered += [(*front, *behind[:size]) for size in _BEHIND]
    return tuple(dict.fromkeys(ordered))


def chosen(found: Sensitivity, least: float) -> tuple[tuple[str, ...], ...]:
    """The sets to measure; none where int8 agrees by itself.

    Of those that agree as far as is requested on choosing inputs the one that gives up least time, and the next ones
    with at most half of the noise of the one before: one that just agrees on few inputs may agree less on further ones,
    and noise is known far better from few inputs than agreement is. Where none agrees, it is the one that agrees most.
    With them go the first one whose interval is above what is requested, and the one that agrees most for half of the
    time that the first gives up: whether the request is what costs the gain is then measured as well.
    """
    if any(not one.floats and _agrees(one, least) for one in found.mixtures):
        return ()
    some = [one for one in found.mixtures if one.floats]
    if not some:
        return ()
    fit = [one for one in some if _agrees(one, least)]
    in_order = sorted(fit, key=lambda one: (given_up_ns(found, one.floats), len(one.floats)))
    ranked = [*_quieter(in_order)[:_STEPS], *[one for one in in_order if _surely_agrees(one, least)][:1]]
    ranked = ranked or [max(some, key=lambda one: (_choosing(one), -given_up_ns(found, one.floats)))]
    half_ns = given_up_ns(found, ranked[0].floats) / 2
    cheaper = [one for one in some if given_up_ns(found, one.floats) <= half_ns]
    ranked += [max(cheaper, key=_choosing)] if cheaper else []
    return tuple(dict.fromkeys(one.floats for one in ranked))


def _quieter(in_order: Sequence[MixedAnswers]) -> list[MixedAnswers]:
    """The first set, and behind it those with at most half of the noise of the one before."""
    found: list[MixedAnswers] = []
    for one in in_order:
        if not found or _noise(one) <= _noise(found[-1]) / 2:
            found.append(one)
    return found


def given_up_ns(found: Sensitivity, floats: Sequence[str]) -> float:
    """What leaving layers in float gives up of int8's gain.

    By the times of the replayed sets where they are known, which have the conversions between layers; otherwise by the
    ledger, in which a layer without a time counts with the mean.
    """
    took = {one.floats: one.median_ns for one in found.mixtures}
    whole_ns, set_ns = took.get((), NO_TIME), took.get(tuple(floats), NO_TIME)
    if not isinstance(whole_ns, Missing) and not isinstance(set_ns, Missing):
        return set_ns - whole_ns
    by_name = {one.name: one.gained_ns for one in found.layers}
    known = [value for value in by_name.values() if not isinstance(value, Missing)]
    mean_ns = sum(known) / len(known) if known else 1.0
    return math.fsum(mean_ns if isinstance(value := by_name[name], Missing) else value for name in floats)


def _agrees(one: MixedAnswers, least: float) -> bool:
    return _choosing(one)[0] >= least


def _surely_agrees(one: MixedAnswers, least: float) -> bool:
    """Whether a set that agrees does so by the lower end of its interval as well."""
    found = one.agreement.get(Use.CHOOSING)
    return found is not None and is_known(found.agreement) and found.agreement.low >= least


def _choosing(one: MixedAnswers) -> tuple[float, float]:
    """How far a set agrees on the inputs to choose by, and how little of the answers is noise."""
    found = one.agreement.get(Use.CHOOSING)
    if found is None or isinstance(found.least, Missing):
        return -math.inf, -math.inf
    return found.least, -found.lost


def _noise(one: MixedAnswers) -> float:
    return -_choosing(one)[1]


def _mixed(arm: Arm, found: Sensitivity, floats: Sequence[str]) -> Arm:
    nodes = {one.name: one.nodes for one in found.layers}
    factor = leaving_factor(arm)
    names = [node for name in floats for node in nodes[name]]
    variant = arm.variant.with_level(factor, FACTORS[factor].leaving(names))
    return Arm.running(variant)


def _to_recalibrate(recording: Recording, plan: Plan, arm: Arm, engines: int) -> tuple[list[Arm], list[Arm]]:
    """An int8 arm at the levels that may make it answer as is requested, which were not tried.

    None if its layers were, or if it is at one of them already.

    First those whose preparing fits into a share of the budget, by what the arm's own took and what its engine
    declares; then those for which that is too short.
    """
    made = recalibrations(arm)
    if is_recalibrated(arm) or arm.name in {one.arm for one in plan.replays}:
        return [], []
    known = {one.name for one in plan.arms}
    fresh = [one for one in made if one.name not in known]
    if plan.schedule.budget_s is None:
        return fresh, []
    took_s = (math.fsum(one.prepared.phases_ns.values()) / 1e9 for one in recording.prepared if one.arm == arm.name)
    each_s = max(next(took_s, 0.0), _LEAST_PREPARING_S)
    left_s = _RECALIBRATING_SHARE * plan.schedule.budget_s / engines
    left_s -= each_s * math.fsum(times_longer(one) for one in made if one.name in known)
    fitting, late = list[Arm](), list[Arm]()
    for one in fresh:
        longer_s = each_s * times_longer(one)
        if longer_s > left_s:
            late.append(one)
            continue
        fitting.append(one)
        left_s -= longer_s
    return fitting, late


def _is_recalibrating(recording: Recording, plan: Plan, arm: Arm) -> bool:
    """Whether the arm at another level has not taken any turn yet: that is in the next replicate."""
    done = {reading.arm for reading in recording.readings} | {failure.arm for failure in recording.failures}
    asked = {one.name for one in recalibrations(arm)} & {one.name for one in plan.asked()}
    return bool(asked - done)


def _recalibrated_fit(recording: Recording) -> list[Arm]:
    """The recalibrated arms that agree as far as is requested on the shared inputs, which they were chosen by."""
    answers = agreements_by_arm(recording)
    return [
        arm
        for arm in recording.plan.asked()
        if is_recalibrated(arm) and agrees_in(answers, arm.name, recording.plan.agreement)
    ]


def _unfit(recording: Recording) -> list[Arm]:
    """Of each engine one int8 arm with layers that can be left, if it agrees less than requested.

    Of the arms that keep at least half of what the fastest int8 arm gains over float it is the one that agrees most. An
    arm whose layers were replayed remains the one, although another one may read faster later: a replay takes as long
    as several replicates.
    """
    on, plan = bench(recording), recording.plan
    answers = agreements_by_arm(recording)
    failed = {failure.arm for failure in recording.failures}
    by_engine: dict[str, list[tuple[float, Arm]]] = {}
    for arm in plan.asked():
        series = on.series((1.0, arm.name), (-1.0, plan.control.name))
        if leaving_factor(arm) and not leaves_some(arm) and series and arm.name not in failed:
            by_engine.setdefault(arm.variant.level(ENGINE), []).append((mean_of(series), arm))
    was_replayed = {
        one.arm: is_known(one.layers) for one in recording.replays if not (one.mixtures or one.only_answers)
    }
    rank = {True: 0, None: 1, False: 2}
    found = []
    for engine, entries in by_engine.items():
        kept = [one for one in entries if was_replayed.get(one[1].name)] or _fast(on, engine, entries, answers)
        ranked = sorted(kept, key=lambda one: (rank[was_replayed.get(one[1].name)], -_known(answers, one[1]), one[0]))
        arm = ranked[0][1]
        agreement = answers.get(arm.name)
        if agreement is not None and not (is_known(agreement) and agreement >= plan.agreement):
            found.append(arm)
    return found


def _fast(
    on: Bench, engine: str, entries: list[tuple[float, Arm]], answers: Mapping[str, Maybe[float]]
) -> list[tuple[float, Arm]]:
    """The arms, by ln(time/control), that keep at least half of the fastest one's gain over the engine's float arm."""
    least = min(ln_time for ln_time, _ in entries)
    floats = [arm for arm in on.plan.asked() if arm.variant.level(ENGINE) == engine and not arm.factory]
    in_float = fastest_float(on, floats, answers)
    if isinstance(in_float, Missing):
        return [one for one in entries if one[0] == least]
    of_float = mean_of(on.series((1.0, in_float), (-1.0, on.plan.control.name)))
    return [one for one in entries if one[0] <= max(least, (least + of_float) / 2)]


def _known(answers: Mapping[str, Maybe[float]], arm: Arm) -> float:
    """An arm's agreement, or none at all where it is not known."""
    found = answers.get(arm.name)
    return found if found is not None and is_known(found) else 0.0


def _times(recording: Recording, arm: str) -> Maybe[Ledger]:
    control = float_form(recording, arm)
    if isinstance(control, Missing):
        return control
    turns = turns_of(recording)
    comparison, pairs = compare(turns[control], turns[arm], recording.machine)
    return ledger(recording, comparison, pairs) if len(pairs.replicates) else Missing("they share no round")
