"""Replayed layers of OpenVINO: what they compute, and that a planted fault is found first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

openvino = pytest.importorskip("openvino")
pytest.importorskip("nncf")
onnx = pytest.importorskip("onnx")

from ironlaw.engines.border.phases import Phases  # noqa: E402
from ironlaw.engines.openvino import quantizing  # noqa: E402
from ironlaw.engines.openvino.model import core  # noqa: E402
from ironlaw.engines.openvino.replay import OpenVinoReplayer  # noqa: E402
from ironlaw.measure.replaying.inputs import Inputs  # noqa: E402
from ironlaw.measure.replaying.replays import InFloat, mixtures, replay  # noqa: E402
from ironlaw.replay import ReplayedLayer, Use  # noqa: E402
from ironlaw.variant import Variant  # noqa: E402
from tests.engines.onnxruntime import planted  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")
ARM = "int8@openvino"
F32 = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}


def compiled(model: Any) -> Any:
    return core().compile_model(model, "CPU", F32)


def replayer(folder: Path, **faults: int) -> OpenVinoReplayer:
    """The planted network in int8 by NNCF."""
    planted.write(folder / "net.onnx", **faults)
    in_float = core().read_model(str(folder / "net.onnx"))
    openvino.save_model(in_float, str(folder / "float.xml"), compress_to_fp16=False)
    calibration = [list(arguments) for arguments in planted.images(8, seed=1)]
    made = quantizing.quantized(in_float, Variant.parse(ARM), calibration, Phases())
    openvino.save_model(made, str(folder / "prepared.xml"), compress_to_fp16=False)
    return OpenVinoReplayer(folder / "float.xml", folder / "prepared.xml", [0], compiled)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sound")


@pytest.fixture(scope="module")
def sound(folder: Path) -> OpenVinoReplayer:
    return replayer(folder)


def inputs(*, held_out_size: float = 1.0) -> Inputs:
    return Inputs(
        by_use={
            Use.CALIBRATING: planted.images(8, seed=1),
            Use.CHOOSING: planted.images(8, seed=2),
            Use.HELD_OUT: planted.images(8, seed=3, size=held_out_size),
        }
    )


def layers(made: OpenVinoReplayer, shown: Inputs) -> list[ReplayedLayer]:
    found = replay(ARM, made, shown, None, within_s=20).layers
    assert isinstance(found, tuple)
    return sorted(found, key=lambda one: -one.alone[Use.CHOOSING].noise)


def test_the_layers_are_what_reads_quantized_values_by_name(sound: OpenVinoReplayer) -> None:
    assert [site.name for site in sound.sites][:5] == [f"conv{place}" for place in range(5)]


def test_the_replayed_networks_are_those_of_the_files(sound: OpenVinoReplayer, folder: Path) -> None:
    (shown,) = planted.images(1, seed=5)
    sound.open(range(len(sound.sites)))
    begun = sound.begin(shown)
    for name, found, tolerance in (("float", begun.in_float, 1e-5), ("prepared", begun.in_int8, 0.03)):
        expected = compiled(str(folder / f"{name}.xml"))([shown[0]])[0]
        np.testing.assert_allclose(found[0], expected, atol=tolerance)


def test_a_mixture_of_all_layers_in_float_is_the_float_network(sound: OpenVinoReplayer) -> None:
    (shown,) = planted.images(1, seed=6)
    sound.open([0])
    begun = sound.begin(shown)
    every = frozenset(range(len(sound.sites)))
    np.testing.assert_allclose(sound.mixed(every)(shown)[0], begun.in_float[0], atol=1e-5)
    assert not np.allclose(sound.mixed(frozenset())(shown)[0], begun.in_float[0], atol=1e-5)


def test_a_part_answers_as_the_whole_network_with_the_same_layers_in_int8(sound: OpenVinoReplayer) -> None:
    (shown,) = planted.images(1, seed=6)
    every = frozenset(range(len(sound.sites)))
    sound.open([2])
    sound.begin(shown)
    flipped = sound.flip(2)
    np.testing.assert_allclose(flipped.alone[0], sound.mixed(every - {2})(shown)[0], atol=0.01)
    np.testing.assert_allclose(flipped.left_float[0], sound.mixed(frozenset({2}))(shown)[0], atol=0.03)
    assert not np.array_equal(flipped.own_int8, flipped.own_float)


@pytest.mark.parametrize("outlier", [1, 2])
def test_the_layer_that_reads_an_outlier_is_the_first(outlier: int, tmp_path: Path) -> None:
    first, second, *_ = layers(replayer(tmp_path, outlier=outlier), inputs())
    assert first.name == f"conv{outlier + 1}"
    assert first.alone[Use.CHOOSING].noise > 5 * second.alone[Use.CHOOSING].noise


def test_the_layer_that_clips_held_out_inputs_is_first_in_clipping(tmp_path: Path) -> None:
    found = layers(replayer(tmp_path, ignores=planted.SIZED), inputs(held_out_size=6.0))
    assert max(found, key=lambda one: one.read[0].clipped[Use.HELD_OUT]).name == "conv0"


def test_a_mixture_without_the_planted_layer_answers_as_float_does(tmp_path: Path) -> None:
    made = replayer(tmp_path, outlier=2)
    found = mixtures(ARM, made, inputs(), InFloat(made), [(), ("conv3",)], within_s=20)
    worse, better = (one.given[Use.HELD_OUT] for one in found.mixtures)
    assert better.noise < worse.noise / 5


@pytest.mark.parametrize(
    ("level", "changes"),
    [
        ("nncf.ranges=histogram", True),
        ("nncf.ranges=minmax", True),
        ("nncf.preset=mixed", True),
        ("nncf.granularity=tensor", True),
        ("nncf.overflow-fix=off", True),
        ("nncf.overflow-fix=all", True),
        ("nncf.overflow-fix=first-layer", False),
    ],
)
def test_a_level_of_nncf_changes_the_model_that_it_makes(level: str, changes: bool, tmp_path: Path) -> None:
    planted.write(tmp_path / "net.onnx")
    calibration = [list(arguments) for arguments in planted.images(8, seed=1)]
    answers = []
    for text in (ARM, f"{ARM}+{level}"):
        in_float = core().read_model(str(tmp_path / "net.onnx"))
        made = quantizing.quantized(in_float, Variant.parse(text), calibration, Phases())
        answers.append(compiled(made)(calibration[0])[0])
    assert np.array_equal(*answers) is not changes
