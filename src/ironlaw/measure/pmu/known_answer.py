"""The known-answer test: counters prove themselves on a loop of known counts before anything they say is believed.

A PMU may open more counters than work. Seen on a Zen 3 guest: six counters open and run all the time by the kernel's
word, one of them reads 0, and the other five count 6 % too much; in groups of five, all are right.
"""

from __future__ import annotations

from collections.abc import Callable

from ironlaw.event import CYCLES, INSTRUCTIONS, MOST_INSTRUCTIONS_PER_CYCLE, Event, EventGroup, Mode, plan_groups
from ironlaw.fact import CounterCheck, Meter
from ironlaw.machine import Machine
from ironlaw.machine.kernel_counts import lost_kernel_counts
from ironlaw.measure.pmu.cpu_events import CpuEvents, Extra, Proof, events_of_cpu, takes_counters
from ironlaw.measure.pmu.known_loop import BRANCHES_PER_ITERATION, INSTRUCTIONS_PER_ITERATION, KnownWork, MachineLoop
from ironlaw.measure.pmu.open_group import OpenGroup
from ironlaw.measure.pmu.perf_event import EventRefused, Kernel
from ironlaw.measure.pmu.plausibility import implausible
from ironlaw.measure.pmu.trial import Trial, count_around
from ironlaw.missing import Maybe, Missing, Remedy, is_known

ITERATIONS = 5_000_000  # 10 million instructions, 1 to 2 ms
REPEATS = 3
MOST_SLOTS = 8  # no core has more programmable counters for one thread

# Switching the group and entering the loop take some thousand instructions: below 0.1 % of the loop's.
USER_TOLERANCE = 0.002
# Counted in both modes, the interrupts of the loop come on top: two timer ticks of some 10 thousand instructions.
BOTH_TOLERANCE = 0.02

SYSTEM_CALLS = 5_000
_LEAST_PER_CALL, _MOST_PER_CALL = 20, 20_000  # kernel instructions of a trivial system call: 50 to 2000 on real kernels
_READS = 200
# Reasons read "what happened; what brings it back".
_ANOTHER = "use a machine, or a hypervisor, whose counters work"
_ALLOW = "allow a process to map its own code executable (SELinux execmem, vm.memfd_noexec)"
_USUAL = ("instructions", "cycles")


def check_counters(
    kernel: Kernel,
    *,
    wanted: bool,
    machine: Machine,
    work: KnownWork | None = None,
    kernel_counts: Callable[[], dict[str, str]] = lost_kernel_counts,
) -> CounterCheck:
    """Which counters of this machine can be believed, in which groups, and why the others cannot.

    Takes some 100 ms with a PMU. Runs on the calling thread; pin it to a CPU that the arms will use. `work` does the
    known work (this machine's loop unless given), `kernel_counts` tests what the kernel counts without a PMU.
    """
    cpu_events = events_of_cpu(machine)
    lost = kernel_counts()
    if not wanted:
        off = Missing("counters were switched off; leave out --no-counters to count", Remedy.COUNT)
        return _without_pmu(cpu_events, off, lost)
    try:
        work = work or MachineLoop()
        bench = _Bench(kernel, work)
        slots = bench.count_slots()
        if isinstance(slots, Missing):
            return _without_pmu(cpu_events, slots, lost, tuple(bench.evidence))
        return bench.check(slots, cpu_events, lost)
    except EventRefused as refused:
        return _without_pmu(cpu_events, Missing(refused.one_line, refused.remedy), lost)
    except OSError as error:
        cannot = Missing(f"the known loop cannot run here ({error.strerror}); {_ALLOW}")
        return _without_pmu(cpu_events, cannot, lost)


