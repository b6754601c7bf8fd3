"""Validity: what makes a comparison answer another question than the one asked. Checked first, for every arm.

Each concern names the arm, what the fault cost where an experiment measured it, and the fix.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from ironlaw.analysis.statistics.interval import t_interval
from ironlaw.analysis.verdicts.bench import Bench
from ironlaw.analysis.verdicts.signatures import Observed
from ironlaw.concern import Concern, Weight
from ironlaw.explanation import ArmSummary
from ironlaw.missing import Missing, is_known
from ironlaw.recording import Recording
from ironlaw.variant import PRECISION

# One may be chance (a tensor whose range is just that of its type); observers without data give them all.
FEWEST_UNIT_SCALES = 2
MOST_FLOAT_SHARE = 0.5
_CLAIMS_INT8 = re.compile(r"int8|quant|\bq8\b", re.IGNORECASE)


def validity_concerns(
    recording: Recording, seen: dict[str, Observed], on: Bench, rows: dict[str, ArmSummary]
) -> Iterator[Concern]:
    """The faults of every arm that was asked for, then those between arms."""
    for arm in recording.plan.asked():
        if arm.name in seen:
            yield from _state(seen[arm.name], on)
            yield from _precision(seen[arm.name], rows.get(arm.name))
    yield from _threads(recording, seen, on)
    yield from _inputs(recording)


def _state(arm: Observed, on: Bench) -> Iterator[Concern]:
    name, variant = arm.arm.name, arm.arm.variant
    meant = {factor: variant.level(factor) for factor in ("mode", "grad", "input", "calibration")}
    if arm.shows("train-mode"):
        yield Concern(
            slug="train-mode",
            text=f"runs in train mode: {_training(arm.training_layers)}{_cost(on, name, 'train-mode')}",
            fix="call module.eval() before inferring",
            arm=name,
            weight=_weight(meant["mode"] == "train"),
        )
    if arm.shows("autograd"):
        yield Concern(
            slug="autograd",
            text=f"records a graph for gradients at every inference{_cost(on, name, 'autograd')}",
            fix="infer under torch.inference_mode()",
            arm=name,
            weight=_weight(meant["grad"] == "on"),
        )
    if arm.shows("constant-input"):
        yield Concern(
            slug="constant-input",
            text=f"is fed one value only{_cost(on, name, 'constant-input')}; its speed may be that of a special case",
            fix="feed real inputs: --images, or return them from the factory",
            arm=name,
            weight=_weight(meant["input"] == "ones"),
        )
    if arm.census.get("unit_scales", 0.0) >= FEWEST_UNIT_SCALES:
        count = arm.census["unit_scales"]
        yield Concern(
            slug="uncalibrated",
            text=f"{count:.0f} of its int8 operators have scale 1 and zero point 0: their observers never saw data",
            fix="run real inputs through the prepared model before converting it",
            arm=name,
            weight=_weight(meant["calibration"] == "none"),
        )


def _training(layers: tuple[str, ...]) -> str:
    if not layers:
        return "BatchNorm uses batch statistics, dropout drops"
    if len(layers) == 1:
        return f"{layers[0]} computes as in training"
    return f"{len(layers)} of its layers compute as in training, the first {layers[0]}"


def _weight(was_asked_for: bool) -> Weight:
    return Weight.NOTES if was_asked_for else Weight.INVALIDATES


def _cost(on: Bench, arm: str, cause: str) -> str:
    """What the fault costs, where the arm also ran without it."""
    for entry in on.plan.experiments:
        if entry.arm == arm and not entry.spared and entry.switches[-1].cause == cause:
            without = on.stand_in(arm, entry.switches[:-1])
            terms = [] if without is None else [(1.0, without), (-1.0, entry.thrown)]
            cost = t_interval(list(on.series(*terms).values()))
            if not isinstance(cost, Missing):
                factor = cost.through(math.exp)
                return f"; measured, that costs it a factor of {factor.value:.3g} [{factor.low:.3g}, {factor.high:.3g}]"
    return ""


def _precision(arm: Observed, row: ArmSummary | None) -> Iterator[Concern]:
    name = arm.arm.name
    level = arm.arm.variant.level(PRECISION)
    if arm.census.get("fake_quantize_operators", 0.0) > 0:
        yield Concern(
            slug="simulated-quantization",
            text=(
                f"executes {arm.census['fake_quantize_operators']:.0f} fake-quantize operators: "
                "it simulates int8 in float and is slower than float"
            ),
            fix="convert the prepared model (torch.ao.quantization.convert, or lower it with the engine's compiler)",
            arm=name,
            weight=Weight.INVALIDATES,
        )
        return
    # int8-weights computes in float on purpose.
    claims = level in ("int8", "int8-dynamic") or (level == "given" and bool(_CLAIMS_INT8.search(name)))
    if not claims or "int8_operators" not in arm.census:
        return
    if not arm.computes_int8:
        same = row is not None and is_known(row.identical_outputs) and row.identical_outputs
        yield Concern(
            slug="not-quantized",
            text="is called int8 and executed no int8 operator"
            + ("; its answers are the control's, bit for bit" if same else ""),
            fix="look at the conversion: were the modules prepared, and does this engine have int8 kernels for them?",
            arm=name,
            weight=Weight.INVALIDATES,
        )
    elif arm.census.get("float_share", 0.0) > MOST_FLOAT_SHARE:
        yield Concern(
            slug="precision-islands",
            text=(
                f"computes {100 * arm.census['float_share']:.0f} % of its output elements in floating point, "
                f"with {arm.census['int8_operators']:.0f} int8 operators between"
            ),
            fix="ironlaw layers FILE lists which layers stayed float",
            arm=name,
            weight=Weight.NOTES,
        )


def _inputs(recording: Recording) -> Iterator[Concern]:
    """Arms that were fed something else than the control, without an arm's name saying so."""
    digests = {fact.arm: fact.input_digest for fact in recording.outputs}
    control = recording.plan.control
    for arm in recording.plan.asked()[1:]:
        fed, wanted = digests.get(arm.name), digests.get(control.name)
        if fed and wanted and fed != wanted:
            yield Concern(
                slug="unequal-work",
                text=f"was fed other inputs than {control.name}: neither answers nor values can be compared",
                fix="return the same inputs from both factories, seeded",
                arm=arm.name,
            )


