"""An arm's executed code as an icicle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ironlaw.explanation import ArmSummary
from ironlaw.explanation.account import Category, Executed
from ironlaw.missing import Missing
from ironlaw.report.account import code_name, function_name, share_cell
from ironlaw.report.figures.drawing import (
    HATCHES,
    SERIES,
    Drawing,
    Ink,
    canvas,
    finish,
    margins,
)
from ironlaw.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMED_FROM = 0.045  # of the width: a narrower box has no room for its name
_DRAWN_FROM = 0.002  # of the time: what is narrower is drawn with its neighbours as one box
_PYTHON = 3  # functions of Python in the caption
_LETTER = 0.0068  # of the width that a letter takes
# Related kinds of code share a colour; the name in the box and the table say which it is.
_GROUPS = {
    Category.MATRIX: 0,
    Category.DEPTHWISE: 0,
    Category.KERNELS: 0,
    Category.ATTENTION: 0,
    Category.NORMALIZATION: 1,
    Category.ELEMENTWISE: 1,
    Category.QUANTIZE: 2,
    Category.REORDER: 2,
    Category.ALLOCATOR: 3,
    Category.PAGE_FAULTS: 3,
    Category.KERNEL: 3,
    Category.INTERPRETER: 4,
    Category.FRAMEWORK: 4,
    Category.EXCEPTIONS: 5,
}
_GROUP_NAMES = (
    "kernels",
    "normalization, elementwise",
    "quantize, copy",
    "memory, kernel mode",
    "calling",
    "exceptions",
)


def icicle(arm: ArmSummary, executed: Executed, *, name: str) -> Drawing:
    """An arm's time by object above, and by symbol below; the width is the share of the time."""
    by_object: dict[str, float] = {}
    for code, share in executed.code:
        by_object[code.object] = by_object.get(code.object, 0.0) + share
    with canvas(1.75) as (figure, [ax]):
        margins(figure, left=0.05, right=0.05, top=0.3, bottom=0.3)
        start = 0.0
        for place, (owner, whole) in enumerate(sorted(by_object.items(), key=lambda item: -item[1])):
            label = plain(owner) or "not on a CPU"
            ink = Ink.GRID if place % 2 else Ink.UNKNOWN
            _box(ax, (start, 1.0, whole), f"{label} {share_cell(whole)}", ink, alpha=0.45)
            _symbols(ax, executed, owner, start)
            start += whole
        ax.set_xlim(0, 1)
        ax.set_ylim(0, 2)
        ax.axis("off")
        _legend(ax, executed)
        largest = ", ".join(f"{code_name(code)} ({share_cell(share)})" for code, share in executed.code[:2])
        caption = (
            f"Above: libraries; below: their functions. The width is the share of the arm's time. Largest: {largest}."
        )
        if not isinstance(executed.functions, Missing):
            named = ", ".join(f"{function_name(one)} ({share_cell(one.share)})" for one in executed.functions[:_PYTHON])
            caption += f" The interpreter runs: {named}."
        return finish(figure, name=name, title=f"What {plain(arm.arm)} executed", caption=caption)


def _symbols(ax: Axes, executed: Executed, owner: str, start: float) -> None:
    """The symbols of one object side by side, the largest first; the narrow ones together."""
    rest = 0.0
    for code, share in executed.code:
        if code.object != owner:
            continue
        if share < _DRAWN_FROM:
            rest += share
            continue
        group = _GROUPS.get(code.category)
        ink = Ink.UNKNOWN if group is None else SERIES[group]
        _box(ax, (start, 0.0, share), code.name, ink, hatch=HATCHES[group] if group is not None else "", alpha=0.8)
        start += share
    if rest:
        _box(ax, (start, 0.0, rest), "smaller ones", Ink.GRID, alpha=0.6)


def _box(ax: Axes, place: tuple[float, float, float], text: str, ink: Ink, *, hatch: str = "", alpha: float) -> None:
    from matplotlib.patches import Rectangle

    x, y, width = place
    ax.add_artist(
        Rectangle((x, y + 0.03), width, 0.94, facecolor=ink.value, alpha=alpha, hatch=hatch, linewidth=0.5,
                  edgecolor=Ink.PAPER.value)
    )  # fmt: skip
    letters = int((width - 0.006) / _LETTER)
    if width >= _NAMED_FROM:
        name = plain(text).removeprefix("void ")
        said = name if len(name) <= letters else f"{name[: letters - 1]}…"
        ax.text(x + width / 2, y + 0.5, said, ha="center", va="center", fontsize=7.5,
                bbox={"facecolor": Ink.PAPER.value, "edgecolor": "none", "alpha": 0.8, "pad": 1.0})  # fmt: skip


def _legend(ax: Axes, executed: Executed) -> None:
    from matplotlib.patches import Patch

    shown = sorted({_GROUPS[code.category] for code, _ in executed.code if code.category in _GROUPS})
    patches = [
        Patch(facecolor=SERIES[group].value, hatch=HATCHES[group], alpha=0.8, label=_GROUP_NAMES[group])
        for group in shown
    ]
    ax.legend(
        handles=patches, frameon=False, loc="upper left", bbox_to_anchor=(0, 0.0), ncols=6, fontsize=8,
        borderaxespad=0.2, labelcolor=Ink.TEXT.value,
    )  # fmt: skip
