"""Pictures of two arms back to back: the account by executed code, and times by operator and kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ironlaw.estimate import Estimate
from ironlaw.explanation import Comparison
from ironlaw.explanation.account import Account
from ironlaw.report.account import NamedRow, named_rows
from ironlaw.report.attached import OperatorLine, operator_lines
from ironlaw.report.figures.drawing import (
    NARROW_ROW_IN,
    ROW_IN,
    Drawing,
    Ink,
    canvas,
    finish,
    grid_lines,
    in_both_widths,
    label_width,
    margins,
    shortened,
    shortened_apart,
    words_above,
)
from ironlaw.report.quantity import TIME, Scale, growth, scale_for
from ironlaw.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROWS = 8  # the rows that differ most; the table below has all of them
_Named = NamedRow | OperatorLine
_SIDES = "Left: the control; right (hatched): the changed arm."


def account_bars(comparison: Comparison, account: Account, *, name: str) -> Drawing | None:
    """Each category's time in the control to the left and in the changed arm to the right; None without rows."""
    caption = f"{_SIDES} Brackets and whiskers are 95 % intervals. Code locates time; only an experiment explains it."
    rows = named_rows(account)
    return _mirrored(comparison, rows, name=name, by="executed code", work="inference", caption=caption)


def operator_bars(comparison: Comparison, *, name: str, work: str) -> Drawing | None:
    """Each operator's time in both files, per unit of `work`; None where no file holds them."""
    _, rows = operator_lines(comparison)
    return _mirrored(comparison, rows, name=name, by="operator and kernel", work=work, caption=_SIDES)


def _mirrored(
    comparison: Comparison, every: Sequence[_Named], *, name: str, by: str, work: str, caption: str
) -> Drawing | None:
    rows = every[:_ROWS]
    if not rows:
        return None
    scale = scale_for(TIME, [_value(time) for one in rows for time in (one.row.control_ns, one.row.changed_ns)])
    title = f"From {plain(comparison.control)} to {plain(comparison.changed)}, by {by}"

    def draw(is_narrow: bool) -> Drawing:
        with canvas(0.75 + (NARROW_ROW_IN if is_narrow else ROW_IN) * len(rows), is_narrow=is_narrow) as (figure, [ax]):
            left, right = (0.1, 0.1) if is_narrow else (label_width([row.name for row in rows]), 1.9)
            margins(figure, left=left, right=right, top=0.3)
            _bars(ax, rows, scale, height=0.36 if is_narrow else 0.62)
            said = [_said(row, scale) for row in rows]
            if is_narrow:
                words_above(ax, [row.name for row in rows], said)
            else:
                ax.set_yticks(range(len(rows)), shortened_apart([row.name for row in rows]), color=Ink.TEXT.value)
                ax.invert_yaxis()
                for place, text in enumerate(said):
                    across = ax.get_yaxis_transform()
                    ax.annotate(text, (1.01, place), xycoords=across, va="center", fontsize=8)
            ax.set_xlabel(f"time per {work}, {scale.unit}")
            for x, arm in ((0.25, comparison.control), (0.75, comparison.changed)):
                text = shortened(arm, longest=22) if is_narrow else shortened(arm)
                ax.annotate(text, (x, 1.01), xycoords="axes fraction", ha="center", va="bottom")
            return finish(figure, name=f"{name}{'-narrow' * is_narrow}", title=title, caption=caption)

    return in_both_widths(draw)


def _bars(ax: Axes, rows: Sequence[_Named], scale: Scale, *, height: float) -> None:
    """The bars of both sides from a common zero, with the intervals that are known as one broken line."""
    places = range(len(rows))
    control = [-_value(one.row.control_ns) / scale.size for one in rows]
    changed = [_value(one.row.changed_ns) / scale.size for one in rows]
    ax.barh(places, control, height=height, color=Ink.CONTROL.value)
    ax.barh(places, changed, height=height, color=Ink.CHANGED.value, hatch="////")
    ends: list[float] = []
    heights: list[float] = []
    longest = max(map(abs, (*control, *changed)))
    for place, one in enumerate(rows):
        for sign, time in ((-1, one.row.control_ns), (1, one.row.changed_ns)):
            if isinstance(time, Estimate):
                ends += [sign * time.low / scale.size, sign * time.high / scale.size, float("nan")]
                heights += [place, place, float("nan")]
                longest = max(longest, time.high / scale.size)
    ax.plot(ends, heights, color=Ink.TEXT.value, linewidth=1.0, marker="|", markersize=5)
    ax.axvline(0, color=Ink.MUTED.value, linewidth=0.8)
    ax.set_xlim(-1.08 * longest, 1.08 * longest)
    ax.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    grid_lines(ax, axis="x")


def _said(one: _Named, scale: Scale) -> str:
    saved = one.row.saved_ns
    return growth(saved.negated() if isinstance(saved, Estimate) else -saved, scale)


def _value(time: Estimate | float) -> float:
    return time.value if isinstance(time, Estimate) else time
