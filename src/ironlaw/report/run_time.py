"""How a run spent its wall time: as a sentence, as JSON and as a bar."""

from __future__ import annotations

import math
from typing import Any

from ironlaw.explanation import RunTime
from ironlaw.fact import Activity
from ironlaw.missing import Maybe, Missing
from ironlaw.report.figures.drawing import HATCHES, SERIES, Drawing, Ink, canvas, finish, margins
from ironlaw.report.quantity import TIME, amount, percent

_SAID = 3  # activities besides counted inferences that the sentence names
_LEAST_SHARE = 0.01
_LEGEND_COLUMNS, _LEGEND_ROW_IN = 4, 0.2
_WORDS = {
    Activity.PREPARING: "preparing models",
    Activity.STARTING: "starting interpreters",
    Activity.LOADING: "loading",
    Activity.WARMING: "warming up",
    Activity.COUNTED: "counted inferences",
    Activity.LAYERS: "reading layers",
    Activity.SAMPLING: "sampling code",
    Activity.ANSWERS: "comparing answers",
    Activity.PLANNING: "planning",
    Activity.WAITING: "waiting",
}


def run_sentence(run: Maybe[RunTime]) -> str:
    """How long the run took and what for; empty where that is not known."""
    if isinstance(run, Missing) or isinstance(run.wall_s, Missing) or run.wall_s <= 0 or not run.replicates:
        return ""
    counted = f"{amount(run.counted_s * 1e9, TIME)} of counted inferences ({percent(run.counted_s / run.wall_s)})"
    said = f"Run: {amount(run.wall_s * 1e9, TIME)} in {_replicates(run.replicates)}, {counted}"
    others = [f"{_WORDS[activity]} {amount(seconds * 1e9, TIME)}" for activity, seconds in _others(run)[:_SAID]]
    return f"{said}; {', '.join(others)}." if others else f"{said}."


def _replicates(count: int) -> str:
    return f"{count} replicate{'' if count == 1 else 's'}"


def _others(run: RunTime) -> list[tuple[Activity, float]]:
    """What the run did besides counted inferences, the longest first, without what took next to nothing."""
    if isinstance(run.spent, Missing):
        return []
    least_s = sum(run.spent.values()) * _LEAST_SHARE
    parts = [(one, seconds) for one, seconds in run.spent.items() if one is not Activity.COUNTED and seconds >= least_s]
    return sorted(parts, key=lambda part: -part[1])


def run_document(run: Maybe[RunTime]) -> dict[str, Any]:
    """The run as JSON: seconds, what they were spent on, and how many replicates there were."""
    if isinstance(run, Missing):
        return {"missing": run.reason}
    return {
        "wall_s": {"missing": run.wall_s.reason} if isinstance(run.wall_s, Missing) else run.wall_s,
        "counted_s": run.counted_s,
        "spent": {"missing": run.spent.reason}
        if isinstance(run.spent, Missing)
        else {activity.value: seconds for activity, seconds in run.spent.items()},
        "replicates": run.replicates,
    }


def run_bar(run: Maybe[RunTime], *, name: str) -> Drawing | None:
    """One bar over the run's wall time, cut by what it went into; None where that is not known."""
    if isinstance(run, Missing) or isinstance(run.spent, Missing):
        return None
    counted_s = run.spent.get(Activity.COUNTED, 0.0)
    parts = [(Activity.COUNTED, counted_s), *_others(run)]
    legend_in = _LEGEND_ROW_IN * math.ceil(len(parts) / _LEGEND_COLUMNS)
    with canvas(1.1 + legend_in) as (figure, [ax]):
        margins(figure, left=0.15, bottom=0.55 + legend_in)
        left_s = 0.0
        for place, (activity, seconds) in enumerate(parts):
            colour = SERIES[place % len(SERIES)].value
            hatch = HATCHES[place // len(SERIES)]
            label = f"{_WORDS[activity]} {amount(seconds * 1e9, TIME)}"
            ax.barh([0], [seconds], left=[left_s], height=0.6, color=colour, hatch=hatch, label=label)
            left_s += seconds
        ax.set_yticks([])
        ax.set_xlim(0, left_s)
        ax.set_xlabel("seconds of wall time")
        legend = figure.legend(
            loc="lower left", ncols=_LEGEND_COLUMNS, frameon=False, fontsize=8, labelcolor=Ink.TEXT.value
        )
        legend.set_in_layout(False)
        caption = run_sentence(run) or "The recording was cut."
        return finish(figure, name=name, title="How the run's time was spent", caption=caption)
