"""What to run: model, arms, schedule and experiments, decided before anything is measured."""

from __future__ import annotations

from dataclasses import dataclass

from ironlaw.arm import Arm
from ironlaw.errors import BadInput
from ironlaw.experiment import CauseStanding, CauseState, Experiment
from ironlaw.phase import WHOLE
from ironlaw.point import Point
from ironlaw.ranges import MOST, MOST_OF_A_KIND, NotNegative, Number, Ordinal, Positive, Share, Word
from ironlaw.variant import PHASE

DEFAULT_ARMS = ("fp32", "fp32+fused", "int8", "int8+fused")
# What measuring a machine's ceilings takes: 11 s on two virtual CPUs that others used as well, 6 s on quiet ones.
CEILINGS_S = 10.0
_CEILINGS_SHARE = 1 / 6  # of the budget, at most, that measuring them takes
LEAST_BUDGET_S = CEILINGS_S / _CEILINGS_SHARE  # of a run that measures them


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How much is measured.

    `inferences` is the number per arm over the whole run (--n); None: the budget decides. `precision` is the half-width
    of the speed-up's interval at which the run may stop, as a fraction; None: the schedule is fixed. `until_settled`:
    it stops when every difference and experiment is decided. `budget_s` covers the whole run including preparation;
    None: only the schedule ends it.
    """

    replicates: Number = 8
    rounds: Number = 10
    inferences: Positive | None = None
    precision: NotNegative | None = None
    until_settled: bool = False
    budget_s: NotNegative | None = 100.0
    turn_limit_s: NotNegative = 60.0

    def __post_init__(self) -> None:
        _require_positive(
            "replicates", self.replicates, "at least 5 give an interval worth having", most=MOST_OF_A_KIND
        )
        _require_positive("rounds", self.rounds, "each round runs every arm once", most=MOST_OF_A_KIND)
        if self.budget_s is not None:
            _require_positive("--budget", self.budget_s, "seconds for the whole run, for example --budget 100")
        if self.inferences is not None:
            _require_positive("--n", self.inferences, "inferences per arm, for example --n 5000")
        if self.precision is not None:
            _require_positive("--precision", self.precision, "for example --precision 2%")

    def most_replicates(self) -> int:
        """The most replicates it allows, which is at most the number of inferences."""
        return min(self.replicates, self.inferences or self.replicates)

    def affords_ceilings(self, seconds: float) -> bool:
        """Whether measuring the machine's ceilings may take this long."""
        return self.budget_s is None or seconds <= self.budget_s * _CEILINGS_SHARE


