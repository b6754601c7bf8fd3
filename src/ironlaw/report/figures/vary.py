"""The part of a page about a varied setting: the speed-up along it as a picture, and the verdicts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ironlaw.estimate import Estimate
from ironlaw.explanation import Explanation
from ironlaw.explanation.varied import GainSeries, Varied
from ironlaw.missing import Missing
from ironlaw.point import Point
from ironlaw.report.figures.drawing import SERIES, Drawing, Ink, canvas, finish, grid_lines, margins, shortened
from ironlaw.report.quantity import TIMES, number
from ironlaw.report.vary import (
    ALONG_HEADING,
    HEADING,
    open_sentence,
    series_sentences,
    table_rows,
    varied_headings,
    varied_of,
    verdict_text,
)
from ironlaw.text import plain


@dataclass(frozen=True, slots=True, kw_only=True)
class VariedView:
    """The part of a page about what is varied."""

    heading: str
    charts: list[Drawing]
    verdicts: list[tuple[str, str]]  # the outcome's word, and the verdict
    headings: list[str]
    rows: list[list[str]]
    remark: str


def varied_view(explanation: Explanation, *, prefix: str) -> VariedView | None:
    """Its pictures, verdicts and table; None where nothing was varied."""
    varied = varied_of(explanation)
    if varied is None:
        return None
    return VariedView(
        heading=HEADING if varied.series else ALONG_HEADING,
        charts=charts(varied, prefix=prefix),
        verdicts=[(verdict_text(series), " ".join(series_sentences(series))) for series in varied.series],
        headings=varied_headings(explanation),
        rows=table_rows(explanation, varied),
        remark=open_sentence(varied),
    )


def charts(varied: Varied, *, prefix: str) -> list[Drawing]:
    """The speed-up of every arm along each setting, one picture for all arms with the same control."""
    groups: dict[tuple[str, Point], list[GainSeries]] = {}
    for series in varied.series:
        groups.setdefault((series.setting, series.at), []).append(series)
    return [
        _chart(group, name=f"{prefix}vary-{place}")
        for place, group in enumerate(groups.values())
        if any(map(_drawn, group))
    ]


def _drawn(series: GainSeries) -> list[tuple[int, Estimate]]:
    found = ((place, gain.ln_ratio) for place, gain in enumerate(series.gains))
    return [(place, ln.through(math.exp)) for place, ln in found if not isinstance(ln, Missing)]


def _chart(group: list[GainSeries], *, name: str) -> Drawing:
    first = group[0]
    values = [shortened(gain.value, longest=12) for gain in first.gains]
    with canvas(2.6) as (figure, [ax]):
        margins(figure, left=0.7, right=1.8)
        ax.axhline(1.0, color=Ink.CONTROL.value, linewidth=1.2)
        for place, series in enumerate(group):
            points = _drawn(series)
            if not points:
                continue
            ink, shift = SERIES[place % len(SERIES)].value, 0.06 * (place - (len(group) - 1) / 2)
            xs = [x + shift for x, _ in points]
            ys = [one.value for _, one in points]
            spread = [[y - one.low for y, (_, one) in zip(ys, points, strict=True)],
                      [one.high - y for y, (_, one) in zip(ys, points, strict=True)]]  # fmt: skip
            dashes = ("-", "--", ":", "-.")[place % 4]
            ax.errorbar(xs, ys, yerr=spread, color=ink, linestyle=dashes, marker="o", markersize=4, capsize=3)
            ax.annotate(shortened(series.changed, longest=24), (xs[-1], ys[-1]), xytext=(8, 0),
                        textcoords="offset points", va="center", color=Ink.TEXT.value)  # fmt: skip
        ax.set_yscale("log")
        _plain_ticks(ax)
        ax.set_xticks(range(len(values)), values)
        ax.set_xlim(-0.3, len(values) - 0.7)
        ax.set_xlabel(plain(first.setting))
        ax.set_ylabel("speed-up")
        grid_lines(ax, axis="y")
        held = f", {first.at}" if first.at else ""
        return finish(
            figure,
            name=name,
            title=f"Speed-up over {plain(first.control)} by {plain(first.setting)}{plain(held)}",
            caption="Above the line at 1 faster, below it slower; on a logarithmic scale, with 95 % intervals.",
        )


def _plain_ticks(ax: Any) -> None:
    """Ratios as they are written elsewhere, at a few round values."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    low, high = ax.get_ylim()
    steps = [base * 10.0**power for power in range(-3, 4) for base in (1, 1.2, 1.5, 2, 3, 5, 7)]
    within = [step for step in steps if low <= step <= high] or [1.0]
    ax.yaxis.set_major_locator(
        FixedLocator(within[:: max(1, len(within) // 8)] if 1.0 not in within else _around_1(within))
    )
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{number(value)}{TIMES}"))


def _around_1(values: list[float]) -> list[float]:
    """At most nine of them, with 1 among them."""
    step = max(1, len(values) // 8)
    return values[values.index(1.0) % step :: step]
