"""The scripted stage: readings by a stated law instead of a model, a PMU and a clock.

What an arm does is written down (instructions, cycles per instruction, page faults ...), so the cause of every
difference is known, and tests can check that the whole pipeline finds it. Time is virtual: a run takes milliseconds.
"""

from __future__ import annotations

import base64
import math
import random
import zlib
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ironlaw.arm import Arm
from ironlaw.code import CodeSamples, CodeSite, SampledBy
from ironlaw.event import (
    BRANCH_MISSES,
    BRANCHES,
    CACHE_MISSES,
    CACHE_REFERENCES,
    Count,
    Event,
    Mode,
    plan_groups,
)
from ironlaw.fact import (
    ArmPrepared,
    ArmStarted,
    Ceilings,
    Census,
    CounterCheck,
    Fact,
    Failure,
    InterpreterStarted,
    Meter,
    NullReading,
    Outputs,
    Reading,
)
from ironlaw.machine import Machine
from ironlaw.measure.layers.scripted import ScriptedArm, ScriptedLayer
from ironlaw.measure.messages import CodeTurn, LayerTurn, SurveyLayers, Turn
from ironlaw.measure.sampling.turns import PERIOD_NS
from ironlaw.measure.warm_up import WarmUp
from ironlaw.missing import Maybe, Missing
from ironlaw.plan import Replays
from ironlaw.program import PreparedModel
from ironlaw.variant import Variant