def _without_pmu(
    cpu_events: CpuEvents, gap: Missing, lost: dict[str, str], evidence: tuple[str, ...] = ()
) -> CounterCheck:
    names = [*_USUAL, *(extra.event.name for extra in cpu_events.extras())]
    return CounterCheck(
        meter=Meter.CLOCK,
        slots=gap,
        groups=(),
        lost={**dict.fromkeys(names, gap.reason), **lost},
        evidence=evidence,
        remedies={gap.reason: gap.remedy} if gap.remedy else {},
    )


class _Bench:
    """The tests, one after the other, with the evidence they leave."""

    def __init__(self, kernel: Kernel, work: KnownWork) -> None:
        self._kernel = kernel
        self._work = work
        self.evidence: list[str] = []
        self.remedies: dict[str, Remedy] = {}

    def _spin(self) -> None:
        self._work.spin(ITERATIONS)

    def _around(self, work: Callable[[], None], events: tuple[Event, ...]) -> Maybe[Trial]:
        return count_around(work, events, kernel=self._kernel, cpu_ns=self._work.cpu_ns)

    def count_slots(self) -> Maybe[int]:
        """The size of the largest group, and of all smaller ones, in which every slot counts the loop right.

        Raises:
            EventRefused: not even one counter opens.
        """
        event = INSTRUCTIONS.in_mode(Mode.USER)
        good, fault = 0, "it was not tried"
        for size in range(1, MOST_SLOTS + 1):
            try:
                faults = [self._fault_of_slots((event,) * size) for _ in range(REPEATS)]
            except EventRefused as refused:
                if size == 1:
                    raise
                self.evidence.append(f"{size} counters do not open together: {refused.message}")
                break
            fault = next((fault for fault in faults if fault), "")
            if fault:
                self.evidence.append(f"{size} counters open together, but count wrong: {fault}")
                break
            good = size
        if good:
            self.evidence.append(
                f"{good} counters open together and each counts {_known_instructions():,} instructions of a known loop"
                f" within {100 * USER_TOLERANCE:.1f} %, {REPEATS} times"
            )
        if good < 2:
            what = "only one counter works" if good == 1 else f"no counter works: {fault}"
            return Missing(f"{what}; {_ANOTHER}", self.remedies.get(fault))
        return good

    def _fault_of_slots(self, events: tuple[Event, ...]) -> str:
        """What is wrong with a group of the same event in every slot, or nothing."""
        trial = self._around(self._spin, events)
        if isinstance(trial, Missing):
            return self._reason(trial)
        values = trial.values()
        if isinstance(values, Missing):
            return self._reason(values)
        wrong = [value for value in values if not _is_close(value, _known_instructions(), USER_TOLERANCE)]
        read = ", ".join(f"{value:,}" for value in values)
        return f"read {read} where {_known_instructions():,} is true" if wrong else ""

    def check(self, slots: int, cpu_events: CpuEvents, lost: dict[str, str]) -> CounterCheck:
        """Which modes, extras and groups work, once the number of slots is known."""
        modes = self._find_modes(slots, lost)
        whole = Mode.BOTH if Mode.KERNEL in modes else Mode.USER
        extras = tuple(extra.event for extra in cpu_events.singles if self._keep((extra,), whole, lost, room=slots - 2))
        together = tuple(
            tuple(extra.event for extra in extras)
            for extras in cpu_events.sets
            if self._keep(extras, whole, lost, room=slots - 2 if takes_counters(extras) else len(extras))
        )
        planned = plan_groups(slots, modes=modes, extras=extras, together=together)
        groups = tuple(good for group in planned for good in self._settle(group, modes, lost))
        return CounterCheck(
            meter=Meter.HARDWARE if groups else Meter.CLOCK,
            slots=slots if groups else Missing(f"no event group passed the test as a whole; {_ANOTHER}"),
            groups=tuple(tuple(str(event) for event in group.events) for group in groups),
            lost=lost,
            evidence=tuple(self.evidence),
            read_cost_ns=self._read_cost_ns(groups),
            events=tuple(dict.fromkeys(event for group in groups for event in group.events)),
            remedies={reason: remedy for reason, remedy in self.remedies.items() if reason in lost.values()},
        )

    def _reason(self, gap: Missing | EventRefused) -> str:
        """Why something was not counted; what brings it back is kept beside."""
        reason = gap.reason if isinstance(gap, Missing) else gap.one_line
        if gap.remedy:
            self.remedies[reason] = gap.remedy
        return reason

    def _find_modes(self, slots: int, lost: dict[str, str]) -> tuple[Mode, ...]:
        fault = self._fault_of_kernel_mode(slots)
        if not fault:
            return (Mode.USER, Mode.KERNEL)
        lost["instructions:k"] = lost["cycles:k"] = fault
        self.evidence.append(f"kernel mode is not counted: {fault}")
        return (Mode.USER,)

    def _fault_of_kernel_mode(self, slots: int) -> str:
        """Why kernel mode cannot be counted apart, or nothing. Both modes must add up where three counters work."""
        kernel, user = INSTRUCTIONS.in_mode(Mode.KERNEL), INSTRUCTIONS.in_mode(Mode.USER)
        events = (kernel, user, INSTRUCTIONS)[: min(slots, 3)]
        try:
            trial = self._around(lambda: self._work.call_kernel(SYSTEM_CALLS), events)
        except EventRefused as refused:
            return self._reason(refused)
        values = trial if isinstance(trial, Missing) else trial.values()
        if isinstance(values, Missing):
            return self._reason(values)
        per_call = values[0] / SYSTEM_CALLS
        if not _LEAST_PER_CALL <= per_call <= _MOST_PER_CALL:
            return f"{kernel} read {values[0]:,} in {SYSTEM_CALLS:,} system calls, which is impossible"
        if len(values) == 3 and not _is_close(values[0] + values[1], values[2], USER_TOLERANCE):
            return f"kernel {values[0]:,} and user {values[1]:,} do not add up to both {values[2]:,}"
        return ""

    def _keep(self, extras: tuple[Extra, ...], whole: Mode, lost: dict[str, str], *, room: int) -> bool:
        """Whether extras pass their test beside instructions and cycles; if not, each is lost with the reason."""
        if room >= len(extras):
            # Tried again when it fails: a burst of interrupts during the loop is not the counter's fault.
            fault = self._fault_of_extras(extras, whole) and self._fault_of_extras(extras, whole)
        else:
            fault = "too few counters work for it"
        if fault:
            lost.update({extra.event.name: fault for extra in extras})
            return False
        unproven = [extra.event.name for extra in extras if extra.proof in (Proof.NONE, Proof.OCCURS)]
        if unproven:
            self.evidence.append(f"{', '.join(unproven)}: opened and plausible, but without a known answer")
        return True

    def _fault_of_extras(self, extras: tuple[Extra, ...], whole: Mode) -> str:
        events = (INSTRUCTIONS.in_mode(whole), CYCLES.in_mode(whole), *(one.event.in_mode(whole) for one in extras))
        try:
            spun = self._around(self._spin, events)
            streamed = self._around(self._work.stream_memory, events)
        except EventRefused as refused:
            return self._reason(refused)
        for trial in (spun, streamed):
            if isinstance(trial, Missing):
                return self._reason(trial)
            fault = _fault_of_trial(trial)
            if fault:
                return fault
        assert is_known(spun)
        fault = _fault_of_spin(spun)
        if fault:
            return fault
        assert is_known(streamed)
        faults = (
            _fault_of_proof(extra, spun.counts[place].raw, streamed.counts[place].raw)
            for place, extra in enumerate(extras, start=2)
        )
        return next((fault for fault in faults if fault), "")

    def _settle(self, group: EventGroup, modes: tuple[Mode, ...], lost: dict[str, str]) -> tuple[EventGroup, ...]:
        """The group if it counts the loop right as a whole, else smaller ones that do."""
        fault = self._fault_of_group(group) and self._fault_of_group(group)
        if not fault:
            return (group,)
        self.evidence.append(f"{group} does not work as a whole: {fault}")
        pairs = [(INSTRUCTIONS.in_mode(mode), CYCLES.in_mode(mode)) for mode in modes]
        if set(group.events) == {event for pair in pairs for event in pair}:
            smaller = [EventGroup(pair) for pair in pairs]
        else:
            smaller = [EventGroup((*group.events[:2], event)) for event in group.events[2:]]
        kept = []
        for one in smaller:
            fault = "it is the same group" if one == group else self._fault_of_group(one)
            if fault:
                lost.update({str(event): fault for event in one.events[2:] or one.events})
            else:
                kept.append(one)
        return tuple(kept)

    def _fault_of_group(self, group: EventGroup) -> str:
        try:
            trial = self._around(self._spin, group.events)
        except EventRefused as refused:
            return self._reason(refused)
        return self._reason(trial) if isinstance(trial, Missing) else _fault_of_trial(trial) or _fault_of_spin(trial)

    def _read_cost_ns(self, groups: tuple[EventGroup, ...]) -> Maybe[int]:
        """What reading the largest group of one thread takes."""
        if not groups:
            return Missing("nothing is read")
        events = max((group.events for group in groups), key=len)
        opened = OpenGroup(events, thread=0, kernel=self._kernel)
        try:
            begun_ns = self._work.now_ns()
            for _ in range(_READS):
                opened.read()
            return (self._work.now_ns() - begun_ns) // _READS
        finally:
            opened.close()


