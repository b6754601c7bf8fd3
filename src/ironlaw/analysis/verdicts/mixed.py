"""Mixed precision: which blocks to leave in float, by the ledger, and whether that beats the best uniform arm.

The ledger only proposes: it lacks quantize and dequantize at the border of a block that stays float. The proposed arm
is measured in the same rounds as the other arms, all of which count, so that choosing it introduces no bias.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ironlaw.analysis.compare import NO_GAIN, compare
from ironlaw.analysis.layers.ledger import ledger
from ironlaw.analysis.layers.operators import converts
from ironlaw.analysis.layers.views import LAYER_FATES, OUTSIDE, block_of
from ironlaw.analysis.statistics.interval import t_interval
from ironlaw.analysis.turns import turns_of
from ironlaw.analysis.verdicts.bench import Bench, bench, mean_of
from ironlaw.arm import Arm
from ironlaw.explanation import NOT_SEARCHED, Mixed
from ironlaw.explanation.split import Ledger
from ironlaw.factors.int8_blocks import ALL, BUT, FACTOR, leaving_float, paths_of
from ironlaw.layer import LayerCall
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.recording import Recording
from ironlaw.variant import PRECISION

DEPTH = 2  # of a block's path, as ironlaw layers --flip cuts them
# What an int8 arm and the float arm that it is held against may differ in.
_OF_INT8 = (PRECISION, "calibration", "quantized-engine")
# What a mixed arm and its uniform siblings may differ in.
_OF_MIXING = (*_OF_INT8, "fusion", FACTOR.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Losing:
    """The blocks of an int8 arm that take longer than in the float arm, in the order of execution."""

    changed: str
    control: str
    blocks: tuple[str, ...]


def is_mixing(arm: Arm) -> bool:
    """Whether the arm measures the gain of mixing: a mixed arm, or its reference with all blocks in int8."""
    return arm.variant.level(FACTOR.name) != FACTOR.plain


def mixed_arms(recording: Recording) -> tuple[Arm, ...]:
    """The arms to add: the best int8 arm with its losing blocks in float, and its reference; empty if no block loses.

    The mixed arm and its reference are traced; the int8 arm need not be. Without the reference, the effect of tracing
    would be attributed to mixing.
    """
    lost = losing(recording)
    if isinstance(lost, Missing) or not lost.blocks or any(is_mixing(arm) for arm in recording.plan.arms):
        return ()
    base = _fastest(bench(recording), _int8_arms(recording))
    assert base is not None, "an int8 arm loses blocks"
    levels = (ALL, leaving_float(lost.blocks))
    variants = [base.variant.with_level(FACTOR.name, level) for level in levels]
    return tuple(Arm.running(variant) for variant in variants)


def losing(recording: Recording) -> Maybe[Losing]:
    """The blocks that are slower in int8, including conversions inside them, by the fastest int8 arm whose layers were
    read.

    A block loses if it takes longer by at least SMALLEST_EFFECT of the arm's time. If all int8 blocks lose, none is
    named, since the float arm itself would remain.
    """
    on = bench(recording)
    read = {graph.arm for graph in recording.layer_graphs if is_known(graph.calls)}
    pairs = {
        arm: other for arm in _int8_arms(recording) if arm.name in read and (other := _in_float(recording, arm, read))
    }
    changed = _fastest(on, pairs)
    if changed is None:
        return Missing("the layers of no static int8 arm in eager PyTorch, and of its float form, were read")
    turns = turns_of(recording)
    comparison, shared = compare(turns[pairs[changed].name], turns[changed.name], recording.machine)
    found = ledger(recording, comparison, shared) if len(shared.replicates) else Missing("they share no round")
    if isinstance(found, Missing):
        return found
    lost = _lost_ns(found, _calls(recording, changed.name))
    least_ns = on.smallest * math.exp(float(shared.ln_changed.mean()))
    blocks = tuple(block for block, ns in lost.items() if ns >= least_ns)
    named = blocks if len(blocks) < len(lost) else ()
    return Losing(changed=changed.name, control=pairs[changed].name, blocks=named)


def mixed(recording: Recording, on: Bench, fit: Collection[str], *, trusted: bool) -> Maybe[tuple[Mixed, ...]]:
    """The gain of each mixed arm over the best uniform arm, and over the best one that differs in nothing else.

    `fit` are the arms that answer as the control does; others are not compared. Missing if nothing was searched or no
    block lost.
    """
    arms = [arm for arm in recording.plan.asked() if arm.variant.level(FACTOR.name).startswith(BUT)]
    if not arms:
        return _why_none(recording)
    uniform = [
        arm for arm in recording.plan.asked() if not paths_of(arm.variant.level(FACTOR.name)) and arm.name in fit
    ]
    found = []
    for arm in arms:
        siblings = [one for one in uniform if set(one.variant.differing(arm.variant)) <= set(_OF_MIXING)]
        rivals = (_rival(on, arm, uniform), _rival(on, arm, siblings))
        for rival in dict.fromkeys(one for one in rivals if one is not None):
            ln_gain = t_interval(list(on.series((1.0, rival.name), (-1.0, arm.name)).values())) if trusted else NO_GAIN
            found.append(
                Mixed(
                    arm=arm.name,
                    blocks=paths_of(arm.variant.level(FACTOR.name)),
                    rival=rival.name,
                    is_best=rival is rivals[0],
                    gain=ln_gain.through(math.exp) if not isinstance(ln_gain, Missing) else ln_gain,
                )
            )
    return tuple(found)


def _why_none(recording: Recording) -> Missing:
    if not recording.plan.retired:
        return NOT_SEARCHED
    lost = losing(recording)
    if isinstance(lost, Missing):
        return lost
    if lost.blocks:
        return Missing(f"{', '.join(lost.blocks)} of {lost.changed} lost too late to be left in float")
    return Missing(f"no single block makes {lost.changed} slower than {lost.control}")


def _int8_arms(recording: Recording) -> list[Arm]:
    """The arms whose modules can be left in float one by one."""
    return [
        arm
        for arm in recording.plan.asked()
        if not arm.factory and arm.variant.takes(FACTOR.name) and not is_mixing(arm)
    ]


def _in_float(recording: Recording, arm: Arm, read: Collection[str]) -> Arm | None:
    """The float arm that differs from an int8 arm in precision only."""
    for other in recording.plan.asked():
        is_float = other.variant.level(PRECISION) == "fp32" and not other.factory and other.name in read
        if is_float and set(other.variant.differing(arm.variant)) <= set(_OF_INT8):
            return other
    return None


def _fastest(on: Bench, arms: Iterable[Arm]) -> Arm | None:
    """The fastest arm by the mean of ln(time/control) over its replicates."""
    control = on.plan.control.name
    relative = {arm: on.series((1.0, arm.name), (-1.0, control)) for arm in arms}
    return min((arm for arm in relative if relative[arm]), key=lambda arm: mean_of(relative[arm]), default=None)


def _rival(on: Bench, arm: Arm, others: Iterable[Arm]) -> Arm | None:
    """The fastest of the arms that ran together with an arm for longest; the others were retired as slower."""
    series = {one: on.series((1.0, one.name), (-1.0, arm.name)) for one in others}
    longest = max(map(len, series.values()), default=0)
    lasting = [one for one in series if longest and len(series[one]) == longest]
    return min(lasting, key=lambda one: mean_of(series[one]), default=None)


def _calls(recording: Recording, arm: str) -> tuple[LayerCall, ...]:
    graph = next(one for one in reversed(recording.layer_graphs) if one.arm == arm)
    assert not isinstance(graph.calls, Missing), "its layers were read"
    return graph.calls


def _lost_ns(found: Ledger, calls: tuple[LayerCall, ...]) -> dict[str, float]:
    """How much longer each int8 block takes than in float, in ns, in order of execution."""
    rows = [row for row in found.rows if row.fate in LAYER_FATES]
    homes = {name: block_of(row.path, DEPTH) for row in rows for name in row.changed_layers}
    placed = _placed(calls, homes)
    computing = {placed[call.name] for call in calls if _computes_int8(call)} - {OUTSIDE}
    lost = dict.fromkeys((home for home in placed.values() if home in computing), 0.0)
    for row in rows:
        home = placed[row.changed_layers[0]] if row.changed_layers else block_of(row.path, DEPTH)
        if home in lost:
            lost[home] -= row.saved_ns
    return lost


def _placed(calls: tuple[LayerCall, ...], homes: dict[str, str]) -> dict[str, str]:
    """The block of each call. Calls outside modules, such as conversions after tracing, belong to a block if all their
    inputs and all their readers do.
    """
    readers: dict[int, list[int]] = {}
    for place, call in enumerate(calls):
        for source in call.fed_by:
            readers.setdefault(source, []).append(place)
    placed = {call.name: homes.get(call.name, OUTSIDE) for call in calls}
    for place, call in enumerate(calls):
        beside = {placed[calls[one].name] if one >= 0 else OUTSIDE for one in (*call.fed_by, *readers.get(place, ()))}
        if placed[call.name] == OUTSIDE and len(beside) == 1:
            placed[call.name] = beside.pop()
    return placed


def _computes_int8(call: LayerCall) -> bool:
    return not converts(call) and any(
        form.dtype.startswith(("qint", "quint")) for form in (*call.outputs, *call.parameters)
    )
