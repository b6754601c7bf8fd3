"""Explanations written by hand: the blog post's arms with and without a PMU, and what can go wrong."""

from __future__ import annotations

import math
from dataclasses import replace

from ironlaw.arm import Arm
from ironlaw.concern import Concern, Weight
from ironlaw.estimate import Estimate
from ironlaw.explanation import (
    ArmSummary,
    Association,
    CauseVerdict,
    Comparison,
    Counterfactual,
    Difference,
    Explanation,
    Outcome,
    Recommendation,
)
from ironlaw.explanation.split import Ledger, LedgerRow, Split, SplitTerm, Term
from ironlaw.factor import Direction
from ironlaw.machine import Machine
from ironlaw.missing import Missing
from ironlaw.plan import Plan, Schedule
from ironlaw.variant import Variant

MS = 1e6
NO_PMU = Missing("the kernel refused hardware events (ENOENT): this machine exposes no PMU")


def estimate(value: float, half: float) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half)


def ln(ratio: float, *, half: float = 0.01) -> Estimate:
    return estimate(math.log(ratio), half)


def arm(name: str, time_ms: float, **known: object) -> ArmSummary:
    defaults: dict[str, object] = {
        "arm": name,
        "inferences": 480,
        "wall_ns": estimate(time_ms * MS, time_ms * MS * 0.01),
        "user_ns": time_ms * 0.7 * MS,
        "kernel_ns": time_ms * 0.28 * MS,
        "cpu_ns": time_ms * 0.98 * MS,
        "instructions": time_ms * 30e6,
        "cycles": time_ms * 3e6,
        "ipc": 0.97,
        "frequency_hz": 3.1e9,
        "cache_references": 4e6,
        "cache_misses": 2e5,
        "cache_miss_share": 0.05,
        "context_switches": 0.013,
        "page_faults": 3512.0,
        "size_bytes": 14_260_500,
        "top1_agreement": 1.0,
        "phases_ns": {"load": 2.1e8},
        "computes_int8": "int8" in name,
    }
    return ArmSummary(**{**defaults, **known})  # type: ignore[arg-type] # a table of keywords, checked by the tests


MACHINE = Machine(
    architecture="x86_64",
    cpu="AMD EPYC 7313",
    vendor="AuthenticAMD",
    isa=("avx2", "fma"),
    cpus_allowed=(0, 1),
    cache_bytes={"L1d": 32768, "L2": 524288, "L3": 33554432},
    kernel="6.1.0",
    libc="glibc 2.36",
    allocator="glibc malloc",
    python="3.11.2",
    versions={"torch": "2.14.1"},
)


def plan(*names: str, added: tuple[str, ...] = (), model: str = "mobilenet_v2") -> Plan:
    asked = tuple(Arm(name=name, variant=Variant()) for name in names)
    experiments = tuple(Arm(name=name, variant=Variant(), serves=("page-faults",)) for name in added)
    return Plan(model=model, arms=(*asked, asked[0].again(), *experiments), schedule=Schedule())


def term(ms: float, ln_value: float) -> SplitTerm:
    return SplitTerm(ln=estimate(ln_value, 0.01), ns=estimate(ms * MS, 0.3 * MS))


SPLIT = Split(
    total=term(18.3, 0.993),
    terms={
        Term.INSTRUCTIONS: term(8.0, 0.434),
        Term.CPI: term(2.1, 0.114),
        Term.FREQUENCY: term(-0.2, -0.011),
        Term.UTILISATION: Missing("task clock was not read"),
        Term.KERNEL: term(8.4, 0.456),
    },
    assumptions=("user and kernel mode ran at the same frequency",),
)

PAGE_FAULTS = CauseVerdict(
    cause="page-faults",
    outcome=Outcome.CONFIRMED,
    control="fp32",
    changed="fp32+malloc=retain",
    predicts=Direction.FASTER,
    effect=ln(1.5),
    share=estimate(0.41, 0.03),
    evidence={"minor faults per inference": 3512.0, "kernel share of cycles": NO_PMU},
)
FUSION = CauseVerdict(
    cause="fusion",
    outcome=Outcome.CONFIRMED,
    control="int8",
    changed="int8+fused",
    predicts=Direction.FASTER,
    effect=ln(1.327, half=0.02),
    share=estimate(0.47, 0.04),
)
CACHE_FIT = CauseVerdict(
    cause="cache-fit",
    outcome=Outcome.REFUTED,
    control="fp32",
    changed="fp32+weights=aliased",
    predicts=Direction.FASTER,
    effect=estimate(0.001, 0.006),
    reason="the interval lies inside the smallest effect that would matter",
)
SIMD = CauseVerdict(
    cause="simd-density", outcome=Outcome.CONSISTENT, reason="instructions per MAC fall from 0.21 to 0.12"
)
LAYOUT = CauseVerdict(
    cause="layout",
    outcome=Outcome.UNDECIDED,
    control="fp32",
    changed="fp32+layout=channels_last",
    predicts=Direction.FASTER,
    effect=estimate(0.02, 0.05),
    reason="the interval contains both zero and an effect that would matter",
    decided_by="more replicates",
)


