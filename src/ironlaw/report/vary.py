"""A recording that varies a setting, as every output shows it: the difference per point, and where it turns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ironlaw.causes.regime import CAUSE as REGIME
from ironlaw.estimate import Estimate
from ironlaw.explanation import Comparison, Difference, Explanation, Outcome
from ironlaw.explanation.varied import GainSeries, PointGain, TurningPoint, Varied
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.point import BATCH, THREADS
from ironlaw.report.columns import comparison_speedup, wall_time
from ironlaw.report.doubts import control_sentence
from ironlaw.report.generation import threads_answer
from ironlaw.report.json_values import estimate_value, gap
from ironlaw.report.quantity import DASH, TIME, Scale, measured, number, ratio, scale_for
from ironlaw.report.words import DIFFERENCE_WORDS, OUTCOME_SIGNS, OUTCOME_WORDS, joined
from ironlaw.text import plain

HEADING = "Where it turns"
ALONG_HEADING = "Point by point"  # of arms that are compared with no other


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRow:
    """One arm at one point: its time in the table's unit, and its difference from the control there, with its word."""

    point: str  # empty where the row above is at the same
    arm: str
    time: str
    speedup: str
    difference: Difference | None  # None for a control


def varied_of(explanation: Explanation) -> Varied | None:
    """What was varied; None if nothing was."""
    return None if isinstance(explanation.varied, Missing) else explanation.varied


def explanation_at(explanation: Explanation, arm: str) -> Explanation:
    """The explanation of the point that an arm is at; the whole one if nothing is varied."""
    varied = varied_of(explanation)
    return explanation if varied is None else varied.explanation_of(arm, explanation)


def time_scale(explanation: Explanation) -> Scale:
    """The unit in which the times of all points are given."""
    times = [wall_time(arm) for arm in explanation.arms]
    return scale_for(TIME, [time.value if isinstance(time, Estimate) else time for time in times])


def point_rows(explanation: Explanation, varied: Varied) -> list[PointRow]:
    """Every arm that was requested at every point; the control of each first."""
    scale, rows = time_scale(explanation), list[PointRow]()
    claimed = {gain.changed: gain.difference for series in varied.series for gain in series.gains}
    for found in varied.points:
        plan, point = found.explanation.plan, str(found.point)
        arms = {row.arm: row for row in found.explanation.arms}
        by_arm = {comparison.changed: comparison for comparison in found.explanation.comparisons}
        for arm in plan.asked() if is_known(plan) else ():
            time, comparison = wall_time(arms[arm.name]), by_arm.get(arm.name)
            rows.append(
                PointRow(
                    point=point,
                    arm=plain(arm.base),
                    time=_time(time, scale),
                    speedup="1 (control)" if comparison is None else _speedup(comparison),
                    difference=None if comparison is None else claimed.get(arm.name, comparison.difference),
                )
            )
            point = ""
    return rows


def _time(time: Estimate | float | Missing, scale: Scale) -> str:
    if isinstance(time, Missing):
        return DASH
    return str(measured(time, scale)) if isinstance(time, Estimate) else number(time, scale)


def _speedup(comparison: Comparison) -> str:
    value = comparison_speedup(comparison)
    return "–" if isinstance(value, Missing) else ratio(value)


def word_of(difference: Difference | None) -> str:
    """What the table calls a difference; empty for a control."""
    return "" if difference is None else DIFFERENCE_WORDS[difference]


def where(setting: str, value: str) -> str:
    """A value of a setting in a sentence: batch 16, 2 threads, length=128."""
    if setting == THREADS:
        return f"{value} thread{'s' * (value != '1')}"
    return f"{setting} {value}" if setting == BATCH else f"{setting}={plain(value)}"


def series_sentences(series: GainSeries) -> list[str]:
    """The verdict on two arms along a setting: where it turns, or that it does not, and by how much it changes."""
    held = f" With {joined([where(*one) for one in series.at.settings])}:" if series.at else ""
    said = {
        Outcome.CONFIRMED: _turning,
        Outcome.REFUTED: _steady,
        Outcome.UNDECIDED: _open,
    }[series.outcome](series)
    changes = [_change(series, turn.first, turn.second, turn.interaction) for turn in series.turns]
    if not changes:
        changes = [_change(series, series.gains[0].value, series.gains[-1].value, series.change)]
    return [f"{held.strip()} {said}".strip(), *filter(None, changes)]


