"""From readings to the figures of text generation: tokens per second, bytes per token, shares of the ceilings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations

from ironlaw.analysis.agreement import divergence
from ironlaw.analysis.ceilings import ceilings_by
from ironlaw.analysis.statistics.interval import t_interval
from ironlaw.analysis.verdicts.bench import Bench
from ironlaw.arm import Arm
from ironlaw.circumstance import RandomTokens
from ironlaw.estimate import Estimate
from ironlaw.explanation import ArmSummary
from ironlaw.explanation.generation import NOT_GENERATING, READING, GainByPhase, Generation
from ironlaw.fact import Ceilings
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.phase import TEXT_NATS, TEXT_TOKENS, WHOLE, Phase, PhaseKind
from ironlaw.plan import Plan
from ironlaw.recording import Recording
from ironlaw.variant import PHASE

_NO_CENSUS = Missing("the work of an inference was not recorded")
_NO_CLOCK = Missing("its engine has no clock, or answers were not compared, beside which it is read")
_NO_TEXT = Missing("no text was predicted")
_BY_TYPE = "weight_bytes_"


def generation(row: ArmSummary, recording: Recording) -> Maybe[Generation]:
    """The figures of an arm that was measured in a phase; for any other arm, why there are none."""
    phase = Phase.read(recording.plan.arm(row.arm).variant.level(PHASE))
    if isinstance(phase, Missing):
        return NOT_GENERATING
    counted = next((fact.counts for fact in reversed(recording.censuses) if fact.arm == row.arm), {})
    counts = {**next((fact.work for fact in reversed(recording.started) if fact.arm == row.arm), {}), **counted}
    kept, weights = counts.get("cache_bytes", _NO_CENSUS), counts.get("weight_bytes", _NO_CENSUS)
    macs = counts.get("macs_per_token", _NO_CENSUS)
    cache = kept if isinstance(kept, Missing) else kept / phase.processed
    read: Maybe[float] = cache
    if isinstance(weights, Missing):
        read = weights
    elif is_known(cache):
        read = weights / phase.processed + cache
    per_s = _rate(row.wall_ns, phase.processed)
    return Generation(
        phase=phase,
        tokens_per_s=per_s,
        ns_per_token=row.wall_ns
        if isinstance(row.wall_ns, Missing)
        else row.wall_ns.through(lambda ns: ns / phase.processed),
        first_token_ns=row.wall_ns
        if phase.kind is PhaseKind.PREFILL
        else Missing("the tokens before it are processed outside the clock"),
        bytes_per_token=read,
        cache_bytes_per_token=cache,
        macs_per_token=macs,
        weight_bytes={
            name.removeprefix(_BY_TYPE): float(count)
            for name, count in counts.items()
            if name.startswith(_BY_TYPE) and is_known(count)
        },
        reached=_reached(per_s, read, macs, _ceilings(counts.get("threads", _NO_CENSUS), recording)),
        perplexity=_perplexity(counts, recording),
        text_tokens=counts.get(TEXT_TOKENS, _NO_TEXT),
        kl_nats=_divergence(row.arm, recording),
        own_clock=counts.get("own_clock", _NO_CLOCK),
    )


def _perplexity(counts: Mapping[str, Maybe[float]], recording: Recording) -> Maybe[float]:
    """The exponential of the mean loss on a text; a gap for random tokens."""
    if any(isinstance(fact, RandomTokens) for fact in recording.circumstances):
        return Missing("its tokens are random, which no model predicts")
    nats = counts.get(TEXT_NATS, _NO_TEXT)
    return nats if isinstance(nats, Missing) else math.exp(nats)


def _divergence(arm: str, recording: Recording) -> Maybe[float]:
    control = recording.plan.control.name
    if arm == control:
        return Missing("it is the control")
    return divergence(recording.outputs, control=control, changed=arm)


def _rate(wall_ns: Maybe[Estimate], tokens: int) -> Maybe[Estimate]:
    """Tokens per second from ns per inference; the ends of the interval swap."""
    if isinstance(wall_ns, Missing):
        return wall_ns
    value, low, high = (tokens / ns * 1e9 for ns in (wall_ns.value, wall_ns.high, wall_ns.low))
    return Estimate(value=value, low=low, high=high)


def _ceilings(threads: Maybe[float], recording: Recording) -> Maybe[Ceilings]:
    """The machine's ceilings by the threads of an arm; by the run's own where its engine reports no number."""
    return ceilings_by(recording, int(threads) if is_known(threads) else recording.plan.threads)


def _reached(
    per_s: Maybe[Estimate],
    read: Maybe[float],
    macs: Maybe[float],
    ceilings: Maybe[Ceilings],
) -> dict[str, Maybe[Estimate]]:
    """The share of each ceiling that was measured with the arm's number of threads."""
    if isinstance(ceilings, Missing):
        return {READING: ceilings}
    found = {READING: _share(per_s, read, ceilings.read_bytes_per_s)}
    for kind, rate in ceilings.macs_per_s.items():
        if is_known(rate):
            found[kind] = _share(per_s, macs, rate)
    return found


def _share(per_s: Maybe[Estimate], each: Maybe[float], ceiling: Maybe[float]) -> Maybe[Estimate]:
    if isinstance(per_s, Missing):
        return per_s
    if isinstance(each, Missing):
        return each
    if isinstance(ceiling, Missing):
        return ceiling
    return per_s.through(lambda rate: rate * each / ceiling)


def gains_by_phase(on: Bench) -> tuple[GainByPhase, ...]:
    """For every program compared in two phases: whether its gain differs between them, and whether it turns."""
    found = []
    for one, other in combinations(on.plan.pairs(), 2):
        phases = tuple(Phase.read(pair[1].variant.level(PHASE)) for pair in (one, other))
        first, second = phases
        if isinstance(first, Missing) or isinstance(second, Missing) or first == second:
            continue
        if [_without_phase(arm, on.plan) for arm in one] != [_without_phase(arm, on.plan) for arm in other]:
            continue
        terms = (1.0, one[0].name), (-1.0, one[1].name), (-1.0, other[0].name), (1.0, other[1].name)
        gains = tuple(_ratio(on, (1.0, pair[0].name), (-1.0, pair[1].name)) for pair in (one, other))
        found.append(
            GainByPhase(
                changed=one[1].name,
                control=one[0].name,
                phases=(first, second),
                gains=(gains[0], gains[1]),
                ratio=_ratio(on, *terms),
            )
        )
    return tuple(found)


def _ratio(on: Bench, *terms: tuple[float, str]) -> Maybe[Estimate]:
    ln_ratio = t_interval(list(on.series(*terms).values()))
    return ln_ratio if isinstance(ln_ratio, Missing) else ln_ratio.through(math.exp)


def _without_phase(arm: Arm, plan: Plan) -> tuple[str | None, str]:
    """What identifies an arm apart from its phase: its file or the model, and its other levels."""
    return arm.factory, str(arm.variant.with_level(PHASE, WHOLE))
