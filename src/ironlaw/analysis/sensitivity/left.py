"""Int8 arms with layers left in float: what that costs and gains, and how far they agree on held-out inputs."""

from __future__ import annotations

import math
from collections.abc import Callable

from ironlaw.analysis.sensitivity.agreement import answer_agreement
from ironlaw.analysis.sensitivity.layers import float_form
from ironlaw.arm import Arm
from ironlaw.estimate import Estimate
from ironlaw.explanation import Comparison
from ironlaw.explanation.sensitivity import AnswerAgreement, LeftInFloat, Sensitivity
from ironlaw.factors import FACTORS
from ironlaw.leaving import is_chosen_by_answers, is_recalibrated, leaves_some, leaving_factor, leaving_none
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.recording import Recording
from ironlaw.replay import Use

NOT_COMPARED = Missing("its answers on further inputs were not compared")
Compare = Callable[[str, str], Comparison]


def left_in_float(
    recording: Recording, sensitivities: dict[str, Maybe[Sensitivity]], compare: Compare
) -> tuple[LeftInFloat, ...]:
    """One entry per arm that leaves layers in float by name, if the arm with all of them in int8 ran as well."""
    found = []
    for arm in recording.plan.asked():
        if not leaves_some(arm):
            continue
        base = leaving_none(arm).name
        if base not in {one.name for one in recording.plan.arms}:
            continue
        in_float = float_form(recording, base)
        names, nodes = _layers(arm, sensitivities.get(base, NOT_COMPARED))
        found.append(
            LeftInFloat(
                arm=arm.name,
                layers=names,
                nodes=nodes,
                is_proposed=is_known(sensitivities.get(base, NOT_COMPARED)),
                base=base,
                in_float=in_float,
                slowdown=ratio_of(compare(arm.name, base)),
                gain=in_float if isinstance(in_float, Missing) else ratio_of(compare(in_float, arm.name)),
                base_held_out=own_answers(recording, base, Use.HELD_OUT),
                chosen_by=own_answers(recording, arm.name, Use.CHOOSING),
                held_out=own_answers(recording, arm.name, Use.HELD_OUT),
            )
        )
    return tuple(found)


def own_answers(recording: Recording, arm: str, use: Use) -> Maybe[AnswerAgreement]:
    """An arm's own answers against the float network's, from the replay with the most inputs of that use."""
    replays = [one for one in recording.replays if one.arm == arm and use in one.arm_itself]
    if not replays:
        return NOT_COMPARED
    most = max(replays, key=lambda one: one.arm_itself[use].inputs)
    return answer_agreement(most.arm_itself[use], most.float_answers.get(use))


def _layers(arm: Arm, found: Maybe[Sensitivity]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The layers' names and those of their nodes, as far as the arm's level and the replay give them."""
    factor = leaving_factor(arm)
    level = arm.variant.level(factor)
    named = FACTORS[factor].left_by(level)
    if isinstance(found, Missing):
        return named, named
    left = [one for one in found.layers if set(one.nodes) <= set(named)]
    return tuple(one.name for one in left), tuple(node for one in left for node in one.nodes)


def left_names(arm: Arm) -> tuple[str, ...]:
    """The names by which an arm leaves layers in float."""
    factor = leaving_factor(arm)
    return FACTORS[factor].left_by(arm.variant.level(factor)) if factor else ()


def ratio_of(comparison: Comparison) -> Maybe[Estimate]:
    """How many times as long the first arm of a comparison takes as the second."""
    ln_ratio = comparison.ln_ratio
    return ln_ratio.through(math.exp) if is_known(ln_ratio) else ln_ratio


def unlike_held_out(recording: Recording) -> set[str]:
    """The arms that agree less than is requested on inputs held out from their choice.

    The shared inputs are those that layers are chosen by, in a search, by a tool or by the user who names them;
    agreement on these proves nothing: an arm without answers on held-out ones is among them. A plan with replays has
    also chosen among ways to find ranges.
    """
    chosen = [
        arm.name
        for arm in recording.plan.asked()
        if is_chosen_by_answers(arm) or (recording.plan.replays and is_recalibrated(arm))
    ]
    answers = {name: own_answers(recording, name, Use.HELD_OUT) for name in chosen}
    least = recording.plan.agreement
    return {name for name, one in answers.items() if isinstance(one, Missing) or not _agrees(one, least)}


def _agrees(held_out: AnswerAgreement, least: float) -> bool:
    return is_known(held_out.least) and held_out.least >= least
