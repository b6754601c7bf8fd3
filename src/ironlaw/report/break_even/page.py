"""The break-even map as one self-contained HTML page: a grid of batches for each change, coloured by its sign."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

from ironlaw.explanation import Difference
from ironlaw.explanation.break_even import BreakEvenMap, Gain
from ironlaw.report.break_even import sentences
from ironlaw.report.html import template_environment
from ironlaw.report.palette import page_palette
from ironlaw.report.words import DIFFERENCE_WORDS
from ironlaw.text import plain

_CLASSES = {
    Difference.FASTER: "faster",
    Difference.SLOWER: "slower",
    Difference.NONE_SHOWN: "none",
    Difference.UNPROVEN: "unproven",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GridCell:
    """One place of a grid."""

    kind: str  # a class of the style sheet
    gain: str
    word: str
    repaid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """One change: batches from left to right, everything else from top to bottom."""

    title: str
    batches: list[int]
    rows: list[tuple[list[str], list[GridCell | None]]]  # host, shape, threads; then a cell or nothing per batch
    has_shape: bool


def render(drawn: BreakEvenMap, *, title: str) -> str:
    """The whole page."""
    from markupsafe import Markup

    style = resources.files("ironlaw.report").joinpath("page", "report.css").read_text(encoding="utf-8")
    return (
        template_environment()
        .get_template("break_even.html.jinja")
        .render(
            title=plain(title),
            style=Markup(page_palette() + style),
            grids=grids_of(drawn.gains),
            drawn=drawn,
            sentences=sentences,
        )
    )


def grids_of(gains: tuple[Gain, ...]) -> list[Grid]:
    """The grids, in the order of the plan."""
    by_change: dict[tuple[str, str, str], list[Gain]] = {}
    for gain in gains:
        by_change.setdefault((gain.place.model, gain.changed, gain.control), []).append(gain)
    return [
        _grid(f"{model}: {changed} against {control}", some) for (model, changed, control), some in by_change.items()
    ]


def _grid(title: str, gains: list[Gain]) -> Grid:
    batches = sorted({gain.place.batch for gain in gains})
    rows: dict[tuple[str, str, int], dict[int, Gain]] = {}
    for gain in gains:
        place = gain.place
        rows.setdefault((place.host, place.shape, place.threads), {})[place.batch] = gain
    has_shape = any(shape for _, shape, _ in rows)
    return Grid(
        title=title,
        batches=batches,
        rows=[
            (
                [host, *([shape] if has_shape else []), str(threads)],
                [_cell(at[batch]) if batch in at else None for batch in batches],
            )
            for (host, shape, threads), at in rows.items()
        ],
        has_shape=has_shape,
    )


def _cell(gain: Gain) -> GridCell:
    return GridCell(
        kind=_CLASSES[gain.difference],
        gain=sentences.gain_text(gain),
        word=DIFFERENCE_WORDS[gain.difference],
        repaid=sentences.repaid_sentence(gain),
    )
