"""What is proposed for planted networks: the layer with the planted fault first, and nothing where none is planted."""

from __future__ import annotations

from pathlib import Path

import pytest

from ironlaw.analysis.sensitivity.layers import sensitivity
from ironlaw.analysis.verdicts.choose import chosen, order, sets_to_try
from ironlaw.engines.onnxruntime.replay import OnnxReplayer
from ironlaw.explanation.sensitivity import Sensitivity
from ironlaw.explanation.split import Ledger, LedgerRow
from ironlaw.fact import SCHEMA, Header
from ironlaw.measure.replaying.inputs import Inputs
from ironlaw.measure.replaying.replays import InFloat, mixtures, replay
from ironlaw.missing import Missing
from ironlaw.recording import Recording
from ironlaw.replay import Use

from .planted import LAYERS, images, replayer

pytestmark = pytest.mark.filterwarnings("ignore")
ARM = "int8@onnxruntime"
LEAST = 0.99
SAVES_NS = 1e5  # of every layer that saves time


def ledger(losing: int | None) -> Ledger:
    """Every layer saves the same by int8, but for one that loses."""
    rows = [
        LedgerRow(
            layer=f"block{place}",
            kind="conv",
            fate="both",
            order=place,
            control_ns=1e6,
            changed_ns=1e6 - (-SAVES_NS if place == losing else SAVES_NS),
            terms={},
            path=f"block{place}",
            changed_layers=(f"block{place}",),
        )
        for place in range(LAYERS)
    ]
    return Ledger(rows=tuple(rows), disturbed_speedup=Missing("not here"), undisturbed_speedup=Missing("not here"))


def inputs() -> Inputs:
    sets = {Use.CALIBRATING: images(8, seed=1), Use.CHOOSING: images(24, seed=2), Use.HELD_OUT: images(8, seed=3)}
    return Inputs(by_use=sets)


def found(made: OnnxReplayer, *, losing: int | None = None) -> Sensitivity:
    """The sensitivities by one replay of the layers, and one of the sets that they suggest."""
    header, times = Header(schema=SCHEMA, ironlaw="", started_utc=""), ledger(losing)
    layers = replay(ARM, made, inputs(), None, within_s=20)
    first = sensitivity(Recording(header=header, replays=(layers,)), ARM, times, "fp32@onnxruntime")
    assert isinstance(first, Sensitivity)
    sets = mixtures(ARM, made, inputs(), InFloat(made), sets_to_try(first), within_s=20)
    both = sensitivity(Recording(header=header, replays=(layers, sets)), ARM, times, "fp32@onnxruntime")
    assert isinstance(both, Sensitivity)
    return both


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> OnnxReplayer:
    return replayer(tmp_path_factory.mktemp("sound"), images(8, seed=1))


def test_nothing_is_proposed_for_a_network_without_a_fault(sound: OnnxReplayer) -> None:
    assert chosen(found(sound), LEAST) == ()


def test_the_layer_that_loses_time_is_proposed_first(sound: OnnxReplayer) -> None:
    quiet = found(sound).layers[-1].name  # what costs the answers least: its time alone puts it first
    assert order(found(sound, losing=int(quiet[-1])))[0].name == quiet


def test_the_layers_around_an_outlier_are_proposed_and_first(tmp_path: Path) -> None:
    made = found(replayer(tmp_path, images(8, seed=1), outlier=2))
    assert {one.name for one in order(made)[:2]} == {"block2", "block3"}
    best, *_ = chosen(made, LEAST)
    assert {"block2", "block3"} & set(best)
    assert made.layers[0].stretched == max(one.stretched for one in made.layers if isinstance(one.stretched, float))
