"""Whether an arm gives the control's outputs; if not, it is not recommended, however fast it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ironlaw.analysis.agreement import agreements
from ironlaw.concern import OTHER_ANSWERS, Concern, Weight
from ironlaw.explanation import ArmSummary
from ironlaw.explanation.likeness import Constant, Likeness, Worst, words_of
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.recording import Recording

# Relative to the control's. An error of half the size of the answers is 6 dB: they hold one bit, which is no number
# format's rounding. Sound int8 networks gave 15 dB and more, int4 ones 18 (a matrix product of 64 rows).
MOST_ERROR = 0.5
_MOST_NAMED, _MOST_FAULTY = 6, 3
_FIX = "quantize less of it, calibrate on more inputs, or lower --agreement"
_FIX_OF_TOKENS = "take a type of more bits, or lower --agreement to what its perplexity and KL divergence justify"


def agreement_of(row: ArmSummary) -> Maybe[float]:
    """The agreement of the outputs: the least of all that are compared.

    For class scores, the share of inputs with the control's top class; for other outputs, the agreement of the worst
    output or column (in recordings without columns, the cosine of all outputs together). 0.99 is a signal-to-noise
    ratio of 17 dB. For language models, the share of positions with the control's most likely token.
    """
    if isinstance(row.not_finite, int) and row.not_finite:
        return Missing("an output is not finite")
    if is_known(row.generation) and is_known(row.top1_agreement):
        return row.top1_agreement
    if isinstance(row.likeness, Missing):
        return row.top1_agreement if is_known(row.top1_agreement) else row.cosine
    if row.likeness.constant:
        return Missing(_constant(row.likeness.constant))
    parts = [row.top1_agreement] if is_known(row.top1_agreement) else []
    parts += [row.likeness.worst.agreement] if is_known(row.likeness.worst) else []
    return min(parts) if parts else row.top1_agreement


def agreements_by_arm(recording: Recording) -> dict[str, Maybe[float]]:
    """The agreement with the control of each arm that gave outputs."""
    found = agreements(recording.outputs, control=recording.plan.control.name)
    unused = Missing("only its agreement is requested")
    return {
        arm: agreement_of(replace(ArmSummary(arm=arm, inferences=0, wall_ns=unused), **columns))
        for arm, columns in found.items()
    }


def agrees_in(answers: Mapping[str, Maybe[float]], arm: str, least: float) -> bool:
    """Whether an arm's agreement is among those by arm, known, and at least what was requested."""
    found = answers.get(arm)
    return found is not None and is_known(found) and found >= least


def gives_same_outputs(row: ArmSummary, least: float) -> bool:
    """Whether the agreement is known and at least what was requested."""
    agreement = agreement_of(row)
    return is_known(agreement) and agreement >= least


def computes_otherwise(row: ArmSummary, least: float, *, is_exact: bool, trained: bool) -> str:
    """Why an arm computes another function than the control, beyond rounding; empty if that is not shown.

    `is_exact`: both compute in the same number format, so that rounding cannot explain an agreement below `least`.
    Untrained networks are exempt, because their outputs hardly differ between inputs.
    """
    if isinstance(row.likeness, Missing):
        return ""
    fixed = [one for one in row.likeness.shapes if one.is_fixed]
    if fixed:
        one = fixed[0]
        return (
            f"for inputs of shape {words_of(one.input_forms)} its outputs have shapes {words_of(one.given)} "
            f"instead of {words_of(one.control)}"
        )
    if row.likeness.constant and trained:
        return _constant(row.likeness.constant)
    return _strays(row.likeness, least, is_exact=is_exact, trained=trained)


def _strays(likeness: Likeness, least: float, *, is_exact: bool, trained: bool) -> str:
    """The shape of inputs with the largest error of an output, if it is more than rounding."""
    # The error at which the agreement of answers of one length is the least that was requested.
    most = (2 * (1 - least)) ** 0.5 if is_exact else MOST_ERROR
    if not (is_exact or trained):
        return ""
    known = [(one.error, one) for one in likeness.by_shape if not isinstance(one.error, Missing)]
    unknown = [one for one in likeness.by_shape if isinstance(one.error, Missing)]
    if unknown:
        return f"output {unknown[0].output} is all zero in the control, and not here"
    error, one = max(known, key=lambda pair: pair[0], default=(0.0, None))
    if one is None or error <= most:
        return ""
    where = f"for inputs of shape {words_of(one.input_forms)} " if len(likeness.by_shape) > 1 else ""
    return f"{where}output {one.output} differs by {100 * error:.0f} % of its size"


