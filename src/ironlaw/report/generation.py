"""Generating text, for every output: rates per token, bytes read, shares of the ceilings, gains that turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ironlaw.estimate import Estimate
from ironlaw.explanation import ArmSummary, Explanation
from ironlaw.explanation.generation import READING, GainByPhase, Generation, RateByThreads, ThreadStep
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.phase import Phase
from ironlaw.report.account import CLASS_NAMES, share_cell
from ironlaw.report.columns import added_arms, ordered_arms, wall_time
from ironlaw.report.json_values import estimate_value, number_value
from ironlaw.report.quantity import (
    DASH,
    MEGABYTES,
    MILLISECONDS,
    PERCENT,
    TIME,
    Footnotes,
    Scale,
    measured,
    number,
    ratio,
    scale_for,
    with_unit,
)
from ironlaw.report.quantity import PLAIN as RATE
from ironlaw.report.words import joined
from ironlaw.text import plain

HEADING = "Generating text"
HEADINGS = ("", "tokens/s\n[95 %]", "ms per\ntoken", "first\ntoken", "MB per\ntoken", "of read\nbandwidth")
PAGE_HEADINGS = (
    "arm",
    "tokens/s [95 %]",
    "ms per token",
    "ms to the first token [95 %]",
    "MB read per token",
    "of them keys and values",
    "% of read bandwidth [95 %]",
    "perplexity",
    "KL, nats",
)
_NOTHING = DASH
_NO_CEILING = Missing("no ceiling was measured")
_NAMED = 3  # shares of an arm's time that a sentence names
_MOST_OFF = 0.05  # by which the engine's own clock may differ from the one around it


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationTable:
    """The rows under HEADINGS, and sentences below them."""

    rows: tuple[tuple[str, ...], ...]
    sentences: tuple[str, ...]


def generation_table(explanation: Explanation, *, with_added: bool) -> GenerationTable:
    """The arms that were measured in a phase; no row where there is none."""
    left_out = frozenset[str]() if with_added else added_arms(explanation) | _repeated(explanation)
    shown = _in_phases(explanation, left_out)
    return GenerationTable(
        rows=tuple(_row(arm, found) for arm, found in shown),
        sentences=_sentences(shown, explanation, left_out, is_whole=with_added, unknown=_unknown_shares(shown)),
    )


def _unknown_shares(shown: list[tuple[ArmSummary, Generation]]) -> list[str]:
    """The reasons for dashes in the last column, each once; a page has them as footnotes."""
    by_reason: dict[str, list[str]] = {}
    for arm, found in shown:
        share = found.reached.get(READING, _NO_CEILING)
        if isinstance(share, Missing):
            by_reason.setdefault(share.reason, []).append(plain(arm.arm))
    return [
        f"Share of read bandwidth unknown{'' if len(names) == len(shown) else f' of {joined(names)}'}: {plain(reason)}."
        for reason, names in by_reason.items()
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationPage:
    """The rows under PAGE_HEADINGS, the reasons behind their dashes by number, and sentences below them."""

    rows: tuple[tuple[str, ...], ...]
    footnotes: tuple[tuple[str, str], ...]
    sentences: tuple[str, ...]


def generation_page(explanation: Explanation) -> GenerationPage | None:
    """What a page shows of the arms that were requested in a phase; None where there is none."""
    left_out = added_arms(explanation) | _repeated(explanation)
    shown = _in_phases(explanation, left_out)
    if not shown:
        return None
    footnotes = Footnotes()
    rows = tuple(_page_row(arm, found, footnotes) for arm, found in shown)
    return GenerationPage(
        rows=rows,
        footnotes=tuple(footnotes.lines()),
        sentences=_sentences(shown, explanation, left_out, is_whole=True),
    )


def _in_phases(explanation: Explanation, left_out: frozenset[str]) -> list[tuple[ArmSummary, Generation]]:
    return [
        (arm, arm.generation)
        for arm in ordered_arms(explanation)
        if isinstance(arm.generation, Generation) and arm.arm not in left_out and not arm.failure
    ]


def _sentences(
    shown: list[tuple[ArmSummary, Generation]],
    explanation: Explanation,
    left_out: frozenset[str],
    *,
    is_whole: bool,
    unknown: Sequence[str] = (),
) -> tuple[str, ...]:
    accounted = {
        name for one in explanation.comparisons if is_known(one.account) for name in (one.control, one.changed)
    }
    return (
        *_all_by_threads(explanation.rates_by_threads),
        *(_turning(gain) for gain in explanation.gains_by_phase if gain.changed not in left_out),
        *unknown,
        *(sentence for arm, found in shown if (sentence := _bound(arm, found, explanation))),
        *(sentence for arm, _ in shown if arm.arm not in accounted and (sentence := _by_code(arm))),
        *_perplexities(shown),
        *(sentence for arm, found in shown if (sentence := _own_clock(arm, found, is_whole=is_whole))),
    )


def _by_code(arm: ArmSummary) -> str:
    """The largest shares of an arm's time by executed code and by instructions, of an arm that no account is about."""
    found = arm.executed
    if isinstance(found, Missing):
        return ""
    categories = {one.value: share for one, share in found.categories.items()}
    classes = {CLASS_NAMES[one]: share for one, share in found.classes.items()}
    return f"{plain(arm.arm)} by executed code: {_largest(categories)}; by instructions: {_largest(classes)}."


