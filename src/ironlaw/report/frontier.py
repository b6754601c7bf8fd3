"""The frontier of an engine's int8 arms, in sentences and as JSON."""

from __future__ import annotations

from typing import Any

from ironlaw.engines import ENGINES
from ironlaw.explanation.sensitivity import AnswerAgreement, Frontier, FrontierArm, SetOfLayers
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.report.json_values import estimate_value, gap, number_value
from ironlaw.report.quantity import percent, ratio
from ironlaw.report.sensitivity import agreement_value, agreement_words
from ironlaw.text import plain


def frontier_sentences(one: Frontier) -> list[str]:
    """Each int8 arm with its speed and its agreement, and whether any of them reaches what was requested."""
    over = "the float arm" if isinstance(one.in_float, Missing) else plain(one.in_float)
    title = ENGINES[one.engine].title
    lines = [f"Speed over {over}, the fastest float arm of {title} that agrees, and agreement on held-out inputs:"]
    lines += [f"{plain(arm.arm)}: {_speed(arm)}; {_agreement(arm.held_out)}" for arm in one.arms]
    return [*lines, _verdict(one)]


def _speed(arm: FrontierArm) -> str:
    return plain(arm.gain.reason) if isinstance(arm.gain, Missing) else ratio(arm.gain)


def _agreement(found: Maybe[AnswerAgreement]) -> str:
    return plain(found.reason) if isinstance(found, Missing) else agreement_words(found)


def _verdict(one: Frontier) -> str:
    if one.reaching:
        best = one.reaching[0]
        return f"Of those that agree on at least {percent(one.least)}, {plain(best.arm)} is the fastest."
    said = f"None of them agrees on at least {percent(one.least)}."
    if not one.sets:
        return said
    reaching = [each.given_up for each in one.sets_reaching if is_known(each.given_up)]
    if not one.sets_reaching:
        return f"{said} Nor does any of the {len(one.sets)} sets of layers that were replayed in float."
    least = f", the cheapest of which gives up {percent(min(reaching))} of what int8 saves" if reaching else ""
    return f"{said} Of {len(one.sets)} sets of layers that were replayed in float {len(one.sets_reaching)} do{least}."


def frontier_value(one: Frontier) -> dict[str, Any]:
    """As the JSON document has it."""
    return {
        "engine": one.engine,
        "float": gap(one.in_float) if isinstance(one.in_float, Missing) else one.in_float,
        "requested": one.least,
        "arms": [_arm_value(arm) for arm in one.arms],
        "sets": [_set_value(each) for each in one.sets],
    }


def _arm_value(arm: FrontierArm) -> dict[str, Any]:
    return {
        "arm": arm.arm,
        "layers_in_float": arm.left,
        "speedup_over_float": estimate_value(arm.gain),
        "chosen_by": _or_gap(arm.chosen_by),
        "held_out": _or_gap(arm.held_out),
    }


def _set_value(each: SetOfLayers) -> dict[str, Any]:
    return {
        "arm": each.arm,
        "layers": list(each.floats),
        "agreement": {use.value: agreement_value(found) for use, found in each.agreement.items()},
        "gives_up": number_value(each.given_up),
    }


def _or_gap(value: Maybe[AnswerAgreement]) -> Any:
    return gap(value) if isinstance(value, Missing) else agreement_value(value)
