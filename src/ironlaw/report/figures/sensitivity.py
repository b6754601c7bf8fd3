"""Pictures of sensitivity: a scatter of what each layer costs the answers in int8 over the time it saves."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ironlaw.explanation import Explanation
from ironlaw.explanation.sensitivity import NOT_REPLAYED, LayerAnswers, Sensitivity
from ironlaw.missing import Missing
from ironlaw.report.figures.drawing import Drawing, Ink, canvas, finish, grid_lines, margins, shortened, shortened_apart
from ironlaw.report.quantity import MILLISECONDS
from ironlaw.report.sensitivity import answers_headline, cells, footing, sensitivity_headings
from ironlaw.text import plain

_NAMED = 6
_APART = 0.5  # in ln(answer lost): the height of a name on an axis of four decades

Point = tuple[LayerAnswers, float, float]  # a layer, ms saved, share of the answer lost


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersView:
    """An arm's layers as the page shows them: a sentence, a scatter, a table, and notes below."""

    arm: str
    headline: str
    drawing: Drawing | None
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def answers_views(explanation: Explanation, *, prefix: str) -> list[AnswersView]:
    """One view per arm whose layers were replayed; if they could not be, the sentence is the reason."""
    views = []
    for place, (arm, found) in enumerate(explanation.sensitivities.items()):
        if found == NOT_REPLAYED:  # only its answers were compared
            continue
        if isinstance(found, Missing):
            gap = f"{plain(arm)}: {plain(found.reason)}."
            views.append(AnswersView(arm=plain(arm), headline=gap, drawing=None, headings=(), rows=(), notes=()))
            continue
        views.append(
            AnswersView(
                arm=plain(arm),
                headline=answers_headline(found),
                drawing=answers_over_time(found, name=f"{prefix}answers{place}"),
                headings=sensitivity_headings(),
                rows=tuple(cells(layer) for layer in found.layers),
                notes=tuple(footing(found)),
            )
        )
    return views


FLOOR = 1e-9  # of the answer: what rounding of float32 costs


def answers_over_time(found: Sensitivity, *, name: str) -> Drawing | None:
    """Answer lost over time gained, layer by layer; None where no layer's time is known."""
    points = [
        (layer, layer.gained_ns / MILLISECONDS.size, max(FLOOR, layer.lost))
        for layer in found.layers
        if not isinstance(layer.gained_ns, Missing) and math.isfinite(layer.lost)
    ]
    if not points:
        return None
    from matplotlib.ticker import NullFormatter

    with canvas(4.0) as (figure, [ax]):
        margins(figure, left=1.0, right=1.2, bottom=0.5, top=0.2)
        ax.set_yscale("log")
        ax.scatter(
            [x for _, x, _ in points],
            [y for _, _, y in points],
            s=18,
            facecolor="none",
            edgecolor=Ink.CHANGED.value,
            linewidth=1.1,
        )
        labels = shortened_apart([layer.name for layer in found.layers], longest=26)
        by_name = dict(zip((layer.name for layer in found.layers), labels, strict=True))
        for layer, x, y in _worth_naming(points):
            ax.annotate(by_name[layer.name], (x, y), xytext=(5, 3), textcoords="offset points", fontsize=7)
        ax.axvline(0, color=Ink.MUTED.value, linewidth=0.8)
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.set_xlabel("saved by int8 in the layer, ms")
        ax.set_ylabel("answer lost, noise / (2 signal)")
        grid_lines(ax, axis="both")
        caption = (
            "Each layer alone in int8. What to leave in float lies above and to the left: it costs much and "
            "saves little. Layers left of the line lose time by int8."
        )
        return finish(figure, name=name, title=f"Answers and time, {shortened(found.arm)}", caption=caption)


def _worth_naming(points: list[Point]) -> list[Point]:
    """The layers that cost the answers most for what they save, without those whose names would overlap another's."""
    named: list[Point] = []
    for point in sorted(points, key=_corner):
        is_free = all(abs(math.log(point[2] / other[2])) > _APART for other in named)
        if is_free and len(named) < _NAMED:
            named.append(point)
    return named


def _corner(point: Point) -> float:
    """Sort key of `_worth_naming`: ascending, so that the highest cost per saved millisecond comes first."""
    _, saved, lost = point
    return -math.log(lost) + math.log(max(saved, 1e-3))
