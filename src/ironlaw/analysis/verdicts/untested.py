"""Why nothing of a difference is explained where no experiment ran, and which experiments the readings call for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

from ironlaw.analysis.turns import ArmTurns
from ironlaw.analysis.verdicts.planner import Wanted, called_for
from ironlaw.causes import cause_of
from ironlaw.experiment import Experiment, Switch
from ironlaw.explanation import Comparison
from ironlaw.factors import FACTORS
from ironlaw.missing import Missing
from ironlaw.recording import Recording

_MOST_NAMED = 3


def reasons_untested(recording: Recording, turns: dict[str, ArmTurns]) -> Callable[[Comparison], Missing]:
    """Gives the reason for a comparison of the recording, whose turns are given.

    What the readings call for takes longer to find than everything else of a comparison: it is found once, if asked.
    """
    called: Callable[[], list[Experiment]] = cache(partial(called_for, recording, Wanted(), turns))
    return partial(_why_untested, recording=recording, called=called)


def _why_untested(comparison: Comparison, *, recording: Recording, called: Callable[[], list[Experiment]]) -> Missing:
    """The reason, with what would test something: at one point, a longer run, or other arms."""
    if recording.plan.arm(comparison.changed).point:
        return Missing("no experiment runs where a setting is varied, since a cause is tested at one point")
    arms = {comparison.control, comparison.changed}
    fitting = [entry for entry in called() if entry.arm in arms and not entry.excluded]
    wanted = dict.fromkeys(entry.switches[-1] for entry in fitting)
    titles = [f"{cause_of(switch.cause).title} ({_named(switch)})" for switch in wanted]
    if not titles:
        return Missing("no experiment ran: no reading of these arms calls for one that their engines can apply")
    named = ", ".join(titles[:_MOST_NAMED]) + (" and others" if len(titles) > _MOST_NAMED else "")
    return Missing(f"no experiment ran, and the readings call for {named}: --experiments all with a longer --budget")


def _named(switch: Switch) -> str:
    """A level as it is typed; one that lists nodes by how many they are, since their names fill lines."""
    nodes = FACTORS[switch.factor].left_by(switch.level)
    return f"{switch.factor} of {len(nodes)}" if len(nodes) > 1 else str(switch)
