"""OpenVINO: every precision computes the same function, or is refused by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ironlaw.engines import ENGINES
from ironlaw.engines.openvino import execution as engine
from ironlaw.engines.openvino.model import core
from ironlaw.errors import ArmFailed
from ironlaw.measure.replaying.inputs import inputs_of
from ironlaw.missing import is_known
from ironlaw.models import LoadedModel
from ironlaw.replay import Use
from ironlaw.variant import Variant

from .. import small

pytest.importorskip("openvino")
pytestmark = pytest.mark.filterwarnings("ignore")


def test_the_engine_is_here() -> None:
    assert is_known(ENGINES["openvino"].installed())


@pytest.mark.parametrize("build", [small.seeing, small.reading, small.two])
def test_float_answers_as_the_module_does(build: type, tmp_path: Path) -> None:
    model = build()
    _, _, answers = small.run(engine, "fp32@openvino", model, tmp_path)
    torch.testing.assert_close(answers, small.expected(model), rtol=1e-4, atol=1e-5)


def test_int8_gives_same_outputs_is_smaller_and_says_what_it_cost(tmp_path: Path) -> None:
    model = small.seeing()
    prepared, _, answers = small.run(engine, "int8@openvino", model, tmp_path)
    assert 20 < small.sqnr_db(answers, small.expected(model)) < 90
    assert {"export", "calibrate", "compile"} <= set(prepared.phases_ns)
    assert 'type="FakeQuantize"' in Path(prepared.path).read_text()


def test_int8_weights_are_stored_in_int8(tmp_path: Path) -> None:
    model = small.seeing()
    prepared, _, answers = small.run(engine, "int8-weights@openvino", model, tmp_path)
    assert small.sqnr_db(answers, small.expected(model)) > 20
    assert 'element_type="u8"' in Path(prepared.path).read_text()


def test_the_threads_and_the_hint_are_what_was_asked_for(tmp_path: Path) -> None:
    from ironlaw.variant import Variant

    prepared, _, _ = small.run(engine, "fp32@openvino", small.seeing(), tmp_path)
    compiled = engine._compile(Variant.parse("fp32@openvino"), Path(prepared.path), 2)
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 2
    assert str(compiled.get_property("PERFORMANCE_HINT")).endswith("LATENCY")
    assert str(compiled.get_property("INFERENCE_PRECISION_HINT")) in ("f32", "<Type: 'float32'>")


@pytest.mark.parametrize(("build", "shapes"), [(small.seeing, ["[1,3,16,16]"]), (small.two, ["[3,8]", "[3,4]"])])
def test_the_network_is_compiled_for_the_shapes_of_its_inputs(build: type, shapes: list[str], tmp_path: Path) -> None:

    prepared, _, _ = small.run(engine, "fp32@openvino", build(), tmp_path)
    assert [str(port.partial_shape) for port in core().read_model(prepared.path).inputs] == shapes


def test_inputs_of_several_shapes_leave_them_open(tmp_path: Path) -> None:
    model = small.seeing()
    larger = (torch.randn(1, 3, 20, 20),)
    kept = replace(model, calibration=[*model.calibration, larger])
    prepared, _, answers = small.run(engine, "int8@openvino", kept, tmp_path)
    assert small.sqnr_db(answers, small.expected(model)) > 20
    assert "?" in Path(prepared.path).read_text()


def test_dynamic_int8_is_refused_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ArmFailed, match="openvino cannot run int8-dynamic"):
        small.run(engine, "int8-dynamic@openvino", small.seeing(), tmp_path)


def test_accuracy_control_compares_answers_on_no_held_out_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nncf = pytest.importorskip("nncf")
    compared: list[bytes] = []

    def control(converted: Any, data: Any, validation: Any, metric: Any, **options: Any) -> Any:
        compared.extend(one[1][0].tobytes() for one in validation.get_data())
        options = {name: options[name] for name in ("subset_size", "fast_bias_correction")}
        return nncf.quantize(converted, data, **options)

    monkeypatch.setattr(nncf, "quantize_with_accuracy_control", control)
    torch.manual_seed(0)
    given = [(torch.randn(1, 3, 8, 8),) for _ in range(9)]
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Conv2d(8, 4, 3)).eval()
    model = LoadedModel(name="net", module=net, inputs=given[:1], calibration=given, probes=given, weights="")
    engine.prepare(Variant.parse("int8@openvino+nncf.accuracy-control=0.99"), model, tmp_path)
    held_out = {one[0].numpy().tobytes() for one in inputs_of(model, None, seed=0).by_use[Use.HELD_OUT]}
    assert len(compared) == 3
    assert not held_out & set(compared)
