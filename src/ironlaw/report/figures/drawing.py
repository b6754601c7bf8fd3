"""Drawings as SVG that takes its colours from the page: light, dark or paper."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from ironlaw.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

WIDTH_IN = 9.0
NARROW_IN = 3.75  # on a screen of 400 pixels its text has the size that it has on a desk
ROW_IN = 0.22  # height of a row of bars: the answer, five causes and eight rows of code share a screen of 1280 x 800
NARROW_ROW_IN = 0.36  # the words are above the bar


class Ink(Enum):
    """Colours by their role. Each value is drawn literally and then replaced by the style sheet's variable."""

    TEXT = "#010101"
    MUTED = "#010102"
    GRID = "#010103"
    PAPER = "#010104"
    CONTROL = "#010105"
    CHANGED = "#010106"
    GOOD = "#010107"
    BAD = "#010108"
    UNKNOWN = "#010109"
    FIRST = "#01010a"
    SECOND = "#01010b"
    THIRD = "#01010c"
    FOURTH = "#01010d"
    FIFTH = "#01010e"
    SIXTH = "#01010f"

    @property
    def variable(self) -> str:
        """The style sheet's name of this colour."""
        return f"var(--{self.name.lower()})"


SERIES = (Ink.FIRST, Ink.SECOND, Ink.THIRD, Ink.FOURTH, Ink.FIFTH, Ink.SIXTH)
# Distinguished without colour.
HATCHES = ("", "////", "\\\\\\\\", "xxxx", "----", "||||")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A finished picture: markup to put into a page, a title, and what it shows in a sentence."""

    svg: str
    title: str
    caption: str
    narrow: str = ""  # the same for the screen of a phone; empty where the picture is scrolled there


def in_both_widths(draw: Callable[[bool], Drawing]) -> Drawing:
    """The picture that `draw(False)` gives for a desk, with the one of `draw(True)` for a phone."""
    return replace(draw(False), narrow=draw(True).svg)


@contextmanager
def canvas(
    height_in: float, *, is_narrow: bool = False, rows: int = 1, **grid: Any
) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure and its axes below each other in the style of all reports; height in inches, `grid` as for subplots."""
    import matplotlib
    from matplotlib.figure import Figure

    style: dict[Any, Any] = {
        "svg.fonttype": "none",  # text stays text: selectable, searchable, in the page's own font
        "svg.hashsalt": "ironlaw",  # the same report twice is the same file
        "text.parse_math": False,  # a dollar sign in a layer's name is a dollar sign
        "font.size": 9.0,
        "text.color": Ink.TEXT.value,
        "axes.labelcolor": Ink.TEXT.value,
        "axes.edgecolor": Ink.GRID.value,
        "xtick.color": Ink.MUTED.value,
        "ytick.color": Ink.MUTED.value,
        "hatch.color": Ink.PAPER.value,
        "hatch.linewidth": 0.8,
        "path.simplify": False,
    }
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(NARROW_IN if is_narrow else WIDTH_IN, height_in))
        axes = figure.subplots(rows, squeeze=False, **grid)
        for ax in axes.flat:
            ax.spines[["top", "right"]].set_visible(False)
            ax.set_facecolor("none")
        figure.patch.set_visible(False)
        yield figure, list(axes.flat)


def margins(figure: Figure, *, left: float, right: float = 0.15, top: float = 0.1, bottom: float = 0.45) -> None:
    """Set the space around the axes, in inches."""
    width, height = figure.get_size_inches()
    figure.subplots_adjust(left=left / width, right=1 - right / width, top=1 - top / height, bottom=bottom / height)


def label_width(labels: Sequence[str]) -> float:
    """The width in inches of the longest label at the default font size, at most a third of the figure."""
    return min(WIDTH_IN / 3, 0.25 + 0.075 * max((len(label) for label in labels), default=0))


def words_above(ax: Axes, labels: Sequence[str], said: Sequence[str]) -> None:
    """Above each row of a narrow picture what it is, at the left, and its number, at the right, in place of ticks."""
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    for place, (label, number) in enumerate(zip(shortened_apart(labels, longest=28), said, strict=True)):
        for x, text, side in ((0.0, label, "left"), (1.0, number, "right")):
            ax.annotate(text, (x, place - 0.25), xycoords=ax.get_yaxis_transform(), ha=side, va="bottom", fontsize=8.5)
    ax.set_ylim(len(labels) - 0.6, -0.9)


