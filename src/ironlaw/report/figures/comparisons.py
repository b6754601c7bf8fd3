"""Pictures of arms, comparisons, rounds and associations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ironlaw.causes import cause_of
from ironlaw.estimate import Estimate
from ironlaw.explanation import (
    NOT_TOGETHER,
    ArmSummary,
    Association,
    Comparison,
    Explanation,
    OnceTerm,
    Outcome,
)
from ironlaw.explanation.split import SplitTerm, Term
from ironlaw.missing import Missing, is_known
from ironlaw.report import words
from ironlaw.report.columns import added_arms, control_name, ordered_arms, wall_time
from ironlaw.report.figures.drawing import (
    NARROW_ROW_IN,
    ROW_IN,
    Drawing,
    Ink,
    canvas,
    dots,
    finish,
    grid_lines,
    in_both_widths,
    label_width,
    margins,
    shortened,
    shortened_apart,
    words_above,
)
from ironlaw.report.quantity import PERCENT, TIME, Scale, growth, number, quantity, scale_for, shown, with_unit
from ironlaw.report.splitting import term_title
from ironlaw.report.verdicts import share_text
from ironlaw.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ironlaw.fact import Reading
    from ironlaw.recording import Recording

_BREAK = float("nan")  # where a line of matplotlib's is interrupted
_NEGLIGIBLE = 0.005  # of the difference: less is rounding, not a remainder


def time_bars(explanation: Explanation, *, name: str = "bars", of_experiments: bool = False) -> Drawing | None:
    """Every arm's time per inference as a bar with its interval; None when no arm has a time.

    Those requested; `of_experiments` the control and the arms that only experiments requested.
    """
    arms = [arm for arm in _drawn(explanation, of_experiments) if not isinstance(wall_time(arm), Missing)]
    if not arms:
        return None
    title, caption = "Time of every arm", "Bars start at 0"
    if any(isinstance(wall_time(arm), Estimate) for arm in arms):
        caption += "; whiskers are 95 % intervals"
    caption += "."
    if of_experiments:
        caption += " Hatched arms were added by experiments."
        title += " that experiments added"

    def draw(is_narrow: bool) -> Drawing:
        with canvas(0.6 + (NARROW_ROW_IN if is_narrow else ROW_IN) * len(arms), is_narrow=is_narrow) as (figure, [ax]):
            _draw_times(ax, explanation, arms, is_narrow=is_narrow)
            labels = shortened_apart([arm.arm for arm in arms])
            margins(figure, left=0.1 if is_narrow else label_width(labels), right=0.1 if is_narrow else 1.6)
            return finish(figure, name=f"{name}{'-narrow' * is_narrow}", title=title, caption=caption)

    return in_both_widths(draw)


def _draw_times(ax: Axes, explanation: Explanation, arms: Sequence[ArmSummary], *, is_narrow: bool) -> None:
    times = [time for arm in arms if not isinstance(time := wall_time(arm), Missing)]
    values = [time.value if isinstance(time, Estimate) else time for time in times]
    scale = scale_for(TIME, values)
    added, control = added_arms(explanation), control_name(explanation)
    inks = [Ink.CONTROL if arm.arm == control else Ink.CHANGED for arm in arms]
    hatches = ["////" if arm.arm in added else "" for arm in arms]
    lengths = [value / scale.size for value in values]
    colours, height = [ink.value for ink in inks], 0.36 if is_narrow else 0.62
    ax.barh(range(len(arms)), lengths, height=height, color=colours, hatch=hatches)
    _whiskers(ax, times, scale)
    ends = [(time.high if isinstance(time, Estimate) else time) / scale.size for time in times]
    said = [quantity(time, scale) for time in times]
    _name_rows(ax, [arm.arm for arm in arms], said, ends=ends, is_narrow=is_narrow)
    ax.set_xlim(0)
    ax.set_xlabel(f"{explanation.times_are} per {words.unit_of_work(explanation.plan)}, {scale.unit}")
    grid_lines(ax, axis="x")


def _name_rows(ax: Axes, labels: Sequence[str], said: Sequence[str], *, ends: Sequence[float], is_narrow: bool) -> None:
    """Each row's name and its number: beside the axis and after its end, or above the bar of a narrow picture."""
    if is_narrow:
        words_above(ax, labels, said)
        return
    for place, (end, text) in enumerate(zip(ends, said, strict=True)):
        ax.annotate(text, (end, place), xytext=(6, 0), textcoords="offset points", va="center")
    ax.set_yticks(range(len(labels)), shortened_apart(labels), color=Ink.TEXT.value)
    ax.invert_yaxis()


