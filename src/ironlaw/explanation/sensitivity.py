"""The sensitivity of an arm's answers to its layers: each alone in int8, and each alone left in float."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ironlaw.estimate import Estimate
from ironlaw.missing import Maybe, Missing
from ironlaw.replay import Use

NO_TIME = Missing("its layer is not in the ledger")
NOT_REPLAYED = Missing("its layers were not replayed")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerAgreement:
    """How far a changed network's answers are the float network's, on inputs of one use.

    `agreement` is the share of inputs with the same top class, with the exact interval, or where outputs are no classes
    their mean cosine, with Student's t interval over inputs; both over photographs, where inputs are crops of several.
    `column` is the agreement of the output or column that agrees least, where outputs are no classes; a column that
    dies agrees by 0. `lost` is the share of the answer that is noise, of the worst column where columns are compared:
    noise / (2 signal).
    """

    inputs: int
    agreement: Maybe[Estimate]
    by_class: bool
    column: Maybe[float]
    sqnr_db: Maybe[float]
    lost: float

    @property
    def least(self) -> Maybe[float]:
        """The number that is compared with the agreement requested."""
        if isinstance(self.agreement, Missing):
            return self.agreement
        return self.agreement.value if isinstance(self.column, Missing) else min(self.agreement.value, self.column)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerAnswers:
    """One layer; `place` counts layers in the order of the network.

    `gained_ns` is what int8 saves in it, by the ledger; `own_sqnr_db` is of its own output, on held-out inputs as
    `clipped`, the largest share of values beyond the calibrated range in what it reads or gives.

    `stretched` is the largest magnitude over the 99.9th percentile, of the worst tensor; of `channels` those that are
    `dead` have one int8 value for all inputs.
    """

    name: str
    path: str
    operator: str
    nodes: tuple[str, ...]
    place: int = 0
    own_sqnr_db: Maybe[float]
    alone: dict[Use, AnswerAgreement]
    left_float: Maybe[dict[Use, AnswerAgreement]]
    gained_ns: Maybe[float] = NO_TIME
    clipped: Maybe[float] = Missing("no tensor of it has a range")
    stretched: Maybe[float] = Missing("no tensor of it has a range")
    dead: int = 0
    channels: int = 0

    @property
    def lost(self) -> float:
        """The share of the answer lost with this layer alone in int8, on the inputs to choose by."""
        found = self.alone.get(Use.CHOOSING) or next(iter(self.alone.values()))
        return found.lost


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedAnswers:
    """The int8 network with some layers left in float, replayed."""

    floats: tuple[str, ...]
    agreement: dict[Use, AnswerAgreement]
    median_ns: Maybe[float] = NO_TIME  # in the replay, that orders sets and measures nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """The layers of an arm, those that cost the answers most first.

    `whole` is the network with every layer in int8 as it was replayed, `arm_itself` what the arm's own program answers.
    `control` is the arm whose ledger the times are of; `failed` has the layers that could not be replayed, with the
    reason.
    """

    arm: str
    control: Maybe[str]
    layers: tuple[LayerAnswers, ...]
    whole: dict[Use, AnswerAgreement]
    arm_itself: dict[Use, AnswerAgreement]
    how: str
    took_s: float
    mixtures: tuple[MixedAnswers, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftInFloat:
    """An int8 arm with some layers left in float: what that costs in time, gains over float, and does to the answers.

    `slowdown` is its time over that of `base`, the same arm with every layer in int8; `gain` the time of `in_float`
    over its own. `is_proposed` says that the layers of `base` were replayed, from which sets are proposed; otherwise a
    user names them. `chosen_by` and `held_out` are of the arm's own program; the difference of their agreements is how
    far the choice flatters itself.
    """

    arm: str
    layers: tuple[str, ...]
    nodes: tuple[str, ...]
    base: str
    in_float: Maybe[str]
    slowdown: Maybe[Estimate]
    gain: Maybe[Estimate]
    base_held_out: Maybe[AnswerAgreement]
    chosen_by: Maybe[AnswerAgreement]
    held_out: Maybe[AnswerAgreement]
    is_proposed: bool = True

    @property
    def optimism(self) -> Maybe[float]:
        """The agreement on the inputs it was chosen by minus that on held-out inputs."""
        if isinstance(self.chosen_by, Missing):
            return self.chosen_by
        if isinstance(self.held_out, Missing):
            return self.held_out
        ours, theirs = self.chosen_by.least, self.held_out.least
        if isinstance(ours, Missing):
            return ours
        return theirs if isinstance(theirs, Missing) else ours - theirs


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierArm:
    """An int8 arm of an engine, `left` of whose layers are in float: its speed over the fastest float arm, and how far
    its own program agrees with float.
    """

    arm: str
    left: int
    gain: Maybe[Estimate]
    chosen_by: Maybe[AnswerAgreement]
    held_out: Maybe[AnswerAgreement]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOfLayers:
    """Layers of an arm that were left in float in a replay, which times nothing; `given_up` is the share of int8's gain
    that the ledger has in them.
    """

    arm: str
    floats: tuple[str, ...]
    agreement: dict[Use, AnswerAgreement]
    given_up: Maybe[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontier:
    """The int8 arms of an engine, the fastest first, and the sets of layers that were replayed but not measured.

    `least` is the agreement that was requested, `in_float` the engine's fastest float arm that agrees as far.
    """

    engine: str
    in_float: Maybe[str]
    least: float
    arms: tuple[FrontierArm, ...]
    sets: tuple[SetOfLayers, ...] = ()

    @property
    def reaching(self) -> tuple[FrontierArm, ...]:
        """The arms that agree as far as was requested on held-out inputs."""
        return tuple(one for one in self.arms if _reaches(one.held_out, self.least))

    @property
    def sets_reaching(self) -> tuple[SetOfLayers, ...]:
        """The sets that do."""
        return tuple(one for one in self.sets if _reaches(one.agreement.get(Use.HELD_OUT), self.least))


def _reaches(found: Maybe[AnswerAgreement] | None, least: float) -> bool:
    if found is None or isinstance(found, Missing) or isinstance(found.least, Missing):
        return False
    return found.least >= least
