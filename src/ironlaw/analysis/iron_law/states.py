"""The split's input from the turns of two arms: per replicate, times and rates of counted events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ironlaw.analysis.iron_law.lmdi import NO_CYCLES, Classes, State
from ironlaw.analysis.iron_law.topdown import slot_shares
from ironlaw.analysis.statistics.paired import Pairs, mean_by
from ironlaw.analysis.turns import CLOCK_CHANGE, CLOCK_CYCLES, NEVER_READ, ArmTurns, Flags, Floats, Ints, PerInference
from ironlaw.machine import Machine
from ironlaw.missing import Maybe, Missing, is_known

TOGETHER = "instructions and CPI are of user and kernel mode together: they were not counted apart"
KERNEL_BY_TIME = (
    "the kernel's cycles were refused: its part is its CPU time as the kernel accounts it, at the user's frequency"
)
KERNEL_IN_FREQUENCY = (
    "the kernel's cycles were refused and its CPU time is not known apart: its part is inside the frequency term"
)
BY_TICK = "user and kernel time are separated by the kernel's timer tick: unbiased, but coarse over one turn"
BY_CHAIN = "the clock frequency is that before and after each turn, by a chain of instructions of known latency"
# A clock that changes by more during a turn, relative to itself, is not known in it; one step of 100 MHz is less.
STEADY = 0.05
LEAST_STEADY = 0.9  # of an arm's turns
# Of the replicates; with fewer counted ones, the mean that is in for the others would be mostly invention.
LEAST_COUNTED = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """The states of both arms, and the assumptions made."""

    control: State
    changed: State
    assumptions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """The turns of one arm that a comparison uses."""

    turns: ArmTurns
    marked: Flags
    replicates: Ints

    def column(self, name: str) -> Maybe[PerInference]:
        """A quantity restricted to the used turns."""
        column = self.turns.column(name)
        if isinstance(column, Missing):
            return column
        kept = column.within(self.marked)
        return kept if len(kept.turn) else Missing(f"{name} was counted in no shared round of {self.turns.arm}")

    def per_inference(self, name: str) -> Maybe[Floats]:
        """Per replicate, the mean per inference over the turns that counted it."""
        column = self.column(name)
        return column if isinstance(column, Missing) else self._filled(column.turn, column.value, None, name)

    def per(self, name: str, base: str) -> Maybe[Floats]:
        """Per replicate, occurrences of one event per occurrence of another, in turns that counted both."""
        over, under = self.column(name), self.column(base)
        if isinstance(over, Missing):
            return over
        if isinstance(under, Missing):
            return under
        shared, at_over, at_under = np.intersect1d(over.turn, under.turn, return_indices=True)
        if not len(shared):
            return Missing(f"{name} and {base} were never counted in one turn")
        return self._filled(shared, over.value[at_over], under.value[at_under], name)

    def per_cpu_ns(self, name: str) -> Maybe[Floats]:
        """Per replicate, occurrences per ns of CPU time, in the turns that counted it."""
        column = self.column(name)
        if isinstance(column, Missing):
            return column
        return self._filled(column.turn, column.value, self.turns.cpu_ns[column.turn], name)

    def _filled(self, turn: Ints, over: Floats, under: Floats | None, name: str) -> Maybe[Floats]:
        """The ratio of sums per replicate; a replicate without counts gets the mean of the others."""
        work = self.turns.inferences[turn]
        place = np.searchsorted(self.replicates, self.turns.replicate[turn])
        size = len(self.replicates)
        above = np.bincount(place, weights=over * work, minlength=size)
        below = np.bincount(place, weights=work if under is None else under * work, minlength=size)
        counted = below > 0
        if counted.sum() < LEAST_COUNTED * size or not counted.any():
            return Missing(f"{name} was counted in {int(counted.sum())} of {size} replicates of {self.turns.arm}")
        ratio = above[counted] / below[counted]
        values: Floats = np.full(size, ratio.mean())
        values[counted] = ratio
        return values

    def uncounted(self, name: str) -> tuple[int, ...]:
        """The replicates in which no used turn counted the quantity."""
        column = self.column(name)
        if isinstance(column, Missing):
            return ()
        counted = np.unique(self.turns.replicate[column.turn])
        return tuple(int(number) for number in np.setdiff1d(self.replicates, counted))


def states(pairs: Pairs, machine: Maybe[Machine]) -> States:
    """The states of both arms, by the finest way of counting that both have."""
    arms = (
        Used(turns=pairs.control, marked=pairs.control_turns, replicates=pairs.replicates),
        Used(turns=pairs.changed, marked=pairs.changed_turns, replicates=pairs.replicates),
    )
    found = _finest(arms)
    assumptions: tuple[str, ...] = ()
    classes: tuple[Maybe[Classes], Maybe[Classes]]
    if isinstance(found, Missing):
        classes = (found, found)
        assumptions = _of_time_shares(arms, machine)
    else:
        classes, assumptions = _with_shares(found.classes, arms, machine)
        by_time = _of_time_shares(arms, machine) if KERNEL_BY_TIME in found.assumptions else ()
        assumptions = (*found.assumptions, *by_time, *assumptions, *_stand_ins(arms, found.event))
    control = _state(arms[0], classes[0], pairs.ln_control)
    changed = _state(arms[1], classes[1], pairs.ln_changed)
    if isinstance(found, Missing) and is_known(control.clock_per_ns) and is_known(changed.clock_per_ns):
        assumptions = (*assumptions, BY_CHAIN)
    return States(control=control, changed=changed, assumptions=assumptions)


def _state(used: Used, classes: Maybe[Classes], ln_wall: Floats) -> State:
    return State(
        wall_ns=np.exp(ln_wall),
        cpu_ns=_cpu_ns(used),
        classes=classes,
        kernel_time_share=_kernel_time_share(used),
        clock_per_ns=_clock_per_ns(used),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    classes: tuple[Classes, Classes]
    assumptions: tuple[str, ...]
    event: str  # shows in which replicates there was counting


def _finest(arms: tuple[Used, Used]) -> Maybe[_Found]:
    """User and kernel mode separately; else both together; else user mode and the kernel's CPU time."""
    apart = tuple(_apart(used) for used in arms)
    if is_known(apart[0]) and is_known(apart[1]):
        return _Found(classes=(apart[0], apart[1]), assumptions=(), event="cycles:u")
    together = tuple(_one_class(used, "") for used in arms)
    if is_known(together[0]) and is_known(together[1]):
        return _Found(classes=(together[0], together[1]), assumptions=(TOGETHER,), event="cycles")
    timed = tuple(_kernel_by_time(used) for used in arms)
    if is_known(timed[0]) and is_known(timed[1]):
        return _Found(classes=(timed[0], timed[1]), assumptions=(KERNEL_BY_TIME,), event="cycles:u")
    user = tuple(_one_class(used, ":u") for used in arms)
    if is_known(user[0]) and is_known(user[1]):
        return _Found(classes=(user[0], user[1]), assumptions=(KERNEL_IN_FREQUENCY,), event="cycles:u")
    reasons = [gap for gap in (*together, *apart) if isinstance(gap, Missing)]
    # A mode that was not requested was never read; why one that was requested is not there says more.
    informative = [gap for gap in reasons if gap != NEVER_READ] or reasons
    if not informative:
        return NO_CYCLES
    return Missing(f"{NO_CYCLES.reason} ({informative[0].reason})", informative[0].remedy)