def _largest(shares: Mapping[str, float]) -> str:
    """The largest shares by name, and what is left."""
    ordered = sorted(shares.items(), key=lambda one: -one[1])
    parts = [f"{name} {share_cell(share)}" for name, share in ordered[:_NAMED]]
    left = 1 - sum(share for _, share in ordered[:_NAMED])
    return ", ".join([*parts, *([f"the rest {share_cell(left)}"] if len(ordered) > _NAMED else [])])


def _all_by_threads(rates: tuple[RateByThreads, ...]) -> list[str]:
    """What more threads add to each arm: of two numbers of threads in one sentence, which is never the one left out."""
    steps = {tuple((step.first, step.second) for step in rate.steps) for rate in rates}
    if len(rates) < 2 or len(steps) != 1 or len(rates[0].steps) != 1:
        return [_by_threads(rate) for rate in rates]
    (step,) = rates[0].steps
    parts = [f"{plain(rate.arm)} {_gained(rate.steps[0])}" for rate in rates]
    idle = [plain(rate.arm) for rate in rates if rate.stops_at is not None]
    shown = f" {' and '.join(idle)} {'are' if len(idle) > 1 else 'is'} not shown to gain." if idle else ""
    return [f"Tokens/s with {step.second} threads instead of {step.first}: {', '.join(parts)}.{shown}"]


def _by_threads(rate: RateByThreads) -> str:
    """What each further number of threads adds to the tokens a second, and where that ends."""
    parts = [f"{_gained(step)} with {step.second} threads instead of {step.first}" for step in rate.steps]
    stops = rate.stops_at
    ends = "" if stops is None else f" More than {stops} thread{'s are' if stops > 1 else ' is'} not shown to gain."
    return f"{plain(rate.arm)}, tokens/s: {', '.join(parts)}.{ends}"


def _gained(step: ThreadStep) -> str:
    return "unknown" if isinstance(step.gain, Missing) else ratio(step.gain)


def threads_answer(rate: RateByThreads) -> str:
    """Up to how many threads an arm gains, with the step that shows it."""
    name, stops = plain(rate.arm), rate.stops_at
    unknown = next((step.gain.reason for step in rate.steps if isinstance(step.gain, Missing)), "")
    if stops is None and unknown:
        return f"Up to how many threads {name} gains is not known: {plain(unknown)}."
    gaining = [step for step in rate.steps if stops is None or step.second <= stops]
    up_to = f"{name} gains up to {gaining[-1].second} threads: {_of_step(gaining[-1])}" if gaining else ""
    if stops is None:
        return f"{up_to}."
    step = next(step for step in rate.steps if step.first == stops)
    is_loss = isinstance(step.gain, Estimate) and step.gain.high < 1
    word = "it loses" if is_loss else "no gain is shown"
    if up_to:
        return f"{up_to}; beyond that {word}: {_of_step(step)}."
    return f"{name} {'loses' if is_loss else 'is not shown to gain'} by more than 1 thread: {_of_step(step)}."


def _of_step(step: ThreadStep) -> str:
    return f"{_gained(step)} the tokens/s with {step.second} instead of {step.first}"


def threads_document(explanation: Explanation) -> list[dict[str, Any]]:
    """What more threads add to the tokens a second of every arm in a phase."""
    return [
        {
            "arm": rate.arm,
            "steps": [
                {"first": step.first, "second": step.second, "gain": estimate_value(step.gain)} for step in rate.steps
            ],
            "stops_at": rate.stops_at,
        }
        for rate in explanation.rates_by_threads
    ]


