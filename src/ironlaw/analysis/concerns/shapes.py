"""Concerns about the distribution of an arm's times: two modes, a long tail, replicates far apart."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ironlaw.analysis.statistics.modes import Modes, Spread, Tail, shape_of
from ironlaw.analysis.turns import ArmTurns
from ironlaw.causes.process_layout import CAUSE as PROCESS_LAYOUT
from ironlaw.concern import Concern, Weight
from ironlaw.missing import Missing


def shape_doubts(turns: ArmTurns) -> Iterator[Concern]:
    """The concerns about the distribution of one arm's times."""
    shape = shape_of(turns)
    match shape.groups:
        case Modes():
            yield _bimodal(turns.arm, shape.groups)
        case Spread():
            yield _spread(turns.arm, shape.groups)
    if shape.tail is not None:
        yield _skewed(turns.arm, shape.tail)


def _bimodal(arm: str, modes: Modes) -> Concern:
    return Concern(
        slug="bimodal-arm",
        text=(
            f"has two modes {_percent(modes.apart)} % apart: slow in replicate {_listed(modes.slow)}, "
            f"fast in {_listed(modes.fast)}; {_because(modes)}"
        ),
        fix="the mean lies between the modes; more replicates show how often each occurs",
        arm=arm,
    )


def _because(modes: Modes) -> str:
    found = modes.companion
    if isinstance(found, Missing):
        return found.reason
    return (
        f"{found.quantity} per inference goes with it: {found.when_slow:.4g} when slow, {found.when_fast:.4g} when fast"
    )


def _spread(arm: str, spread: Spread) -> Concern:
    return Concern(
        slug=PROCESS_LAYOUT.slug,
        text=(
            f"its replicates differ by {_percent(spread.apart)} %, and {spread.quantity} per inference "
            f"goes with that (r = {spread.correlation:+.2f})"
        ),
        fix="look at the adjusted comparison; keeping that quantity constant would narrow the interval",
        arm=arm,
        weight=Weight.NOTES,
    )


def _skewed(arm: str, tail: Tail) -> Concern:
    return Concern(
        slug="skewed-arm",
        text=(
            f"a tail shifts its mean {_percent(tail.pull)} % from its median (most in replicate "
            f"{_listed(tail.replicates)}); the slowest turn took {tail.slowest:.2f} times the median"
        ),
        fix="the interval is that of the mean, not the median; a quieter machine or longer turns shorten the tail",
        arm=arm,
    )


def _percent(ln: float) -> str:
    return f"{100 * math.expm1(ln):.1f}"


def _listed(replicates: tuple[int, ...]) -> str:
    return ", ".join(map(str, replicates))
