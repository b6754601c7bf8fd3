"""Explanations with much to report: many arms, causes, concerns, points, blocks in float, phases."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ironlaw.analysis.assemble import explain
from ironlaw.arm import Arm
from ironlaw.causes import CAUSES
from ironlaw.concern import Concern, Weight
from ironlaw.estimate import Estimate
from ironlaw.explanation import (
    CauseVerdict,
    Comparison,
    Design,
    Explanation,
    FrontPoint,
    Mixed,
    Outcome,
    Recommendation,
    WaterfallStep,
)
from ironlaw.explanation.account import Account, AccountRow, Category
from ironlaw.explanation.generation import READING, GainByPhase, Generation
from ironlaw.factor import Direction
from ironlaw.file_graph import GraphChange, GraphDiff, NodeFate
from ironlaw.measure.scripted import ArmScript, Script
from ironlaw.missing import Missing
from ironlaw.phase import Phase, PhaseKind
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.point import points_of
from ironlaw.recording import assemble
from tests.report import explanations
from tests.report.explanations import arm, comparison, estimate, ln, plan
from tests.scripted import run_script

SLUGS = sorted(CAUSES)
NO_SHARE = Missing("only confirmed causes have a share")
LEVELS = ("int8", "int8+fused", "int8@onnxruntime", "int8@openvino+threads=2", "bf16@compiled", "int4-weights@compiled")
REASONS = (
    "int8+fused was not switched: it has 3.7 page faults an inference",
    "the interval contains both zero and an effect that would matter: three more replicates would decide it, if the "
    "spread between them stays what it was",
    "",
)


def names(count: int) -> list[str]:
    """Distinct arms of usual and of long names."""
    return [f"{LEVELS[place % len(LEVELS)]}+malloc=level-{place}" for place in range(count)]


def verdicts(rng: random.Random, outcome: Outcome, slugs: Sequence[str], changed: str) -> list[CauseVerdict]:
    """A verdict on each cause, by experiments of all designs."""
    return [
        CauseVerdict(
            cause=slug,
            outcome=outcome,
            control=f"fp32+{slug}=on",
            changed=f"{changed}+{slug}=off",
            design=rng.choice(list(Design)),
            others=(f"fp32+{slug}=off", f"{changed}+{slug}=on"),
            predicts=Direction.FASTER,
            effect=ln(1.1 + rng.random()),
            share=estimate(0.1, 0.02) if outcome is Outcome.CONFIRMED else NO_SHARE,
            reason=rng.choice(REASONS),
            decided_by="" if outcome is Outcome.REFUTED else "more replicates",
        )
        for slug in slugs
    ]


def compared(rng: random.Random, changed: str, counts: Sequence[int]) -> Comparison:
    """A comparison with `counts` causes of each outcome."""
    slugs = rng.sample(SLUGS, sum(counts))
    causes: list[CauseVerdict] = []
    for outcome, count in zip(Outcome, counts, strict=True):
        causes += verdicts(rng, outcome, [slugs.pop() for _ in range(count)], changed)
    return comparison(
        "fp32",
        changed,
        1.2 + rng.random() * 3,
        causes=tuple(causes),
        split=explanations.SPLIT,
        ledger=explanations.ledger(),
        unexplained=estimate(0.12, 0.04),
        misleading=("ipc-lower-while-faster",),
    )


def concerns(rng: random.Random, arms: Sequence[str], counts: Sequence[int]) -> tuple[Concern, ...]:
    """`counts` that invalidate, that are doubts, and notes; of an arm each."""
    return tuple(
        Concern(
            slug=f"{weight.value}-{place}",
            text=f"reason {place} of {weight.value}; " + "it has a second clause that explains it " * rng.randint(0, 4),
            fix=rng.choice(("wait", "")),
            arm=rng.choice([*arms, ""]),
            weight=weight,
        )
        for weight, count in zip(Weight, counts, strict=True)
        for place in range(count)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """How many of what an explanation has; arms besides the control."""

    arms: int = 4
    causes: tuple[int, ...] = (4, 4, 4, 4)  # confirmed, refuted, undecided, consistent, in each comparison
    doubts: tuple[int, ...] = (0, 4, 2)  # that invalidate, that are doubts, notes
    front: int = 0
    mixed: int = 0
    steps: int = 0
    failed: int = 0
    has_phases: bool = False
    has_code: bool = False
    has_files: bool = False


def crowded(crowd: Crowd, *, seed: int = 1) -> Explanation:
    """Every arm compared with the control, all with causes, concerns and whatever else is requested."""
    rng = random.Random(seed)
    found = names(crowd.arms)
    rows = [arm("fp32", 29.0), *(arm(name, 6.0 + place, sqnr_db=20.0 + place) for place, name in enumerate(found))]
    if crowd.has_phases:
        rows = [replace(row, generation=_generation(rng)) for row in rows]
    rows = [
        replace(row, failure=f"signal 11 (SIGSEGV) in turn {place}", wall_ns=Missing("it failed"))
        if 0 < place <= crowd.failed
        else row
        for place, row in enumerate(rows)
    ]
    return Explanation(
        machine=explanations.MACHINE,
        plan=plan("fp32", *found),
        arms=(*rows, arm("fp32 (again)", 29.1, identical_outputs=True)),
        comparisons=tuple(_with_parts(compared(rng, name, crowd.causes), crowd) for name in found),
        control_check=comparison("fp32", "fp32 (again)", 0.998),
        concerns=concerns(rng, found, crowd.doubts),
        recommendation=Recommendation(
            arm=found[0],
            gain=estimate(2.7, 0.1),
            how="torch.ao.quantization.fuse_modules before prepare",
            tried=tuple(f"fp32+malloc=tried-{place}" for place in range(crowd.arms)),
            next_best=tuple(
                Recommendation(arm=name, gain=estimate(2.0, 0.1), how="a line of code that does it")
                for name in found[1:4]
            ),
        ),
        front=tuple(FrontPoint(arm=name, speedup=estimate(2.0, 0.1), size_bytes=4_000_000, agreement=0.99)
                    for name in found[:crowd.front]),
        mixed=tuple(
            Mixed(arm=f"{name}+mixed", blocks=("a", "b"), rival=name, is_best=True, gain=estimate(1.1, 0.05))
            for name in found[:crowd.mixed]
        ),
        waterfall=tuple(
            WaterfallStep(
                name="post" if place == 0 else SLUGS[place],
                is_whole=place == 0,
                arms=("fp32", found[0]),
                ln=ln(1.3),
            )
            for place in range(crowd.steps)
        ),
        gains_by_phase=tuple(_gain(name) for name in found) if crowd.has_phases else (),
    )  # fmt: skip


def _with_parts(found: Comparison, crowd: Crowd) -> Comparison:
    if crowd.has_code:
        found = replace(found, account=_account())
    return replace(found, graph=_graph()) if crowd.has_files else found


def _account() -> Account:
    rows = tuple(
        AccountRow(
            category=category,
            instructions=None,
            control_ns=estimate(2e6, 1e5),
            changed_ns=estimate(1e6, 1e5),
            saved_ns=estimate(1e6, 2e5),
        )
        for category in Category
    )
    return Account(rows=rows, categories=(), total_ns=16e6, samples=(200, 100))


def _graph() -> GraphDiff:
    changes = tuple(
        GraphChange(fate=fate, control=f"Conv{place}", changed=f"QLinearConv{place}", names=("conv_1", "conv_2"))
        for place in range(9)
        for fate in NodeFate
    )
    return GraphDiff(same=100, changes=changes)


def crowded_points(arms: int, values: int) -> Explanation:
    """`arms` with the control at this number of batch sizes, each with one thread and with two."""
    points = points_of({"batch": tuple(str(2**place) for place in range(values)), "threads": ("1", "2")})
    named = ("fp32", "int8", "int8+fused", "fp32+fused", "int8-dynamic", "int8-weights")[:arms]
    found = tuple(Arm.of(name).at(point) for point in points for name in named)
    schedule = Schedule(replicates=2, rounds=1, inferences=2, budget_s=None)
    plan = Plan(model="scripted", arms=with_control(found), schedule=schedule, seed=2)
    scripts = {one.name: ArmScript(user_instructions=1e6 * (1 + place % 7)) for place, one in enumerate(plan.arms)}
    script = Script(arms=scripts, turn_noise=0.01, shared_spread=0.01, seed=2)
    return explain(assemble(run_script(plan, script)))


def _generation(rng: random.Random) -> Generation:
    rate = 20 + 40 * rng.random()
    return Generation(
        phase=Phase(kind=PhaseKind.DECODE, tokens=32),
        tokens_per_s=estimate(rate, 4),
        ns_per_token=estimate(1e9 / rate, 4e6),
        first_token_ns=Missing("the tokens before it are processed outside the clock"),
        bytes_per_token=50e6,
        cache_bytes_per_token=2e6,
        macs_per_token=100e6,
        reached={READING: Estimate(value=0.5, low=0.4, high=0.6)},
        perplexity=21.3,
        text_tokens=255.0,
        kl_nats=0.012,
        own_clock=0.7,
    )


def _gain(name: str) -> GainByPhase:
    gain = Estimate(value=2.0, low=1.9, high=2.1)
    loss = Estimate(value=0.5, low=0.4, high=0.6)
    phases = (Phase(kind=PhaseKind.PREFILL, tokens=32), Phase(kind=PhaseKind.DECODE, tokens=32))
    return GainByPhase(changed=name, control="fp32", phases=phases, gains=(gain, loss), ratio=gain)