def _perplexities(shown: list[tuple[ArmSummary, Generation]]) -> list[str]:
    """The perplexity of every arm on the same text; nothing where no text was predicted."""
    known = [(arm, found) for arm, found in shown if is_known(found.perplexity) and is_known(found.text_tokens)]
    if not known:
        return []
    parts = [f"{plain(arm.arm)} {number(found.perplexity)}" for arm, found in known if is_known(found.perplexity)]
    counts = sorted({f"{found.text_tokens:.0f}" for _, found in known if is_known(found.text_tokens)})
    return [f"Perplexity on {' or '.join(counts)} tokens of text: {', '.join(parts)}."]


def _page_row(arm: ArmSummary, found: Generation, footnotes: Footnotes) -> tuple[str, ...]:
    rate, each, first, once = found.tokens_per_s, found.ns_per_token, found.first_token_ns, arm.wall_ns_once
    # Of a token's time the interval is that of the rate: a column less fits on a page.
    cells: list[Maybe[Estimate | float]] = [rate, each, first]
    if is_known(once) and isinstance(rate, Missing):  # read once: without an interval
        cells = [found.phase.processed / once * 1e9, once / found.phase.processed, first if found.phase.depth else once]
    share = found.reached.get(READING, _NO_CEILING)
    scales = (RATE, MILLISECONDS, MILLISECONDS, MEGABYTES, MEGABYTES, PERCENT, RATE, RATE)
    cells += [found.bytes_per_token, found.cache_bytes_per_token, share, found.perplexity, found.kl_nats]
    shown = [_cell(cell, scale, footnotes) for cell, scale in zip(cells, scales, strict=True)]
    if isinstance(each, Estimate):
        shown[1] = measured(each, MILLISECONDS).value
    return plain(arm.arm), *shown


def _cell(cell: Maybe[Estimate | float], scale: Scale, footnotes: Footnotes) -> str:
    if isinstance(cell, Missing):
        return footnotes.mark(cell)
    return str(measured(cell, scale)) if isinstance(cell, Estimate) else number(cell, scale)


def _repeated(explanation: Explanation) -> frozenset[str]:
    if isinstance(explanation.plan, Missing):
        return frozenset()
    return frozenset(arm.name for arm in explanation.plan.arms if arm.repeats)


def _row(arm: ArmSummary, found: Generation) -> tuple[str, ...]:
    share = found.reached.get(READING, _NO_CEILING)
    return (
        plain(arm.arm),
        _estimated(found.tokens_per_s, arm, found.phase),
        _per_token(arm, found.phase),
        _duration(found.first_token_ns),
        _NOTHING if isinstance(found.bytes_per_token, Missing) else number(found.bytes_per_token, MEGABYTES),
        _NOTHING if isinstance(share, Missing) else with_unit(measured(share, PERCENT).value, PERCENT),
    )


def _per_token(arm: ArmSummary, phase: Phase) -> str:
    time = wall_time(arm)
    if isinstance(time, Missing):
        return _NOTHING
    return number((time.value if isinstance(time, Estimate) else time) / phase.processed, TIME[2])


def _estimated(value: Maybe[Estimate], arm: ArmSummary, phase: Phase) -> str:
    """Tokens a second with the interval, or as they were read once."""
    if isinstance(value, Missing):
        once = arm.wall_ns_once
        return _NOTHING if isinstance(once, Missing) else number(phase.processed / once * 1e9)
    return str(measured(value, RATE))


def _duration(value: Maybe[Estimate]) -> str:
    if isinstance(value, Missing):
        return _NOTHING
    scale = scale_for(TIME, [value.value])
    return with_unit(number(value.value, scale), scale)


def _bound(arm: ArmSummary, found: Generation, explanation: Explanation) -> str:
    """The ceilings that an arm comes closest to, or why they are not known; of arms that were repeated, once."""
    if isinstance(explanation.plan, Missing) or explanation.plan.arm(arm.arm).repeats:
        return ""
    known = {name: share for name, share in found.reached.items() if isinstance(share, Estimate)}
    if not known:
        return ""
    parts = [f"{_share(share)} of the {_ceiling(name)}" for name, share in known.items()]
    intensity = found.macs_per_byte
    per_byte = "" if isinstance(intensity, Missing) else f" ({number(intensity)} products for each byte read)"
    above = known.get(READING)
    if above is not None and above.low > 1:
        lowest = "; more than memory gives: its weights come from a cache"
    else:
        lowest = _lowest(known)
    return f"{plain(arm.arm)} reaches {', '.join(parts)}{per_byte}{lowest}."


