"""An explanation: comparisons with intervals, verdicts and concerns. It holds numbers; report/ words them.

Units: times in ns per inference, counts per inference, ln of control over changed (positive: changed is faster).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from ironlaw.concern import Concern
from ironlaw.estimate import Estimate
from ironlaw.explanation.account import Account, Executed
from ironlaw.explanation.generation import NOT_GENERATING, GainByPhase, Generation, RateByThreads
from ironlaw.explanation.likeness import Likeness
from ironlaw.explanation.sensitivity import Frontier, LeftInFloat, Sensitivity
from ironlaw.explanation.split import Ledger, OperatorRow, Split, Term
from ironlaw.explanation.varied import Varied
from ironlaw.fact import Activity
from ironlaw.factor import Direction
from ironlaw.file_graph import GraphDiff
from ironlaw.machine import Machine
from ironlaw.missing import Maybe, Missing
from ironlaw.plan import Plan

NOT_RECORDED = Missing("was not recorded")
NOT_SAMPLED = Missing("code was not sampled")
NOT_ATTACHED = Missing("no file with the times of operators is attached")
NOT_SEARCHED = Missing("nothing was searched")
NOT_FILES = Missing("the arms do not run two model files")
NOT_VARIED = Missing("nothing was varied")
HAS_INTERVAL = Missing("known with its interval")
# In ln. A smaller difference that was seen once may be no difference, and what are shares of that?
SHARED_OUT_FROM = 0.01
CONTRIBUTION = "contribution_ln"  # of evidence: a cause's part of ln(control/changed)
# Names of evidence about weights that need not be read: what they weigh, what reading them takes at most.
SAVED_BYTES = "bytes of weights saved"
SAVED_NS = "ns to stream them at the measured bandwidth"
OPPOSED = Missing("some parts are negative: each is given in time, not as a share")
ITSELF = Missing("the arms differ in nothing else: the comparison itself is this experiment")
# The share of a confirmed cause whose part is within what is unexplained.
NOT_TOGETHER = Missing("it overlaps with another confirmed cause, and the two were not measured together")
SAVED_SHARE = "share of the time saved that this is"


class Difference(Enum):
    """What a comparison's interval allows to claim."""

    FASTER = "faster"
    SLOWER = "slower"
    NONE_SHOWN = "none shown"
    UNPROVEN = "unproven"  # the control moved: the recording cannot support a claim


