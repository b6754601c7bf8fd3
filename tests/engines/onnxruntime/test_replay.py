"""Replayed layers of ONNX Runtime: what they compute, and that a planted fault is found first."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ironlaw.analysis.sensitivity.layers import sensitivity
from ironlaw.engines.onnxruntime.replay import OnnxReplayer
from ironlaw.explanation.sensitivity import Sensitivity
from ironlaw.fact import SCHEMA, Header
from ironlaw.measure.replaying.inputs import Inputs
from ironlaw.measure.replaying.replays import InFloat, mixtures, replay
from ironlaw.recording import Recording
from ironlaw.replay import NOT_TIMED, Replay, Use

from .planted import SIZED, images, replayer

pytestmark = pytest.mark.filterwarnings("ignore")
ARM = "int8@onnxruntime"


def inputs(*, held_out_size: float = 1.0) -> Inputs:
    return Inputs(
        by_use={
            Use.CALIBRATING: images(8, seed=1),
            Use.CHOOSING: images(16, seed=2),
            Use.HELD_OUT: images(16, seed=3, size=held_out_size),
        }
    )


def explained(made: Replay) -> Sensitivity:
    found = sensitivity(Recording(header=Header(schema=SCHEMA, ironlaw="", started_utc=""), replays=(made,)), ARM)
    assert isinstance(found, Sensitivity)
    return found


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> OnnxReplayer:
    return replayer(tmp_path_factory.mktemp("sound"), images(8, seed=1))


def test_every_quantized_node_is_a_layer_under_its_name_in_a_ledger(sound: OnnxReplayer) -> None:
    assert [site.name for site in sound.sites] == [f"block{place}" for place in range(5)]
    assert [site.nodes for site in sound.sites] == [(f"conv{place}",) for place in range(5)]


def test_the_replayed_networks_are_those_of_the_files(sound: OnnxReplayer, tmp_path: Path) -> None:
    import onnxruntime

    from .planted import replayer as made

    made(tmp_path, images(8, seed=1))
    (shown,) = images(1, seed=5)
    sound.open(range(5))
    begun = sound.begin(shown)
    for name, found, tolerance in (("float", begun.in_float, 1e-5), ("prepared", begun.in_int8, 0.03)):
        expected = onnxruntime.InferenceSession(str(tmp_path / f"{name}.onnx")).run(None, {"input0": shown[0]})
        np.testing.assert_allclose(found[0], expected[0], atol=tolerance)


def test_a_mixture_of_all_layers_in_float_is_the_float_network(sound: OnnxReplayer) -> None:
    (shown,) = images(1, seed=6)
    sound.open([0])
    begun = sound.begin(shown)
    np.testing.assert_allclose(sound.mixed(frozenset(range(5)))(shown)[0], begun.in_float[0], atol=1e-5)
    assert not np.allclose(sound.mixed(frozenset())(shown)[0], begun.in_float[0], atol=1e-5)


def test_an_output_that_does_not_depend_on_a_layer_is_that_of_the_whole_network(tmp_path: Path) -> None:
    """As the hidden states of a sentence encoder, which its last layer, the pooler, only reads."""
    made = replayer(tmp_path, images(8, seed=1), also=2)
    (shown,) = images(1, seed=6)
    made.open(range(5))
    begun = made.begin(shown)
    for place in range(5):
        flipped = made.flip(place)
        assert len(flipped.alone) == len(flipped.left_float) == 2
        is_behind = place > 2
        assert np.array_equal(flipped.alone[1], begun.in_float[1]) is is_behind
        assert np.array_equal(flipped.left_float[1], begun.in_int8[1]) is is_behind
        assert not np.array_equal(flipped.alone[0], begun.in_float[0])


def test_a_part_that_cannot_be_optimised_is_replayed_as_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    made = replayer(tmp_path, images(8, seed=1))
    (shown,) = images(1, seed=6)
    made.open([1])
    made.begin(shown)
    expected = made.flip(1)
    begin = onnxruntime.InferenceSession

    def failing(written: bytes, options: onnxruntime.SessionOptions, **rest: object) -> onnxruntime.InferenceSession:
        if options.graph_optimization_level is onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL:
            raise onnxruntime.capi.onnxruntime_pybind11_state.Fail("Attempt to replace the existing tensor")
        return begin(written, options, **rest)

    monkeypatch.setattr(onnxruntime, "InferenceSession", failing)
    made.open([1])
    made.begin(shown)
    np.testing.assert_allclose(made.flip(1).alone[0], expected.alone[0], atol=0.01)


def test_the_last_layer_alone_is_what_its_own_output_is(sound: OnnxReplayer) -> None:
    (shown,) = images(1, seed=6)
    sound.open([4])
    sound.begin(shown)
    flipped = sound.flip(4)
    np.testing.assert_allclose(flipped.own_int8.mean(axis=(2, 3)), flipped.alone[0], atol=1e-4)


@pytest.mark.parametrize("outlier", [1, 2])
def test_the_layer_with_an_outlier_is_the_first(outlier: int, tmp_path: Path) -> None:
    made = replay(ARM, replayer(tmp_path, images(8, seed=1), outlier=outlier), inputs(), None, within_s=20)
    found = explained(made)
    # The tensor between them is stretched: the layer that gives it and the one that reads it both quantize it.
    assert {found.layers[0].name, found.layers[1].name} == {f"block{outlier}", f"block{outlier + 1}"}
    assert found.layers[1].lost > 5 * found.layers[2].lost


def test_the_layer_that_clips_held_out_inputs_is_first_in_clipping(tmp_path: Path) -> None:
    made = replay(
        ARM, replayer(tmp_path, images(8, seed=1), ignores=SIZED), inputs(held_out_size=6.0), None, within_s=20
    )
    found = explained(made)
    assert isinstance(made.layers, tuple)
    assert max(made.layers, key=lambda one: one.read[0].clipped[Use.HELD_OUT]).name == "block0"
    assert made.layers[0].read[0].clipped[Use.CALIBRATING] == 0
    by_name = {one.name: one for one in found.layers}
    assert isinstance(by_name["block0"].clipped, float)
    assert by_name["block0"].clipped > 0.01


def test_a_mixture_without_the_planted_layers_answers_as_float_does(tmp_path: Path) -> None:
    made = replayer(tmp_path, images(8, seed=1), outlier=2)
    found = mixtures(ARM, made, inputs(), InFloat(made), [(), ("block2", "block3")], within_s=20)
    worse, better = (one.given[Use.HELD_OUT] for one in found.mixtures)
    assert better.noise < worse.noise / 20


def test_a_mixture_has_the_median_of_its_inferences_where_they_run_what_the_arm_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = replayer(tmp_path, images(8, seed=1))
    ticks = count(step=700)
    monkeypatch.setattr("ironlaw.measure.replaying.replays.time.perf_counter_ns", lambda: next(ticks))

    def medians() -> list[Any]:
        return [one.median_ns for one in mixtures(ARM, made, inputs(), InFloat(made), [()], within_s=20).mixtures]

    assert medians() == [700.0]
    monkeypatch.setattr(made, "runs_kernels", False)
    assert medians() == [NOT_TIMED]