def answer_doubts(
    rows: Iterable[ArmSummary],
    asked: set[str],
    least: float,
    *,
    trained: bool,
    exact: Collection[str] = (),
    faulty: Mapping[str, Sequence[str]] | None = None,
) -> Iterator[Concern]:
    """Concerns about arms with non-finite outputs, arms that compute another function and, with trained weights, arms
    that answer differently. `exact` are the arms in the control's number format; `faulty` has, by arm, the operators
    whose int8 kernels answer otherwise than float kernels that compute the same quantized model.
    """
    for row in rows:
        if row.arm not in asked:
            continue
        if is_known(row.not_finite) and row.not_finite:
            yield Concern(
                slug="not-finite",
                text=f"{row.not_finite} of its outputs on the shared inputs are infinite or NaN",
                fix="look for overflow: a mask of -inf, a division by zero, a scale of zero",
                arm=row.arm,
                weight=Weight.INVALIDATES,
            )
        elif said := computes_otherwise(row, least, is_exact=row.arm in exact, trained=trained):
            yield Concern(
                slug=OTHER_ANSWERS,
                text=f"{row.arm} gives different outputs: {said}; nothing is confirmed for it; never recommended",
                fix=_fix(row, (faulty or {}).get(row.arm, ())),
                arm=row.arm,
                weight=Weight.INVALIDATES,
            )
        elif trained and (said := _less_agreement(row, least)):
            yield Concern(
                slug=OTHER_ANSWERS,
                text=f"{said}, below {least:.4g}: it is never recommended",
                fix=_FIX if isinstance(row.generation, Missing) else _FIX_OF_TOKENS,
                arm=row.arm,
            )


def strays_among(concerns: Iterable[Concern]) -> set[str]:
    """The arms that compute another function than the control."""
    return {one.arm for one in concerns if one.slug == OTHER_ANSWERS and one.weight is Weight.INVALIDATES}


def _fix(row: ArmSummary, faulty: Sequence[str]) -> str:
    if faulty:
        return (
            f"leave {', '.join(faulty[:_MOST_FAULTY])} in float: the same quantized model answers otherwise in float "
            "kernels, so that the engine's int8 kernels are wrong, and not the ranges"
        )
    if is_known(row.likeness) and row.likeness.constant:
        return "leave the last operators (the products and joins behind these columns) out of quantization"
    return "check what it was exported or traced for; if it is meant to compute something else, lower --agreement"


def _less_agreement(row: ArmSummary, least: float) -> str:
    agreement = agreement_of(row)
    if isinstance(agreement, Missing) or agreement >= least:
        return ""
    if is_known(row.generation) and row.top1_agreement == agreement:
        return f"its most likely next token is the control's at {100 * agreement:.1f} % of the positions"
    if is_known(row.top1_agreement) and row.top1_agreement == agreement:
        return f"{100 * agreement:.1f} % of the inputs have the control's top class"
    if is_known(row.likeness) and is_known(row.likeness.worst):
        return f"{_place(row.likeness.worst)} agrees with the control's to {agreement:.3f}"
    return f"its outputs have a cosine with the control's outputs of {agreement:.3f}"


def _place(worst: Worst) -> str:
    if worst.axis is None:
        return f"output {worst.output}"
    return f"{'column' if worst.axis == -1 else 'channel'} {worst.column} of output {worst.output}"


def _constant(found: Iterable[Constant]) -> str:
    """9 of 13 columns of output 0 are constant (4 to 12)."""
    return "; ".join(
        f"{len(one.columns)} of {one.size} {'columns' if one.is_last else 'channels'} of output {one.output} "
        f"{'is' if len(one.columns) == 1 else 'are'} constant ({_ranges(one.columns)}), and not in the control"
        for one in found
    )


def _ranges(columns: tuple[int, ...]) -> str:
    """0, 2 to 5, 9; of many the first ones."""
    runs: list[list[int]] = []
    for column in columns:
        if runs and column == runs[-1][-1] + 1:
            runs[-1].append(column)
        else:
            runs.append([column])
    texts = [f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]
    return ", ".join(texts[:_MOST_NAMED]) + (" ..." if len(texts) > _MOST_NAMED else "")