def _lowest(reached: Mapping[str, Estimate]) -> str:
    """Which ceiling is the lowest for its work: that of which it reaches the largest share, whatever its speed."""
    rates = [share.value for name, share in reached.items() if name != READING]
    reading = reached.get(READING)
    if reading is None or not rates:
        return ""
    if reading.value > max(rates):
        return "; reading is its lowest ceiling"
    if reading.value < min(rates):
        return "; arithmetic is its lowest ceiling"
    return "; which ceiling is the lowest depends on the numbers that it multiplies in"


def _share(share: Estimate) -> str:
    return with_unit(measured(share, PERCENT).value, PERCENT)


def _ceiling(name: str) -> str:
    return "read bandwidth" if name == READING else f"{name} arithmetic"


def _turning(gain: GainByPhase) -> str:
    first, second = gain.gains
    about = f"{plain(_program(gain.changed, gain.phases[0]))} against {plain(_program(gain.control, gain.phases[0]))}"
    if isinstance(first, Missing) or isinstance(second, Missing) or isinstance(gain.ratio, Missing):
        return f"{about}: whether the gain differs between {gain.phases[0]} and {gain.phases[1]} is not known."
    both = f"{ratio(first)} in {gain.phases[0]} and {ratio(second)} in {gain.phases[1]}"
    if gain.turns:
        return f"{about}: {both}. The gain turns."
    if gain.ratio.excludes(1.0):
        return f"{about}: {both}. The gains differ by a factor of {ratio(gain.ratio)}."
    return f"{about}: {both}. The gains are not shown to differ."


def _program(name: str, phase: Phase) -> str:
    """An arm's name without its phase."""
    return name.replace(f"+phase={phase}", "")


def _own_clock(arm: ArmSummary, found: Generation, *, is_whole: bool) -> str:
    """Said where the engine's clock and the one around it disagree, or where everything is said."""
    if isinstance(found.own_clock, Missing) or (abs(found.own_clock - 1) <= _MOST_OFF and not is_whole):
        return ""
    return f"{plain(arm.arm)}: its engine reports {number(found.own_clock)} of the time that is measured around it."


def generation_document(found: Maybe[Generation]) -> dict[str, Any]:
    """An arm's fields; of an arm without a phase all of them are the reason why."""
    if isinstance(found, Missing):
        gap = {"missing": found.reason}
        return dict.fromkeys(("tokens_per_s", "bytes_per_token", "read_bandwidth_share", "generation"), gap)
    return {
        "tokens_per_s": estimate_value(found.tokens_per_s),
        "bytes_per_token": number_value(found.bytes_per_token),
        "read_bandwidth_share": estimate_value(found.reached.get(READING, _NO_CEILING)),
        "generation": {
            "phase": found.phase.kind.value,
            "tokens": found.phase.processed,
            "depth": found.phase.depth,
            "ms_per_token": estimate_value(found.ns_per_token, unit=1e6),
            "first_token_ms": estimate_value(found.first_token_ns, unit=1e6),
            "cache_bytes_per_token": number_value(found.cache_bytes_per_token),
            "weight_bytes": dict(found.weight_bytes),
            "macs_per_token": number_value(found.macs_per_token),
            "macs_per_byte": number_value(found.macs_per_byte),
            "reached": {name: estimate_value(share) for name, share in found.reached.items()},
            "own_clock": number_value(found.own_clock),
            "perplexity": number_value(found.perplexity),
            "text_tokens": number_value(found.text_tokens),
            "kl_divergence_nats": number_value(found.kl_nats),
        },
    }


def gains_document(explanation: Explanation) -> list[dict[str, Any]]:
    """The gains of the programs that were compared in two phases."""
    return [
        {
            "control": _program(gain.control, gain.phases[0]),
            "changed": _program(gain.changed, gain.phases[0]),
            "phases": [str(phase) for phase in gain.phases],
            "gains": [estimate_value(one) for one in gain.gains],
            "ratio": estimate_value(gain.ratio),
            "turns": gain.turns,
        }
        for gain in explanation.gains_by_phase
    ]