def _drawn(explanation: Explanation, of_experiments: bool) -> list[ArmSummary]:
    """The arms of one of a page's two parts: those requested, or the control and those of experiments."""
    added, control = added_arms(explanation), control_name(explanation)
    return [
        arm
        for arm in ordered_arms(explanation)
        if (arm.arm in added) is of_experiments or (of_experiments and arm.arm == control)
    ]


def _whiskers(ax: Axes, times: Sequence[Estimate | float], scale: Scale) -> None:
    """The interval on each bar, as one broken line."""
    ends: list[float] = []
    places: list[float] = []
    for place, time in enumerate(times):
        if isinstance(time, Estimate):
            ends += [time.low / scale.size, time.high / scale.size, _BREAK]
            places += [place, place, _BREAK]
    ax.plot(ends, places, color=Ink.TEXT.value, linewidth=1.2, marker="|", markersize=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class BarStep:
    """One bar of a waterfall, from one height to the other, with what is written beside it."""

    label: str
    start: float
    end: float
    ink: Ink
    said: str


def split_waterfall(comparison: Comparison, explanation: Explanation, *, name: str) -> Drawing | None:
    """From the control's time to the changed arm's, by the terms of the iron law; None when there is no split."""
    steps = split_steps(comparison, explanation)
    if not steps:
        return None
    scale = scale_for(TIME, [step.end for step in steps])
    caption = "Bars to the left: time saved; hatched bars to the right: time lost."
    if any(step.ink is Ink.UNKNOWN for step in steps):
        caption += " A part without a known term is shown as not known."
    title = f"From {plain(comparison.control)} to {plain(comparison.changed)}, by the iron law"
    axis = f"{explanation.times_are} per {words.unit_of_work(explanation.plan)}, {scale.unit}"
    return _waterfall(steps, scale, name=name, title=title, caption=caption, axis=axis)


def split_steps(comparison: Comparison, explanation: Explanation) -> list[BarStep]:
    """The bars of the split: control, each known term, what is left over, changed; in ns."""
    before, after = _times_ns(comparison, explanation)
    terms = _term_sizes(comparison)
    if before is None or after is None or not terms:
        return []
    scale = scale_for(TIME, [before, after])
    steps = [_total_step(comparison.control, before, scale, Ink.CONTROL)]
    reached = before
    for term, size in terms.items():
        saved = size.value if isinstance(size, Estimate) else size
        said = growth(size.negated() if isinstance(size, Estimate) else -size, scale)
        ink = Ink.GOOD if saved > 0 else Ink.BAD
        steps.append(BarStep(label=term_title(term, terms), start=reached, end=reached - saved, ink=ink, said=said))
        reached -= saved
    if abs(reached - after) > _NEGLIGIBLE * abs(before - after):
        said = growth(after - reached, scale)
        steps.append(BarStep(label="not known", start=reached, end=after, ink=Ink.UNKNOWN, said=said))
    return [*steps, _total_step(comparison.changed, after, scale, Ink.CHANGED)]


def _times_ns(comparison: Comparison, explanation: Explanation) -> tuple[float | None, float | None]:
    """Control's and changed's time: over the replicates that the split is of, where there is one.

    An arm's own time may be of more replicates, and differ from the other's by more or less than the split.
    """
    if is_known(comparison.split) and is_known(comparison.split.times_ns):
        return comparison.split.times_ns
    return _wall_ns(explanation, comparison.control), _wall_ns(explanation, comparison.changed)


def _wall_ns(explanation: Explanation, name: str) -> float | None:
    for arm in explanation.arms:
        time = wall_time(arm)
        if arm.arm == name and not isinstance(time, Missing):
            return time.value if isinstance(time, Estimate) else time
    return None


def _term_sizes(comparison: Comparison) -> dict[Term, Estimate | float]:
    split, once = comparison.split, comparison.once
    if not isinstance(split, Missing):
        return {term: size.ns for term in Term if isinstance(size := split.terms.get(term), SplitTerm)}
    if not isinstance(once, Missing):
        return {term: part.ns for term in Term if isinstance(part := once.terms.get(term), OnceTerm)}
    return {}


def _total_step(arm: str, time_ns: float, scale: Scale, ink: Ink) -> BarStep:
    return BarStep(label=shortened(arm), start=0.0, end=time_ns, ink=ink, said=with_unit(number(time_ns, scale), scale))


def cause_waterfall(comparison: Comparison, *, name: str) -> Drawing | None:
    """The confirmed causes' shares of the difference, one after the other, and what remains; None without any."""
    steps = cause_steps(comparison)
    if not steps:
        return None
    title = f"From {plain(comparison.control)} to {plain(comparison.changed)}, by cause"
    caption = (
        "Shares of the logarithm of the speed-up: these add up to 100 %. "
        "Striped bars work against it; the cross-hatched one is unexplained."
    )
    axis = f"share of the {words.difference_word(comparison)}, %"
    return _waterfall(steps, PERCENT, name=name, title=title, caption=caption, axis=axis)


def cause_steps(comparison: Comparison) -> list[BarStep]:
    """The bars of the causes: each confirmed one's share, then what remains of the whole."""
    steps, reached = [], 0.0
    for verdict in comparison.causes:
        share = verdict.share
        if verdict.outcome is Outcome.CONFIRMED and isinstance(share, Estimate):
            ink = Ink.GOOD if share.value >= 0 else Ink.BAD
            said = share_text(share)
            label = cause_of(verdict.cause).title
            steps.append(BarStep(label=label, start=reached, end=reached + share.value, ink=ink, said=said))
            reached += share.value
    if steps and abs(1 - reached) > _NEGLIGIBLE:
        said = with_unit(number(1 - reached, PERCENT, digits=2), PERCENT)
        apart = any(verdict.share == NOT_TOGETHER for verdict in comparison.causes)
        label = "unexplained, or without a share" if apart else "unexplained"
        steps.append(BarStep(label=label, start=reached, end=1.0, ink=Ink.UNKNOWN, said=said))
    return steps


def _waterfall(steps: list[BarStep], scale: Scale, *, name: str, title: str, caption: str, axis: str) -> Drawing:
    def draw(is_narrow: bool) -> Drawing:
        with canvas(0.6 + (NARROW_ROW_IN if is_narrow else ROW_IN) * len(steps), is_narrow=is_narrow) as (figure, [ax]):
            labels = [step.label for step in steps]
            margins(figure, left=0.1 if is_narrow else label_width(labels), right=0.1 if is_narrow else 1.7)
            _draw_steps(ax, steps, scale, is_narrow=is_narrow)
            ax.set_xlabel(axis)
            return finish(figure, name=f"{name}{'-narrow' * is_narrow}", title=title, caption=caption)

    return in_both_widths(draw)


def _draw_steps(ax: Axes, steps: Sequence[BarStep], scale: Scale, *, is_narrow: bool) -> None:
    lows, highs = zip(*(sorted((step.start / scale.size, step.end / scale.size)) for step in steps), strict=True)
    lengths = [high - low for low, high in zip(lows, highs, strict=True)]
    hatches = [{Ink.BAD: "////", Ink.UNKNOWN: "xx"}.get(step.ink, "") for step in steps]
    colours = [step.ink.value for step in steps]
    height = 0.36 if is_narrow else 0.62
    ax.barh(range(len(steps)), lengths, left=lows, height=height, color=colours, hatch=hatches)
    _name_rows(ax, [step.label for step in steps], [step.said for step in steps], ends=highs, is_narrow=is_narrow)
    _join(ax, steps, scale)
    grid_lines(ax, axis="x")


def _join(ax: Axes, steps: Sequence[BarStep], scale: Scale) -> None:
    """A thin line from each bar to the next, all of them one broken line behind the bars."""
    joints: list[float] = []
    places: list[float] = []
    for place, step in enumerate(steps[1:], start=1):
        joint = (step.start or step.end) / scale.size  # a total starts at 0 and is joined at its end
        joints += [joint, joint, _BREAK]
        places += [place - 1, place, _BREAK]
    ax.plot(joints, places, color=Ink.MUTED.value, linewidth=0.7, zorder=0)


def rounds_strip(
    recording: Recording, explanation: Explanation, *, name: str = "rounds", of_experiments: bool = False
) -> Drawing | None:
    """Every turn of every arm in the order of time, replicates apart; None when nothing was read. Arms as in bars."""
    by_arm: dict[str, list[Reading]] = {}
    for reading in recording.readings:
        by_arm.setdefault(reading.arm, []).append(reading)
    names = [arm.arm for arm in _drawn(explanation, of_experiments) if arm.arm in by_arm]
    if not names:
        return None
    turns = sorted({(reading.replicate, reading.round) for reading in recording.readings})
    place = {turn: index for index, turn in enumerate(turns)}
    starts = [index for index, turn in enumerate(turns) if index and turn[0] != turns[index - 1][0]]
    with canvas(0.6 + 0.75 * len(names), rows=len(names), sharex=True) as (figure, axes):
        labels = shortened_apart(names, longest=28)
        margins(figure, left=label_width(labels) + 0.6)
        for ax, arm, label in zip(axes, names, labels, strict=True):
            _strip(ax, by_arm[arm], place, label=label)
            joints = [start - 0.5 for start in starts]
            to_top = ax.get_xaxis_transform()
            ax.vlines(joints, 0, 1, transform=to_top, color=Ink.MUTED.value, linewidth=0.7, linestyle=":")
            ax.xaxis.set_visible(ax is axes[-1])
        axes[-1].set_xlim(-0.8, len(turns) - 0.2)
        axes[-1].locator_params(axis="x", integer=True)
        axes[-1].set_xlabel("round, in the order of time; dotted lines separate replicates")
        caption = "One point is one turn. A slope is drift, a distant point is an outlier; each arm has its own scale."
        return finish(figure, name=name, title="Every turn", caption=caption)


def _strip(ax: Axes, readings: Sequence[Reading], place: dict[tuple[int, int], int], *, label: str) -> None:
    times = [reading.wall_ns / reading.inferences for reading in readings]
    scale = scale_for(TIME, times)
    xs = [place[reading.replicate, reading.round] for reading in readings]
    dots(ax, xs, [time / scale.size for time in times], Ink.CHANGED)
    ax.set_ylabel(f"{label}\n{scale.unit}", rotation=0, ha="right", va="center", color=Ink.TEXT.value)
    ax.locator_params(axis="y", nbins=3)
    ax.margins(y=0.15)
    grid_lines(ax, axis="y")


def association_map(associations: Sequence[Association], *, name: str = "associations") -> Drawing | None:
    """The correlation of every counter with time, over each grouping; None when there is none."""
    known = [item for item in associations if is_known(item.correlation)]
    if not known:
        return None
    counters = list(dict.fromkeys(item.counter for item in known))
    groups = list(dict.fromkeys((item.over, item.arm) for item in known))
    labels = shortened_apart([f"{over}: {arm}" if arm else over for over, arm in groups])
    with canvas(0.75 + ROW_IN * len(groups)) as (figure, [ax]):
        margins(figure, left=label_width(labels), top=0.55, bottom=0.1)
        for item in known:
            _association_cell(ax, counters.index(item.counter), groups.index((item.over, item.arm)), item)
        ax.set_xticks(range(len(counters)), [counter.replace("_", "\n").replace("-", "-\n") for counter in counters])
        ax.xaxis.tick_top()
        ax.set_yticks(range(len(groups)), labels, color=Ink.TEXT.value)
        ax.set_xlim(-0.5, len(counters) - 0.5)
        ax.set_ylim(len(groups) - 0.5, -0.5)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        caption = "Correlation with time: association, not cause. Darker is stronger; hatched is negative."
        return finish(figure, name=name, title="Which counters correlate with time", caption=caption)


def _association_cell(ax: Axes, x: int, y: int, item: Association) -> None:
    from matplotlib.patches import Rectangle

    if isinstance(item.correlation, Missing):
        return
    value = item.correlation.value
    ink, hatch = (Ink.FIRST, "") if value >= 0 else (Ink.SECOND, "////")
    strength = min(1.0, abs(value)) * 0.55
    ax.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, color=ink.value, alpha=strength, hatch=hatch, linewidth=0))
    ax.text(x, y, shown(item.correlation, null=0.0).value, ha="center", va="center")
