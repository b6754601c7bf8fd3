"""Pictures by layer: the ledger over depth, and the roofline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ironlaw.explanation import (
    Comparison,
    Roofline,
)
from ironlaw.explanation.split import Ledger, LedgerRow, Term
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.report import words
from ironlaw.report.figures.drawing import (
    HATCHES,
    SERIES,
    Drawing,
    Ink,
    canvas,
    finish,
    grid_lines,
    in_both_widths,
    margins,
    shortened,
    shortened_apart,
    stairs,
)
from ironlaw.report.quantity import TIME, Scale, scale_for
from ironlaw.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_APART = 0.18  # in ln: the height of a name on an axis of two decades
_NAMED = 4  # layers whose names are in the roofline


def ledger_over_depth(comparison: Comparison, ledger: Ledger, *, name: str) -> Drawing | None:
    """Each layer's time in both arms, and what it saves by term, from the input to the output of the network."""
    rows = sorted(ledger.rows, key=lambda row: row.order)
    if not rows:
        return None
    by = ", by term" if _terms_of(rows) else ""
    caption = f"Above: time of each layer. Below: time saved (above 0) or lost (below 0) by each layer{by}. "
    rest = [row.fate for row in rows if row.fate not in ("both", "appeared", "vanished")]
    last = "The last two are the framework and the unattributed rest." if len(rest) > 1 else ""
    caption += last or f"The last is {'the framework' if rest == ['framework'] else 'the unattributed rest'}."

    def draw(is_narrow: bool) -> Drawing:
        with canvas(4.6, is_narrow=is_narrow, rows=2, sharex=True) as (figure, [times, saved]):
            margins(figure, left=0.6 if is_narrow else 0.75, bottom=0.5, top=0.5 if is_narrow else 0.3)
            figure.subplots_adjust(hspace=0.36 if is_narrow else 0.22)
            _draw_layers(times, saved, comparison, rows, is_narrow=is_narrow)
            return finish(figure, name=f"{name}{'-narrow' * is_narrow}", title="Layer by layer", caption=caption)

    return in_both_widths(draw)


def _draw_layers(
    times: Axes, saved: Axes, comparison: Comparison, rows: Sequence[LedgerRow], *, is_narrow: bool
) -> None:
    scale = scale_for(TIME, [time for row in rows for time in (row.control_ns, row.changed_ns)])
    _outline(times, [row.control_ns for row in rows], scale, Ink.CONTROL, comparison.control, is_filled=False)
    _outline(times, [row.changed_ns for row in rows], scale, Ink.CHANGED, comparison.changed, is_filled=True)
    times.set_ylabel(f"time, {scale.unit}")
    _legend_above(times, columns=1 if is_narrow else 6)
    _stack_terms(saved, rows, scale)
    if _terms_of(rows):
        _legend_above(saved, columns=2 if is_narrow else 6)
    saved.set_ylabel(f"saved, {scale.unit}")
    saved.set_xlabel("layer, in the order of execution")
    saved.set_xlim(0, len(rows))
    saved.locator_params(axis="x", integer=True)
    for ax in (times, saved):
        grid_lines(ax, axis="y")
    times.xaxis.set_visible(False)


def _outline(ax: Axes, values_ns: Sequence[float], scale: Scale, ink: Ink, arm: str, *, is_filled: bool) -> None:
    heights = [value / scale.size for value in values_ns]
    label = shortened(arm)
    if is_filled:
        stairs(ax, heights, fill=True, color=ink.value, alpha=0.75, linewidth=0, label=label)
    else:
        stairs(ax, heights, fill=False, edgecolor=ink.value, linewidth=1.3, label=label)


def _stack_terms(ax: Axes, rows: Sequence[LedgerRow], scale: Scale) -> None:
    above, below = [0.0] * len(rows), [0.0] * len(rows)
    terms = _terms_of(rows)
    if not terms:  # of attached files: times alone
        heights = [row.saved_ns / scale.size for row in rows]
        stairs(ax, heights, fill=True, color=SERIES[0].value, linewidth=0)
    for place, term in enumerate(terms):
        heights = [_known(row.terms.get(term, _ABSENT)) / scale.size for row in rows]
        style: dict[str, Any] = {"color": SERIES[place].value, "hatch": HATCHES[place], "linewidth": 0}
        label = words.TERM_TITLES[term]
        for stack, sign in ((above, 1), (below, -1)):
            tops = [base + (height if height * sign > 0 else 0.0) for base, height in zip(stack, heights, strict=True)]
            if tops != stack:
                stairs(ax, tops, list(stack), fill=True, label=label, **style)
                label = "_"  # matplotlib leaves names with an underscore out of the legend
                stack[:] = tops
    ax.axhline(0, color=Ink.MUTED.value, linewidth=0.8)


