"""Replays as facts: what a network answers when one of its layers alone computes in int8, or alone stays in float.

A layer is not timed; sets of layers are, one after the other, so that their times order them and measure nothing. A
layer is replayed on what it received in the float network (or, left in float, in the int8 one), and what follows is
computed from there. Which inputs are used for what is kept apart: those that calibrated, those on which layers are
chosen, and those that are held out from both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from ironlaw.missing import Maybe, Missing
from ironlaw.ranges import Amount, NotNegative, Ordinal, Positive, Real, Share


class Use(Enum):
    """The use of inputs."""

    CALIBRATING = "calibrating"
    CHOOSING = "choosing"
    HELD_OUT = "held-out"


NO_CLASSES = Missing("the outputs are not classes")
NOT_KEPT = Missing("scores of classes are compared by the top one")
NOT_TIMED = Missing("this engine replays int8 in float, which has other times")


@dataclass(frozen=True, slots=True, kw_only=True)
class Photograph:
    """Crops of one photograph among the inputs: how many, with the same top class, and the mean of their cosines."""

    inputs: Positive
    same_top: Amount = 0
    cosine: Real = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a changed network answered on inputs of one use, beside what the float network did.

    `signal` and `noise` are sums of squares over all outputs, of the float ones and of the differences; `same_top`
    counts the inputs with the same top class, `cosines` are of all outputs together, an entry for each input. `kept`
    holds some of the numbers, as `KeptAnswers` of the float network does, where the outputs are not scores of classes.
    `photographs` has an entry for each photograph that inputs are crops of, where that is known.
    """

    inputs: Amount
    signal: NotNegative
    noise: NotNegative
    same_top: Maybe[Amount] = NO_CLASSES
    cosines: tuple[Real, ...] = ()
    not_finite: Amount = 0
    kept: Maybe[str] = NOT_KEPT
    photographs: tuple[Photograph, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedTensor:
    """A tensor that a layer reads or gives, against the range that calibration chose for it.

    `low` and `high` are the ends of what int8 can represent, `largest` and `usual` the largest magnitude met and the
    99.9th percentile of them on calibrating inputs; `clipped` is the share of values beyond the ends, by use. Of
    `channels` those that are `dead` have one int8 value for all inputs, and several in float.
    """

    name: str
    low: Real
    high: Real
    largest: NotNegative
    usual: NotNegative
    clipped: dict[Use, Share] = field(default_factory=dict)
    channels: Amount = 0
    dead: Amount = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """A layer's own output, alone in int8, against float: sums of squares."""

    signal: NotNegative
    noise: NotNegative


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedLayer:
    """One layer: `name` as a ledger has it, `nodes` are what is to be left out of quantization to leave it in float.

    `operator` is the engine's word, `repeat` counts layers of the same path and operator from 0. `alone` is the float
    network with this layer in int8; `left_float` the int8 network with this layer in float, empty where that was not
    replayed.
    """

    name: str
    path: str
    operator: str
    nodes: tuple[str, ...]
    repeat: Ordinal = 0
    own: dict[Use, Own] = field(default_factory=dict)
    alone: dict[Use, Given] = field(default_factory=dict)
    left_float: dict[Use, Given] = field(default_factory=dict)
    read: tuple[ReplayedTensor, ...] = ()
    gives: tuple[ReplayedTensor, ...] = ()  # empty where its output is not quantized


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswers:
    """Some numbers of the float network's outputs: float32, row per input, base64 of zlib of their bytes.

    `forms` are the shapes of the outputs that lie one after the other in a whole row; of it the numbers at
    `fact.kept_places` are kept.
    """

    rows: Amount
    kept: Positive
    forms: tuple[tuple[Amount, ...], ...]
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """The int8 network with some layers left in float, by their names.

    `median_ns` is the time of an inference in the replay, with others of its kind beside it in no round: it orders
    sets, and is no measurement.
    """

    floats: tuple[str, ...]
    given: dict[Use, Given]
    median_ns: Maybe[NotNegative] = NOT_TIMED


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The replayed layers of an arm, or why they cannot be replayed.

    `whole` is the replayed network with every layer in int8, `arm_itself` what the arm's own program answers: where the
    two differ, the replay is not of that program. `how` says by what the layers were replayed; `failed` has the layers
    that could not be, by name, with the reason.
    """

    arm: str
    layers: Maybe[tuple[ReplayedLayer, ...]]
    how: str = ""
    took_s: NotNegative = 0.0
    whole: dict[Use, Given] = field(default_factory=dict)
    arm_itself: dict[Use, Given] = field(default_factory=dict)
    float_answers: dict[Use, KeptAnswers] = field(default_factory=dict)
    mixtures: tuple[Mixture, ...] = ()
    only_answers: bool = False  # of the arm's own program were compared
    failed: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