@dataclass(frozen=True, slots=True, kw_only=True)
class Replays:
    """An arm whose layers are to be replayed within a time; or its network with each of the `sets` in float; or
    `only_answers` of its own program, against the float network's.
    """

    arm: str
    within_s: NotNegative
    sets: tuple[tuple[str, ...], ...] = ()
    only_answers: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The plan of one recording. The first arm is the control."""

    model: str
    arms: tuple[Arm, ...]
    schedule: Schedule
    seed: Word = 0
    threads: Number = 1
    batch: Number = 1  # inputs that one inference takes at once
    agreement: Share = 0.99  # of answers with the control's, below which an arm is not recommended
    labels: str | None = None  # file with the right class of each image
    inputs: str | None = None  # .npz file with the inputs of model files
    images: str | None = None  # folder; None: the photographs shipped with the package
    counters: bool = True
    ceilings: bool = False  # measure what the machine can do at most, beside the arms
    experiments: tuple[Experiment, ...] = ()
    retired: tuple[str, ...] = ()  # arms of a search that take no further turns
    untried: tuple[str, ...] = ()  # arms that a search has left out, since preparing them takes too much of its budget
    resting: tuple[str, ...] = ()  # arms of experiments that take no turns in the replicates that follow
    standings: tuple[CauseStanding, ...] = ()  # of every cause whose experiments are called for
    looks: Ordinal = 0  # how often verdicts were looked at while the run could still go another way
    replays: tuple[Replays, ...] = ()  # outside of replicates, each once
    code: bool = False  # sample what code the arms that were requested execute, behind the turns that count
    layers: bool = False  # read the layers of the arms that were requested, behind the turns that count

    def __post_init__(self) -> None:
        _require_positive("--threads", self.threads, "for example --threads 1", most=MOST_OF_A_KIND)
        _require_positive("the batch", self.batch, "for example a batch of 1", most=MOST_OF_A_KIND)
        if not -MOST <= self.seed <= MOST:
            raise BadInput("--seed is too large", hint="for example --seed 0")
        if not 0 <= self.agreement <= 1:
            raise BadInput(f"--agreement is {self.agreement:.0%}; it is a share", hint="for example --agreement 99%")
        if not self.arms:
            raise BadInput("there is no arm to run", hint="--arms fp32,int8 names two")
        names = [arm.name for arm in self.arms]
        for name in names:
            if names.count(name) > 1:
                raise BadInput(f"two arms are called {name!r}", hint="give each arm a name of its own")

    @property
    def control(self) -> Arm:
        """The arm the others are compared with."""
        return self.arms[0]

    def points(self) -> tuple[Point, ...]:
        """The points of what the recording varies, in the order of their arms; none where it varies nothing."""
        return tuple(dict.fromkeys(arm.point for arm in self.arms if arm.point))

    def asked(self) -> tuple[Arm, ...]:
        """The arms that were requested: neither repeats nor experiments."""
        return tuple(arm for arm in self.arms if not arm.repeats and not arm.serves)

    def threads_of(self, name: str) -> int:
        """The number of threads of an arm's inferences."""
        return self.arm(name).variant.threads(self.threads)

    def ceilings_due(self) -> tuple[int, ...]:
        """By which numbers of threads the machine's ceilings are measured: those of arms in a phase of generation, the
        run's own for others.
        """
        numbers = (
            self.threads if arm.variant.level(PHASE) == WHOLE else arm.variant.threads(self.threads)
            for arm in self.asked()
        )
        return tuple(dict.fromkeys(numbers)) if self.ceilings else ()

    def control_of(self, arm: Arm) -> Arm:
        """The arm that one is compared with: the first one requested at its point, in its phase of generation.

        Without phases and points that is the first arm. The phases of one model, and the points at which an arm is
        measured, are different workloads, and are not compared.
        """
        phase = arm.variant.level(PHASE)
        like = (one for one in self.asked() if one.point == arm.point and one.variant.level(PHASE) == phase)
        return next(like, self.control)

    def pairs(self) -> tuple[tuple[Arm, Arm], ...]:
        """Each requested arm with its control in front; arms that are controls themselves have no pair."""
        pairs = ((self.control_of(arm), arm) for arm in self.asked())
        return tuple((control, arm) for control, arm in pairs if control is not arm)

    def hypotheses_waiting(self) -> int:
        """The number of comparisons in which experiments that have not started would be judged."""
        return sum(standing.hypotheses for standing in self.standings if standing.state is CauseState.WAITING)

    def arm(self, name: str) -> Arm:
        """The arm of that name."""
        return next(arm for arm in self.arms if arm.name == name)


def with_control(arms: tuple[Arm, ...]) -> tuple[Arm, ...]:
    """Append the first arm once more, as the control that shows what no difference looks like; one at each point."""
    first = {arm.point: arm for arm in reversed(arms)}
    return (*arms, *(first[point].again() for point in dict.fromkeys(arm.point for arm in arms)))


def _require_positive(name: str, value: float, hint: str, *, most: float = MOST) -> None:
    if not value > 0:
        raise BadInput(f"{name} is {value:g}; it must be above 0", hint=hint)
    if value > most:
        raise BadInput(f"{name} is {value:.6g}; it must be {most:.6g} at most", hint=hint)
