"""Scripted recordings, from plan to explanation: the whole pipeline without a PMU, a clock or torch."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.analysis.assemble import explain
from ironlaw.analysis.verdicts.planner import Wanted
from ironlaw.arm import Arm
from ironlaw.engines import PLAIN
from ironlaw.explanation import Comparison, Explanation, Outcome
from ironlaw.fact import Fact
from ironlaw.measure.recorder import Advice, record
from ironlaw.measure.scripted import ArmScript, Burden, Script, ScriptedStage
from ironlaw.missing import Maybe
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.recording import Recording, assemble
from ironlaw.running.advice import advise, advise_wanted
from ironlaw.variant import ENGINE, GIVEN, PRECISION, Variant
from ironlaw.watcher import Unwatched

# What an arm shows that has no cause of the catalogue in it: 100 operators in 33 ms.
SOUND_CHECKS = {"training": False, "records_graph": False, "constant_input": False, "channels_last": False,
                "scripted": False, "foreign_quantized_engine": False}  # fmt: skip
SOUND_CENSUS = {"operators": 100.0, "int8_operators": 0.0, "input_rank": 4.0, "threads": 1.0, "subnormal_share": 0.0,
                "norm_operators": 0.0, "sparse_convolutions": 0.0, "dynamic_operators": 0.0}  # fmt: skip
SOUND = ArmScript(checks=dict(SOUND_CHECKS), census=dict(SOUND_CENSUS))
INT8: dict[str, Maybe[float]] = {**SOUND_CENSUS, "int8_operators": 20.0}
QUARTER = 25e6  # instructions or cycles: a quarter more than the law's own 100e6
COMPUTES_INT8 = replace(SOUND, census=INT8)
# Little enough that what is not there is refuted, and nothing hangs on the seed; test_null has the noise.
QUIET = 0.002


class Kept(list[Fact]):
    """A sink in memory."""

    def write(self, fact: Fact) -> None:
        self.append(fact)


def run_script(plan: Plan, script: Script | ScriptedStage, advice: Advice | None = None) -> Kept:
    """The facts of a plan that is run on a script; `advice` to the recorder is none but `advise()` unless given."""
    kept, stage = Kept(), script if isinstance(script, ScriptedStage) else ScriptedStage(script)
    record(plan, stage, kept, watcher=Unwatched(), advice=advice or advise())
    return kept


def stated(before: ArmScript, after: ArmScript) -> Script:
    """A control and a changed arm by their laws."""
    return Script(arms={"a": before, "b": after}, turn_noise=QUIET)


def burdened(*burdens: Burden, law: ArmScript = SOUND) -> ArmScript:
    """A law with burdens on it."""
    return replace(law, burdens=burdens)


def own(name: str, engine: str = PLAIN) -> Arm:
    """A program of a user's own."""
    return Arm(name=name, variant=Variant.of({PRECISION: GIVEN, ENGINE: engine}), factory=f"{name}.py:build")


def recorded(arms: tuple[Arm, ...], script: Script, *, replicates: int = 8, ceilings: bool = False) -> Recording:
    """A run with all experiments, by the script."""
    plan = Plan(
        model="scripted",
        arms=with_control(arms),
        schedule=Schedule(replicates=replicates, rounds=4, inferences=4 * replicates, budget_s=None),
        ceilings=ceilings,
    )

    return assemble(run_script(plan, script, advise_wanted(Wanted())))


def explained(arms: tuple[Arm, ...], script: Script, *, replicates: int = 8, ceilings: bool = False) -> Explanation:
    """What such a run says."""
    return explain(recorded(arms, script, replicates=replicates, ceilings=ceilings))


def confirmed(comparison: Comparison) -> set[str]:
    """The causes that a comparison confirms."""
    return {verdict.cause for verdict in comparison.causes if verdict.outcome is Outcome.CONFIRMED}