def comparison(control: str, changed: str, ratio: float, **known: object) -> Comparison:
    half = 0.037
    effect = ln(ratio, half=half)
    difference = (
        Difference.NONE_SHOWN
        if not effect.excludes(0)
        else Difference.FASTER
        if effect.value > 0
        else Difference.SLOWER
    )
    defaults: dict[str, object] = {
        "control": control,
        "changed": changed,
        "difference": difference,
        "ln_ratio": effect,
        "rank": effect,
        "replicates": tuple(effect.value + offset for offset in (-0.02, -0.01, 0.0, 0.01, 0.02)),
    }
    return Comparison(**{**defaults, **known})  # type: ignore[arg-type] # a table of keywords


def ledger(layers: int = 52) -> Ledger:
    rows = [
        LedgerRow(
            layer=f"features.{place}.conv",
            kind=("1x1", "depth-wise", "3x3")[place % 3],
            fate="both",
            order=place,
            control_ns=(0.2 + 0.3 * (place % 7)) * MS,
            changed_ns=(0.1 + 0.1 * (place % 7)) * MS,
            terms={Term.INSTRUCTIONS: 0.05 * MS, Term.CPI: 0.02 * MS, Term.KERNEL: NO_PMU},
            control_work={"macs": 1e7 * (1 + place % 5), "bytes": 1e6},
            changed_work={"macs": 1e7 * (1 + place % 5), "bytes": 2.5e5},
            executed=("float32 conv", "int8 conv"),
        )
        for place in range(layers)
    ]
    rows.append(
        LedgerRow(
            layer="unattributed",
            kind="",
            fate="unattributed",
            order=layers,
            control_ns=0.5 * MS,
            changed_ns=0.4 * MS,
            terms={},
        )
    )
    return Ledger(rows=tuple(rows), disturbed_speedup=estimate(2.6, 0.1), undisturbed_speedup=estimate(2.7, 0.1))


def with_pmu() -> Explanation:
    """The blog post's arms, two experiments, everything counted."""
    slowest = arm("fp32", 29.0)
    return Explanation(
        machine=MACHINE,
        plan=plan("fp32", "fp32+fused", "int8", "int8+fused", added=("fp32+malloc=retain", "fp32+weights=aliased")),
        arms=(
            slowest,
            arm("fp32+fused", 24.1, size_bytes=14_130_000),
            arm("int8", 14.2, size_bytes=4_242_200, top1_agreement=0.9, sqnr_db=21.4, page_faults=3.25),
            arm("int8+fused", 10.7, size_bytes=3_943_600, top1_agreement=0.9, sqnr_db=20.9, page_faults=0.0),
            arm("fp32 (again)", 29.1, identical_outputs=True),
            arm("fp32+malloc=retain", 19.3, page_faults=2.0),
            arm("fp32+weights=aliased", 28.9, size_bytes=1_300_000),
        ),
        comparisons=(
            comparison("fp32", "fp32+fused", 1.2),
            comparison("fp32", "int8", 2.04),
            comparison(
                "fp32",
                "int8+fused",
                2.7,
                causes=(PAGE_FAULTS, FUSION, CACHE_FIT, SIMD, LAYOUT),
                split=SPLIT,
                counterfactuals=(Counterfactual(term=Term.CPI, wall_ns=estimate(26.9 * MS, 0.4 * MS)),),
                unexplained=estimate(0.12, 0.04),
                misleading=("ipc-lower-while-faster",),
                ledger=ledger(),
            ),
            comparison("fp32", "fp32+malloc=retain", 1.5),
            comparison("fp32", "fp32+weights=aliased", 1.001),
        ),
        control_check=comparison("fp32", "fp32 (again)", 0.998),
        concerns=(
            Concern(
                slug="untrained-weights",
                text="untrained weights: speed is valid, agreement is not",
                fix="let torchvision download them once",
                weight=Weight.NOTES,
            ),
            Concern(
                slug="noisy-host",
                text="3 % of the time was stolen by the host",
                fix="raise --budget",
                arm="int8",
            ),
        ),
        associations=(
            Association(
                counter="page_faults",
                over="arms",
                arm="",
                n=7,
                covariance=1.2e3,
                correlation=estimate(0.8, 0.15),
            ),
            Association(
                counter="cache_misses",
                over="rounds",
                arm="fp32",
                n=80,
                covariance=-3.0,
                correlation=estimate(-0.1, 0.2),
            ),
        ),
        recommendation=Recommendation(
            arm="int8+fused",
            gain=estimate(2.7, 0.1),
            how="torch.ao.quantization.fuse_modules before prepare",
            tried=("fp32+weights=aliased",),
        ),
    )


