"""Where what removes a cause and little else shows nothing, the gain by another switch does not confirm that cause.

Weights of few bits are widened once by float-ops, which changes little else in a prompt; accuracy-level multiplies in
int8 besides.
"""

from __future__ import annotations

from dataclasses import replace

from ironlaw.arm import Arm
from ironlaw.explanation import ITSELF, Explanation, Outcome
from ironlaw.measure.scripted import ArmScript, Burden, Script
from ironlaw.missing import is_known

from ...scripted import QUARTER, QUIET, SOUND, burdened, confirmed, explained, own

SLUG = "weight-decompression"
NBITS = ("float-ops", "MatMulNBits")
IN_INT8 = Burden(factor="accuracy-level", level="4", user_instructions=QUARTER)
WIDENED = Burden(factor=NBITS[0], level=NBITS[1], user_instructions=QUARTER)
LARGER = Burden(factor=NBITS[0], level=NBITS[1], stall_cycles=QUARTER, is_brought=True)
NONE_WIDENED = {**SOUND.census, "widening_operators": 0.0}
FLOAT = replace(SOUND, user_instructions=SOUND.user_instructions + QUARTER, census=NONE_WIDENED)


def low_bit(*burdens: Burden) -> ArmScript:
    nodes: dict[str, tuple[str, ...]] = {"widening_operators": ("q (MatMulNBits)",)}
    return burdened(*burdens, law=replace(SOUND, census={**SOUND.census, "widening_operators": 4.0}, nodes=nodes))


def both(arms: tuple[Arm, Arm], few: ArmScript, once: ArmScript = FLOAT) -> Explanation:
    return explained(arms, Script(arms={"few": few, "once": once}, turn_noise=QUIET))


def one_file() -> tuple[Arm, Arm]:
    few = own("few", "onnxruntime")
    return few, replace(few, name="once", variant=few.variant.with_level(*NBITS))


def two_files() -> tuple[Arm, Arm]:
    return own("few", "onnxruntime"), own("once", "onnxruntime")


def test_arms_of_equal_time_that_differ_in_widening_alone_do_not_differ_by_it() -> None:
    explanation = both(one_file(), low_bit(IN_INT8))
    (comparison,) = explanation.comparisons
    found = [one for one in comparison.causes if one.cause == SLUG]
    assert [one.outcome for one in found] == [Outcome.REFUTED, Outcome.UNDECIDED]
    first, last = found
    assert (first.control, first.changed) == ("few", "once")
    assert "float-ops, in which the arms differ, removes it and little else" in last.reason
    assert comparison.foremost()[SLUG] == last
    assert comparison.unexplained == ITSELF
    assert is_known(advice := explanation.recommendation)
    assert advice.arm == "few+accuracy-level=4"


def test_two_files_of_equal_time_do_not_differ_by_it_either() -> None:
    (comparison,) = both(two_files(), low_bit(IN_INT8)).comparisons
    assert SLUG not in confirmed(comparison)
    (reason,) = [one.reason for one in comparison.causes if one.changed == "few+accuracy-level=4"]
    assert "float-ops=MatMulNBits removes it and little else" in reason


def test_where_widening_costs_time_both_switches_confirm_it() -> None:
    few = low_bit(IN_INT8, WIDENED)
    (comparison,) = both(two_files(), few).comparisons
    outcomes = {one.changed: one.outcome for one in comparison.causes if one.cause == SLUG}
    assert outcomes == dict.fromkeys(("few+accuracy-level=4", "few+float-ops=MatMulNBits"), Outcome.CONFIRMED)


def test_what_costs_more_besides_decides_nothing() -> None:
    """Weights that were widened once take eight times the bytes, which costs a decoder more than it saves."""
    (comparison,) = both(two_files(), low_bit(IN_INT8, LARGER)).comparisons
    assert SLUG in confirmed(comparison)