_NULL_INFERENCES, _NO_PMU = 100, "the script states no PMU"
EXTRAS = (CACHE_REFERENCES, CACHE_MISSES, BRANCHES, BRANCH_MISSES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Burden:
    """What a cause costs an inference of an arm, and the factor level that decides whether the arm has it.

    Arms have it unless they have `factor` at `level`; with `is_brought`, only arms at that level have it. Amounts are
    added to the arm's law; `checks` and `census` are the readings that show the burden.
    """

    factor: str
    level: str
    is_brought: bool = False
    user_instructions: float = 0.0
    kernel_instructions: float = 0.0
    stall_cycles: float = 0.0  # in user mode, without instructions
    page_faults: float = 0.0
    compilations: float = 0.0
    checks: dict[str, Maybe[bool]] = field(default_factory=dict)
    census: dict[str, Maybe[float]] = field(default_factory=dict)

    def weighs_on(self, variant: Variant) -> bool:
        """Whether an arm of that variant has it."""
        return (variant.level(self.factor) == self.level) is self.is_brought


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmScript:
    """The law of one arm: what one inference costs. Counts per inference.

    `replicate_spread` is the standard deviation of ln(time) between replicates beyond what twins share.
    """

    user_instructions: float = 100e6
    kernel_instructions: float = 0.0
    user_cpi: float = 1.0
    kernel_cpi: float = 1.5
    frequency_hz: float = 3e9
    utilisation: float = 1.0  # CPU time over wall time; above 1 with several threads
    page_faults: float = 0.0
    compilations: float = 0.0
    context_switches: float = 0.0
    cache_references: float = 1e6
    cache_misses: float = 1e4
    branches: float = 1e7
    branch_misses: float = 1e5
    replicate_spread: float = 0.0
    size_bytes: int = 1_000_000
    answer_noise: float = 0.0  # standard deviation of its outputs around the shared ones (whose own is 1)
    checks: dict[str, Maybe[bool]] = field(default_factory=dict)
    census: dict[str, Maybe[float]] = field(default_factory=dict)
    nodes: dict[str, tuple[str, ...]] = field(default_factory=dict)  # behind some of the census, by name
    fails_in: int | None = None  # the replicate in which it crashes
    burdens: tuple[Burden, ...] = ()
    layers: tuple[ScriptedLayer, ...] = ()  # their parts of the amounts above; what they leave is the framework's
    code: tuple[CodeSite, ...] = ()  # where its time goes; counts are weights
    reading_inside_ns: float = 0.0  # what reading a layer adds to its own interval, and between it and the next
    reading_between_ns: float = 0.0
    measuring_ns: float = 0.0  # what measuring adds to a turn's time, as an empty turn shows it, an inference

    def under(self, variant: Variant) -> ArmScript:
        """The law with the burdens of an arm of that variant."""
        law = self
        for burden in self.burdens:
            if burden.weighs_on(variant):
                law = law._with(burden)
        return law

    def _with(self, burden: Burden) -> ArmScript:
        instructions = self.user_instructions + burden.user_instructions
        cycles = instructions * self.user_cpi + burden.stall_cycles
        return replace(
            self,
            user_instructions=instructions,
            user_cpi=cycles / instructions,
            kernel_instructions=self.kernel_instructions + burden.kernel_instructions,
            page_faults=self.page_faults + burden.page_faults,
            compilations=self.compilations + burden.compilations,
            checks={**self.checks, **burden.checks},
            census={**self.census, **burden.census},
        )

    def cpu_s(self) -> float:
        """CPU seconds of one inference."""
        cycles = self.user_instructions * self.user_cpi + self.kernel_instructions * self.kernel_cpi
        return cycles / self.frequency_hz


_UNSTATED = Missing("the script states no ceilings")
_NO_CEILINGS = Ceilings(
    threads=1, macs_per_s={}, read_bytes_per_s=_UNSTATED, write_bytes_per_s=_UNSTATED, copy_bytes_per_s=_UNSTATED,
    streamed_bytes=_UNSTATED, switch_ns=_UNSTATED, page_fault_ns=_UNSTATED,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The law of a whole recording.

    `arms` by name. An arm without a script of its own follows the one it repeats, or the one that it is with further
    levels of factors: what those do to it is in that one's burdens. `turn_noise` and `shared_spread` are
    standard deviations of ln(time): of single turns, and of replicates (shared by its twins). `drift` is added to
    ln(time) linearly over the run. Without `pmu` only clock and software events are read.
    """

    arms: dict[str, ArmScript]
    turn_noise: float = 0.01
    shared_spread: float = 0.02
    drift: float = 0.0
    pmu: bool = True
    slots: int = 5
    seed: int = 0
    start_s: float = 4.0
    ceilings: Ceilings = _NO_CEILINGS
    replays: dict[Replays, tuple[Fact, ...]] = field(default_factory=dict)


class ScriptedStage:
    """A stage that performs a script."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._rng = random.Random(script.seed)
        self._now_s = 0.0
        self._replicate = 0
        self._own_noise: dict[str, float] = {}
        self._groups = plan_groups(script.slots, modes=(Mode.USER, Mode.KERNEL), extras=EXTRAS) if script.pmu else ()

    def now_s(self) -> float:
        """Virtual seconds."""
        return self._now_s

    def begin(self, budget_s: float | None) -> None:
        """Nothing takes long."""

    def inspect(self) -> Machine:
        """A machine that says it is scripted."""
        return Machine(architecture="scripted", cpu="scripted", cpus_allowed=(0,))

    def check_counters(self) -> CounterCheck:
        """Counters as the script states them."""
        if not self._script.pmu:
            lost = dict.fromkeys(("instructions", "cycles", "cache-misses"), _NO_PMU)
            return CounterCheck(meter=Meter.CLOCK, slots=Missing(_NO_PMU), groups=(), lost=lost)
        groups = tuple(tuple(map(str, group.events)) for group in self._groups)
        return CounterCheck(meter=Meter.SCRIPTED, slots=self._script.slots, groups=groups)

    def measure_ceilings(self, machine: Machine, threads: int) -> Ceilings:
        """As the script states."""
        return replace(self._script.ceilings, threads=threads)

    def prepare(self, arms: tuple[Arm, ...]) -> Iterator[Fact]:
        """Models that exist by their size only."""
        model = PreparedModel(path="", size_bytes=0, phases_ns={"prepare": 10**8}, weights="scripted")
        for arm in arms:
            yield ArmPrepared(arm=arm.name, prepared=replace(model, size_bytes=self._law(arm).size_bytes))

    def replay(self, arm: Arm, prepared: PreparedModel, asked: Replays) -> Iterator[Fact]:
        """As the script states, by what was asked."""
        yield from self._script.replays.get(asked, ())

    def start(
        self, replicate: int, arms: tuple[Arm, ...], models: dict[str, PreparedModel], warm_up: WarmUp
    ) -> Iterator[Fact]:
        """Draw the replicate's variation and warm up."""
        self._replicate = replicate
        self._now_s += self._script.start_s
        shared = self._rng.gauss(0, self._script.shared_spread)
        names, start_ns = tuple(arm.name for arm in arms), round(self._script.start_s * 1e9)
        yield InterpreterStarted(replicate=replicate, arms=names, environment={}, padding_bytes=0, start_ns=start_ns)
        for arm in arms:
            law = self._law(arm)
            self._own_noise[arm.name] = shared + self._rng.gauss(0, law.replicate_spread)
            yield self._started(arm, law)

    def _started(self, arm: Arm, law: ArmScript) -> Fact:
        if law.fails_in == self._replicate:
            return Failure(arm=arm.name, replicate=self._replicate, stage="start", reason="killed by SIGSEGV")
        one_ns = round(law.cpu_s() / law.utilisation * 1e9)
        return ArmStarted(
            arm=arm.name,
            replicate=self._replicate,
            load_ns=10**7,
            warm_up_ns=(3 * one_ns, *(one_ns,) * 10),
            steady_at=1,
            threads=max(1, math.ceil(law.utilisation)),
            cpus=(0,),
            checks=law.checks,
        )

    def turn(self, arm: Arm, order: Turn) -> Fact:
        """A reading by the arm's law, its replicate's variation, drift and noise."""
        law = self._law(arm)
        noise = self._own_noise[arm.name] + self._rng.gauss(0, self._script.turn_noise)
        slower = math.exp(noise + self._script.drift * self._now_s / 100)
        n = order.inferences
        user_s = law.user_instructions * law.user_cpi / law.frequency_hz * slower * n
        kernel_s = law.kernel_instructions * law.kernel_cpi / law.frequency_hz * slower * n
        wall_s = (user_s + kernel_s) / law.utilisation
        self._now_s += wall_s
        return Reading(
            arm=arm.name,
            replicate=self._replicate,
            round=order.round,
            position=order.position,
            group=order.group,
            inferences=n,
            wall_ns=round(wall_s * 1e9),
            cpu_ns=round((user_s + kernel_s) * 1e9),
            user_ns=round(user_s * 1e9),
            kernel_ns=round(kernel_s * 1e9),
            minor_faults=round(law.page_faults * n),
            major_faults=0,
            context_switches=round(law.context_switches * n),
            migrations=0,
            compilations=round(law.compilations * n),
            counts=self._counts(law, order, slower, round(wall_s * 1e9)),
        )

    def _counts(self, law: ArmScript, order: Turn, slower: float, wall_ns: int) -> tuple[Count, ...]:
        if order.group < 0:
            return ()
        n = order.inferences
        return tuple(
            Count(event=str(event), raw=round(_stated(law, event, slower) * n), enabled_ns=wall_ns, running_ns=wall_ns)
            for event in self._groups[order.group].events
        )

    def survey(self, arm: Arm, order: SurveyLayers) -> Fact:
        """The layers that the script states."""
        return self._scripted_layers(arm, slower=1.0).graph()

    def layer_turn(self, arm: Arm, order: LayerTurn) -> Fact:
        """The arm's layers by its law, with the variation of its replicate and the noise of the turn."""
        slower = math.exp(self._own_noise[arm.name] + self._rng.gauss(0, self._script.turn_noise))
        events = tuple(str(event) for event in self._groups[order.group].events) if order.group >= 0 else ()
        fact, took_ns = self._scripted_layers(arm, slower=slower).turn(order, events)
        self._now_s += took_ns / 1e9
        return fact

    def code_turn(self, arm: Arm, order: CodeTurn) -> Fact:
        """Samples drawn from the stated sites, as many as the stated time gives."""
        law = self._law(arm)
        wall_ns = round(law.cpu_s() / law.utilisation * math.exp(self._own_noise[arm.name]) * order.inferences * 1e9)
        self._now_s += wall_ns / 1e9
        taken = round(wall_ns / PERIOD_NS)
        weights = [site.count for site in law.code]
        drawn = Counter(self._rng.choices(range(len(law.code)), weights, k=taken)) if law.code else Counter()
        sites = tuple(replace(law.code[place], count=count) for place, count in sorted(drawn.items()))
        return CodeSamples(
            arm=arm.name,
            replicate=self._replicate,
            round=order.round,
            inferences=order.inferences,
            wall_ns=wall_ns,
            plain_ns=0,
            cpu_ns=wall_ns,
            period_ns=PERIOD_NS,
            by=SampledBy.CPU_CLOCK,
            sites=sites if law.code else Missing("the script states no code"),
        )

    def _scripted_layers(self, arm: Arm, *, slower: float) -> ScriptedArm:
        law = self._law(arm)
        counts = {str(event): _stated(law, event, slower) for group in self._groups for event in group.events}
        return ScriptedArm(
            arm=arm.name,
            replicate=self._replicate,
            layers=law.layers,
            frequency_hz=law.frequency_hz,
            utilisation=law.utilisation,
            slower=slower,
            cycles=law.cpu_s() * law.frequency_hz,
            counts={**counts, "page-faults": law.page_faults},
            inside_ns=law.reading_inside_ns,
            between_ns=law.reading_between_ns,
        )

    def answers(self, arms: tuple[Arm, ...]) -> Iterator[tuple[Arm, list[Fact]]]:
        """Of each the stated census, and 64 rows of 10 numbers: the shared ones, with the arm's own noise."""
        for arm in arms:
            yield arm, self._answer(arm)

    def _answer(self, arm: Arm) -> list[Fact]:
        shared, own = random.Random(self._script.seed), random.Random(f"{self._script.seed}/{arm.name}")
        noise = self._law(arm).answer_noise
        cells = array("f", (shared.gauss(0, 1) + own.gauss(0, 1) * noise for _ in range(640)))
        data = base64.b64encode(zlib.compress(cells.tobytes())).decode()
        outputs = Outputs(
            arm=arm.name,
            shape=(64, 10),
            data=data,
            input_digest="scripted",
            classes=10,
            probes=tuple(range(64)),
            forms=((10,),),
            input_forms=((1,),),
        )
        return [Census(arm=arm.name, counts=dict(self._law(arm).census), nodes=self._law(arm).nodes), outputs]

    def measure_nothing(self, arm: Arm) -> list[Fact]:
        """Empty turns, where the script states what measuring costs."""
        wall_ns = round(self._law(arm).measuring_ns * _NULL_INFERENCES)
        one = NullReading(arm=arm.name, replicate=self._replicate, wall_ns=wall_ns, inferences=_NULL_INFERENCES)
        return [one] if wall_ns else []

    def stop(self, *, at_once: bool = False) -> list[Fact]:
        """Nothing runs, and nothing is left."""
        return []

    def _law(self, arm: Arm) -> ArmScript:
        return self._script.arms[_scripted(arm, list(self._script.arms))].under(arm.variant)


def _scripted(arm: Arm, names: list[str]) -> str:
    """The name in the script that an arm follows."""
    for name in (arm.name, arm.repeats):
        if name in names:
            return str(name)
    if arm.factory:
        shared = {name: len(name) for name in names if arm.name.startswith(f"{name}+")}
    else:
        levels = {name: set(Variant.parse(name).changed) for name in names}
        shared = {name: len(own) for name, own in levels.items() if own <= set(arm.variant.changed)}
    if not shared:
        raise KeyError(f"the script states no law for {arm.name!r}")
    return max(shared, key=shared.__getitem__)


def _stated(law: ArmScript, event: Event, slower: float) -> float:
    """What one inference adds to an event; noise slows cycles, not instructions."""
    user = {"instructions": law.user_instructions, "cycles": law.user_instructions * law.user_cpi * slower}
    kernel = {"instructions": law.kernel_instructions, "cycles": law.kernel_instructions * law.kernel_cpi * slower}
    others = {"cache-references": law.cache_references, "cache-misses": law.cache_misses,
              "branches": law.branches, "branch-misses": law.branch_misses}  # fmt: skip
    if event.name in others:
        return others[event.name]
    match event.mode:
        case Mode.USER:
            return user[event.name]
        case Mode.KERNEL:
            return kernel[event.name]
        case Mode.BOTH:
            return user[event.name] + kernel[event.name]