def _turning(series: GainSeries) -> str:
    """int8 is 1.8x faster than fp32 at batch 1 and 1.3x slower at batch 16; it turns between 4 and 16."""
    changed, control = plain(series.changed), plain(series.control)
    ends = [_strongest(series, Difference.FASTER), _strongest(series, Difference.SLOWER)]
    ends.sort(key=series.gains.index)
    first, second = (
        (_factor(gain), DIFFERENCE_WORDS[gain.difference], where(series.setting, gain.value)) for gain in ends
    )
    return (
        f"{changed} is {first[0]} {first[1]} than {control} at {first[2]} and {second[0]} {second[1]} at {second[2]}; "
        f"it turns {joined([_between(series, turn) for turn in series.turns])}."
    )


def _between(series: GainSeries, turn: TurningPoint) -> str:
    said = f"between {plain(turn.first)} and {plain(turn.second)}"
    names = [gain.value for gain in series.gains]
    skipped = names[names.index(turn.first) + 1 : names.index(turn.second)]
    return f"{said} (at {joined(list(map(plain, skipped)))} neither is shown)" if skipped else said


def _steady(series: GainSeries) -> str:
    first, last = series.gains[0], series.gains[-1]
    word = DIFFERENCE_WORDS[first.difference]
    return (
        f"{plain(series.changed)} is {word} than {plain(series.control)} at every point: {_factor(first)} at "
        f"{where(series.setting, first.value)}, {_factor(last)} at {where(series.setting, last.value)}. "
        f"It does not turn between them."
    )


def _open(series: GainSeries) -> str:
    shown = [gain for gain in series.gains if gain.difference in (Difference.FASTER, Difference.SLOWER)]
    others = [gain for gain in series.gains if gain not in shown]
    reasons = [f"at {where(series.setting, gain.value)} {_why_open(gain)}" for gain in others]
    known = (
        [
            f"{_factor(gain)} {DIFFERENCE_WORDS[gain.difference]} at {where(series.setting, gain.value)}"
            for gain in dict.fromkeys((shown[0], shown[-1]))
        ]
        if shown
        else []
    )
    begin = f"{plain(series.changed)} is {joined(known)}. " if known else ""
    return (
        f"{begin}Whether {plain(series.changed)} turns against {plain(series.control)} is undecided: {joined(reasons)}."
    )


def _why_open(gain: PointGain) -> str:
    if gain.reason:
        return f"({plain(gain.reason)})"
    said = "" if isinstance(gain.ln_ratio, Missing) else f", {ratio(gain.ln_ratio.through(math.exp))}"
    return f"no difference is shown{said}"


def _strongest(series: GainSeries, difference: Difference) -> PointGain:
    return max((gain for gain in series.gains if gain.difference is difference), key=_size)


def _size(gain: PointGain) -> float:
    return 0.0 if isinstance(gain.ln_ratio, Missing) else abs(gain.ln_ratio.value)


def _factor(gain: PointGain) -> str:
    """How many times faster, or slower."""
    if isinstance(gain.ln_ratio, Missing):
        return "not known to be"
    ln = gain.ln_ratio if gain.difference is Difference.FASTER else gain.ln_ratio.negated()
    return ratio(ln.through(math.exp))


def _change(series: GainSeries, first: str, second: str, change: Maybe[Estimate]) -> str:
    """The interaction, as the factor by which the ratio of both times changes."""
    if isinstance(change, Missing):
        return ""
    span = f"From {where(series.setting, first)} to {where(series.setting, second)}"
    pair = f"the time of {plain(series.changed)} over that of {plain(series.control)}"
    if not change.excludes(0.0):
        return f"{span} no change of it is shown: {pair} changes by a factor of {ratio(change.through(math.exp))}."
    grows = change.value > 0
    factor = change if grows else change.negated()
    return f"{span}, {pair} {'grows' if grows else 'falls'} by a factor of {ratio(factor.through(math.exp))}."


def verdict_text(series: GainSeries) -> str:
    """The verdict on the cause: ✓ confirmed: the regime."""
    return f"{OUTCOME_SIGNS[series.outcome]} {OUTCOME_WORDS[series.outcome]}: {REGIME.title}"


