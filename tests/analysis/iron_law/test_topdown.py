"""CPI by top-down categories, from whichever events a recording has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw.analysis.assemble import explain
from ironlaw.analysis.iron_law.topdown import APPROXIMATE, BOTH_MODES
from ironlaw.explanation.split import Split, Term
from ironlaw.machine import Machine
from ironlaw.missing import Missing, is_known
from tests.analysis.stated import Law, recording

USER = ("instructions:u", "cycles:u", "instructions:k", "cycles:k")
NO_KERNEL = {"kernel_instructions": 0.0, "kernel_cpi": 0.0}
CYCLES = 10e6  # per inference in both arms' user mode


def split_of(events: dict[str, tuple[float, float]], *, family: int, cpi: tuple[float, float]) -> Split:
    """Two arms of 20e6 instructions that differ in CPI and in these events."""
    laws = {
        name: Law(
            instructions=20e6,
            cpi=cpi[side],
            kernel_instructions=1e3,
            kernel_cpi=1.0,
            extra={event: value[side] for event, value in events.items()},
        )
        for side, name in enumerate(("fp32", "int8"))
    }
    mode = ":u" if any(event.endswith(":u") for event in events) else ""
    groups = (USER, (f"instructions{mode}", f"cycles{mode}", *events))
    fact = recording(laws, groups=groups, inferences=100)
    machine = Machine(architecture="x86_64", cpu="stated", family=family)
    split = explain(replace(fact, machine=machine)).comparisons[0].split
    assert is_known(split)
    return split


def cpi_parts(split: Split) -> dict[str, float]:
    found = {}
    for name, part in split.parts[Term.CPI].items():
        assert not isinstance(part, Missing)
        found[name] = part.ns.value
    whole = split.terms[Term.CPI]
    assert not isinstance(whole, Missing)
    assert sum(found.values()) == pytest.approx(whole.ns.value, rel=1e-9)
    return found


def test_intel_slots_put_a_lower_cpi_where_the_slots_went() -> None:
    slots = (6 * 20e6, 6 * 10e6)  # six slots a cycle, 20e6 against 10e6 cycles
    events = {
        "slots:u": slots,
        "topdown-retiring:u": (20e6, 20e6),
        "topdown-bad-spec:u": (0.0, 0.0),
        "topdown-fe-bound:u": (10e6, 10e6),
        "topdown-be-bound:u": (90e6, 30e6),
    }
    split = split_of(events, family=6, cpi=(1.0, 0.5))
    parts = cpi_parts(split)
    assert parts["backend"] == pytest.approx(10e6 / 3, rel=1e-6)  # 60e6 slots are 10e6 cycles at 3 GHz
    for name in ("retiring", "bad speculation", "frontend"):
        assert parts[name] == pytest.approx(0, abs=1.0)
    assert split.assumptions == ()


def test_intel_memory_bound_divides_the_backend() -> None:
    events = {
        "slots:u": (120e6, 60e6),
        "topdown-retiring:u": (20e6, 20e6),
        "topdown-bad-spec:u": (0.0, 0.0),
        "topdown-fe-bound:u": (10e6, 10e6),
        "topdown-be-bound:u": (90e6, 30e6),
        "topdown-mem-bound:u": (60e6, 0.0),
    }
    parts = cpi_parts(split_of(events, family=6, cpi=(1.0, 0.5)))
    assert parts["backend memory"] == pytest.approx(10e6 / 3, rel=1e-6)
    assert parts["backend core"] == pytest.approx(0, abs=1.0)


def test_zen_4_empty_slots_are_read_by_reason_with_six_slots_a_cycle() -> None:
    prefix = "de_no_dispatch_per_slot."
    events = {
        "ex_ret_ops:u": (20e6, 20e6),
        "de_src_op_disp.all:u": (20e6, 20e6),
        prefix + "no_ops_from_frontend:u": (10e6, 10e6),
        prefix + "backend_stalls:u": (90e6, 30e6),
        prefix + "smt_contention:u": (0.0, 0.0),
    }
    parts = cpi_parts(split_of(events, family=0x19, cpi=(1.0, 0.5)))
    assert parts["backend"] == pytest.approx(10e6 / 3, rel=1e-6)
    assert parts["retiring"] == pytest.approx(0, abs=1.0)


def test_zen_2_and_3_are_approximate_and_labelled_so() -> None:
    events = {
        "ex_ret_ops:u": (30e6, 30e6),
        "de_dis_uops_from_decoder:u": (30e6, 30e6),
        "de_dis_uop_queue_empty_di0:u": (1e6, 1e6),
    }
    split = split_of(events, family=0x17, cpi=(1.0, 0.5))
    assert APPROXIMATE in split.assumptions
    assert cpi_parts(split)["backend"] == pytest.approx(10e6 / 3, rel=1e-6)


def test_categories_counted_over_both_modes_say_so() -> None:
    events = {
        "slots": (120e6, 60e6),
        "topdown-retiring": (20e6, 20e6),
        "topdown-bad-spec": (0.0, 0.0),
        "topdown-fe-bound": (10e6, 10e6),
        "topdown-be-bound": (90e6, 30e6),
    }
    assert BOTH_MODES in split_of(events, family=6, cpi=(1.0, 0.5)).assumptions


def test_without_slot_events_there_are_no_categories() -> None:
    assert Term.CPI not in split_of({"branches:u": (1e6, 1e6)}, family=0x19, cpi=(1.0, 0.5)).parts
