"""Published guesses, each answered by name from a recording's own verdicts."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from ironlaw.arm import Arm
from ironlaw.explanation import Explanation
from ironlaw.fact import Ceilings
from ironlaw.measure.scripted import ArmScript, Burden, Script
from ironlaw.missing import Missing
from ironlaw.report.document import to_document
from ironlaw.report.guesses import NOT_TESTED, AnsweredGuess, guesses
from ironlaw.report.terminal import show

from ..scripted import SOUND, SOUND_CENSUS, burdened, explained, own

INT8 = replace(SOUND, census={**SOUND_CENSUS, "int8_operators": 20.0}, size_bytes=300_000)


def answered(explanation: Explanation) -> dict[str, AnsweredGuess]:
    return {guess.guess.split(",")[0]: guess for guess in guesses(explanation)}


def default_run(*burdens: Burden) -> Explanation:
    laws = {
        "fp32": burdened(*burdens, law=replace(SOUND, user_instructions=150e6)),
        "fp32+fused": replace(SOUND, user_instructions=130e6),
        "int8": replace(INT8, user_instructions=90e6),
        "int8+fused": replace(INT8, user_instructions=60e6),
    }
    return explained(tuple(Arm.of(name) for name in laws), Script(arms=laws, turn_noise=0.002, seed=2))


def test_each_of_the_five_guesses_has_an_answer() -> None:
    assert [*answered(default_run())] == [
        "fewer cache misses",
        "less time to transfer parameters",
        "fusion is plain graph reduction",
        "IPC rose",
        "fewer context switches",
    ]


def test_weights_that_cost_nothing_refute_the_transfer_guess() -> None:
    assert answered(default_run())["less time to transfer parameters"].answer == "refuted"


def test_weights_that_do_cost_confirm_it() -> None:
    found = answered(default_run(Burden(factor="weights", level="aliased", stall_cycles=40e6)))
    assert found["less time to transfer parameters"].answer == "confirmed"
    assert found["fewer cache misses"].answer == "confirmed"


def test_that_fusion_helps_does_not_confirm_why() -> None:
    assert answered(default_run())["fusion is plain graph reduction"].answer == "consistent with"


def test_a_fused_arm_of_which_nothing_is_known_is_not_mentioned() -> None:
    laws = {"fp32": SOUND, "fp32+fused": replace(SOUND, fails_in=0), "int8": INT8}
    explanation = explained(tuple(Arm.of(name) for name in laws), Script(arms=laws, turn_noise=0.002, seed=2))
    evidence = answered(explanation)["fusion is plain graph reduction"].evidence
    assert evidence == ("no pair of arms differs in fusion alone.",)


def pair(names: tuple[str, str], laws: tuple[ArmScript, ArmScript]) -> tuple[AnsweredGuess, ...]:
    """The guesses about two arms in which the second has a burden of page faults that an experiment takes away."""
    arms = tuple(own(name) if "32" not in name and "int8" not in name else Arm.of(name) for name in names)
    costly = burdened(
        Burden(factor="malloc", level="retain", kernel_instructions=25e6, page_faults=3000.0), law=laws[1]
    )
    explanation = explained(arms, Script(arms=dict(zip(names, (laws[0], costly), strict=True)), turn_noise=0.002))
    assert explanation.comparisons[0].causes
    return guesses(explanation)


@pytest.mark.parametrize(
    ("names", "laws"),
    [
        (("fp32", "fp32@compiled"), (SOUND, SOUND)),
        (("a", "b"), (SOUND, SOUND)),
        (("int8", "int8+fused"), (INT8, INT8)),
        (("a", "b"), (INT8, INT8)),
    ],
)
def test_arms_in_one_number_format_get_no_published_guesses(
    names: tuple[str, str], laws: tuple[ArmScript, ArmScript]
) -> None:
    assert pair(names, laws) == ()


@pytest.mark.parametrize("laws", [(SOUND, INT8), (INT8, SOUND)])
def test_given_programs_get_them_where_one_of_the_two_computes_in_int8(laws: tuple[ArmScript, ArmScript]) -> None:
    assert len(pair(("a", "b"), laws)) == 5


def test_a_compiled_float_arm_that_alone_was_tested_gets_none_beside_an_int8_arm() -> None:
    laws = {"fp32": burdened(Burden(factor="weights", level="aliased", stall_cycles=40e6)), "int8": INT8,
            "fp32@compiled": replace(SOUND, user_instructions=20e6)}  # fmt: skip
    explanation = explained(tuple(Arm.of(name) for name in laws), Script(arms=laws, turn_noise=0.002, seed=2))
    assert {item.changed for item in explanation.comparisons if item.causes} == {"fp32@compiled"}
    assert guesses(explanation) == ()


def test_what_was_not_measured_is_not_tested() -> None:
    assert answered(default_run())["fewer context switches"].answer == NOT_TESTED


def ceilings(*, read_bytes_per_s: float) -> Ceilings:
    gap = Missing("not stated")
    return Ceilings(
        threads=1,
        macs_per_s={},
        read_bytes_per_s=read_bytes_per_s,
        write_bytes_per_s=gap,
        copy_bytes_per_s=gap,
        streamed_bytes=gap,
        switch_ns=2000.0,
        page_fault_ns=gap,
    )


def transfer_sentence(*, read_bytes_per_s: float) -> str:
    """Of 0.7 MB of weights that int8 saves and whose aliasing saves about 13 ms of 63."""
    costly = burdened(
        Burden(factor="weights", level="aliased", stall_cycles=40e6), law=replace(SOUND, user_instructions=150e6)
    )
    laws = {"a": costly, "b": replace(INT8, user_instructions=60e6)}
    script = Script(arms=laws, turn_noise=0.002, ceilings=ceilings(read_bytes_per_s=read_bytes_per_s))
    guess = answered(explained((own("a"), own("b")), script, ceilings=True))["less time to transfer parameters"]
    assert guess.answer == "confirmed"
    return guess.evidence[-1]


def test_what_aliasing_saves_beyond_the_bandwidth_is_not_put_down_to_it() -> None:
    assert transfer_sentence(read_bytes_per_s=1e10).endswith("it is not bandwidth alone.")


def test_what_aliasing_saves_within_the_bandwidth_may_be_it() -> None:
    assert "alone" not in transfer_sentence(read_bytes_per_s=1e6)


def test_context_switches_are_bounded_by_their_measured_cost() -> None:
    laws = {"a": replace(SOUND, context_switches=3.0, user_instructions=150e6), "b": replace(SOUND, census=INT8.census)}
    script = Script(arms=laws, turn_noise=0.002, ceilings=ceilings(read_bytes_per_s=1e10))
    # Three switches of 2 us in 50 ms; the script measures no ceilings unless the plan asks for them.
    explanation = explained((own("a"), own("b")), script, ceilings=True)
    assert answered(explanation)["fewer context switches"].answer == "refuted"


def test_json_holds_the_guesses_with_their_evidence() -> None:
    reported = to_document(default_run())["guesses"]
    assert len(reported) == 5
    assert all(guess["answer"] and guess["evidence"] for guess in reported)


def test_a_default_run_with_its_guesses_fits_on_60_lines() -> None:
    out = io.StringIO()
    show(default_run(Burden(factor="weights", level="aliased", stall_cycles=40e6)), Console(file=out, width=80))
    lines = out.getvalue().splitlines()
    assert len(lines) <= 60
    assert max(map(len, lines)) <= 80
