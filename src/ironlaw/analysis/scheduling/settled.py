"""Whether a run may end because nothing is open: every difference is shown or excluded, every experiment decided.

The run is looked at after every replicate, so that a difference is judged by the rule for interim looks: see
statistics/sequential.py.
"""

from __future__ import annotations

from ironlaw.analysis.statistics.interval import t_interval
from ironlaw.analysis.statistics.paired import pair
from ironlaw.analysis.statistics.sequential import FEWEST_TO_SETTLE, INTERIM
from ironlaw.analysis.turns import ArmTurns, times_of
from ironlaw.analysis.verdicts.bench import SMALLEST_EFFECT
from ironlaw.experiment import CauseState
from ironlaw.missing import is_known
from ironlaw.plan import Plan
from ironlaw.recording import Recording


def is_settled(plan: Plan, recording: Recording) -> bool:
    """Whether another replicate could decide nothing; `plan` is the one it would have.

    An experiment that waits counts as decided only where its time would not fit any more.
    """
    if any(standing.state is CauseState.OPEN for standing in plan.standings):
        return False
    if any(arm.serves and arm.name not in (*plan.resting, *plan.retired) for arm in plan.arms):
        return False  # what measures settled causes together has not run often enough yet
    turns = times_of(recording)
    failed = {failure.arm for failure in recording.failures}
    pairs = [(control.name, arm.name) for control, arm in plan.pairs() if not {control.name, arm.name} & failed]
    return bool(pairs) and all(_is_decided(turns, *pair) for pair in pairs)


def _is_decided(turns: dict[str, ArmTurns], control: str, changed: str) -> bool:
    if not {control, changed} <= turns.keys():
        return False
    ratios = pair(turns[control], turns[changed]).ln_ratios
    if len(ratios) < FEWEST_TO_SETTLE:
        return False
    equal, shown = (t_interval(ratios, confidence=level) for level in (INTERIM.confidence, 1 - INTERIM.error))
    if not is_known(equal) or not is_known(shown):
        return False
    return shown.excludes(0.0) or equal.lies_within(SMALLEST_EFFECT)