def shortened(text: str, *, longest: int = 36) -> str:
    """A name shortened in the middle to fit beside an axis."""
    return _cut(plain(text), longest, (longest - 1) // 2)


def shortened_apart(texts: Sequence[str], *, longest: int = 36) -> list[str]:
    """Names shortened in the middle as one by one, but different names to different labels.

    Where the same label would stand for two, the cut is at the place nearest the middle where none does; where there is
    no such place the labels are longer than `longest`, by as little as it takes.
    """
    names = [plain(text) for text in texts]
    different = len(set(names))
    for length in range(longest, max(map(len, names), default=0)):
        middle = (length - 1) // 2
        for head in sorted(range(1, length - 1), key=lambda place: abs(place - middle)):
            labels = [_cut(name, length, head) for name in names]
            if len(set(labels)) == different:
                return labels
    return names


def _cut(name: str, longest: int, head: int) -> str:
    """A name in at most `longest` characters, of which the first `head` are its own first ones."""
    return name if len(name) <= longest else f"{name[:head]}…{name[-(longest - 1 - head) :]}"


def grid_lines(ax: Axes, *, axis: str) -> None:
    """Faint lines behind the marks, along one axis."""
    ax.set_axisbelow(True)
    ax.grid(axis=axis, color=Ink.GRID.value, linewidth=0.6)  # type: ignore[arg-type] # x, y or both, as matplotlib has it


def dots(ax: Axes, xs: Sequence[float], ys: Sequence[float], ink: Ink, *, size: float = 3.0) -> None:
    """Round points as one path, so that ten thousand of them still make a small file."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    if not xs:
        return
    vertices = [point for x, y in zip(xs, ys, strict=True) for point in ((x, y), (x, y))]
    path = Path(vertices, [Path.MOVETO, Path.LINETO] * len(xs))
    path.should_simplify = False
    patch = PathPatch(path, facecolor="none", edgecolor=ink.value, linewidth=size, capstyle="round", alpha=0.75)
    _place(ax, patch, vertices)


def stairs(ax: Axes, heights: Sequence[float], bases: Sequence[float] | None = None, **style: Any) -> None:
    """One step a value, each of width 1, from its base or from 0: what Axes.stairs draws; `style` as for its patch."""
    from matplotlib.patches import StepPatch

    baseline: Any = bases or 0  # its stub allows one number only; one a step is documented
    patch = StepPatch(heights, range(len(heights) + 1), baseline=baseline, **style)
    lowest, highest = min(bases or (0,)), max(*heights, *(bases or (0,)))
    patch.sticky_edges.y.append(lowest)
    _place(ax, patch, [(0, min(lowest, *heights)), (len(heights), highest)])


def _place(ax: Axes, patch: Patch, corners: Sequence[tuple[float, float]]) -> None:
    """Add a patch whose extent is known: Axes.add_patch looks for it along every segment, as if each were a curve."""
    ax.add_artist(patch)
    ax.update_datalim(corners)
    ax.autoscale_view()


def finish(figure: Figure, *, name: str, title: str, caption: str) -> Drawing:
    """The figure as markup. `name` makes its element ids unique within a page."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return Drawing(svg=_themed(out.getvalue(), name=name, label=f"{title}. {caption}"), title=title, caption=caption)


def _themed(svg: str, *, name: str, label: str) -> str:
    from markupsafe import escape

    svg = svg[svg.index("<svg") :]
    for ink in Ink:
        svg = svg.replace(ink.value, ink.variable)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = svg.replace("url(#", f"url(#{name}-").replace('href="#', f'href="#{name}-')
    svg = re.sub(r' fill="(var\([^)]*\))"', r' style="fill: \1"', svg)
    svg = re.sub(r"font-family: [^;]*; ", "", svg)
    svg = re.sub(r' width="[\d.]+pt" height="[\d.]+pt"|<metadata>.*?</metadata>', "", svg, flags=re.DOTALL)
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)
