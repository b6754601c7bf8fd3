"""When layers are read: which arms, behind what, for how long; on a scripted stage."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.arm import Arm
from ironlaw.fact import Fact, Failure, Reading
from ironlaw.layer import LayerCall, LayerGraph, LayerReading, Probe
from ironlaw.measure.layers.scripted import ScriptedLayer
from ironlaw.measure.messages import LayerTurn, SurveyLayers
from ironlaw.measure.scripted import ArmScript, Script, ScriptedStage
from ironlaw.missing import Missing
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.recording import Recording, assemble
from tests.scripted import Kept, run_script

CONV = ScriptedLayer(call=LayerCall(path="conv", operator="Conv2d"), user_instructions=6e7)
LINEAR = ScriptedLayer(call=LayerCall(path="fc", operator="Linear", fed_by=(0,)), user_instructions=3e7)
LAW = ArmScript(layers=(CONV, LINEAR), reading_inside_ns=300, reading_between_ns=4000)
SCRIPT = Script(arms={"fp32": LAW, "int8": replace(LAW, user_instructions=5e7, layers=(CONV,))})


def plan(schedule: Schedule | None = None) -> Plan:
    arms = with_control((Arm.of("fp32"), Arm.of("int8")))
    return Plan(model="scripted", arms=arms, schedule=schedule or Schedule(replicates=4, rounds=6), layers=True)


def run(what: Plan, stage: ScriptedStage) -> tuple[Recording, Kept]:
    kept = run_script(what, stage)
    return assemble(kept), kept


def test_only_arms_that_were_asked_for_are_read() -> None:
    recording, _ = run(plan(), ScriptedStage(SCRIPT))
    assert {reading.arm for reading in recording.layer_readings} == {"fp32", "int8"}
    assert [graph.arm for graph in recording.layer_graphs] == ["fp32", "int8"]


def test_every_probe_reads_every_arm_in_every_replicate() -> None:
    recording, _ = run(plan(), ScriptedStage(SCRIPT))
    met = {(one.arm, one.replicate, one.probe) for one in recording.layer_readings}
    probes = (Probe.CLOCK, Probe.CPU, Probe.FAULTS, Probe.GROUP)
    assert met == {(arm, number, probe) for arm in ("fp32", "int8") for number in range(4) for probe in probes}


def test_layers_are_read_behind_all_counted_turns_of_their_replicate() -> None:
    _, kept = run(plan(), ScriptedStage(SCRIPT))
    for number in range(4):
        counted = [at for at, fact in enumerate(kept) if isinstance(fact, Reading) and fact.replicate == number]
        read = [at for at, fact in enumerate(kept) if isinstance(fact, LayerReading) and fact.replicate == number]
        assert max(counted) < min(read)


def test_layer_turns_take_at_most_three_tenths_of_the_rest() -> None:
    for budget_s in (40.0, 100.0, 225.0):
        recording, _ = run(plan(Schedule(replicates=4, rounds=6, budget_s=budget_s)), ScriptedStage(SCRIPT))
        layers_s = sum(one.took_ns for one in recording.layer_readings) / 1e9
        assert not isinstance(recording.ended, Missing)
        assert layers_s < 0.3 * (recording.ended.elapsed_s - layers_s)
        assert recording.ended.elapsed_s <= budget_s


def test_programs_shorter_than_their_reading_are_read_within_that_share_too() -> None:
    idle = ScriptedLayer(call=LayerCall(path="idle", operator="program"), user_instructions=100)
    law = ArmScript(user_instructions=300, layers=(idle,), reading_inside_ns=500, reading_between_ns=4000)
    stage = ScriptedStage(Script(arms={"fp32": law, "int8": law}))
    recording, _ = run(plan(Schedule(replicates=4, rounds=6, budget_s=40.0)), stage)
    layers_s = sum(one.took_ns for one in recording.layer_readings) / 1e9
    assert not isinstance(recording.ended, Missing)
    assert 0 < layers_s < 0.3 * (recording.ended.elapsed_s - layers_s)


def test_a_plan_without_layers_reads_none() -> None:
    recording, _ = run(replace(plan(), layers=False), ScriptedStage(SCRIPT))
    assert not recording.layer_readings
    assert not recording.layer_graphs


class _Crashing(ScriptedStage):
    """The process of int8 ends in its second layer turn."""

    turns = 0

    def layer_turn(self, arm: Arm, order: LayerTurn) -> Fact:
        self.turns += arm.name == "int8"
        if arm.name == "int8" and self.turns == 2:
            return Failure(arm="int8", replicate=0, stage="layers", reason="killed by SIGSEGV")
        return super().layer_turn(arm, order)


def test_a_crash_while_reading_layers_costs_the_arm_its_layers_and_nothing_else() -> None:
    recording, _ = run(plan(), _Crashing(SCRIPT))
    assert not recording.failures
    lost = recording.layer_graphs[-1]
    assert lost.arm == "int8"
    assert isinstance(lost.calls, Missing)
    assert "SIGSEGV" in lost.calls.reason
    assert {reading.replicate for reading in recording.readings if reading.arm == "int8"} == {0, 1, 2, 3}
    assert {outputs.arm for outputs in recording.outputs} == {"fp32", "int8", "fp32 (again)"}
    assert {one.replicate for one in recording.layer_readings if one.arm == "fp32"} == {0, 1, 2, 3}


class _Changing(ScriptedStage):
    """From the second replicate on, fp32 calls its layers in another order."""

    def survey(self, arm: Arm, order: SurveyLayers) -> Fact:
        graph = super().survey(arm, order)
        assert isinstance(graph, LayerGraph)
        if arm.name == "fp32" and self._replicate > 0 and not isinstance(graph.calls, Missing):
            return replace(graph, calls=tuple(reversed(graph.calls)))
        return graph


def test_an_arm_that_calls_other_layers_in_each_process_is_not_averaged() -> None:
    recording, _ = run(plan(), _Changing(SCRIPT))
    lost = [graph for graph in recording.layer_graphs if isinstance(graph.calls, Missing)]
    assert [graph.arm for graph in lost] == ["fp32"]
    assert {one.replicate for one in recording.layer_readings if one.arm == "fp32"} == {0}


def test_each_arm_is_sampled_once_a_replicate_where_code_was_asked_for() -> None:
    assert not run(plan(), ScriptedStage(SCRIPT))[0].layer_codes
    recording, _ = run(replace(plan(), code=True), ScriptedStage(SCRIPT))
    met = sorted((one.arm, one.replicate) for one in recording.layer_codes)
    assert met == [(arm, number) for arm in ("fp32", "int8") for number in range(4)]