class Outcome(Enum):
    """The outcome of an experiment (or, without one, of a signature) for a suspected cause."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    UNDECIDED = "undecided"
    CONSISTENT = "consistent"  # a signature without an experiment: never more than that


# Of several verdicts on one cause.
_FOREMOST = (Outcome.CONFIRMED, Outcome.CONSISTENT, Outcome.UNDECIDED, Outcome.REFUTED)


class Design(Enum):
    """How the effect of a cause on a comparison was measured."""

    PAIR = "pair"  # one switch on one arm; the other arm has nothing of it, or is the experiment itself
    BOTH_SIDES = "both sides"  # the switch applied to both arms: how much of the difference goes away
    FACTORIAL = "factorial"  # all combinations of the factors that differ: the mean over their orders


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSummary:
    """One arm's row of the table; all quantities are per inference.

    `wall_ns` is the geometric mean over rounds and replicates. Without an interval (one replicate, a published table)
    it is Missing, and `wall_ns_once` holds the bare number. For a published table, "per inference" means per run.
    """

    arm: str
    inferences: Maybe[int]
    wall_ns: Maybe[Estimate]
    wall_ns_once: Maybe[float] = HAS_INTERVAL
    user_ns: Maybe[float] = NOT_RECORDED
    kernel_ns: Maybe[float] = NOT_RECORDED
    cpu_ns: Maybe[float] = NOT_RECORDED
    instructions: Maybe[float] = NOT_RECORDED
    cycles: Maybe[float] = NOT_RECORDED
    ipc: Maybe[float] = NOT_RECORDED
    frequency_hz: Maybe[float] = NOT_RECORDED
    cache_references: Maybe[float] = NOT_RECORDED
    cache_misses: Maybe[float] = NOT_RECORDED
    cache_miss_share: Maybe[float] = NOT_RECORDED  # of references; a ratio, never shown without the counts
    branch_misses: Maybe[float] = NOT_RECORDED
    context_switches: Maybe[float] = NOT_RECORDED
    page_faults: Maybe[float] = NOT_RECORDED
    migrations: Maybe[float] = NOT_RECORDED
    size_bytes: Maybe[int] = NOT_RECORDED
    top1_agreement: Maybe[float] = NOT_RECORDED  # share of inputs with the control's top class
    sqnr_db: Maybe[float] = NOT_RECORDED
    largest_difference: Maybe[float] = NOT_RECORDED
    identical_outputs: Maybe[bool] = NOT_RECORDED  # bit for bit the control's
    cosine: Maybe[float] = NOT_RECORDED  # of the outputs with the control's, mean over inputs
    not_finite: Maybe[int] = NOT_RECORDED  # outputs that are no numbers, over all shared inputs
    likeness: Maybe[Likeness] = NOT_RECORDED  # output by output, and column by column
    accuracy: Maybe[Estimate] = NOT_RECORDED  # share of labelled inputs with the right top class
    boundary: str = ""  # what the clock sees of an inference
    phases_ns: dict[str, float] = field(default_factory=dict)  # one-time costs: fuse, calibrate, convert, load ...
    first_inference_ns: Maybe[float] = NOT_RECORDED
    operators: Maybe[float] = NOT_RECORDED  # calls through the dispatcher
    speedup: Maybe[Estimate] = NOT_RECORDED  # over the control of the recording
    executed: Maybe[Executed] = NOT_SAMPLED
    computes_int8: Maybe[bool] = NOT_RECORDED  # it executed an int8 operator
    generation: Maybe[Generation] = NOT_GENERATING
    failure: str = ""  # why it could not continue; empty when it did


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterfactual:
    """The control's time with one term replaced by that of the changed arm, in ns per inference."""

    term: Term
    wall_ns: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class OnceTerm:
    """One term of a difference that was measured once: ln units and ns per inference, no interval."""

    ln: float
    ns: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOnce:
    """Two arms by one replicate, or by a published table: values without intervals, which prove nothing.

    `terms` that are known add up to `ln_ratio` and to control minus changed; `counterfactuals_ns` is the control's time
    with one term replaced by that of the changed arm.
    """

    ln_ratio: float
    control_ns: float
    changed_ns: float
    terms: dict[Term, Maybe[OnceTerm]]
    counterfactuals_ns: dict[Term, float] = field(default_factory=dict)
    assumptions: tuple[str, ...] = ()

    def share(self, ln: float) -> Maybe[float]:
        """A term's share of the difference, in ln; Missing if the two times hardly differ."""
        if abs(self.ln_ratio) < SHARED_OUT_FROM:
            return Missing("the times are almost equal")
        return ln / self.ln_ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseVerdict:
    """The verdict on one suspected cause of a comparison.

    `effect` is its contribution to the comparison in ln units, positive as predicted: for a PAIR the ln-ratio of the
    experiment's two arms, for BOTH_SIDES the amount by which the difference shrinks, in a FACTORIAL the mean over
    orders. `others` are the arms on the other side. `share` is the cause's part of the comparison's ln-ratio; if
    several causes are confirmed together, its interval includes the range over orders.
    """

    cause: str
    outcome: Outcome
    control: str | None = None  # the experiment's arms; None when there was none
    changed: str | None = None
    design: Design = Design.PAIR
    others: tuple[str, str] | None = None
    predicts: Direction | None = None
    effect: Maybe[Estimate] = Missing("no experiment was run")
    share: Maybe[Estimate] = Missing("only confirmed causes have a share")
    saved_ns: Maybe[float] = Missing("only confirmed causes have a share")  # its share in ns per inference
    saved_interval_ns: Maybe[Estimate] = Missing("only confirmed causes have a share")
    evidence: dict[str, Maybe[float]] = field(default_factory=dict)  # the signature's numbers, by name with unit
    reason: str = ""  # why undecided, or what the signature was
    decided_by: str = ""  # what would decide it, where that is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two arms of one recording.

    `ln_ratio` is the mean over replicates of the mean over rounds of ln(control/changed), with an interval that
    includes the spread between replicates. `rank` is the interval that assumes no distribution, and `replicates` are
    the means it is computed from. Without an interval, `ln_ratio` and `split` are Missing and `once` holds the bare
    numbers.
    """

    control: str
    changed: str
    difference: Difference
    ln_ratio: Maybe[Estimate]
    rank: Maybe[Estimate]
    replicates: tuple[float, ...]
    adjusted: Maybe[Estimate] = Missing("no covariate explains the spread")
    covariate: str = ""
    covariate_is_equal: bool = False  # held equal in both arms; otherwise at their mean difference
    split: Maybe[Split] = NOT_RECORDED
    counterfactuals: tuple[Counterfactual, ...] = ()
    misleading: tuple[str, ...] = ()  # slugs of metrics that point the wrong way here
    causes: tuple[CauseVerdict, ...] = ()
    unexplained: Maybe[Estimate] = NOT_RECORDED  # ln units, after the confirmed causes
    unexplained_share: Maybe[Estimate] = NOT_RECORDED  # of the comparison's ln-ratio
    unexplained_interval_ns: Maybe[Estimate] = NOT_RECORDED
    unexplained_ns: Maybe[float] = NOT_RECORDED  # that share of control minus changed; with the causes' it is the whole
    interaction: dict[str, Estimate] = field(default_factory=dict)  # ln: what one factor changes in another's effect
    ledger: Maybe[Ledger] = NOT_RECORDED
    account: Maybe[Account] = NOT_SAMPLED
    graph: Maybe[GraphDiff] = NOT_FILES
    operators: Maybe[tuple[OperatorRow, ...]] = NOT_ATTACHED  # by what they are and by what ran them
    replicates_needed: Maybe[int] = NOT_RECORDED  # further ones, to reach the precision requested
    seconds_needed: Maybe[float] = NOT_RECORDED  # for them, as long as one replicate took so far
    once: Maybe[ReadOnce] = HAS_INTERVAL

    def foremost(self) -> dict[str, CauseVerdict]:
        """One verdict per cause: if several switches test it, the first that confirms it, else the first that does not
        refute it.
        """
        found: dict[str, CauseVerdict] = {}
        for verdict in self.causes:
            known = found.setdefault(verdict.cause, verdict)
            if _FOREMOST.index(verdict.outcome) < _FOREMOST.index(known.outcome):
                found[verdict.cause] = verdict
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """The association of a counter with time, over one grouping; not a cause."""

    counter: str
    over: str  # rounds, replicates, arms
    arm: str  # empty when over arms
    n: int
    covariance: float
    correlation: Maybe[Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaterfallStep:
    """A whole speed-up (`is_whole`), or the part of it that one fixed fault or one cause removes, in ln units.

    `arms` are the arms it was computed from: ln(first/second) - ln(third/fourth).
    """

    name: str
    is_whole: bool
    arms: tuple[str, ...]
    ln: Maybe[Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """What to change next, by measured gain."""

    arm: str
    gain: Maybe[Estimate]  # speed-up over its control
    how: str  # the command or code line
    over: str = ""  # its control, where that is not the plan's: the one of its phase or point
    tried: tuple[str, ...] = ()  # what was tried and did not help
    unlike: tuple[str, ...] = ()  # what was tried, is faster, and does not give the same answers
    next_best: tuple[Recommendation, ...] = ()
    is_judged: bool = True  # by its answers; not where its numbers are others than the control's, of untrained weights


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPoint:
    """An arm of a search that no other is shown to beat. `speedup` is measured in replicates after those that chose the
    arm.
    """

    arm: str
    speedup: Estimate
    size_bytes: Maybe[int]
    agreement: Maybe[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """An arm of a search that leaves some blocks in float, compared with an arm in one number format.

    `gain` is its speed-up over `rival`: the fastest arm of all (`is_best`), or of those that differ in precision and
    fusion only.
    """

    arm: str
    blocks: tuple[str, ...]
    rival: str
    is_best: bool
    gain: Maybe[Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Roofline:
    """The highest rates this machine reached when it ran nothing else, measured in the same run as the arms.

    `macs_per_s` is by kind of arithmetic (fp32, int8); `bytes_per_s` is streaming from memory.
    """

    macs_per_s: dict[str, Maybe[float]]
    bytes_per_s: Maybe[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class NextRun:
    """The command that tests what attached files only suggest; `cause` is empty if they suggest none."""

    command: str
    why: str
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTime:
    """How long a run took, the part spent on counted inferences, and all activities, in seconds.

    `spent` adds up to the time that the recording covers: the whole run unless it was cut short.
    """

    wall_s: Maybe[float]
    counted_s: float
    replicates: int
    spent: Maybe[Mapping[Activity, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The explanation of a recording, a published table or attached files."""

    machine: Maybe[Machine]
    plan: Maybe[Plan]
    arms: tuple[ArmSummary, ...]
    comparisons: tuple[Comparison, ...]
    concerns: tuple[Concern, ...]
    associations: tuple[Association, ...] = ()
    recommendation: Maybe[Recommendation] = Missing("nothing was tried yet")
    control_check: Maybe[Comparison] = Missing("the control arm did not run")
    was_cut: bool = False
    stopped_on_precision: bool = False  # before its schedule or budget ended the run
    stopped_when_settled: bool = False
    waterfall: tuple[WaterfallStep, ...] = ()  # of --protocol post
    ceilings: Maybe[Roofline] = NOT_RECORDED
    front: tuple[FrontPoint, ...] = ()  # of a search, fastest first
    run: Maybe[RunTime] = NOT_RECORDED
    next_run: Maybe[NextRun] = NOT_ATTACHED
    gains_by_phase: tuple[GainByPhase, ...] = ()
    rates_by_threads: tuple[RateByThreads, ...] = ()
    source: str = ""  # what was explained, where it is no recording
    times_are: str = "time"  # what the times of its arms are: of attached files also CPU time, or time in a library
    sensitivities: Mapping[str, Maybe[Sensitivity]] = field(default_factory=dict)  # by arm whose layers were replayed
    left_in_float: tuple[LeftInFloat, ...] = ()  # int8 arms with layers left in float by their names
    frontiers: tuple[Frontier, ...] = ()  # of each engine with such arms: speed against agreement
    mixed: Maybe[tuple[Mixed, ...]] = NOT_SEARCHED  # of a search: blocks left in float, and what that is worth
    varied: Maybe[Varied] = NOT_VARIED  # by point, where the arms are at several
