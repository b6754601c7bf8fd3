"""What one arm executed, per replicate: shares of its time by category and instruction class."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ironlaw.analysis.account.categories import is_nameless
from ironlaw.analysis.account.kernels import categorised
from ironlaw.analysis.account.operators import Functions, functions_by_operator, judged
from ironlaw.analysis.account.python_functions import shares_of_functions
from ironlaw.analysis.statistics.interval import t_interval
from ironlaw.analysis.turns import ArmTurns, Floats
from ironlaw.code import CodeSamples, CodeSite, InstructionClass, LoopWork
from ironlaw.estimate import Estimate
from ironlaw.explanation.account import KERNEL_CATEGORIES, Category, Code, Executed
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.recording import Recording

Cell = tuple[Category, InstructionClass | None]
_NUMBERED = re.compile(r"\.\d+$")
FEWEST_SAMPLES = 20  # of an arm, below which its shares are too coarse to be read
FEWEST_OF_REPLICATE = 10  # of an arm in one replicate, below which its share is too coarse to be one of several


def _without_samples(category: Category, place: str, name: str) -> Code:
    """Time that is known without samples, as a piece of code."""
    return Code(
        object=place, name=name, category=category, instructions=InstructionClass.UNKNOWN, work=LoopWork.UNKNOWN
    )


_OFF_CPU = _without_samples(Category.WAITING, "", "not on a CPU")
_KERNEL_BY_ACCOUNTED = _without_samples(Category.KERNEL, "[kernel]", "all of it, by its own accounting")
_NOT_SAMPLED = _without_samples(Category.OTHER, "[threads that were not sampled]", "all of it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """One arm's samples: the share of its thread time in each cell, per replicate; each row adds up to 1.

    `shares` has one row per replicate in `replicates` and one column per cell in `cells`; `samples` are counts per
    replicate. `relative` is each replicate's time per inference, without sampling, divided by the mean over replicates.
    """

    replicates: tuple[int, ...]
    cells: tuple[Cell, ...]
    shares: Floats
    samples: tuple[int, ...]
    relative: Floats
    executed: Executed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Replicate:
    number: int
    samples: int
    shares: dict[Code, float]


def sampled(recording: Recording, arm: str, turns: ArmTurns | None) -> Maybe[Sampled]:
    """Evaluate the sampling turns of an arm, or give the reason why there is no result."""
    facts = [fact for fact in recording.code_samples if fact.arm == arm]
    if not facts:
        return _why_not_sampled(recording, arm)
    taken = [fact for fact in facts if is_known(fact.sites)]
    if not taken:
        reason = next(fact.sites for fact in facts)
        return reason if isinstance(reason, Missing) else Missing("code was not sampled")
    kernel_seen = all(fact.kernel_seen is True for fact in taken)
    outside = 0.0 if kernel_seen else _kernel_share(turns)
    if isinstance(outside, Missing):
        return outside
    by_replicate: dict[int, list[CodeSamples]] = defaultdict(list)
    for fact in taken:
        by_replicate[fact.replicate].append(fact)
    functions = functions_by_operator(recording, arm)
    found = (
        _replicate(number, members, functions, kernel_share=outside) for number, members in sorted(by_replicate.items())
    )
    kept = [one for one in found if one.samples >= FEWEST_OF_REPLICATE]
    if sum(one.samples for one in kept) < FEWEST_SAMPLES:
        return Missing(f"fewer than {FEWEST_SAMPLES} samples in replicates with {FEWEST_OF_REPLICATE} or more")
    rows = [_by_cell(one.shares) for one in kept]
    cells = tuple(sorted({cell for row in rows for cell in row}, key=_order))
    numbers = tuple(one.number for one in kept)
    return Sampled(
        replicates=numbers,
        cells=cells,
        shares=np.array([[row.get(cell, 0.0) for cell in cells] for row in rows]),
        samples=tuple(one.samples for one in kept),
        relative=_relative(turns, numbers),
        executed=_executed(taken, kept, kernel_seen=kernel_seen),
    )


def _why_not_sampled(recording: Recording, arm: str) -> Missing:
    plan = recording.plans[-1] if recording.plans else None
    if plan is None or not plan.code or arm not in {one.name for one in plan.asked()}:
        return Missing("code was not sampled")
    if recording.was_cut:
        return Missing("the recording ends before code was sampled")
    if plan.schedule.budget_s is not None:
        return Missing(f"the budget of {plan.schedule.budget_s:g} s left no time to sample code")
    return Missing("code was not sampled")


def _replicate(number: int, members: Sequence[CodeSamples], functions: Functions, *, kernel_share: float) -> _Replicate:
    """Shares of the time of all working threads: their CPU time, divided in proportion to samples where there are some,
    and waiting.
    """
    counts: Counter[Code] = Counter()
    for fact in members:
        for site, category in judged(categorised(fact.sites), functions) if is_known(fact.sites) else ():
            counts[code_of(site, category)] += site.count
    total = counts.total()
    thread_ns = sum(fact.wall_ns * max(1, fact.threads) for fact in members)
    cpu_ns = sum(fact.cpu_ns for fact in members)
    busy = min(1.0, cpu_ns / thread_ns) if thread_ns else 1.0
    unknown = sum(fact.unsampled_ns for fact in members) / cpu_ns if cpu_ns else 0.0
    reached = busy * (1 - unknown)
    shares = {code: reached * (1 - kernel_share) * count / total for code, count in counts.items()}
    if unknown > 0:
        shares[_NOT_SAMPLED] = busy * unknown
    if kernel_share:
        shares[_KERNEL_BY_ACCOUNTED] = reached * kernel_share
    if busy < 1:
        shares[_OFF_CPU] = 1 - busy
    return _Replicate(number=number, samples=total, shares=shares)


def code_of(site: CodeSite, category: Category) -> Code:
    """A site as the piece of code that it is of, whatever the process and the number of samples."""
    if site.symbol:
        # oneDNN numbers its kernels; the number is another one in each process.
        name = _NUMBERED.sub("", site.symbol) if site.object == "[generated]" else site.symbol
    elif site.function:
        name = f"function at {site.function:#x}"
    else:
        name = f"behind {site.near}" if site.near else f"at {site.offset:#x}"
    return Code(
        object=site.object,
        name=name,
        category=category,
        instructions=site.instructions,
        work=site.work,
        is_unnamed=is_nameless(site),
    )


def _by_cell(shares: dict[Code, float]) -> dict[Cell, float]:
    row: dict[Cell, float] = defaultdict(float)
    for code, share in shares.items():
        row[code.category, code.instructions if code.category in KERNEL_CATEGORIES else None] += share
    return row


def _relative(turns: ArmTurns | None, replicates: Sequence[int]) -> Floats:
    """Each replicate's time divided by the mean of all; 1 if no turns show it."""
    if turns is None or not len(turns):
        return np.ones(len(replicates))
    ln = np.log(turns.wall_ns)
    numbers, places = np.unique(turns.replicate, return_inverse=True)
    means = np.bincount(places, weights=ln) / np.bincount(places)
    table = dict(zip(numbers.tolist(), means.tolist(), strict=True))
    usual = float(means.mean())
    relative: Floats = np.exp(np.array([table.get(number, usual) - usual for number in replicates]))
    return relative