def _one_class(used: Used, mode: str) -> Maybe[Classes]:
    instructions, cycles = used.per_inference("instructions" + mode), used.per_cpu_ns("cycles" + mode)
    if isinstance(instructions, Missing):
        return instructions
    if isinstance(cycles, Missing):
        return cycles
    if not ((instructions > 0).all() and (cycles > 0).all()):
        return Missing(f"instructions{mode} or cycles{mode} read 0 in {used.turns.arm}")
    refused = Missing("kernel mode was not counted apart from user mode")
    return Classes(
        instructions=instructions, cycles_per_ns=cycles, kernel_cycles_per_ns=refused, kernel_instructions=refused
    )


def _apart(used: Used) -> Maybe[Classes]:
    user = _one_class(used, ":u")
    if isinstance(user, Missing):
        return user
    cycles = used.per_cpu_ns("cycles:k")
    if isinstance(cycles, Missing):
        return cycles
    return Classes(
        instructions=user.instructions,
        cycles_per_ns=user.cycles_per_ns,
        kernel_cycles_per_ns=cycles,
        kernel_instructions=used.per_inference("instructions:k"),
    )


def _kernel_by_time(used: Used) -> Maybe[Classes]:
    """User mode as counted; the kernel's cycles from its share of the CPU time, at user mode's frequency."""
    user, share = _one_class(used, ":u"), _kernel_time_share(used)
    if isinstance(user, Missing):
        return user
    if isinstance(share, Missing):
        return share
    if not (share < 1).all():
        return Missing(f"all CPU time of {used.turns.arm} was accounted to the kernel in some replicate")
    return Classes(
        instructions=user.instructions,
        cycles_per_ns=user.cycles_per_ns,
        kernel_cycles_per_ns=user.cycles_per_ns * share / (1 - share),
        kernel_instructions=Missing("the kernel's instructions were refused"),
    )