def _threads(recording: Recording, seen: dict[str, Observed], on: Bench) -> Iterator[Concern]:
    for arm in recording.plan.asked():
        if arm.name in seen and seen[arm.name].shows("thread-oversubscription"):
            threads = seen[arm.name].census["threads"]
            yield Concern(
                slug="thread-oversubscription",
                text=(
                    f"its pool has {threads:.0f} threads for {seen[arm.name].cpus} CPUs"
                    + _cost(on, arm.name, "thread-oversubscription")
                ),
                fix="torch.set_num_threads(number of CPUs it may use)",
                arm=arm.name,
            )
    control = seen.get(recording.plan.control.name)
    for arm in recording.plan.asked()[1:]:
        other = seen.get(arm.name)
        if control is None or other is None:
            continue
        pools = control.census.get("threads"), other.census.get("threads")
        if None not in pools and pools[0] != pools[1] and not _differ_on_purpose(control, other):
            yield Concern(
                slug="unequal-arms",
                text=f"uses a pool of {pools[1]:.0f} threads where {control.arm.name} uses {pools[0]:.0f}",
                fix="give both the same number of threads",
                arm=arm.name,
                weight=Weight.INVALIDATES,
            )
    yield from _quota(recording)


def _differ_on_purpose(one: Observed, other: Observed) -> bool:
    return bool({"threads", "oversubscribe"} & set(one.arm.variant.differing(other.arm.variant)))


def _quota(recording: Recording) -> Iterator[Concern]:
    """cgroup v2 writes `max 100000` or `QUOTA PERIOD` in microseconds."""
    if not is_known(recording.machine) or not is_known(recording.machine.cgroup_cpu_max):
        return
    quota, _, period = recording.machine.cgroup_cpu_max.partition(" ")
    if quota.isdecimal() and period.isdecimal() and int(quota) / int(period) < recording.plan.threads:
        yield Concern(
            slug="thread-oversubscription",
            text=f"the cgroup allows {int(quota) / int(period):.2g} CPUs for {recording.plan.threads} threads",
            fix="raise cpu.max, or use fewer threads",
        )
