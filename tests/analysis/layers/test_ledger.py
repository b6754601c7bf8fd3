"""The ledger: known answers from scripted layers, and the laws of its sums."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ironlaw.analysis.assemble import explain
from ironlaw.analysis.concerns.ledger import precision_doubts
from ironlaw.analysis.layers.work import arithmetic
from ironlaw.circumstance import ShortBudget, Supplement
from ironlaw.concern import Weight
from ironlaw.explanation import (
    Comparison,
)
from ironlaw.explanation.split import Ledger, LedgerRow, Term
from ironlaw.fact import Ceilings
from ironlaw.layer import NO_PLAIN, LayerGraph, LayerReading, Probe
from ironlaw.measure.scripted import ArmScript
from ironlaw.missing import Missing, is_known
from ironlaw.recording import Recording
from tests.analysis.scripted_layers import FLOAT, FLOAT_ARM, INT8, INT8_ARM, layer, reading_costs, recorded

MS = 1e6


def compared(recording: Recording, *, control: str = "fp32", changed: str = "int8") -> tuple[Comparison, Ledger]:
    (comparison,) = explain(recording, control=control, changed=changed).comparisons
    assert not isinstance(comparison.ledger, Missing)
    return comparison, comparison.ledger


def rows_of(ledger: Ledger) -> dict[str, LedgerRow]:
    return {row.layer: row for row in ledger.rows}


def known(value: object) -> float:
    assert isinstance(value, float)
    return value


def test_each_layer_costs_what_its_law_says() -> None:
    _, ledger = compared(recorded())
    rows = rows_of(ledger)
    # 3 GHz; conv takes in bn and relu: 40e6 x 0.8 + 2e6 x 1.5 + 10e6 + 5e6 cycles against 15e6 x 0.7.
    assert rows["conv"].control_ns == pytest.approx(50e6 / 3, rel=1e-4)
    assert rows["conv"].changed_ns == pytest.approx(10.5e6 / 3, rel=1e-4)
    assert rows["conv"].control_layers == ("conv", "bn", "relu")
    assert rows["framework"].control_ns == pytest.approx((10e6 + 40e6 * 0.2) / 3, rel=1e-3)


def test_a_layer_of_one_arm_enters_whole() -> None:
    _, ledger = compared(recorded())
    quantize = rows_of(ledger)["quant"]
    assert (quantize.fate, quantize.control_ns) == ("appeared", 0.0)
    assert quantize.saved_ns == pytest.approx(-2e6 / 3, rel=1e-4)
    assert known(quantize.terms[Term.INSTRUCTIONS]) == quantize.saved_ns


def test_terms_say_why_a_layer_won() -> None:
    law = replace(INT8_ARM, layers=(INT8[0], *INT8[1:4], replace(FLOAT[4], user_cpi=0.5)), user_instructions=45e6)
    _, ledger = compared(recorded(FLOAT_ARM, replace(law, user_cpi=1.0)))
    fc = rows_of(ledger)["fc"]
    # The same instructions at half the cycles each: all of it is CPI.
    assert known(fc.terms[Term.CPI]) == pytest.approx(10e6 / 3, rel=1e-3)
    assert abs(known(fc.terms[Term.INSTRUCTIONS])) < 1.0
    assert known(rows_of(ledger)["conv"].terms[Term.KERNEL]) == pytest.approx(3e6 / 3, rel=1e-3)


@pytest.mark.parametrize("pmu", [True, False])
def test_rows_columns_and_total_are_the_undisturbed_split(pmu: bool) -> None:
    comparison, ledger = compared(recorded(*reading_costs(400, 6000), turn_noise=0.02, shared_spread=0.05, pmu=pmu))
    split = comparison.split
    assert not isinstance(split, Missing)
    total = math.fsum(row.control_ns for row in ledger.rows) - math.fsum(row.changed_ns for row in ledger.rows)
    assert total == pytest.approx(split.total.ns.value, rel=1e-12)
    columns = {term: whole.ns.value for term, whole in split.terms.items() if not isinstance(whole, Missing)}
    if not pmu:  # the kernel is not separate within a layer
        columns[Term.CPU_TIME] += columns.pop(Term.KERNEL, 0.0)
    for term, whole_ns in columns.items():
        cells = [known(row.terms[term]) for row in ledger.rows]
        assert math.fsum(cells) == pytest.approx(whole_ns, rel=1e-12, abs=1e-6)
    for term in set(split.terms) - set(columns):
        assert all(isinstance(row.terms[term], Missing) for row in ledger.rows)
    for row in ledger.rows:
        reported = [cell for cell in row.terms.values() if not isinstance(cell, Missing)]
        assert math.fsum(reported) == pytest.approx(row.saved_ns, rel=1e-9, abs=1e-3)


def test_reading_costs_change_no_row() -> None:
    _, free = compared(recorded())
    _, read = compared(recorded(*reading_costs(400, 6000)))
    for row, other in zip(free.rows, read.rows, strict=True):
        assert other.control_ns == pytest.approx(row.control_ns, abs=100)
        assert other.changed_ns == pytest.approx(row.changed_ns, abs=100)


def slower(one: LayerReading, factor: float) -> LayerReading:
    """The same turn on a machine that was slower all through it."""
    return replace(
        one,
        wall_ns=round(one.wall_ns * factor),
        alone_ns=round(one.alone_ns * factor),
        plain_ns=round(one.plain_ns * factor) if is_known(one.plain_ns) else one.plain_ns,
        calls_ns=tuple(round(value * factor) for value in one.calls_ns),
        before_ns=tuple(round(value * factor) for value in one.before_ns),
    )


def as_it_was_recorded_once(recording: Recording) -> Recording:
    """Without the plain inferences that older recordings do not have."""
    return replace(recording, layer_readings=tuple(replace(one, plain_ns=NO_PLAIN) for one in recording.layer_readings))


def test_a_slower_machine_while_reading_makes_no_layer_longer() -> None:
    def slowed(recording: Recording) -> Recording:
        slow = tuple(slower(one, 2) if one.replicate == 0 else one for one in recording.layer_readings)
        counted = tuple(
            replace(one, wall_ns=one.wall_ns * 2, cpu_ns=one.cpu_ns * 2) if one.replicate == 0 else one
            for one in recording.readings
        )
        return replace(recording, layer_readings=slow, readings=counted)

    _, ledger = compared(slowed(recorded(pmu=False)))
    rest = rows_of(ledger)["unattributed"]
    assert abs(rest.control_ns) < 1e-3 * math.fsum(row.control_ns for row in ledger.rows)


@pytest.mark.parametrize("recorded_by", [lambda recording: recording, as_it_was_recorded_once])
def test_a_machine_that_was_slower_while_one_replicate_was_read_leaves_nothing_unattributed(
    recorded_by: Callable[[Recording], Recording],
) -> None:
    recording = recorded_by(recorded(pmu=False, replicates=3))
    slow = tuple(slower(one, 2) if one.replicate == 1 else one for one in recording.layer_readings)
    _, ledger = compared(replace(recording, layer_readings=slow))
    rest = rows_of(ledger)["unattributed"]
    assert abs(rest.control_ns) < 1e-3 * math.fsum(row.control_ns for row in ledger.rows)


def test_a_machine_that_was_slower_whenever_layers_were_read_is_reported_and_lengthens_no_row() -> None:
    recording = recorded(pmu=False)
    slow = tuple(slower(one, 1.25) if one.arm == "fp32" else one for one in recording.layer_readings)
    _, ledger = compared(replace(recording, layer_readings=slow))
    _, quiet = compared(recording)
    for row, other in zip(quiet.rows, ledger.rows, strict=True):
        assert other.control_ns == pytest.approx(row.control_ns, rel=1e-3, abs=1e3)
    [note] = [note for note in ledger.notes if "while its layers were read" in note]
    assert note.startswith("fp32 ran 25 % slower while its layers were read")
    assert not [note for note in quiet.notes if "while its layers were read" in note]


def test_turns_with_nothing_to_compare_them_with_are_not_taken_to_be_as_long_as_those_that_count() -> None:
    recording = as_it_was_recorded_once(recorded(pmu=False))
    elsewhere = tuple(replace(slower(one, 0.9), replicate=one.replicate + 100) for one in recording.layer_readings)
    _, ledger = compared(replace(recording, layer_readings=elsewhere))
    rest = rows_of(ledger)["unattributed"]
    assert rest.control_ns == pytest.approx(0.1 * math.fsum(row.control_ns for row in ledger.rows), rel=0.01)
    assert not [note for note in ledger.notes if "while its layers were read" in note]


def test_what_another_probe_does_to_the_inference_behind_it_is_not_the_arms_time() -> None:
    recording = as_it_was_recorded_once(recorded(pmu=False))
    cooled = tuple(
        replace(one, alone_ns=round(one.alone_ns * 1.12)) if one.probe is Probe.FAULTS else one
        for one in recording.layer_readings
    )
    _, ledger = compared(replace(recording, layer_readings=cooled))
    rest = rows_of(ledger)["unattributed"]
    assert abs(rest.control_ns) < 1e-3 * math.fsum(row.control_ns for row in ledger.rows)


def test_turns_read_slower_and_faster_than_alone_do_not_lengthen_the_framework() -> None:
    recording = recorded(pmu=False)
    factors = {1: 3, 0: 1}  # of the half: three halves of its time in odd rounds, one half in even ones
    uneven = tuple(
        replace(one, calls_ns=tuple(value * factors[one.round % 2] // 2 for value in one.calls_ns))
        if one.probe is Probe.CLOCK
        else one
        for one in recording.layer_readings
    )
    rounds = [one.round % 2 for one in recording.layer_readings if one.probe is Probe.CLOCK and one.arm == "fp32"]
    assert rounds.count(0) == rounds.count(1)
    _, ledger = compared(replace(recording, layer_readings=uneven))
    _, even = compared(recording)
    for name in ("conv", "framework"):
        assert rows_of(ledger)[name].control_ns == pytest.approx(rows_of(even)[name].control_ns, rel=1e-3)


def test_one_turn_that_had_to_wait_is_not_most_of_an_arms_time() -> None:
    recording = recorded(pmu=False)
    first = next(one for one in recording.layer_readings if one.probe is Probe.CLOCK and one.arm == "fp32")
    waited = replace(first, alone_ns=first.alone_ns * 22, calls_ns=tuple(value * 13 for value in first.calls_ns))
    readings = tuple(waited if one is first else one for one in recording.layer_readings)
    _, ledger = compared(replace(recording, layer_readings=readings))
    _, quiet = compared(recording)
    for row, other in zip(quiet.rows, ledger.rows, strict=True):
        assert other.control_ns == pytest.approx(row.control_ns, rel=1e-3, abs=1e3)


def test_time_that_no_layer_turn_saw_is_unattributed_and_doubted() -> None:
    recording = recorded(pmu=False)
    quicker = tuple(
        replace(one, alone_ns=round(one.alone_ns * 0.9), calls_ns=tuple(round(value * 0.9) for value in one.calls_ns))
        for one in recording.layer_readings
    )
    explanation = explain(replace(recording, layer_readings=quicker), changed="int8")
    (comparison,) = explanation.comparisons
    assert not isinstance(comparison.ledger, Missing)
    rest = comparison.ledger.rows[-1]
    assert rest.control_ns == pytest.approx(0.1 * math.fsum(row.control_ns for row in comparison.ledger.rows), rel=0.01)
    assert {one.arm for one in explanation.concerns if one.slug == "layers-unattributed"} == {"fp32", "int8"}


def test_layers_that_take_more_than_the_whole_are_called_that_once_for_every_comparison() -> None:
    recording = recorded(pmu=False, names=("fp32", "int8", "int8+fused"))
    slower = tuple(
        replace(one, alone_ns=round(one.alone_ns * 1.1), calls_ns=tuple(round(value * 1.1) for value in one.calls_ns))
        for one in recording.layer_readings
    )
    concerns = explain(replace(recording, layer_readings=slower)).concerns
    [doubt] = [one for one in concerns if one.slug == "layers-unattributed" and one.arm == "fp32"]
    assert doubt.text == "while they were read, the layers of fp32 took 10.0 % more than all of it (the limit is 3 %)"
    assert len(set(concerns)) == len(concerns)


def test_reading_that_changes_the_speedup_by_more_than_3_percent_is_a_doubt() -> None:
    quiet = explain(recorded(*reading_costs(100, 2000)), changed="int8")
    assert not [one for one in quiet.concerns if one.slug == "layer-reading-disturbs"]
    loud = explain(recorded(FLOAT_ARM, replace(INT8_ARM, reading_between_ns=200_000)), changed="int8")
    (doubt,) = [one for one in loud.concerns if one.slug == "layer-reading-disturbs"]
    assert doubt.arm == "int8"


def test_a_float_layer_in_an_int8_arm_is_named() -> None:
    explanation = explain(recorded(), changed="int8")
    (note,) = [one for one in explanation.concerns if one.slug == "asked-int8-ran-float"]
    assert note.text == "1 of its 2 multiplying layers ran in fp32: fc"
    assert note.weight is Weight.DOUBTS, "half of the work is not what was asked for"


def test_a_few_float_layers_are_a_note_and_another_precision_is_offered_where_it_has_more() -> None:
    recording = recorded()
    (int8,) = [arm for arm in recording.plan.arms if arm.name == "int8"]
    many = tuple(
        replace(graph, calls=(*graph.calls, *(call for call in graph.calls if arithmetic(call) == "int8")))
        for graph in recording.layer_graphs
        if not isinstance(graph.calls, Missing)
    )
    (note,) = precision_doubts(replace(recording, layer_graphs=many), [int8])
    assert note.weight is Weight.NOTES
    assert "static int8" not in note.fix
    dynamic = replace(int8, variant=int8.variant.with_level("precision", "int8-dynamic"))
    (note,) = precision_doubts(recording, [dynamic])
    assert "static int8 (int8+fused) covers convolutions" in note.fix
    (note,) = precision_doubts(recording, [replace(dynamic, variant=dynamic.variant.with_level("engine", "openvino"))])
    assert "static int8" not in note.fix


def test_a_layer_left_in_float_on_purpose_is_no_doubt() -> None:
    recording = recorded()
    (int8,) = [arm for arm in recording.plan.arms if arm.name == "int8"]
    on_purpose = replace(int8, variant=int8.variant.with_level("int8-blocks", "but:fc"))
    assert precision_doubts(recording, [int8])
    assert precision_doubts(recording, [on_purpose]) == []


def test_one_replicate_has_a_ledger_without_intervals() -> None:
    comparison, ledger = compared(recorded(replicates=1))
    assert not isinstance(comparison.once, Missing)
    assert isinstance(ledger.disturbed_speedup, Missing)
    total = math.fsum(row.saved_ns for row in ledger.rows)
    assert total == pytest.approx(comparison.once.control_ns - comparison.once.changed_ns, rel=1e-12)


def test_an_arm_without_layers_has_no_ledger_and_says_why() -> None:
    explanation = explain(recorded(FLOAT_ARM, replace(INT8_ARM, layers=())), changed="int8")
    (comparison,) = explanation.comparisons
    assert isinstance(comparison.ledger, Missing)
    assert "the layers of int8 cannot be distinguished" in comparison.ledger.reason


def test_layers_that_a_short_budget_left_out_are_missing_for_that_reason() -> None:
    unread = recorded(replace(FLOAT_ARM, layers=()), replace(INT8_ARM, layers=()))
    unread = replace(unread, layer_graphs=())
    short = ShortBudget(budget_s=45.0, left_s=39.0, left_out=(Supplement.LAYERS, Supplement.CODE))
    for circumstances, reason in (
        ((), "layers were not read"),
        ((replace(short, left_out=(Supplement.CODE,)),), "layers were not read"),
        ((short,), "the budget left no time to read layers"),
    ):
        (comparison,) = explain(replace(unread, circumstances=circumstances), changed="int8").comparisons
        assert comparison.ledger == Missing(reason)


def test_work_is_priced_against_the_measured_ceilings() -> None:
    gap = Missing("not stated")
    ceilings = Ceilings(
        threads=1,
        macs_per_s={"fp32": 50e9, "int8": 200e9},
        read_bytes_per_s=10e9,
        write_bytes_per_s=gap,
        copy_bytes_per_s=gap,
        streamed_bytes=gap,
        switch_ns=gap,
        page_fault_ns=gap,
    )
    explanation = explain(replace(recorded(), ceilings=(ceilings,)), changed="int8")
    ledger = explanation.comparisons[0].ledger
    assert not isinstance(ledger, Missing)
    conv = rows_of(ledger)["conv"]
    # 8 x 16 x 16 outputs of 3 x 3 x 3 multiplications: 55296, at 50 and 200 GMAC/s.
    assert conv.control_work["macs"] == conv.changed_work["macs"] == 55296
    assert conv.control_work["ceiling_ns"] == pytest.approx(55296 / 50)
    assert conv.changed_work["ceiling_ns"] == pytest.approx(55296 / 200)
    assert known(conv.changed_work["gap_ns"]) == pytest.approx(conv.changed_ns - 55296 / 200)
    assert conv.control_work["page_faults"] == pytest.approx(100)
    assert known(conv.changed_work["instructions_per_mac"]) == pytest.approx(15e6 / 55296, rel=1e-3)
    assert not isinstance(explanation.ceilings, Missing)
    assert explanation.ceilings.bytes_per_s == 10e9


@st.composite
def laws(draw: st.DrawFn) -> ArmScript:
    """An arm with a few layers of any cost, and something left for the framework."""
    paths = draw(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=5, unique=True))
    amounts = st.floats(1e4, 1e8)
    made = tuple(
        layer(
            path,
            draw(st.sampled_from(["Conv2d", "Linear", "ReLU", "Quantize"])),
            place - 1,
            user_instructions=draw(amounts),
        )
        for place, path in enumerate(paths)
    )
    rest = draw(st.floats(1e4, 1e7))
    return ArmScript(layers=made, user_instructions=sum(one.user_instructions for one in made) + rest)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(laws(), laws())
def test_swapping_the_arms_negates_every_cell(first: ArmScript, second: ArmScript) -> None:
    recording = recorded(first, second, replicates=2, turn_noise=0.01)
    _, ledger = compared(recording)
    _, swapped = compared(recording, control="int8", changed="fp32")
    ours = {(row.layer, row.fate): row for row in ledger.rows}
    fates = {"appeared": "vanished", "vanished": "appeared"}
    for row in swapped.rows:
        other = next(
            one
            for one in ours.values()
            if (one.control_layers, one.changed_layers, one.fate)
            == (row.changed_layers, row.control_layers, fates.get(row.fate, row.fate))
        )
        assert row.saved_ns == pytest.approx(-other.saved_ns, abs=1e-3)
        for term, value in row.terms.items():
            if not isinstance(value, Missing):
                assert value == pytest.approx(-known(other.terms[term]), abs=1e-3)
    assert len(swapped.rows) == len(ledger.rows)


def test_an_arm_reported_by_its_engines_profile_has_times_and_no_terms() -> None:
    recording = recorded(pmu=False)
    graphs = tuple(
        replace(one, profiled_by="onnxruntime") if one.arm == "int8" else one for one in recording.layer_graphs
    )
    readings = tuple(
        replace(one, probe=Probe.ENGINE) if one.arm == "int8" else one
        for one in recording.layer_readings
        if one.arm == "fp32" or one.probe is Probe.CLOCK
    )
    comparison, ledger = compared(replace(recording, layer_graphs=graphs, layer_readings=readings))
    for row in ledger.rows:
        for cell in row.terms.values():
            assert isinstance(cell, Missing)
            assert "the profile of onnxruntime reports time only" in cell.reason
    assert "the layers of int8 come from the profile of onnxruntime: time only" in ledger.notes
    assert not isinstance(comparison.split, Missing)
    total = math.fsum(row.control_ns for row in ledger.rows) - math.fsum(row.changed_ns for row in ledger.rows)
    assert total == pytest.approx(comparison.split.total.ns.value, rel=1e-12)


def test_layers_of_an_arm_that_strayed_half_way_are_not_used() -> None:
    recording = recorded()
    lost = LayerGraph(arm="int8", calls=Missing("replicate 3 called other layers than the first one"))
    explanation = explain(replace(recording, layer_graphs=(*recording.layer_graphs, lost)), changed="int8")
    ledger = explanation.comparisons[0].ledger
    assert isinstance(ledger, Missing)
    assert "replicate 3 called other layers" in ledger.reason
