"""Replay every layer of an arm on stored values, alone in int8 and alone in float, within a time limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ironlaw.measure.replaying.inputs import Arguments, Inputs, count
from ironlaw.measure.replaying.tally import AnswerTally, OwnTally, kept_answers
from ironlaw.measure.replaying.tensors import Watch
from ironlaw.missing import Missing
from ironlaw.replay import Given, KeptAnswers, Mixture, Replay, ReplayedLayer, Use
from ironlaw.replayer import Replayer

Mixed = tuple[tuple[Mixture, ...], dict[Use, KeptAnswers]]
MOST_KEPT = 1 << 22  # numbers of all answers together, where they are no classes
FEWEST = 8  # inputs of a use, whatever the time
FEWEST_OF_ROW = 64  # numbers of a row that are kept at least
_OPENING_SHARE = 0.5  # of the time, that is given up to opening where that takes longer


@dataclass(slots=True)
class _SiteTally:
    """The sums of one site's replays, by use."""

    most: int
    own: dict[Use, OwnTally] = field(default_factory=dict)
    alone: dict[Use, AnswerTally] = field(default_factory=dict)
    left: dict[Use, AnswerTally] = field(default_factory=dict)
    reads: list[Watch] = field(default_factory=list)
    gives: Watch | None = None


