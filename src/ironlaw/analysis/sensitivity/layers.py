"""From replays and a ledger to the sensitivity of an arm: what each layer costs the answers, and what it gains."""

from __future__ import annotations

from collections.abc import Mapping

from ironlaw.analysis.sensitivity.agreement import answer_agreement, sqnr_db
from ironlaw.explanation.sensitivity import (
    NO_TIME,
    NOT_REPLAYED,
    AnswerAgreement,
    LayerAnswers,
    MixedAnswers,
    Sensitivity,
)
from ironlaw.explanation.split import Ledger, LedgerRow
from ironlaw.factors import FACTORS
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.recording import Recording
from ironlaw.replay import Given, KeptAnswers, Replay, ReplayedLayer, ReplayedTensor, Use
from ironlaw.variant import PRECISION

# What engines put before or after an operator that they run in int8.
_ENGINES_WORDS = ("QLinear", "Fused", "quantized_", "DynamicQuantize", "IntegerToFloat", "Integer")
_PRODUCTS = ("Gemm", "MatMul")  # one word for another, as an engine fuses a bias


def sensitivity(
    recording: Recording, arm: str, ledger: Maybe[Ledger] = NO_TIME, control: Maybe[str] = NO_TIME
) -> Maybe[Sensitivity]:
    """The sensitivity of an arm, with the times of a ledger in which it is the changed arm."""
    replays = [one for one in recording.replays if one.arm == arm]
    whole = [one for one in replays if not one.mixtures and not one.only_answers]
    if not whole:
        return NOT_REPLAYED
    # One that failed takes nothing away from one that did not.
    last = next((one for one in reversed(whole) if is_known(one.layers)), whole[-1])
    if isinstance(last.layers, Missing):
        return last.layers
    gained = _gained(last.layers, ledger)
    layers = [_layer(one, place, last, gained.get(one.name, NO_TIME)) for place, one in enumerate(last.layers)]
    mixed = [
        MixedAnswers(
            floats=mixture.floats,
            agreement=_by_use(mixture.given, replay.float_answers),
            median_ns=mixture.median_ns,
        )
        for replay in replays
        for mixture in replay.mixtures
    ]
    return Sensitivity(
        arm=arm,
        control=control,
        layers=tuple(sorted(layers, key=lambda one: -one.lost)),
        whole=_by_use(last.whole, last.float_answers),
        arm_itself=_by_use(last.arm_itself, last.float_answers),
        how=last.how,
        took_s=last.took_s,
        mixtures=tuple(mixed),
        failed=last.failed,
        notes=last.notes,
    )


def replayed(recording: Recording) -> tuple[str, ...]:
    """The arms whose layers were replayed, or were to be."""
    return tuple(dict.fromkeys(one.arm for one in recording.replays))


def float_form(recording: Recording, arm: str) -> Maybe[str]:
    """The arm in fp32 that differs from an int8 arm in its format only."""
    variant = recording.plan.arm(arm).variant
    for other in recording.plan.asked():
        apart = set(other.variant.differing(variant))
        own = {name for name in apart if name == PRECISION or FACTORS[name].of_int8}
        if other.variant.level(PRECISION) == "fp32" and not other.factory and apart == own:
            return other.name
    return Missing(f"no arm is {arm} in float")


def _layer(one: ReplayedLayer, place: int, replay: Replay, gained_ns: Maybe[float]) -> LayerAnswers:
    tensors = [*one.read, *one.gives]
    own = one.own.get(Use.HELD_OUT) or one.own.get(Use.CHOOSING)
    left = one.left_float
    return LayerAnswers(
        name=one.name,
        path=one.path,
        operator=one.operator,
        nodes=one.nodes,
        place=place,
        own_sqnr_db=sqnr_db(own.signal, own.noise) if own else Missing("its output was not compared"),
        alone=_by_use(one.alone, replay.float_answers),
        left_float=_by_use(left, replay.float_answers) if left else Missing("was not replayed"),
        gained_ns=gained_ns,
        clipped=_most([tensor.clipped.get(Use.HELD_OUT) for tensor in tensors]),
        stretched=_most([_stretched(tensor) for tensor in tensors]),
        dead=sum(tensor.dead for tensor in one.gives),
        channels=sum(tensor.channels for tensor in one.gives),
    )


def _stretched(tensor: ReplayedTensor) -> float | None:
    return tensor.largest / tensor.usual if tensor.usual > 0 else None


def _most(values: list[float | None]) -> Maybe[float]:
    known = [value for value in values if value is not None]
    return max(known) if known else Missing("no tensor of it has a range")


def _by_use(given: Mapping[Use, Given], references: Mapping[Use, KeptAnswers]) -> dict[Use, AnswerAgreement]:
    return {use: answer_agreement(one, references.get(use)) for use, one in given.items() if one.inputs}


def _gained(layers: tuple[ReplayedLayer, ...], ledger: Maybe[Ledger]) -> dict[str, float]:
    """The time in ns that int8 saves in each layer, by the layer's name; only for layers in the ledger."""
    if isinstance(ledger, Missing):
        return {}
    by_call = {call: row for row in ledger.rows for call in row.changed_layers}
    found = {}
    for layer in layers:
        row = by_call.get(layer.name) or _same_operator(layer, ledger)
        if row is not None:
            found[layer.name] = row.saved_ns
    return found


def _same_operator(layer: ReplayedLayer, ledger: Ledger) -> LedgerRow | None:
    """The row of the call at that path whose operator is that of the layer, in the engine's word for int8.

    A row has the path of the control's layer, which may have none: the call of the changed arm then has its own.
    """
    rows = [
        row
        for row in ledger.rows
        if any(
            (row.path == layer.path or (layer.path and call.startswith(f"{layer.path} ")))
            and _is_of(call, layer.operator)
            for call in row.changed_layers
        )
    ]
    return rows[layer.repeat] if layer.repeat < len(rows) else None


def _is_of(call: str, operator: str) -> bool:
    bare = _bare(call)
    return bare == operator or {bare, operator} == set(_PRODUCTS)


def _bare(call: str) -> str:
    """A call's operator, without what the engine adds for int8: QLinearAdd is an Add."""
    word = (call.partition(" ")[2] or call).partition(" #")[0]
    for prefix in _ENGINES_WORDS:
        word = word.replace(prefix, "")
    return word.strip()
