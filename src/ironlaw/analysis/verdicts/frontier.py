"""The frontier of an engine's int8 arms: how fast they are against its fastest float arm, and how far they agree."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ironlaw.analysis.concerns.outputs import agreements_by_arm, agrees_in
from ironlaw.analysis.sensitivity.left import Compare, left_names, own_answers, ratio_of
from ironlaw.analysis.verdicts.bench import Bench, mean_of
from ironlaw.arm import Arm
from ironlaw.estimate import Estimate
from ironlaw.explanation.sensitivity import Frontier, FrontierArm, Sensitivity, SetOfLayers
from ironlaw.leaving import is_recalibrated, leaves_some, leaving_factor
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.recording import Recording
from ironlaw.replay import Use
from ironlaw.variant import ENGINE, PRECISION

FLOATS = ("fp32", "bf16", "fp16")
NOT_TIMED = Missing("it took no turn: only its answers were compared")


def frontiers(
    recording: Recording, on: Bench, sensitivities: dict[str, Maybe[Sensitivity]], compare: Compare
) -> tuple[Frontier, ...]:
    """One of each engine that has static int8 arms whose answers on held-out inputs were compared."""
    engines = dict.fromkeys(arm.variant.level(ENGINE) for arm in recording.plan.asked() if leaving_factor(arm))
    answers, found = agreements_by_arm(recording), []
    for engine in engines:
        arms = [arm for arm in recording.plan.asked() if arm.variant.level(ENGINE) == engine and not arm.factory]
        in_float = fastest_float(on, arms, answers)
        int8 = [arm for arm in arms if leaving_factor(arm)]
        compared = [
            _arm(recording, arm, in_float, compare)
            for arm in int8
            if is_known(own_answers(recording, arm.name, Use.HELD_OUT))
        ]
        chosen = {arm.name for arm in int8 if leaves_some(arm) or is_recalibrated(arm)}
        if not chosen & {one.arm for one in compared}:
            continue
        replayed = [one for arm in int8 if isinstance(one := sensitivities.get(arm.name), Sensitivity)]
        found.append(
            Frontier(
                engine=engine,
                in_float=in_float,
                least=recording.plan.agreement,
                arms=tuple(sorted(compared, key=_speed)),
                sets=tuple(one for sensitivity in replayed for one in _sets(sensitivity)),
            )
        )
    return tuple(found)


def fastest_float(on: Bench, arms: list[Arm], answers: Mapping[str, Maybe[float]]) -> Maybe[str]:
    """The fastest of the arms in a float format that answer as is requested, by the mean of ln(time/control).

    `answers` is the agreement by arm. One that answers otherwise is no alternative to an int8 arm that does not. Where
    none answers as is requested, it is the fastest of all.
    """
    control = on.plan.control.name
    floats = [arm.name for arm in arms if arm.variant.level(PRECISION) in FLOATS]
    series = {name: table for name in floats if (table := on.series((1.0, name), (-1.0, control)))}
    if not series:
        return Missing("no float arm of this engine ran")
    agreeing = [name for name in series if name == control or agrees_in(answers, name, on.plan.agreement)]
    return min(agreeing or series, key=lambda name: mean_of(series[name]))


def _speed(one: FrontierArm) -> float:
    return -one.gain.value if isinstance(one.gain, Estimate) else math.inf


def _arm(recording: Recording, arm: Arm, in_float: Maybe[str], compare: Compare) -> FrontierArm:
    has_run = any(reading.arm == arm.name for reading in recording.readings)
    gain: Maybe[Estimate] = NOT_TIMED
    if has_run:
        gain = in_float if isinstance(in_float, Missing) else ratio_of(compare(in_float, arm.name))
    return FrontierArm(
        arm=arm.name,
        left=len(left_names(arm)),
        gain=gain,
        chosen_by=own_answers(recording, arm.name, Use.CHOOSING),
        held_out=own_answers(recording, arm.name, Use.HELD_OUT),
    )


def _sets(found: Sensitivity) -> list[SetOfLayers]:
    """The replayed sets, each with the share of int8's gain that it would give up by the ledger."""
    gains = {one.name: one.gained_ns for one in found.layers}
    known = {name: value for name, value in gains.items() if not isinstance(value, Missing)}
    total_ns = math.fsum(known.values())
    return [
        SetOfLayers(
            arm=found.arm, floats=one.floats, agreement=one.agreement, given_up=_given_up(one.floats, known, total_ns)
        )
        for one in found.mixtures
    ]


def _given_up(floats: tuple[str, ...], known: dict[str, float], total_ns: float) -> Maybe[float]:
    lacking = [name for name in floats if name not in known]
    if lacking:
        return Missing(f"{len(lacking)} of its layers are not in the ledger")
    if total_ns <= 0:
        return Missing("int8 saves nothing by the ledger")
    return math.fsum(known[name] for name in floats) / total_ns