def _executed(taken: Sequence[CodeSamples], kept: Sequence[_Replicate], *, kernel_seen: bool) -> Executed:
    code: dict[Code, float] = defaultdict(float)
    for one in kept:
        for piece, share in one.shares.items():
            code[piece] += share / len(kept)
    categories: dict[Category, float] = defaultdict(float)
    for piece, share in code.items():
        categories[piece.category] += share
    classes: Counter[InstructionClass] = Counter()
    works: Counter[LoopWork] = Counter()
    for fact in taken:
        for site in fact.sites if is_known(fact.sites) else ():
            classes[site.instructions] += site.count
            works[site.work] += site.count
    return Executed(
        samples=sum(one.samples for one in kept),
        replicates=len(kept),
        classes={kind: count / classes.total() for kind, count in classes.most_common()},
        categories={category: categories[category] for category in Category if category in categories},
        code=tuple(sorted(code.items(), key=lambda item: (-item[1], item[0].object, item[0].name))),
        integer_samples=works[LoopWork.INTEGER_MULTIPLY_ADD],
        float_samples=works[LoopWork.MULTIPLY_ADD],
        adds=_added(taken),
        kernel_seen=kernel_seen,
        functions=shares_of_functions(taken, categories.get(Category.INTERPRETER, 0.0)),
    )


def _kernel_share(turns: ArmTurns | None) -> Maybe[float]:
    """The kernel's share of the CPU time by its own accounting, used if its code was not sampled."""
    unknown = Missing("the kernel's code was not sampled, and its share of the CPU time is not known")
    if turns is None:
        return unknown
    user, kernel = turns.mean("user_ns"), turns.mean("kernel_ns")
    if isinstance(user, Missing) or isinstance(kernel, Missing) or user + kernel <= 0:
        return unknown
    return kernel / (user + kernel)


_NOT_COMPARED = Missing(
    "this run sampled no turn beside one that was not sampled; benchmarks/README.md has what it adds"
)


def _added(taken: Sequence[CodeSamples]) -> Maybe[Estimate]:
    ratios: dict[int, list[float]] = {}
    for fact in taken:
        if fact.plain_ns > 0:
            ratios.setdefault(fact.replicate, []).append(math.log(fact.wall_ns / fact.plain_ns))
    if not ratios:
        return _NOT_COMPARED
    found = t_interval([math.fsum(values) / len(values) for values in ratios.values()])
    return found if isinstance(found, Missing) else found.through(math.expm1)


def _order(cell: Cell) -> tuple[int, int]:
    category, instructions = cell
    return list(Category).index(category), -1 if instructions is None else list(InstructionClass).index(instructions)
