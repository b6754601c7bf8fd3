"""Pairing: the rounds that two arms share, and the means of their replicates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ironlaw.analysis.turns import ArmTurns, Flags, Floats, Ints

# A last replicate with fewer than this share of the rounds of the one before it was cut, and its mean is too noisy to
# count as much as the others. Decided by how far the run got, never by what it read. Earlier ones were run to their
# ends; they differ in length, since each is as long as seemed best when it started.
LEAST_SHARE_OF_ROUNDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Two arms over the rounds they share; arrays have one entry per replicate unless named otherwise.

    `ln_control` and `ln_changed` are means over rounds of ln(wall ns per inference). `control_turns` and
    `changed_turns` mark the used turns of each arm.
    """

    control: ArmTurns
    changed: ArmTurns
    replicates: Ints
    rounds: Ints  # how many in each replicate
    ln_control: Floats
    ln_changed: Floats
    round_ln_ratio: Floats  # per shared round, ln(control/changed)
    round_replicate: Ints
    round_number: Ints
    control_turns: Flags
    changed_turns: Flags
    left_out: tuple[int, ...] = ()  # replicates cut so early that they are not used

    @property
    def ln_ratios(self) -> Floats:
        """Per replicate, the mean over rounds of ln(control/changed)."""
        return self.ln_control - self.ln_changed


def pair(control: ArmTurns, changed: ArmTurns) -> Pairs:
    """Pair two arms round by round; rounds that only one of them ran are not used."""
    control_key, changed_key = _round_key(control), _round_key(changed)
    shared = np.intersect1d(control_key, changed_key)
    replicate = shared >> _ROUND_BITS
    replicates, rounds = np.unique(replicate, return_counts=True)
    full = are_whole(rounds)
    left_out = replicates[~full] if full.sum() >= 2 else replicates[:0]
    if len(left_out):
        shared = shared[~np.isin(replicate, left_out)]
        replicate = shared >> _ROUND_BITS
        replicates, rounds = np.unique(replicate, return_counts=True)
    control_turns, changed_turns = np.isin(control_key, shared), np.isin(changed_key, shared)
    ln_control = mean_by(control_key[control_turns], np.log(control.wall_ns[control_turns]), shared)
    ln_changed = mean_by(changed_key[changed_turns], np.log(changed.wall_ns[changed_turns]), shared)
    return Pairs(
        control=control,
        changed=changed,
        replicates=replicates,
        rounds=rounds,
        ln_control=mean_by(replicate, ln_control, replicates),
        ln_changed=mean_by(replicate, ln_changed, replicates),
        round_ln_ratio=ln_control - ln_changed,
        round_replicate=replicate,
        round_number=shared & ((1 << _ROUND_BITS) - 1),
        control_turns=control_turns,
        changed_turns=changed_turns,
        left_out=tuple(int(number) for number in left_out),
    )


def are_whole(rounds: Ints) -> Flags:
    """Mark the replicates that were not cut short, by their numbers of rounds."""
    whole = np.ones(len(rounds), dtype=np.bool_)
    if len(rounds) > 1:
        whole[-1] = rounds[-1] >= LEAST_SHARE_OF_ROUNDS * rounds[-2]
    return whole


def mean_by(group: Ints, value: Floats, groups: Ints) -> Floats:
    """The mean of the values of each group; `groups` are sorted and every one of them occurs."""
    place = np.searchsorted(groups, group)
    total = np.bincount(place, weights=value, minlength=len(groups))
    mean: Floats = total / np.bincount(place, minlength=len(groups))
    return mean


_ROUND_BITS = 32


def _round_key(turns: ArmTurns) -> Ints:
    return (turns.replicate << _ROUND_BITS) | turns.round
