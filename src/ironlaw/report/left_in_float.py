"""Int8 arms with layers left in float, in sentences and as JSON."""

from __future__ import annotations

from typing import Any

from ironlaw.estimate import Estimate
from ironlaw.explanation.sensitivity import AnswerAgreement, LeftInFloat
from ironlaw.missing import Maybe, Missing
from ironlaw.report.json_values import estimate_value, gap, number_value
from ironlaw.report.quantity import ratio
from ironlaw.report.sensitivity import agreement_value, agreement_words, some_of
from ironlaw.text import plain

WIDE = 0.05  # of an interval of agreement, from which on it is said that few inputs make it wide


def left_sentences(one: LeftInFloat) -> list[str]:
    """Which layers are in float and why, what that costs and gains, and the agreement on held-out inputs."""
    names = [plain(name) for name in one.layers]
    count = f"{len(names)} layer{'s' if len(names) != 1 else ''}"
    reason = ", chosen by what they cost the answers and what int8 saves in them" if one.is_proposed else ""
    return [
        f"{plain(one.arm)} leaves {count} in float{reason}: {some_of(names)}.",
        f"{_cost(one)}; {_gain(one)}.",
        _answers(one),
    ]


def _cost(one: LeftInFloat) -> str:
    if isinstance(one.slowdown, Missing):
        return f"What that costs against {plain(one.base)} is not known"
    return f"It takes {ratio(one.slowdown)} the time of {plain(one.base)}"


def _gain(one: LeftInFloat) -> str:
    if isinstance(one.in_float, Missing) or isinstance(one.gain, Missing):
        return "its gain over float is not known"
    return f"it has {ratio(one.gain)} the speed of {plain(one.in_float)}"


def _answers(one: LeftInFloat) -> str:
    if isinstance(one.held_out, Missing):
        return f"On inputs held out from the choice: {plain(one.held_out.reason)}."
    said = f"On {one.held_out.inputs} inputs held out from the choice: {agreement_words(one.held_out)}"
    if not isinstance(one.base_held_out, Missing):
        said += f"; with every layer in int8 {agreement_words(one.base_held_out)} on {one.base_held_out.inputs} of them"
    if not isinstance(one.optimism, Missing) and not isinstance(one.chosen_by, Missing):
        said += f". On the {one.chosen_by.inputs} that it was chosen by it agrees {_points(one.optimism)}"
    found = one.held_out.agreement
    if isinstance(found, Estimate) and found.high - found.low > WIDE:
        said += ". Few inputs: the interval is wide"
    return f"{said}."


def _points(optimism: float) -> str:
    points = 100 * abs(optimism)
    if points < 0.05:
        return "as much"
    return f"{points:.1f} points {'more' if optimism > 0 else 'less'}"


def left_value(one: LeftInFloat) -> dict[str, Any]:
    """The arm as a value of the JSON document."""
    return {
        "arm": one.arm,
        "layers": list(one.layers),
        "nodes": list(one.nodes),
        "base": one.base,
        "float": gap(one.in_float) if isinstance(one.in_float, Missing) else one.in_float,
        "time_of_base": estimate_value(one.slowdown),
        "speedup_over_float": estimate_value(one.gain),
        "base_held_out": _agreement_or_gap(one.base_held_out),
        "chosen_by": _agreement_or_gap(one.chosen_by),
        "held_out": _agreement_or_gap(one.held_out),
        "optimism": number_value(one.optimism),
    }


def _agreement_or_gap(value: Maybe[AnswerAgreement]) -> Any:
    return gap(value) if isinstance(value, Missing) else agreement_value(value)