def control_sentences(varied: Varied) -> list[str]:
    """The results of the controls at all points; one sentence if none of them moved."""
    explanations = [found.explanation for found in varied.points]
    checks = [one.control_check for one in explanations]
    still = [check for check in checks if not isinstance(check, Missing) and check.difference is Difference.NONE_SHOWN]
    if len(still) < len(checks):
        return list(dict.fromkeys(map(control_sentence, explanations)))
    widest = max((check.ln_ratio for check in still if not isinstance(check.ln_ratio, Missing)), key=_distance)
    return [
        "Controls: the first arm of each point against itself is "
        f"{ratio(widest.through(math.exp))} at most: no difference, as expected."
    ]


def _distance(estimate: Estimate) -> float:
    return abs(estimate.value)


def open_sentence(varied: Varied) -> str:
    """What this recording leaves open, and which run answers it."""
    *_, (setting, value) = varied.points[-1].point.settings
    flag = f"--{setting} {value}" if setting in (BATCH, THREADS) else f"a factory at {setting}={plain(value)}"
    return (
        "No cause was tested: causes and their shares hold at one point. Run that point alone for them, "
        f"with {flag} in the place of --vary."
    )


def answer(explanation: Explanation, varied: Varied) -> str:
    """The answer: the first sentence of the verdict on every two arms; of arms that are compared with no other, what is
    known of each.
    """
    said = [series_sentences(series)[0] for series in varied.series]
    return " ".join(said or alone_sentences(explanation, varied))


def alone_sentences(explanation: Explanation, varied: Varied) -> list[str]:
    """Up to how many threads each arm that generates text gains, or what each arm takes at each point; nothing where
    arms are compared.
    """
    if varied.series:
        return []
    if explanation.rates_by_threads:
        return [threads_answer(rate) for rate in explanation.rates_by_threads]
    unit, taken = time_scale(explanation).unit, dict[str, list[str]]()
    point = ""
    for row in point_rows(explanation, varied):
        point = row.point or point
        time = "an unknown time" if row.time == DASH else f"{row.time} {unit}"
        taken.setdefault(row.arm, []).append(f"{time} at {plain(point)}")
    return [f"An inference of {arm} takes {joined(times)}." for arm, times in taken.items()]


# --- Markdown and HTML


def table_rows(explanation: Explanation, varied: Varied) -> list[list[str]]:
    """The table's cells, without its headings."""
    return [
        [plain(row.point), row.arm, row.time, row.speedup, word_of(row.difference)]
        for row in point_rows(explanation, varied)
    ]


def varied_headings(explanation: Explanation) -> list[str]:
    """The table's headings."""
    return [
        "point",
        "arm",
        f"time per inference, {time_scale(explanation).unit} [95 %]",
        "speed-up [95 %]",
        "difference",
    ]


# --- JSON


def varied_document(explanation: Explanation) -> Any:
    """What was varied and every verdict along it, as JSON-ready values."""
    varied = varied_of(explanation)
    if varied is None:
        assert isinstance(explanation.varied, Missing)
        return gap(explanation.varied)
    return {
        "points": [dict(one.point.settings) for one in varied.points],
        "series": [_series_document(series) for series in varied.series],
    }


def _series_document(series: GainSeries) -> dict[str, Any]:
    return {
        "setting": series.setting,
        "at": dict(series.at.settings),
        "control": series.control,
        "changed": series.changed,
        "cause": REGIME.slug,
        "outcome": series.outcome.value,
        "values": [
            {
                "value": gain.value,
                "control": gain.control,
                "changed": gain.changed,
                "difference": gain.difference.value,
                "speedup": _effect(gain.ln_ratio),
                "ln_ratio": estimate_value(gain.ln_ratio),
                "reason": gain.reason or None,
            }
            for gain in series.gains
        ],
        "turns": [
            {"first": turn.first, "second": turn.second, "interaction_ln": estimate_value(turn.interaction)}
            for turn in series.turns
        ],
        "change_ln": estimate_value(series.change),
        "text": " ".join(series_sentences(series)),
    }


def _effect(ln_ratio: Maybe[Estimate]) -> Any:
    return estimate_value(ln_ratio if isinstance(ln_ratio, Missing) else ln_ratio.through(math.exp))


def point_document(explanation: Explanation, arm: str) -> dict[str, str] | None:
    """The point of an arm; None where nothing is varied."""
    varied = varied_of(explanation)
    if varied is None or isinstance(explanation.plan, Missing):
        return None
    return next((dict(one.point.settings) for one in explanation.plan.arms if one.name == arm), None)
