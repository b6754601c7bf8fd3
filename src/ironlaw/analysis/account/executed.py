"""What one arm executed, replicate by replicate: shares of its time by category and instruction class."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ironlaw.account import Category, Executed
from ironlaw.analysis.account.categories import category_of
from ironlaw.analysis.statistics.interval import t_interval
from ironlaw.analysis.turns import ArmTurns, Floats
from ironlaw.code import CodeSamples, CodeSite, InstructionClass
from ironlaw.estimate import Estimate
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.recording import Recording

# Kernels have a row for each instruction class: there it is what tells two arms apart.
BY_CLASS = (Category.MATRIX, Category.DEPTHWISE)
Cell = tuple[Category, InstructionClass | None]
FEWEST_SAMPLES = 30  # of an arm in one replicate, below which a share is too coarse to be one of several


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """One arm's samples: per replicate the share of its thread time in each cell; each row adds up to 1.

    `shares` has one row per replicate in `replicates` and one column per cell in `cells`; `samples` are counts per
    replicate.
    """

    replicates: tuple[int, ...]
    cells: tuple[Cell, ...]
    shares: Floats
    samples: tuple[int, ...]
    executed: Executed
    unmatched: Counter[str]


def sampled(recording: Recording, arm: str, turns: ArmTurns | None) -> Maybe[Sampled]:
    """What the sampling turns of an arm show, or why there is nothing to show."""
    facts = [fact for fact in recording.code_samples if fact.arm == arm]
    if not facts:
        return Missing("code was not sampled")
    taken = [fact for fact in facts if is_known(fact.sites)]
    if not taken:
        reason = next(fact.sites for fact in facts)
        return reason if isinstance(reason, Missing) else Missing("code was not sampled")
    by_replicate: dict[int, list[CodeSamples]] = {}
    for fact in taken:
        by_replicate.setdefault(fact.replicate, []).append(fact)
    kernel_seen = all(fact.kernel_seen is True for fact in taken)
    outside = 0.0 if kernel_seen or turns is None else _kernel_share(turns)
    rows: list[dict[Cell, float]] = []
    kept: list[int] = []
    counts: list[int] = []
    classes: Counter[InstructionClass] = Counter()
    unmatched: Counter[str] = Counter()
    for replicate, members in sorted(by_replicate.items()):
        sites = [site for fact in members if is_known(fact.sites) for site in fact.sites]
        total = sum(site.count for site in sites)
        if total < FEWEST_SAMPLES:
            continue
        kept.append(replicate)
        counts.append(total)
        rows.append(_shares(sites, members, kernel_share=outside))
        for site in sites:
            classes[site.instructions] += site.count
            if category_of(site) is Category.OTHER:
                unmatched[f"{site.object} {site.symbol}".strip()] += site.count
    if not rows:
        return Missing(f"fewer than {FEWEST_SAMPLES} samples in each replicate: the inferences were too short")
    cells = tuple(sorted({cell for row in rows for cell in row}, key=_order))
    shares = np.array([[row.get(cell, 0.0) for cell in cells] for row in rows])
    mean = shares.mean(axis=0)
    categories: dict[Category, float] = {}
    for cell, share in zip(cells, mean.tolist(), strict=True):
        categories[cell[0]] = categories.get(cell[0], 0.0) + share
    all_samples = classes.total()
    return Sampled(
        replicates=tuple(kept),
        cells=cells,
        shares=shares,
        samples=tuple(counts),
        executed=Executed(
            samples=all_samples,
            classes={kind: count / all_samples for kind, count in classes.most_common()},
            categories=categories,
            adds=_added(taken),
            kernel_seen=kernel_seen,
        ),
        unmatched=unmatched,
    )


def _shares(sites: Sequence[CodeSite], members: Sequence[CodeSamples], *, kernel_share: float) -> dict[Cell, float]:
    """Shares of the time of all working threads: samples over those of their CPU time, and waiting beside them."""
    total = sum(site.count for site in sites)
    thread_ns = sum(fact.wall_ns * max(1, fact.threads) for fact in members)
    cpu_ns = sum(fact.cpu_ns for fact in members)
    busy = min(1.0, cpu_ns / thread_ns) if thread_ns else 1.0
    row: dict[Cell, float] = {}
    for site in sites:
        category = category_of(site)
        cell = (category, site.instructions if category in BY_CLASS else None)
        row[cell] = row.get(cell, 0.0) + busy * (1 - kernel_share) * site.count / total
    if kernel_share:
        kernel = (Category.KERNEL, None)
        row[kernel] = row.get(kernel, 0.0) + busy * kernel_share
    if busy < 1:
        waiting = (Category.WAITING, None)
        row[waiting] = row.get(waiting, 0.0) + 1 - busy
    return row


def _kernel_share(turns: ArmTurns) -> float:
    """The kernel's share of the CPU time by its own books, where its code was not sampled."""
    user, kernel = turns.mean("user_ns"), turns.mean("kernel_ns")
    if isinstance(user, Missing) or isinstance(kernel, Missing) or user + kernel <= 0:
        return 0.0
    return kernel / (user + kernel)


def _added(taken: Sequence[CodeSamples]) -> Maybe[Estimate]:
    ratios: dict[int, list[float]] = {}
    for fact in taken:
        if fact.plain_ns > 0:
            ratios.setdefault(fact.replicate, []).append(math.log(fact.wall_ns / fact.plain_ns))
    found = t_interval([math.fsum(values) / len(values) for values in ratios.values()])
    return found if isinstance(found, Missing) else found.through(math.expm1)


def _order(cell: Cell) -> tuple[int, int]:
    category, instructions = cell
    return list(Category).index(category), -1 if instructions is None else list(InstructionClass).index(instructions)
