"""Sampling turns: inferences of an arm with its threads' instruction pointers sampled."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ironlaw.code import CodeSamples, SampledBy
from ironlaw.machine.process_clock import cpu_ns_by_thread
from ironlaw.measure.messages import CodeTurn, TwinSetup
from ironlaw.measure.sampling.kept_tables import KeptTables
from ironlaw.measure.sampling.perf_samples import PerfSampler, Sample, SamplingRefused, cycles_per_ns
from ironlaw.measure.sampling.python_functions import sample_functions
from ironlaw.measure.sampling.resolver import Resolver
from ironlaw.measure.sampling.symbols import perf_map_path
from ironlaw.measure.sampling.timer_signal import TimerSampler
from ironlaw.missing import Maybe, Missing
from ironlaw.program import Program

if TYPE_CHECKING:
    from ironlaw.measure.layers.reading import Trace

# A prime number of nanoseconds, so that no loop of the program keeps step with it: 167 samples a second of CPU time.
# On a virtual machine, where each sample leaves the guest, they added 0.56 % [0.26, 0.88] to mobilenet_v2
# fp32, and 1000 a second 3.6 % [2.4, 5.0] (python -m benchmarks.sampling, benchmarks/README.md).
PERIOD_NS = 6_000_011
# A turn that lasts longer ends with what it has: two threads that share a CPU with another process took a hundred times
# as long for an inference as when they were warmed up, and a turn without an answer within a minute ends its arm.
MOST_NS = 15_000_000_000
_PARTS = 16  # of a turn, behind each of which the time is looked at
_NAMED = 4  # inferences of a turn for one whose Python functions are sampled
# A thread with time for ten samples and less than this share of them was not reached: pinned elsewhere meanwhile.
_EXPECTED, _REACHED = 10, 0.25
_WORKS_FROM = 0.02  # of the busiest thread's CPU time: what a thread must have spent to be one that works


class Sampler(Protocol):
    """What takes samples; see perf_samples and timer_signal."""

    kernel: bool
    lost: int  # samples since `attach` that there was no room for
    period_ns: int
    threads: frozenset[int]  # that existed at `attach`
    inherits: bool  # threads that they start are sampled, too

    def attach(self) -> None:
        """Prepare to sample every thread of this process."""

    def start(self) -> None:
        """Sample from now on."""

    def stop(self) -> None:
        """Sample no longer."""

    def take(self) -> list[Sample]:
        """The samples since the last call."""

    def close(self) -> None:
        """Give back what `attach` took."""


@dataclass(slots=True)
class CodeReader:
    """Samples one arm's program in its own process."""

    program: Program
    arm: str
    replicate: int
    resolver: Resolver = field(default_factory=lambda: Resolver(perf_map_path()))
    sampler: Maybe[tuple[Sampler, SampledBy]] | None = None  # None: was not tried yet

    def turn(self, order: CodeTurn, inputs: list[tuple[Any, ...]]) -> CodeSamples:
        """One sampling turn; without samples, and with the reason, where this process may not be sampled."""
        from ironlaw.measure.layers.reading import Trace, run_plain

        if self.sampler is None:
            self.sampler = open_sampler()
        if isinstance(self.sampler, Missing):
            return self._fact(order, wall_ns=0, cpu_ns=0, threads=1, sites=self.sampler)
        sampler, by = self.sampler
        run_plain(self.program, inputs[:1])  # the caches and predictors are those of this arm again
        noted = Trace()
        sampler.attach()
        try:
            before, began_ns = cpu_ns_by_thread(), time.process_time_ns()
            sampler.start()
            try:
                done = run_within(self.program, inputs, MOST_NS, noted)
            finally:
                sampler.stop()
            after, cpu_ns = cpu_ns_by_thread(), time.process_time_ns() - began_ns
            samples = sampler.take()
        finally:
            sampler.close()
        spent = {thread: after[thread] - before.get(thread, 0) for thread in after}
        sites = self.resolver.resolve(samples, caller=os.getpid())
        return self._fact(
            CodeTurn(round=order.round, inferences=done),
            wall_ns=noted.inferences_ns(),
            cpu_ns=cpu_ns,
            unsampled_ns=_unsampled_ns(sampler, spent, cpu_ns, Counter(sample.thread for sample in samples)),
            threads=sum(1 for one in spent.values() if one > _WORKS_FROM * max(spent.values())) or 1,
            sites=sites,
            functions=sample_functions(self.program, inputs[: -(-done // _NAMED)], sites, perf_map_path()),
            by=by,
            sampler=sampler,
        )

    def _fact(self, order: CodeTurn, *, sampler: Sampler | None = None, **known: Any) -> CodeSamples:
        known.setdefault("by", SampledBy.CPU_CLOCK)
        return CodeSamples(
            arm=self.arm,
            replicate=self.replicate,
            round=order.round,
            inferences=order.inferences,
            plain_ns=0,
            period_ns=sampler.period_ns if sampler else PERIOD_NS,
            kernel_seen=sampler.kernel if sampler else False,
            lost=sampler.lost if sampler else 0,
            **known,
        )


def _unsampled_ns(sampler: Sampler, spent: Mapping[int, int], cpu_ns: int, taken: Mapping[int, int]) -> int:
    """The CPU time of threads that were not sampled: those that the sampler has not met, and those that gave it hardly
    a sample although the kernel's code would have given some.
    """
    met = sum(spent.get(thread, 0) for thread in sampler.threads)
    unmet_ns = 0 if sampler.inherits else max(0, cpu_ns - met)
    if not sampler.kernel:
        return unmet_ns  # a thread may have spent its time in the kernel
    silent_ns = sum(
        own_ns - taken.get(thread, 0) * sampler.period_ns
        for thread, own_ns in spent.items()
        if thread in sampler.threads
        and own_ns >= _EXPECTED * sampler.period_ns
        and taken.get(thread, 0) < _REACHED * own_ns / sampler.period_ns
    )
    return min(cpu_ns, unmet_ns + silent_ns)


def code_reader(program: Program, setup: TwinSetup) -> CodeReader:
    """That of a twin, with tables of symbols kept beside its log, in the run's folder, for the arms' later twins."""
    resolver = Resolver(perf_map_path(), KeptTables(Path(setup.log).parent / "symbols"))
    return CodeReader(program, setup.arm.name, setup.replicate, resolver=resolver)


def run_within(program: Program, inputs: list[tuple[Any, ...]], most_ns: int, noted: Trace) -> int:
    """Inferences on the inputs in turn until all are done or the time is over, some in any case: how many.

    Nothing but them may be sampled: what the times in `noted` amount to is found out later.
    """
    from ironlaw.measure.layers.reading import run_read

    done, ends_ns = 0, time.perf_counter_ns() + most_ns
    size = -(-len(inputs) // _PARTS)
    while done < len(inputs) and (not done or time.perf_counter_ns() < ends_ns):
        part = inputs[done : done + size]
        run_read(program, noted, None, part)
        done += len(part)
    return done


_BY_PERF = (SampledBy.CYCLES, SampledBy.CPU_CLOCK)


def open_sampler(
    period_ns: int = PERIOD_NS, *, by_perf: Sequence[SampledBy] = _BY_PERF
) -> Maybe[tuple[Sampler, SampledBy]]:
    """The best way to sample that this process is allowed, each with the kernel's code before the same without it.

    By the PMU's cycles, the kernel's CPU clock, and at last a CPU-time timer.
    """
    reasons = []
    for by in by_perf:
        for kernel in (True, False):
            try:
                cycles = round(period_ns * cycles_per_ns(kernel=kernel)) | 1 if by is SampledBy.CYCLES else 0
                sampler = PerfSampler(period_ns=period_ns, kernel=kernel, by=by, cycles=cycles)
                sampler.attach()
                sampler.close()
            except SamplingRefused as refused:
                reasons.append(refused.message)
            else:
                return sampler, by
    try:
        timer = TimerSampler(period_ns=period_ns)
        timer.attach()
        timer.close()
    except SamplingRefused as refused:
        return Missing("; ".join(dict.fromkeys([*reasons, refused.message])))
    return timer, SampledBy.TIMER
