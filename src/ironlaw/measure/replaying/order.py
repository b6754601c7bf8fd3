"""The order to replay layers, as a twin executes it: open the model once, and replay by the engine's replayer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ironlaw.engines import ENGINES, Replaying, engine
from ironlaw.errors import ArmFailed
from ironlaw.measure.replaying.inputs import Inputs, inputs_of
from ironlaw.measure.replaying.replays import InFloat, compared, mixtures, replay
from ironlaw.missing import Missing
from ironlaw.models import LoadedModel, open_model
from ironlaw.models.inputs import leaves
from ironlaw.program import Program
from ironlaw.replay import Replay, Use
from ironlaw.replayer import Replayer
from ironlaw.variant import ENGINE

if TYPE_CHECKING:
    from ironlaw.measure.messages import ReplayLayers, TwinSetup

Answer = Callable[..., list[Any]]
# Inputs on which sets of layers are asked; those held out show how far the choice flatters itself.
ASKED = {Use.CHOOSING: 128, Use.HELD_OUT: 64}


class OpenedReplays:
    """The model and inputs of a twin's arm, its networks, and what the float one answered; each made when needed."""

    def __init__(self, setup: TwinSetup, *, threads: int) -> None:
        """Of a twin; nothing is opened yet."""
        self._setup = setup
        self._threads = threads
        self._opened: tuple[LoadedModel, Inputs] | None = None
        self._replayer: Replayer | None = None
        self._of = ""  # what was prepared that the replayer is of
        self._in_float: InFloat | None = None

    def replay(self, order: ReplayLayers) -> Replay:
        """The replay of an arm; where it has no layers that can be replayed, why. Opening counts as its time."""
        began_s = time.monotonic()
        variant = order.arm.variant
        by = engine(variant.level(ENGINE))
        if not isinstance(by, Replaying):
            title = ENGINES[variant.level(ENGINE)].title
            return Replay(arm=self._setup.arm.name, layers=Missing(f"layers of {title} cannot be replayed one by one"))
        model, inputs = self._open()
        try:
            replayer, in_float = self._networks(by, order, model)
        except ArmFailed as failed:
            return Replay(arm=self._setup.arm.name, layers=Missing(failed.message))
        left_s = max(0.0, order.within_s - (time.monotonic() - began_s))
        name = self._setup.arm.name
        if order.sets:
            asked = inputs.first(ASKED)
            return mixtures(name, replayer, asked, in_float, order.sets, within_s=left_s)
        program = _answering(order, model, self._threads)
        if order.only_answers:
            return compared(name, inputs, in_float, program, within_s=left_s)
        try:
            made = replay(name, replayer, inputs, program, within_s=left_s)
        except ArmFailed as failed:
            return Replay(arm=name, layers=Missing(failed.message))
        replayer.open(())  # its networks take as much memory as the arms that run meanwhile
        return made

    def _open(self) -> tuple[LoadedModel, Inputs]:
        setup = self._setup
        if self._opened is None:
            files = {"images": setup.images, "inputs": setup.inputs}
            source = setup.arm.factory or setup.model
            model = open_model(source, **files, batch=setup.batch, seed=setup.seed, at=setup.arm.point)
            self._opened = model, inputs_of(model, setup.images, seed=setup.seed)
        return self._opened

    def _networks(self, by: Replaying, order: ReplayLayers, model: LoadedModel) -> tuple[Replayer, InFloat]:
        """Those of what was prepared; the float network is the same for all that this twin is ordered to replay.

        Raises:
            ArmFailed: none of its layers can be replayed.
        """
        is_other = self._of != order.prepared.path and not order.only_answers
        if self._replayer is None or is_other:
            self._replayer = by.replayer(order.arm.variant, order.prepared, model, threads=self._threads)
            self._of = order.prepared.path
        if self._in_float is None:
            self._in_float = InFloat(self._replayer)
        return self._replayer, self._in_float


def _answering(order: ReplayLayers, model: LoadedModel, threads: int) -> Answer:
    """The arm's own program, from arguments to arrays."""
    variant = order.arm.variant
    return answer_of(engine(variant.level(ENGINE)).load(variant, order.prepared, model, threads=threads))


def answer_of(program: Program) -> Answer:
    """A program as a function from arguments to arrays."""

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