def compared(whole: Explanation, changed: str, **known: object) -> tuple[Comparison, ...]:
    """The comparisons of an explanation, with something else known of one of them."""
    return tuple(
        replace(item, **known) if item.changed == changed else item  # type: ignore[arg-type] # a table of keywords
        for item in whole.comparisons
    )


def without_pmu() -> Explanation:
    """The same, on a machine that counts nothing in hardware."""
    lost = dict.fromkeys(
        ("instructions", "cycles", "ipc", "frequency_hz", "cache_references", "cache_misses", "cache_miss_share"),
        NO_PMU,
    )
    whole = with_pmu()
    by_time = Split(
        total=term(18.3, 0.993),
        terms={Term.CPU_TIME: term(18.0, 0.98), Term.UTILISATION: term(0.3, 0.013)},
        assumptions=(),
    )
    return replace(
        whole,
        arms=tuple(replace(row, **lost) for row in whole.arms),  # type: ignore[arg-type] # all are Missing
        comparisons=compared(whole, "int8+fused", split=by_time, counterfactuals=(), misleading=(), ledger=NO_PMU),
    )


def cut_short() -> Explanation:
    """Interrupted after its first rounds: no causes yet."""
    whole = without_pmu()
    return replace(
        whole,
        comparisons=tuple(replace(item, causes=()) for item in whole.comparisons[:2]),
        control_check=Missing("the recording was cut before the control arm ran"),
        recommendation=Missing("nothing was tried yet"),
        concerns=(),
        associations=(),
        was_cut=True,
    )


def with_failed_arm() -> Explanation:
    """int8 crashed; all other arms continued."""
    whole = with_pmu()
    reason = Missing("int8 crashed: signal 11 (SIGSEGV) in turn 3")
    failed = ArmSummary(
        arm="int8",
        inferences=0,
        wall_ns=reason,
        instructions=reason,
        ipc=reason,
        failure="signal 11 (SIGSEGV) in turn 3",
    )
    return replace(
        whole,
        arms=tuple(failed if row.arm == "int8" else row for row in whole.arms),
        comparisons=compared(
            whole, "int8", ln_ratio=reason, rank=reason, replicates=(), difference=Difference.UNPROVEN
        ),
    )


def with_moved_control() -> Explanation:
    """fp32 against itself differs: nothing may be claimed."""
    whole = with_pmu()
    return replace(
        whole,
        control_check=comparison("fp32", "fp32 (again)", 1.06),
        comparisons=tuple(replace(item, difference=Difference.UNPROVEN) for item in whole.comparisons),
    )


def with_twelve_arms() -> Explanation:
    """As many arms as anybody asks for, with long names."""
    names = [f"int8@onnxruntime+fused+threads={threads}" for threads in range(2, 13)]
    whole = with_pmu()
    return replace(
        whole,
        plan=plan("fp32", *names),
        arms=(arm("fp32", 29.0), *(arm(name, 6.0 + place) for place, name in enumerate(names))),
        comparisons=tuple(comparison("fp32", name, 29.0 / (6.0 + place)) for place, name in enumerate(names)),
    )


HOSTILE = "<script>alert(1)</script>[bold]x[/bold]\x1b[31m"


def with_hostile_names() -> Explanation:
    """Names and texts that would be markup anywhere, and must stay text."""
    whole = with_pmu()
    verdict = replace(PAGE_FAULTS, control=HOSTILE, reason=HOSTILE)
    row = replace(ledger(3).rows[0], layer=HOSTILE, executed=(HOSTILE, HOSTILE))
    return replace(
        whole,
        machine=replace(MACHINE, cpu=HOSTILE, versions={HOSTILE: HOSTILE}),
        plan=plan(HOSTILE, "int8", model=HOSTILE),
        arms=(arm(HOSTILE, 29.0), arm("int8", 14.2)),
        comparisons=(comparison(HOSTILE, "int8", 2.04, causes=(verdict,), ledger=replace(ledger(3), rows=(row,))),),
        concerns=(Concern(slug="x", text=HOSTILE, fix=HOSTILE, arm=HOSTILE),),
        recommendation=Recommendation(arm=HOSTILE, gain=estimate(2.0, 0.1), how=HOSTILE),
    )
