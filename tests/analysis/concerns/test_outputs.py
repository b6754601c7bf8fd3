"""Arms that answer otherwise are marked, and never recommended."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironlaw.analysis.concerns.outputs import agreement_of, answer_doubts, gives_same_outputs
from ironlaw.concern import Concern, Weight
from ironlaw.explanation import ArmSummary
from ironlaw.explanation.generation import Generation
from ironlaw.explanation.likeness import ByShape, Constant, Likeness, OtherShape, Worst
from ironlaw.missing import Maybe, Missing
from ironlaw.phase import Phase, PhaseKind

NO_CLASSES = Missing("the outputs are not classes")


def row(top1: Maybe[float] = NO_CLASSES, cosine: Maybe[float] = NO_CLASSES, not_finite: int = 0) -> ArmSummary:
    gap = Missing("no turn")
    return ArmSummary(arm="int8", inferences=1, wall_ns=gap, top1_agreement=top1, cosine=cosine, not_finite=not_finite)


def slugs(one: ArmSummary, *, trained: bool = True) -> list[str]:
    return [concern.slug for concern in answer_doubts([one], {"int8"}, 0.99, trained=trained)]


def test_classes_decide_where_there_are_classes() -> None:
    assert agreement_of(row(top1=0.97, cosine=1.0)) == 0.97
    assert not gives_same_outputs(row(top1=0.97, cosine=1.0), 0.99)
    assert gives_same_outputs(row(top1=0.97), 0.97)


def test_the_direction_of_the_outputs_decides_where_there_are_none() -> None:
    assert gives_same_outputs(row(cosine=0.995), 0.99)
    assert not gives_same_outputs(row(cosine=0.9), 0.99)


def test_an_unknown_agreement_is_no_agreement() -> None:
    assert not gives_same_outputs(row(), 0.0)


def test_an_output_that_is_no_number_never_agrees() -> None:
    assert not gives_same_outputs(row(top1=1.0, not_finite=1), 0.0)
    assert slugs(row(top1=1.0, not_finite=3)) == ["not-finite"]


def test_answers_below_the_threshold_are_marked_unless_weights_are_untrained() -> None:
    assert slugs(row(top1=0.98)) == ["other-answers"]
    assert slugs(row(top1=0.98), trained=False) == []
    assert slugs(row(top1=0.99)) == []


def test_language_models_are_judged_and_worded_by_their_most_likely_tokens() -> None:
    gap = Missing("not needed")
    found = Generation(
        phase=Phase(kind=PhaseKind.DECODE, tokens=8), tokens_per_s=gap, ns_per_token=gap, first_token_ns=gap,
        bytes_per_token=gap, cache_bytes_per_token=gap, macs_per_token=gap,
    )  # fmt: skip
    odd = Likeness(worst=Worst(output=0, axis=-1, column=7, agreement=0.2))
    one = replace(row(top1=0.9), generation=found, likeness=odd)
    assert agreement_of(one) == 0.9
    (concern,) = answer_doubts([one], {"int8"}, 0.99, trained=True)
    assert "most likely next token is the control's at 90.0 % of the positions" in concern.text
    assert "perplexity" in concern.fix


@pytest.mark.parametrize("asked", [set(), {"fp32"}])
def test_arms_of_experiments_are_not_marked(asked: set[str]) -> None:
    assert list(answer_doubts([row(top1=0.1)], asked, 0.99, trained=True)) == []


def of(likeness: Likeness, *, top1: Maybe[float] = NO_CLASSES, cosine: Maybe[float] = NO_CLASSES) -> ArmSummary:
    return replace(row(top1=top1, cosine=cosine), likeness=likeness)


def the_doubt(one: ArmSummary, *, trained: bool = True, exact: bool = False) -> Concern | None:
    found = answer_doubts([one], {"int8"}, 0.99, trained=trained, exact={"int8"} if exact else ())
    return next(iter(found), None)


DEAD = Likeness(constant=(Constant(output=0, axis=-1, columns=(4, 5, 6, 12), size=13, is_last=True),))
OTHER = Likeness(
    shapes=(OtherShape(input_forms=((1, 37),), control=((37, 8),), given=((9, 8),), inputs=3, is_fixed=True),)
)


def strayed(error: float) -> Likeness:
    shapes = (((1, 9),), 0.0), (((1, 37),), error)
    return Likeness(by_shape=tuple(ByShape(input_forms=form, output=0, error=one) for form, one in shapes))


def test_dead_columns_are_named_and_make_the_comparison_invalid_whatever_the_rest_agrees() -> None:
    concern = the_doubt(of(DEAD, cosine=0.99999))
    assert concern is not None
    assert concern.weight is Weight.INVALIDATES
    assert "4 of 13 columns of output 0 are constant (4 to 6, 12), and not in the control" in concern.text
    assert not gives_same_outputs(of(DEAD, cosine=0.99999), 0.0)


def test_other_output_shapes_are_another_program_even_where_weights_are_untrained() -> None:
    concern = the_doubt(of(OTHER), trained=False)
    assert concern is not None
    assert concern.weight is Weight.INVALIDATES
    assert "for inputs of shape 1x37 its outputs have shapes 9x8 instead of 37x8" in concern.text


def test_a_number_of_things_found_is_no_other_shape() -> None:
    found = replace(OTHER, shapes=(replace(OTHER.shapes[0], is_fixed=False),))
    assert the_doubt(of(found)) is None


@pytest.mark.parametrize(
    ("error", "exact", "trained", "invalid"),
    [
        (0.6, False, True, True),
        (0.4, False, True, False),
        (0.6, False, False, False),
        (0.2, True, False, True),
        (0.1, True, True, False),
    ],
)
def test_an_error_that_no_rounding_gives_is_named_with_the_shape(
    error: float, exact: bool, trained: bool, invalid: bool
) -> None:
    concern = the_doubt(of(strayed(error), top1=1.0), exact=exact, trained=trained)
    assert (concern is not None) == invalid
    if concern is not None:
        assert f"for inputs of shape 1x37 output 0 differs by {100 * error:.0f} % of its size" in concern.text


def test_the_worst_column_counts_and_is_named() -> None:
    one = of(Likeness(worst=Worst(output=1, axis=-1, column=7, agreement=0.95)), top1=1.0, cosine=1.0)
    assert agreement_of(one) == 0.95
    concern = the_doubt(one)
    assert concern is not None
    assert concern.weight is Weight.DOUBTS
    assert "column 7 of output 1 agrees with the control's to 0.950" in concern.text


def test_operators_whose_int8_kernels_are_wrong_are_named_as_what_to_leave_in_float() -> None:
    one = replace(row(cosine=0.2), likeness=strayed(1.1))
    faulty = {"int8": ("lstm (LSTMSequence by ref_any_I8)",), "fp32": ()}
    (found,) = answer_doubts([one], {"int8"}, 0.99, trained=True, faulty=faulty)
    assert found.weight is Weight.INVALIDATES
    assert "leave lstm (LSTMSequence by ref_any_I8) in float" in found.fix
    (plain,) = answer_doubts([one], {"int8"}, 0.99, trained=True, faulty={})
    assert "in float" not in plain.fix