def replay(
    arm: str, replayer: Replayer, inputs: Inputs, answer: Callable[..., list[Any]] | None, *, within_s: float
) -> Replay:
    """The layers of an arm; `answer` is the arm's own program, where it can be asked.

    As many inputs are taken as the time allows, FEWEST of each use at least.
    """
    began_s = time.monotonic()
    sites = replayer.sites
    groups = [range(at, min(at + replayer.at_once, len(sites))) for at in range(0, len(sites), replayer.at_once)]
    chosen: Inputs | None = None
    most = FEWEST_OF_ROW
    found: dict[int, ReplayedLayer] = {}
    references: dict[Use, list[list[Any]]] = {}
    whole: dict[Use, AnswerTally] = {}
    for group in groups:
        opened_s = time.monotonic()
        replayer.open(group)
        opening_s = time.monotonic() - opened_s
        if chosen is None:
            chosen = inputs.first(_counts(replayer, group, inputs, within_s, opening_s))
            most = max(FEWEST_OF_ROW, MOST_KEPT // (2 * len(sites) * sum(map(len, chosen.by_use.values()))))
        states = {place: _new(replayer, place, most) for place in group}
        is_first = group is groups[0]
        for use, some in chosen.by_use.items():
            for arguments in some:
                begun, rows = replayer.begin(arguments), count([arguments])
                if is_first:
                    references.setdefault(use, []).append(begun.in_float)
                    whole.setdefault(use, AnswerTally(most)).add(begun.in_float, begun.in_int8, rows)
                for place in group:
                    _add(replayer, place, states[place], use, begun.in_float, rows)
        found |= {place: _layer(replayer, place, state) for place, state in states.items()}
    assert chosen is not None, "an arm that is replayed has layers"
    return Replay(
        arm=arm,
        layers=tuple(found[place] for place in sorted(found)),
        how=replayer.how,
        took_s=time.monotonic() - began_s,
        whole={use: tally.given() for use, tally in whole.items()},
        arm_itself={} if answer is None else _answers(answer, chosen, references, most),
        float_answers=_kept(references, chosen, most),
        notes=inputs.notes,
    )


def compared(arm: str, replayer: Replayer, inputs: Inputs, answer: Callable[..., list[Any]]) -> Replay:
    """An arm's own answers against the float network's, on all inputs to choose by and all that are held out."""
    began_s = time.monotonic()
    asked = Inputs(by_use={use: inputs.by_use[use] for use in (Use.CHOOSING, Use.HELD_OUT)})
    in_float = replayer.mixed(frozenset(range(len(replayer.sites))))
    references = {use: [in_float(one) for one in some] for use, some in asked.by_use.items()}
    most = max(FEWEST_OF_ROW, MOST_KEPT // max(1, sum(map(len, asked.by_use.values()))))
    return Replay(
        arm=arm,
        layers=Missing("only its answers were compared"),
        only_answers=True,
        how=replayer.how,
        took_s=time.monotonic() - began_s,
        arm_itself=_answers(answer, asked, references, most),
        float_answers=_kept(references, asked, most),
        notes=inputs.notes,
    )


def mixtures(replayer: Replayer, inputs: Inputs, sets: Sequence[Sequence[str]], *, within_s: float) -> Mixed:
    """The int8 network with each set of layers in float, as many sets as the time allows."""
    places = {site.name: place for place, site in enumerate(replayer.sites)}
    began_s, made = time.monotonic(), list[Mixture]()
    in_float = replayer.mixed(frozenset(places.values()))
    asked = Inputs(by_use={use: inputs.by_use[use] for use in (Use.CHOOSING, Use.HELD_OUT)})
    references = {use: [in_float(one) for one in some] for use, some in asked.by_use.items()}
    most = max(FEWEST_OF_ROW, MOST_KEPT // (max(1, len(sets)) * sum(map(len, asked.by_use.values()))))
    for floats in sets:
        if made and time.monotonic() - began_s > within_s:
            break
        run = replayer.mixed(frozenset(places[name] for name in floats))
        made.append(Mixture(floats=tuple(floats), given=_answers(run_of(run), asked, references, most)))
    return tuple(made), _kept(references, asked, most)


def _kept(references: dict[Use, list[list[Any]]], inputs: Inputs, most: int) -> dict[Use, KeptAnswers]:
    rows = {use: [count([one]) for one in some] for use, some in inputs.by_use.items()}
    kept = {use: kept_answers(outputs, rows[use], most) for use, outputs in references.items()}
    return {use: one for use, one in kept.items() if one is not None}


def run_of(run: Callable[[Arguments], list[Any]]) -> Callable[..., list[Any]]:
    """Call a network that takes one tuple of arguments with several arguments."""
    return lambda *arguments: run(arguments)


def _answers(
    answer: Callable[..., list[Any]], inputs: Inputs, references: dict[Use, list[list[Any]]], most: int
) -> dict[Use, Given]:
    found: dict[Use, Given] = {}
    for use, some in inputs.by_use.items():
        tally = AnswerTally(most)
        for arguments, expected in zip(some, references.get(use, []), strict=False):
            tally.add(expected, answer(*arguments), count([arguments]))
        if tally.inputs:
            found[use] = tally.given()
    return found


def _new(replayer: Replayer, place: int, most: int) -> _SiteTally:
    site = replayer.sites[place]
    return _SiteTally(
        most=most,
        reads=[Watch(step) for step in site.reads],
        gives=None if site.gives is None else Watch(site.gives),
    )


def _add(replayer: Replayer, place: int, state: _SiteTally, use: Use, expected: list[Any], rows: int) -> None:
    flipped = replayer.flip(place)
    state.own.setdefault(use, OwnTally()).add(flipped.own_float, flipped.own_int8)
    state.alone.setdefault(use, AnswerTally(state.most)).add(expected, flipped.alone, rows)
    state.left.setdefault(use, AnswerTally(state.most)).add(expected, flipped.left_float, rows)
    for watch in (*state.reads, *([state.gives] if state.gives is not None else [])):
        watch.add(replayer.value_of(watch.step), use)


def _layer(replayer: Replayer, place: int, state: _SiteTally) -> ReplayedLayer:
    site = replayer.sites[place]
    layer = ReplayedLayer(
        name=site.name,
        path=site.path,
        operator=site.operator,
        nodes=site.nodes,
        repeat=site.repeat,
        own={use: tally.own() for use, tally in state.own.items()},
        alone={use: tally.given() for use, tally in state.alone.items()},
        left_float={use: tally.given() for use, tally in state.left.items()},
        read=tuple(watch.tensor() for watch in state.reads),
    )
    return layer if state.gives is None else replace(layer, gives=(state.gives.tensor(),))


def _counts(
    replayer: Replayer, group: Sequence[int], inputs: Inputs, within_s: float, opening_s: float
) -> dict[Use, int]:
    """The number of inputs of each use for which there is time, from a trial of one on the first sites."""
    first = next(some[0] for some in inputs.by_use.values() if some)
    began_s = time.monotonic()
    replayer.begin(first)
    begin_s = time.monotonic() - began_s
    began_s = time.monotonic()
    for place in group:
        replayer.flip(place)
    flip_s = (time.monotonic() - began_s) / len(group)
    groups = -(-len(replayer.sites) // len(group))
    # Later sites have less behind them, and the first group has the most.
    each_s = groups * begin_s + len(replayer.sites) * flip_s
    left_s = max((1 - _OPENING_SHARE) * within_s, within_s - groups * opening_s)
    total = int(left_s / max(each_s, 1e-6))
    calibrating = min(len(inputs.by_use[Use.CALIBRATING]), max(FEWEST, total // 5))
    rest = max(2 * FEWEST, total - calibrating)
    choosing = min(len(inputs.by_use[Use.CHOOSING]), rest // 2)
    held_out = min(len(inputs.by_use[Use.HELD_OUT]), rest - choosing)
    return {Use.CALIBRATING: calibrating, Use.CHOOSING: choosing, Use.HELD_OUT: held_out}
