"""A break-even map in words."""

from __future__ import annotations

import math

from ironlaw.causes import cause_of
from ironlaw.estimate import Estimate
from ironlaw.explanation import Difference
from ironlaw.explanation.break_even import (
    THE_GAIN,
    Absent,
    Axis,
    BreakEvenMap,
    Gain,
    Holding,
    HostOutcome,
    Place,
    SignTurn,
)
from ironlaw.missing import Maybe, Missing
from ironlaw.report.quantity import COUNT, TIME, TIMES, amount, decimal, significant_decimals
from ironlaw.report.quantity import ratio as ratio_text
from ironlaw.report.words import DIFFERENCE_WORDS
from ironlaw.text import plain

_MOST_FACTS = 4
_AXIS_WORDS = {Axis.BATCH: "batch", Axis.THREADS: "threads", Axis.SHAPE: "shape"}


def progress_sentence(drawn: BreakEvenMap) -> str:
    """How many cells of the sweep have a result."""
    return f"{drawn.measured} of {drawn.cells} cells are measured."


def place_text(place: Place) -> str:
    """A place, spelled out."""
    shape = f" at {place.shape}" if place.shape else ""
    return plain(f"{place.model}{shape}, threads {place.threads}, batch {place.batch}, host {place.host}")


def gain_text(gain: Gain) -> str:
    """The gain with its interval, or a dash; why there is none is in the notes."""
    return "–" if isinstance(gain.speedup, Missing) else ratio_text(gain.speedup)


def repaid_text(inputs: Maybe[Estimate]) -> str:
    """After how many inputs the one-time cost is repaid: a number with its interval, "at once", or why never."""
    if isinstance(inputs, Missing):
        return plain(inputs.reason)
    if inputs.high == 0:
        return "at once"
    return f"{_count(inputs.value)} [{_count(inputs.low)}, {_count(inputs.high)}]"


def _count(value: float) -> str:
    return "∞" if math.isinf(value) else amount(math.ceil(value), COUNT)


def once_text(once_ns: Maybe[float]) -> str:
    """What the change costs once, beyond the control."""
    return plain(once_ns.reason) if isinstance(once_ns, Missing) else amount(once_ns, TIME)


def repaid_sentence(gain: Gain) -> str:
    """What the change costs once, and after how many inputs that is saved again."""
    cost = f"one-time cost {once_text(gain.once_ns)}"
    inputs = gain.inputs_to_repay
    if isinstance(inputs, Missing):
        return f"{cost}; {plain(inputs.reason)}"
    return f"{cost}; repaid {repaid_text(inputs) if inputs.high == 0 else f'after {repaid_text(inputs)} inputs'}"


def turn_sentence(turn: SignTurn) -> str:
    """Between which two values of an axis the sign turns, all else equal."""
    before, after = turn.before, turn.after
    axis = _AXIS_WORDS[turn.axis]
    ends = [str(getattr(gain.place, turn.axis.value)) or "the plain shape" for gain in (before, after)]
    others = [
        f"{name} {value}"
        for name, value in (
            ("batch", before.place.batch if turn.axis is not Axis.BATCH else ""),
            ("threads", before.place.threads if turn.axis is not Axis.THREADS else ""),
            ("shape", before.place.shape if turn.axis is not Axis.SHAPE else ""),
            ("host", before.place.host),
        )
        if value != ""
    ]
    return plain(
        f"{before.changed} against {before.control} on {before.place.model} ({', '.join(others)}) changes sign "
        f"between {axis} {ends[0]} and {ends[1]}: {DIFFERENCE_WORDS[before.difference]} ({gain_text(before)}), then "
        f"{DIFFERENCE_WORDS[after.difference]} ({gain_text(after)})."
    )


def no_turn_sentence(drawn: BreakEvenMap) -> str:
    """The sentence for a map on which no sign turns."""
    if any(gain.difference in (Difference.FASTER, Difference.SLOWER) for gain in drawn.gains):
        return "No gain turns into a loss, or a loss into a gain, in any measured cell."
    return "No cell shows a faster or slower arm, so no sign can change; a larger budget may show one."


def holding_sentence(holding: Holding) -> str:
    """On which hosts the gain, or one of its causes, holds."""
    if holding.cause == THE_GAIN:
        said = f"{holding.changed} is faster than {holding.control} on {holding.model}"
    else:
        what = f"{holding.changed} against {holding.control} on {holding.model}"
        said = f"{cause_of(holding.cause).title}, as a cause of {what}"
    hosts = "; ".join(f"{host}: {_host_text(outcome)}" for host, outcome in holding.hosts.items())
    if not any(outcome.holds for outcome in holding.hosts.values()):
        said = f"Not shown in any cell: {said}"
    everywhere = all(outcome.always for outcome in holding.hosts.values())
    return plain(f"{said}: {'everywhere: ' if everywhere else ''}{hosts}.{_goes_with(holding)}")


def _host_text(outcome: HostOutcome) -> str:
    if outcome.always:
        said = "holds" if outcome.of == 1 else f"holds in all {outcome.of}"
    elif outcome.holds == 0:
        said = "not shown" if outcome.of == 1 else f"not shown in any of {outcome.of}"
        said += ", open" if outcome.open else ""
    else:
        said = f"holds in {outcome.holds} of {outcome.of}"
    if isinstance(outcome.effect, Missing):
        return said
    least, most = (f"{decimal(end, significant_decimals(end))}{TIMES}" for end in outcome.effect)
    return f"{said} ({least})" if least == most else f"{said} ({least} to {most})"


def _goes_with(holding: Holding) -> str:
    facts = holding.goes_with
    where = f" The gain is larger on {' and '.join(holding.larger_on)}." if holding.larger_on else ""
    if not facts:
        return where
    more = f" and {len(facts) - _MOST_FACTS} facts more" if len(facts) > _MOST_FACTS else ""
    return f"{where} It occurs with {', '.join(facts[:_MOST_FACTS])}{more}: this is association, not cause."


def absent_sentence(absent: Absent) -> str:
    """What is not on the map, and why."""
    arm = f", {absent.arm}" if absent.arm else ""
    return plain(f"{place_text(absent.place)}{arm}: {absent.reason}")