def _terms_of(rows: Sequence[LedgerRow]) -> list[Term]:
    return [term for term in Term if any(is_known(row.terms.get(term, _ABSENT)) for row in rows)]


def _legend_above(ax: Axes, *, columns: int = 6) -> None:
    ax.legend(
        frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0.2,
        labelcolor=Ink.TEXT.value,
    )  # fmt: skip


_ABSENT = Missing("is not a term of this row")


def _known(value: Maybe[float]) -> float:
    return 0.0 if isinstance(value, Missing) else value


def roofline(comparison: Comparison, ledger: Ledger, ceilings: Maybe[Roofline], *, name: str) -> Drawing | None:
    """Every layer's speed over its arithmetic intensity in both arms, under the measured ceilings of this machine.

    None when no layer's work is known, or no ceiling: without one the picture shows nothing that the ledger does not.
    Source: Williams et al., CACM 52 (2009) 65.
    """
    control = [point for row in ledger.rows if (point := _point(row.layer, row.control_work, row.control_ns))]
    changed = [point for row in ledger.rows if (point := _point(row.layer, row.changed_work, row.changed_ns))]
    if isinstance(ceilings, Missing) or not any(map(is_known, ceilings.macs_per_s.values())):
        return None
    if not control and not changed:
        return None
    from matplotlib.ticker import LogLocator

    with canvas(4.4) as (figure, [ax]):
        margins(figure, left=0.8, right=1.3, bottom=0.5, top=0.3)
        ax.set_xscale("log")
        ax.set_yscale("log")
        marks = ((control, Ink.CONTROL, "o", comparison.control), (changed, Ink.CHANGED, "s", comparison.changed))
        for points, ink, marker, arm in marks:
            xs, ys = [x for _, x, _ in points], [y for _, _, y in points]
            label = shortened(arm)
            ax.scatter(xs, ys, s=16, marker=marker, facecolor="none", edgecolor=ink.value, linewidth=1.1, label=label)
        layers = [layer for layer, _, _ in changed]
        labels = dict(zip(layers, shortened_apart(layers, longest=24), strict=True))
        for layer, x, y in _worth_naming(changed):
            ax.annotate(labels[layer], (x, y), xytext=(5, -3), textcoords="offset points", fontsize=7)
        _roofs(ax, ceilings)
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value:g}")
            axis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
            axis.set_minor_formatter(lambda value, _: f"{value:g}")
        ax.set_xlabel("MAC per byte")
        ax.set_ylabel("GMAC/s")
        _legend_above(ax)
        grid_lines(ax, axis="both")
        return finish(figure, name=name, title="Roofline", caption=_CAPTION)


_CAPTION = (
    "Circles and squares are the layers of the two arms; the lowest are labelled. Lines are the ceilings measured on "
    "this machine."
)


Point = tuple[str, float, float]


def _point(layer: str, work: dict[str, Maybe[float]], time_ns: float) -> Point | None:
    absent = Missing("was not counted")
    macs, moved = work.get("macs", absent), work.get("bytes", absent)
    if isinstance(macs, Missing) or isinstance(moved, Missing) or min(macs, moved, time_ns) <= 0:
        return None
    return layer, macs / moved, macs / time_ns


def _worth_naming(points: list[Point]) -> list[Point]:
    """The layers furthest below their peers, without those whose names would lie upon each other."""
    named: list[Point] = []
    for point in sorted(points, key=lambda point: point[2]):
        is_free = all(abs(math.log(point[2] / other[2])) > _APART for other in named)
        if is_free and len(named) < _NAMED:
            named.append(point)
    return named


def _roofs(ax: Axes, ceilings: Roofline) -> None:
    low, high = ax.get_xlim()
    slope = ceilings.bytes_per_s
    for place, (kind, peak) in enumerate(ceilings.macs_per_s.items()):
        if isinstance(peak, Missing):
            continue
        style = ("-", "--", "-.", ":")[place % 4]
        knee = low if isinstance(slope, Missing) else peak / slope
        ax.plot([max(low, knee), high], [peak / 1e9] * 2, color=Ink.TEXT.value, linewidth=1.1, linestyle=style)
        ax.annotate(plain(kind), (high, peak / 1e9), xytext=(4, 0), textcoords="offset points", va="center")
        if not isinstance(slope, Missing) and knee > low:
            ends = [low * slope / 1e9, peak / 1e9]
            ax.plot([low, knee], ends, color=Ink.TEXT.value, linewidth=1.1, linestyle=style)
    ax.set_xlim(low, high)
