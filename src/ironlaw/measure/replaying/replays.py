"""Replay every layer of an arm on stored values, alone in int8 and alone in float, within a time limit."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ironlaw.engines.border.failures import explained
from ironlaw.errors import ArmFailed
from ironlaw.measure.replaying.inputs import Arguments, Inputs, OneInput, count
from ironlaw.measure.replaying.tally import AnswerTally, OwnTally, kept_answers
from ironlaw.measure.replaying.tensors import Watch
from ironlaw.missing import Missing
from ironlaw.replay import NOT_TIMED, Given, KeptAnswers, Mixture, Replay, ReplayedLayer, Use
from ironlaw.replayer import Flipped, Replayer

MOST_KEPT = 1 << 22  # numbers of all answers together, where they are no classes
FEWEST = 8  # inputs of a use, whatever the time
FEWEST_OF_ROW = 64  # numbers of a row that are kept at least
_FAILING = 3  # sites, from which on a network is not opened for each of the others
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


@dataclass(slots=True)
class _WholeNetwork:
    """The answers of the float network, and the sums of its differences from the int8 network, by use."""

    in_float: dict[Use, list[list[Any]]] = field(default_factory=dict)
    tallies: dict[Use, AnswerTally] = field(default_factory=dict)


@dataclass(slots=True)
class _Sites:
    """A network whose sites may fail, by place the reasons of those that did."""

    replayer: Replayer
    failed: dict[int, str] = field(default_factory=dict)

    def open(self, group: Sequence[int]) -> list[int]:
        """Open the sites of a group, and return those that could be.

        Raises:
            ArmFailed: the first of them fail one by one as well, so that it is not the site.
        """
        with contextlib.suppress(ArmFailed), explained("replay"):
            self.replayer.open(group)
            return list(group)
        able: list[int] = []
        for tried, place in enumerate(group, start=1):
            try:
                with explained("replay"):
                    self.replayer.open([place])
            except ArmFailed as error:
                self.failed[place] = error.message
                if not able and tried >= _FAILING:
                    raise
            else:
                able.append(place)
        if able:
            self.replayer.open(able)
        return able

    def flip(self, place: int) -> Flipped | None:
        """Replay a site; None where it cannot be."""
        try:
            with explained("replay"):
                return self.replayer.flip(place)
        except ArmFailed as error:
            self.failed[place] = error.message
            return None


def replay(
    arm: str, replayer: Replayer, inputs: Inputs, answer: Callable[..., list[Any]] | None, *, within_s: float
) -> Replay:
    """The layers of an arm; `answer` is the arm's own program, where it can be asked.

    As many inputs are taken as the time allows, FEWEST of each use at least. A layer that cannot be replayed is left
    out with the reason.

    Raises:
        ArmFailed: no layer can be replayed; the reason of the first.
    """
    sites = replayer.sites
    groups = [range(at, min(at + replayer.at_once, len(sites))) for at in range(0, len(sites), replayer.at_once)]
    chosen: Inputs | None = None
    most = FEWEST_OF_ROW
    found: dict[int, ReplayedLayer] = {}
    whole = _WholeNetwork()
    opening = _Sites(replayer)
    failed = opening.failed
    for group in groups:
        opened_s = time.monotonic()
        able = opening.open(group)
        if not able:
            continue
        opening_s = time.monotonic() - opened_s
        if chosen is None:
            chosen = inputs.first(_counts(opening, able, inputs, within_s, opening_s))
            most = max(FEWEST_OF_ROW, MOST_KEPT // (2 * len(sites) * sum(map(len, chosen.by_use.values()))))
        found |= _layers(opening, able, chosen, whole, most)
    if chosen is None or not found:
        raise ArmFailed(next(iter(failed.values())), hint="compare whole arms: --arms")
    return Replay(
        arm=arm,
        layers=tuple(found[place] for place in sorted(found)),
        how=replayer.how,
        whole={use: tally.given() for use, tally in whole.tallies.items()},
        arm_itself={} if answer is None else _answers(answer, chosen, whole.in_float, most),
        float_answers=_kept(whole.in_float, chosen, most),
        failed={sites[place].name: failed[place] for place in sorted(failed)},
        notes=inputs.notes,
    )


def _layers(
    opening: _Sites, able: Sequence[int], chosen: Inputs, whole: _WholeNetwork, most: int
) -> dict[int, ReplayedLayer]:
    """The layers at the sites of a group, by place; the whole network is added up with the first group."""
    states = {place: _new(opening.replayer, place, most) for place in able}
    is_first = not whole.in_float
    for use, one in chosen.each():
        begun = opening.replayer.begin(one.arguments)
        if is_first:
            whole.in_float.setdefault(use, []).append(begun.in_float)
            tally = whole.tallies.setdefault(use, AnswerTally(most))
            tally.add(begun.in_float, begun.in_int8, one.rows, one.photographs)
        for place in able:
            if place not in opening.failed:
                _add(opening, place, states[place], use, begun.in_float, one)
    return {
        place: _layer(opening.replayer, place, state) for place, state in states.items() if place not in opening.failed
    }


class InFloat:
    """What the float network of an arm answers, each input once."""

    def __init__(self, replayer: Replayer) -> None:
        """Nothing is run yet."""
        self._replayer = replayer
        self._run: Callable[[Arguments], list[Any]] | None = None
        self._known: dict[Use, list[list[Any]]] = {}

    def of(self, inputs: Inputs) -> dict[Use, list[list[Any]]]:
        """Of these, which are the first ones of their use."""
        if self._run is None:
            self._run = self._replayer.mixed(frozenset(range(len(self._replayer.sites))))
        for use, some in inputs.by_use.items():
            known = self._known.setdefault(use, [])
            known += [self._run(one) for one in some[len(known) :]]
        return {use: self._known[use][: len(some)] for use, some in inputs.by_use.items()}


def compared(
    arm: str, inputs: Inputs, in_float: InFloat, answer: Callable[..., list[Any]], *, within_s: float
) -> Replay:
    """An arm's own answers against the float network's, on inputs to choose by and on those that are held out.

    As many as the time allows, by what the first ones take, FEWEST of each use at least.
    """
    asked = _asked(inputs)
    few = asked.first(dict.fromkeys(asked.by_use, FEWEST // 2))
    began_s = time.monotonic()
    for use, expected in in_float.of(few).items():
        for arguments, _ in zip(few.by_use[use], expected, strict=True):
            answer(*arguments)
    each_s = (time.monotonic() - began_s) / max(1, sum(map(len, few.by_use.values())))
    asked = asked.first(_shared_out(asked, int(within_s / max(each_s, 1e-6))))
    references = in_float.of(asked)
    most = max(FEWEST_OF_ROW, MOST_KEPT // max(1, sum(map(len, asked.by_use.values()))))
    return Replay(
        arm=arm,
        layers=Missing("only its answers were compared"),
        only_answers=True,
        arm_itself=_answers(answer, asked, references, most),
        float_answers=_kept(references, asked, most),
        notes=inputs.notes,
    )


def mixtures(
    arm: str, replayer: Replayer, inputs: Inputs, in_float: InFloat, sets: Sequence[Sequence[str]], *, within_s: float
) -> Replay:
    """The int8 network with each of the sets of layers in float; those for which there is time, at least one."""
    places = {site.name: place for place, site in enumerate(replayer.sites)}
    began_s, made = time.monotonic(), list[Mixture]()
    asked = _asked(inputs)
    references = in_float.of(asked)
    most = max(FEWEST_OF_ROW, MOST_KEPT // (max(1, len(sets)) * sum(map(len, asked.by_use.values()))))
    longest_s = 0.0
    for floats in sets:
        set_s = time.monotonic()
        if made and set_s - began_s + longest_s > within_s:
            break
        timed = _Timed(replayer.mixed(frozenset(places[name] for name in floats)))
        given = _answers(timed, asked, references, most)
        took_ns = float(statistics.median(timed.took_ns)) if replayer.runs_kernels else NOT_TIMED
        made.append(Mixture(floats=tuple(floats), given=given, median_ns=took_ns))
        longest_s = max(longest_s, time.monotonic() - set_s)
    left = len(sets) - len(made)
    late = (f"{left} of {len(sets)} sets of layers were not replayed: the time was over",) if left else ()
    return Replay(
        arm=arm,
        layers=Missing("whole mixtures were replayed"),
        how=replayer.how,
        float_answers=_kept(references, asked, most),
        mixtures=tuple(made),
        notes=(*inputs.notes, *late),
    )


def _asked(inputs: Inputs) -> Inputs:
    """Without those that calibrated."""
    return inputs.first({use: len(some) for use, some in inputs.by_use.items() if use is not Use.CALIBRATING})


def _shared_out(inputs: Inputs, total: int) -> dict[Use, int]:
    """Divide a total number of inputs among the uses in proportion, with at least FEWEST of each."""
    there = sum(map(len, inputs.by_use.values()))
    share = min(1.0, total / max(1, there))
    return {use: max(min(FEWEST, len(some)), int(share * len(some))) for use, some in inputs.by_use.items()}


def _kept(references: dict[Use, list[list[Any]]], inputs: Inputs, most: int) -> dict[Use, KeptAnswers]:
    rows = {use: [count([one]) for one in some] for use, some in inputs.by_use.items()}
    kept = {use: kept_answers(outputs, rows[use], most) for use, outputs in references.items()}
    return {use: one for use, one in kept.items() if one is not None}


class _Timed:
    """A network that is called with several arguments, and the time that each call took."""

    def __init__(self, run: Callable[[Arguments], list[Any]]) -> None:
        self._run = run
        self.took_ns: list[int] = []

    def __call__(self, *arguments: Any) -> list[Any]:
        began_ns = time.perf_counter_ns()
        outputs = self._run(arguments)
        self.took_ns.append(time.perf_counter_ns() - began_ns)
        return outputs


def _answers(
    answer: Callable[..., list[Any]], inputs: Inputs, references: dict[Use, list[list[Any]]], most: int
) -> dict[Use, Given]:
    tallies = {use: AnswerTally(most) for use, some in inputs.by_use.items() if some}
    expected = {use: iter(outputs) for use, outputs in references.items()}
    for use, one in inputs.each():
        tallies[use].add(next(expected[use]), answer(*one.arguments), one.rows, one.photographs)
    return {use: tally.given() for use, tally in tallies.items()}


def _new(replayer: Replayer, place: int, most: int) -> _SiteTally:
    site = replayer.sites[place]
    return _SiteTally(
        most=most,
        reads=[Watch(step) for step in site.reads],
        gives=None if site.gives is None else Watch(site.gives),
    )


def _add(sites: _Sites, place: int, state: _SiteTally, use: Use, expected: list[Any], one: OneInput) -> None:
    flipped = sites.flip(place)
    if flipped is None:
        return
    state.own.setdefault(use, OwnTally()).add(flipped.own_float, flipped.own_int8)
    state.alone.setdefault(use, AnswerTally(state.most)).add(expected, flipped.alone, one.rows, one.photographs)
    state.left.setdefault(use, AnswerTally(state.most)).add(expected, flipped.left_float, one.rows, one.photographs)
    for watch in (*state.reads, *([state.gives] if state.gives is not None else [])):
        watch.add(sites.replayer.value_of(watch.step), use)


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


def _counts(sites: _Sites, group: Sequence[int], inputs: Inputs, within_s: float, opening_s: float) -> dict[Use, int]:
    """The number of inputs of each use for which there is time, from a trial of one on the first sites."""
    replayer = sites.replayer
    first = next(some[0] for some in inputs.by_use.values() if some)
    began_s = time.monotonic()
    replayer.begin(first)
    begin_s = time.monotonic() - began_s
    began_s = time.monotonic()
    for place in group:
        sites.flip(place)
    flip_s = (time.monotonic() - began_s) / len(group)
    groups = -(-len(replayer.sites) // len(group))
    # Later sites have less after them, and the first group has the most.
    each_s = groups * begin_s + len(replayer.sites) * flip_s
    left_s = max((1 - _OPENING_SHARE) * within_s, within_s - groups * opening_s)
    total = int(left_s / max(each_s, 1e-6))
    calibrating = min(len(inputs.by_use[Use.CALIBRATING]), max(FEWEST, total // 5))
    rest = max(2 * FEWEST, total - calibrating)
    choosing = min(len(inputs.by_use[Use.CHOOSING]), rest // 2)
    held_out = min(len(inputs.by_use[Use.HELD_OUT]), rest - choosing)
    return {Use.CALIBRATING: calibrating, Use.CHOOSING: choosing, Use.HELD_OUT: held_out}