def _known_instructions() -> int:
    return ITERATIONS * INSTRUCTIONS_PER_ITERATION


def _is_close(value: int, truth: int, tolerance: float) -> bool:
    return abs(value - truth) <= tolerance * truth


def _fault_of_trial(trial: Trial) -> str:
    """What is wrong with the counts of a group around any work, or nothing."""
    values = trial.values()
    if isinstance(values, Missing):
        return values.reason
    impossible = next((found for count in trial.counts if (found := implausible(count, trial.cpu_ns))), None)
    return impossible.reason if impossible else ""


def _fault_of_spin(trial: Trial) -> str:
    """What is wrong with instructions or cycles of a group around the known loop, or nothing."""
    known = _known_instructions()
    for count in trial.counts:
        name, _, mode = count.event.partition(":")
        if name == "instructions" and mode != "k":
            tolerance = USER_TOLERANCE if mode == "u" else BOTH_TOLERANCE
            if not _is_close(count.raw, known, tolerance):
                return f"{count.event} read {count.raw:,} in a loop of {known:,}"
        if name == "instructions" and mode == "k" and count.raw > known * BOTH_TOLERANCE:
            return f"{count.event} read {count.raw:,} in a loop that never calls the kernel"
        if name == "cycles" and mode != "k" and count.raw * MOST_INSTRUCTIONS_PER_CYCLE < known:
            return f"{count.event} read {count.raw:,} for {known:,} instructions"
    return ""


def _fault_of_proof(extra: Extra, spun: int, streamed: int) -> str:
    """What speaks against an extra that opened and is possible, or nothing."""
    branches = ITERATIONS * BRANCHES_PER_ITERATION
    if extra.proof is Proof.EQUALS_BRANCHES and not _is_close(spun, branches, BOTH_TOLERANCE):
        return f"{extra.event.name} read {spun:,} in a loop of {branches:,} branches"
    if extra.proof is Proof.AT_LEAST_BRANCHES and spun < branches * (1 - USER_TOLERANCE):
        return f"{extra.event.name} read {spun:,} in a loop of {branches:,} iterations"
    if extra.proof is Proof.GROWS_WITH_MEMORY and streamed == 0:
        return f"{extra.event.name} read 0 while memory was streamed: the PMU does not count it"
    if extra.proof is Proof.OCCURS and spun + streamed == 0:
        return f"{extra.event.name} read 0 in a loop and while memory was streamed: the PMU does not count it"
    return ""
