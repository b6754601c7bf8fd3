"""How plants are judged, on scripted recordings; measuring them for real is `make truth`."""

from __future__ import annotations

import ast
from dataclasses import replace

from ironlaw.explanation import Explanation
from ironlaw.measure.scripted import ArmScript, Burden, Script

from ...scripted import SOUND, burdened, explained, own
from .plants import BY_NAME, FILES, PLANTS, PROGRAMS, Plant
from .truth import FAULTS, found, is_good_enough, table

FAULTING = burdened(Burden(factor="malloc", level="retain", kernel_instructions=25e6, page_faults=3000.0))


def said(before: ArmScript, after: ArmScript = SOUND) -> Explanation:
    return explained((own("a"), own("b")), Script(arms={"a": before, "b": after}, turn_noise=0.002))


def test_every_plant_names_programs_that_exist() -> None:
    for written in (PROGRAMS, *FILES.values()):
        defined = {node.name for node in ast.parse(written.read_text()).body if isinstance(node, ast.FunctionDef)}
        plants = [plant for plant in PLANTS if plant.source == written]
        assert {factory for plant in plants for _, factory in (plant.control, plant.changed)} <= defined


def test_there_are_enough_plants_and_nulls_and_each_has_one_name() -> None:
    assert len(BY_NAME) == len(PLANTS)
    assert sum(bool(plant.cause) for plant in PLANTS) >= 15
    nulls = [plant for plant in PLANTS if not plant.cause and not plant.absent]
    assert sum(not plant.engine for plant in nulls) == 5
    for engine in ("compiled", "onnxruntime", "openvino"):
        assert len({plant.cause for plant in PLANTS if plant.cause and plant.engine == engine}) >= 6
        assert sum(plant.engine == engine for plant in nulls) == 2


def test_a_cause_that_is_absent_is_shown_with_its_verdict_and_false_where_it_is_confirmed() -> None:
    plant = replace(BY_NAME["llamacpp-within-the-cache"], absent="page-faults")
    finding = found(plant, said(FAULTING))
    assert (finding.named, finding.outcome, finding.false) == (False, "confirmed", ("page-faults",))
    assert found(plant, said(SOUND)).false == ()


def test_a_confirmed_plant_is_named_and_nothing_is_false() -> None:
    finding = found(BY_NAME["page-faults"], said(FAULTING))
    assert (finding.named, finding.outcome, finding.false) == (True, "confirmed", ())


def test_a_confirmation_that_was_not_declared_is_false() -> None:
    finding = found(BY_NAME["layout"], said(FAULTING))
    assert not finding.named
    assert finding.false == ("page-faults",)


def test_a_confirmation_that_was_declared_beforehand_is_not_false() -> None:
    plant = replace(BY_NAME["layout"], also=(("page-faults", "it allocates"),))
    assert found(plant, said(FAULTING)).false == ()


def test_anything_confirmed_in_a_null_is_false_and_a_fault_named_there_as_well() -> None:
    null = BY_NAME["null-tiny"]
    assert found(null, said(FAULTING)).false == ("page-faults",)
    training = replace(SOUND, checks={**SOUND.checks, "training": True})
    assert found(null, said(training, training)).false == ("train-mode",)


def test_a_fault_is_named_by_its_concern_whatever_it_costs() -> None:
    ones = replace(SOUND, checks={**SOUND.checks, "constant_input": True})
    finding = found(BY_NAME["constant-input"], said(ones))
    assert finding.named
    assert "constant-input" in FAULTS


def test_a_single_false_confirmation_is_not_good_enough() -> None:
    good = [found(BY_NAME["page-faults"], said(FAULTING))]
    assert is_good_enough(good)
    assert not is_good_enough([*good, found(BY_NAME["null-tiny"], said(FAULTING))])
    abstaining: Plant = BY_NAME["layout"]
    assert not is_good_enough([*good, found(abstaining, said(SOUND))])


def test_the_table_counts_what_it_shows() -> None:
    findings = [found(BY_NAME["page-faults"], said(FAULTING)), found(BY_NAME["null-tiny"], said(SOUND))]
    assert "Named 1 of 1 (100%); abstained on 0; false confirmations 0, of them among the 1 nulls 0." in table(findings)
