"""Which arms an experiment switches, and to which level each."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.analysis.verdicts.planner import Wanted, called_for
from ironlaw.machine import Machine
from ironlaw.measure.scripted import Burden, Script
from ironlaw.plan import with_control
from tests.scripted import COMPUTES_INT8, QUARTER, QUIET, SOUND, burdened, own, recorded, stated


def test_on_x86_a_kernel_that_is_lacking_calls_for_the_other_library_as_well() -> None:
    census = {**COMPUTES_INT8.census, "sparse_convolutions": 14.0}
    arms = own("a"), own("b")
    made = recorded(arms, stated(SOUND, replace(COMPUTES_INT8, census=census)))
    seen = replace(
        made,
        machine=Machine(architecture="x86_64", cpu="scripted"),
        plans=(replace(made.plan, arms=with_control(arms), experiments=()),),
    )
    experiments = called_for(seen, Wanted(causes=("quantized-engine",)))
    assert "b+quantized-engine=onednn" in {entry.applied for entry in experiments}
    assert [entry.arm for entry in experiments if entry.excluded] == ["a"]


def test_arms_by_a_foreign_library_and_arms_that_lack_a_kernel_get_each_their_own_library() -> None:
    foreign = replace(COMPUTES_INT8, checks={**COMPUTES_INT8.checks, "foreign_quantized_engine": True})
    lacking = replace(COMPUTES_INT8, census={**COMPUTES_INT8.census, "sparse_convolutions": 14.0})
    arms = own("float"), own("foreign"), own("lacking")
    laws = {"float": SOUND, "foreign": foreign, "lacking": lacking}
    made = recorded(arms, Script(arms=laws, turn_noise=QUIET))
    seen = replace(
        made,
        machine=Machine(architecture="x86_64", cpu="scripted"),
        plans=(replace(made.plan, arms=with_control(arms), experiments=()),),
    )
    experiments = called_for(seen, Wanted(causes=("quantized-engine",)))
    assert {(entry.arm, str(entry.switches[0]), entry.excluded == "") for entry in experiments} == {
        ("float", "quantized-engine=x86", False),
        ("foreign", "quantized-engine=x86", True),
        ("lacking", "quantized-engine=x86", False),
        ("float", "quantized-engine=onednn", False),
        ("lacking", "quantized-engine=onednn", True),
    }


def test_an_arm_that_shows_a_cause_and_cannot_be_switched_is_not_taken_for_one_without_it() -> None:
    faults = Burden(factor="malloc", level="retain", kernel_instructions=QUARTER, page_faults=3000.0)
    retained = replace(own("retained"), variant=own("retained").variant.with_level("malloc", "retain"))
    arms = own("plain"), retained, own("free")
    laws = {"plain": burdened(faults), "retained": replace(SOUND, page_faults=3000.0), "free": SOUND}
    entries = recorded(arms, Script(arms=laws, turn_noise=QUIET)).plan.experiments
    assert {(one.arm, bool(one.excluded)) for one in entries if one.switches[-1].cause == "page-faults"} == {
        ("plain", False),
        ("free", True),
    }