def _cpu_ns(used: Used) -> Maybe[Floats]:
    """Per replicate, the geometric mean of the CPU time over the same rounds as the wall time's."""
    cpu_ns = used.turns.cpu_ns[used.marked]
    if not len(cpu_ns) or not (cpu_ns > 0).all():
        return Missing(
            f"the CPU time of {used.turns.arm} read 0 in some turn: turns are shorter than the clock resolution"
        )
    replicate, number = used.turns.replicate[used.marked], used.turns.round[used.marked]
    _, first, place = np.unique(np.stack([replicate, number]), axis=1, return_index=True, return_inverse=True)
    per_round = np.bincount(place, weights=np.log(cpu_ns)) / np.bincount(place)
    result: Floats = np.exp(mean_by(replicate[first], per_round, used.replicates))
    return result


def _clock_per_ns(used: Used) -> Maybe[Floats]:
    """Per replicate, the cycles per ns of CPU time by the chains around each turn, if the clock is steady in turns."""
    cycles, change = used.column(CLOCK_CYCLES), used.column(CLOCK_CHANGE)
    if isinstance(cycles, Missing):
        return cycles
    if isinstance(change, Missing):
        return change
    steady = float((change.value <= STEADY * cycles.value).mean())
    if steady < LEAST_STEADY:
        return Missing(
            f"the clock of {used.turns.arm} was steady within {100 * STEADY:.0f} % in {100 * steady:.0f} % of its "
            f"turns: a term needs {100 * LEAST_STEADY:.0f} %"
        )
    found = used.per_cpu_ns(CLOCK_CYCLES)
    return found if isinstance(found, Missing) or (found > 0).all() else Missing("the clock read 0")


def _kernel_time_share(used: Used) -> Maybe[Floats]:
    user, kernel = used.per_inference("user_ns"), used.per_inference("kernel_ns")
    if isinstance(user, Missing):
        return user
    if isinstance(kernel, Missing):
        return kernel
    if not (user + kernel > 0).all():
        return Missing(f"user and kernel time of {used.turns.arm} read 0")
    return kernel / (user + kernel)


def _of_time_shares(arms: tuple[Used, Used], machine: Maybe[Machine]) -> tuple[str, ...]:
    """The assumption made if only the kernel's CPU time is known."""
    by_tick = is_known(machine) and machine.cpu_time_split == "by timer tick"
    return (BY_TICK,) if by_tick and all(is_known(_kernel_time_share(used)) for used in arms) else ()


def _with_shares(
    classes: tuple[Classes, Classes], arms: tuple[Used, Used], machine: Maybe[Machine]
) -> tuple[tuple[Classes, Classes], tuple[str, ...]]:
    """Add the top-down categories, if both arms have them by the same events."""
    first, second = (slot_shares(used.per, machine) for used in arms)
    if isinstance(first, Missing) or isinstance(second, Missing):
        return classes, ()
    return (_shared(classes[0], first.shares), _shared(classes[1], second.shares)), tuple(
        dict.fromkeys((*first.assumptions, *second.assumptions))
    )


def _shared(classes: Classes, shares: dict[str, Floats]) -> Classes:
    return Classes(
        instructions=classes.instructions,
        cycles_per_ns=classes.cycles_per_ns,
        kernel_cycles_per_ns=classes.kernel_cycles_per_ns,
        kernel_instructions=classes.kernel_instructions,
        cpi_shares=shares,
    )


def _stand_ins(arms: tuple[Used, Used], event: str) -> tuple[str, ...]:
    said = []
    for used in arms:
        without = used.uncounted(event)
        if without:
            listed = ", ".join(str(number) for number in without)
            said.append(f"replicate {listed} of {used.turns.arm} counted no {event}: the mean of the others is used")
    return tuple(said)
