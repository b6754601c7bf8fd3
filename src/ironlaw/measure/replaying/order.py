"""The order to replay layers, as a twin executes it: open the model, and replay by the engine's replayer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ironlaw.engines import ENGINES, Execution, Replaying, engine
from ironlaw.errors import ArmFailed
from ironlaw.measure.replaying.inputs import Inputs, inputs_of
from ironlaw.measure.replaying.replays import compared, mixtures, replay
from ironlaw.missing import Missing
from ironlaw.models import LoadedModel, open_model
from ironlaw.models.inputs import leaves
from ironlaw.replay import Replay
from ironlaw.replayer import Replayer
from ironlaw.variant import ENGINE

if TYPE_CHECKING:
    from ironlaw.measure.messages import ReplayLayers, TwinSetup

CHOSEN = (
    64  # inputs of a use on which whole mixtures are asked: there are few of these, and inferences are all they take
)


def replay_layers(setup: TwinSetup, order: ReplayLayers, *, threads: int) -> Replay:
    """The replay of an arm, or why its layers cannot be replayed."""
    arm, variant = setup.arm, setup.arm.variant
    by = engine(variant.level(ENGINE))
    if not isinstance(by, Replaying):
        title = ENGINES[variant.level(ENGINE)].title
        return Replay(arm=arm.name, layers=Missing(f"layers of {title} cannot be replayed one by one"))
    model = open_model(arm.factory or setup.model, images=setup.images, batch=setup.batch, seed=setup.seed)
    try:
        replayer = by.replayer(variant, order.prepared, model, threads=threads)
    except ArmFailed as failed:
        return Replay(arm=arm.name, layers=Missing(failed.message))
    inputs = inputs_of(model, setup.images, seed=setup.seed)
    if order.sets:
        return _mixed(arm.name, replayer, inputs, order)
    asking = _program(by, setup, order, model, threads)
    if order.only_answers:
        return compared(arm.name, replayer, inputs, asking)
    return replay(arm.name, replayer, inputs, asking, within_s=order.within_s)


def _mixed(arm: str, replayer: Replayer, inputs: Inputs, order: ReplayLayers) -> Replay:
    began_s = time.monotonic()
    asked = inputs.first(dict.fromkeys(inputs.by_use, CHOSEN))
    made, kept = mixtures(replayer, asked, order.sets, within_s=order.within_s)
    return Replay(
        arm=arm,
        layers=Missing("whole mixtures were replayed"),
        how=replayer.how,
        took_s=time.monotonic() - began_s,
        float_answers=kept,
        mixtures=made,
        notes=inputs.notes,
    )


def _program(
    by: Execution, setup: TwinSetup, order: ReplayLayers, model: LoadedModel, threads: int
) -> Callable[..., list[Any]]:
    """The arm's own program, from arguments to arrays."""
    program = by.load(setup.arm.variant, order.prepared, model, threads=threads)

    def answer(*arguments: Any) -> list[Any]:
        with program.guard():
            return [_array(leaf) for leaf in leaves(program.answer(*arguments))]

    return answer


def _array(leaf: Any) -> Any:
    import numpy

    if not hasattr(leaf, "detach"):
        return numpy.asarray(leaf)
    plain = leaf.detach()
    return (plain.dequantize() if plain.is_quantized else plain.float()).numpy()
