"""Concerns about a ledger: reading changed the result, time is unexplained, layers ran in another precision."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ironlaw.analysis.layers.operators import multiplies
from ironlaw.analysis.layers.work import arithmetic
from ironlaw.arm import Arm
from ironlaw.concern import Concern, Weight
from ironlaw.explanation import Comparison
from ironlaw.explanation.split import Ledger
from ironlaw.factors import FACTORS
from ironlaw.factors.int8_blocks import FACTOR as INT8_BLOCKS
from ironlaw.factors.int8_blocks import paths_of
from ironlaw.layer import LayerCall
from ironlaw.missing import Missing
from ironlaw.recording import Recording
from ironlaw.variant import ENGINE, PRECISION

MOST_DISTURBED = math.log(1.03)  # ln of the speed-up with layer reading over that without
MOST_UNATTRIBUTED = 0.03  # of the arm's time
_NAMED = 3
_DYNAMIC = "int8-dynamic"
_ASKED_INT8 = ("int8", _DYNAMIC)


def ledger_doubts(comparison: Comparison, ledger: Ledger) -> list[Concern]:
    """The concerns about one comparison's ledger."""
    return [*_disturbed(comparison, ledger), *_unattributed(comparison, ledger)]


def _disturbed(comparison: Comparison, ledger: Ledger) -> list[Concern]:
    read, alone = ledger.disturbed_speedup, ledger.undisturbed_speedup
    if isinstance(read, Missing) or isinstance(alone, Missing):
        return []
    apart = math.log(read.value / alone.value)
    if abs(apart) <= MOST_DISTURBED:
        return []
    text = (
        f"reading layers changes the speed-up of {comparison.changed} over {comparison.control} from {alone.value:.3g} "
        f"to {read.value:.3g} (by {100 * math.expm1(abs(apart)):.1f} %, more than 3 %): its ledger is approximate"
    )
    fix = "read fewer, larger layers: a larger input or batch; or a longer --budget if the machine was unsteady"
    return [Concern(slug="layer-reading-disturbs", text=text, fix=fix, arm=comparison.changed)]


def _unattributed(comparison: Comparison, ledger: Ledger) -> list[Concern]:
    row = ledger.rows[-1]
    found = []
    for arm, rest_ns, whole_ns in (
        (comparison.control, row.control_ns, math.fsum(one.control_ns for one in ledger.rows)),
        (comparison.changed, row.changed_ns, math.fsum(one.changed_ns for one in ledger.rows)),
    ):
        share = rest_ns / whole_ns if whole_ns > 0 else 0.0
        if abs(share) > MOST_UNATTRIBUTED:
            text = (
                f"{100 * share:.1f} % of the time of {arm} is neither in a layer nor between layers (the limit is 3 %)"
            )
            if share < 0:
                more = f"{100 * -share:.1f} % more than all of it"
                text = f"while they were read, the layers of {arm} took {more} (the limit is 3 %)"
            fix = "the machine changed speed between counted turns and layer turns: measure longer"
            found.append(Concern(slug="layers-unattributed", text=text, fix=fix, arm=arm))
    return found


def precision_doubts(recording: Recording, arms: Sequence[Arm]) -> list[Concern]:
    """Arms requested as int8 in which layers multiplied in another format, with the names of these layers.

    Arms that leave some blocks in float on purpose are exempt; their reference, `int8-blocks=all`, is not.
    """
    found = []
    for arm in arms:
        asked = arm.variant.level(PRECISION)
        if paths_of(arm.variant.level(INT8_BLOCKS.name)):
            continue
        graph = next((one for one in reversed(recording.layer_graphs) if one.arm == arm.name), None)
        if asked not in _ASKED_INT8 or graph is None or isinstance(graph.calls, Missing):
            continue
        working = [call for call in graph.calls if multiplies(call) and arithmetic(call)]
        other = [call for call in working if arithmetic(call) != "int8"]
        if other:
            found.append(_ran_otherwise(arm, working, other))
    return found


def _ran_otherwise(arm: Arm, working: Sequence[LayerCall], other: Sequence[LayerCall]) -> Concern:
    """A note, or a doubt about what the comparison is of if it is at least half of them."""
    formats = " and ".join(dict.fromkeys(arithmetic(call) for call in other))
    names = ", ".join(call.name for call in other[:_NAMED])
    more = f" and {len(other) - _NAMED} more" if len(other) > _NAMED else ""
    fix = "check which of them have an int8 kernel in this engine"
    if arm.variant.level(PRECISION) == _DYNAMIC and arm.variant.level(ENGINE) == FACTORS[ENGINE].plain:
        fix += "; static int8 (int8+fused) covers convolutions too"
    return Concern(
        slug="asked-int8-ran-float",
        text=f"{len(other)} of its {len(working)} multiplying layers ran in {formats}: {names}{more}",
        fix=fix,
        arm=arm.name,
        weight=Weight.DOUBTS if 2 * len(other) >= len(working) else Weight.NOTES,
    )
