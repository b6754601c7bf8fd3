"""eager PyTorch: what each variant becomes, and what it refuses."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ironlaw.engines import ENGINES
from ironlaw.engines.border.phases import Phases
from ironlaw.engines.eager import execution as eager
from ironlaw.engines.torch_modules import int8 as eager_int8
from ironlaw.errors import ArmFailed
from ironlaw.factors import FACTORS
from ironlaw.missing import is_known
from ironlaw.models import LoadedModel, saved
from ironlaw.program import PreparedModel, Program
from ironlaw.variant import Variant


class Plain(nn.Module):
    """Convolution, BatchNorm, ReLU6, an addition written as +, a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, padding=1)
        self.norm = nn.BatchNorm2d(16)
        self.relu = nn.ReLU6()
        self.head = nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> Any:
        x = self.relu(self.norm(self.conv(x)))
        x = x + x.flip(3)
        return self.head(x.mean((2, 3)))


class Stubbed(nn.Module):
    """The same idea with the stubs its author put in; activations exceed 6 here."""

    def __init__(self) -> None:
        super().__init__()
        self.quant = torch.ao.quantization.QuantStub()
        self.conv = nn.Conv2d(3, 16, 3)
        self.norm = nn.BatchNorm2d(16)
        self.relu = nn.ReLU6(inplace=True)
        self.dequant = torch.ao.quantization.DeQuantStub()
        nn.init.constant_(self.norm.bias, 5.0)

    def forward(self, x: torch.Tensor) -> Any:
        return self.dequant(self.relu(self.norm(self.conv(self.quant(x)))))


class Branching(nn.Module):
    """Cannot be traced: what it does depends on values."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> Any:
        return self.norm(self.conv(x)) if x.sum() > 0 else x


def model_of(module: Any, *shape: int, count: int = 8) -> LoadedModel:
    rng = torch.Generator().manual_seed(0)
    inputs = [(torch.randn(*shape, generator=rng),) for _ in range(count)]
    return LoadedModel(name="net", module=module, inputs=inputs, calibration=inputs, probes=inputs, weights="as made")


def images_of(build: Callable[[], nn.Module]) -> LoadedModel:
    torch.manual_seed(0)
    return model_of(build().eval(), 1, 3, 16, 16)


def run(text: str, model: LoadedModel, folder: Path) -> tuple[PreparedModel, Program, list[Any]]:
    variant = Variant.parse(text)
    prepared = eager.prepare(variant, model, folder)
    saved.save(model, folder)
    program = eager.load(variant, prepared, saved.load(folder))
    with program.guard():
        return prepared, program, [program.infer(*arguments) for arguments in program.inputs]


def sqnr_db(answers: list[torch.Tensor], reference: list[torch.Tensor]) -> float:
    signal, got = torch.stack(reference), torch.stack(answers)
    return float(10 * torch.log10(signal.pow(2).sum() / (got - signal).pow(2).sum()))


def test_eager_needs_no_extra() -> None:
    assert is_known(ENGINES["eager"].installed())


def test_fp32_computes_what_the_module_computes(tmp_path: Path) -> None:
    model = images_of(Plain)
    _, program, answers = run("fp32", model, tmp_path)
    with torch.inference_mode():
        for answer, arguments in zip(answers, model.inputs, strict=True):
            assert torch.equal(answer, model.module(*arguments))
    assert program.module is not None
    assert not program.module.training


@pytest.mark.parametrize("build", [Plain, Stubbed])
def test_folding_changes_no_answer_and_leaves_no_batch_norm(tmp_path: Path, build: Callable[[], nn.Module]) -> None:
    model = images_of(build)
    before = copy.deepcopy(model.module.state_dict())
    prepared, program, answers = run("fp32+fused", model, tmp_path)
    assert program.module is not None
    assert not any(isinstance(part, nn.BatchNorm2d) for part in program.module.modules())
    with torch.inference_mode():
        reference = [model.module(*arguments) for arguments in model.inputs]
    torch.testing.assert_close(torch.stack(answers), torch.stack(reference))
    assert "fuse" in prepared.phases_ns
    for name, value in model.module.state_dict().items():
        assert torch.equal(value, before[name]), "the model itself must stay as it was for the other arms"


@pytest.mark.parametrize("build", [Plain, Stubbed])
@pytest.mark.parametrize("text", ["int8", "int8+fused"])
def test_int8_answers_like_fp32_and_computes_in_int8(tmp_path: Path, build: Callable[[], nn.Module], text: str) -> None:
    model = images_of(build)
    _, _, reference = run("fp32", model, tmp_path / "fp32")
    prepared, program, answers = run(text, model, tmp_path / "int8")
    assert 20 < sqnr_db(answers, reference) < 70
    assert eager_int8.count_int8(program.module) > 0
    assert {"prepare", "calibrate", "convert"} <= set(prepared.phases_ns)


@pytest.mark.parametrize("build", [Plain, Stubbed])
def test_unfused_int8_keeps_its_batch_norm_and_fused_int8_does_not(
    tmp_path: Path, build: Callable[[], nn.Module]
) -> None:
    model = images_of(build)

    def norms(text: str) -> int:
        _, program, _ = run(text, model, tmp_path / text)
        assert program.module is not None
        return sum("BatchNorm" in type(part).__name__ for part in program.module.modules())

    assert norms("int8") == 1
    assert norms("int8+fused") == 0


def test_relu6_still_clips_at_six_in_fused_int8(tmp_path: Path) -> None:
    model = images_of(Stubbed)
    with torch.inference_mode():
        assert max(float(model.module(*arguments).max()) for arguments in model.inputs) == 6.0
    _, _, answers = run("int8+fused", model, tmp_path)
    assert 5.5 < float(torch.stack(answers).max()) <= 6.05


def test_an_int8_module_read_back_answers_as_before_it_was_saved(tmp_path: Path) -> None:
    model = images_of(Stubbed)
    made = eager_int8.quantize_static(
        model.module, model.calibration, fused=True, backend=eager_int8.preferred_backend(), phases=Phases()
    )
    _, _, answers = run("int8+fused", model, tmp_path)
    with torch.inference_mode():
        for answer, arguments in zip(answers, model.inputs, strict=True):
            assert torch.equal(answer, made.module(*arguments))


def test_the_size_is_that_of_the_saved_state_dict(tmp_path: Path) -> None:
    model = images_of(Plain)
    prepared, _, _ = run("fp32", model, tmp_path)
    torch.save(model.module.state_dict(), tmp_path / "archive.pt")
    assert prepared.size_bytes == (tmp_path / "archive.pt").stat().st_size


def test_a_batch_norm_that_follows_nothing_cannot_be_fused(tmp_path: Path) -> None:
    with pytest.raises(ArmFailed, match="nothing in this model can be fused"):
        run("fp32+fused", model_of(nn.Sequential(nn.Linear(4, 4), nn.ReLU()).eval(), 2, 4), tmp_path)


class Shared(nn.Module):
    """The convolution's output is used twice: folding the BatchNorm into it would change the other use."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> Any:
        y = self.conv(x)
        return self.norm(y) + y


class Twice(nn.Module):
    """The convolution is called twice, once without the BatchNorm after it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x: torch.Tensor) -> Any:
        return self.conv(self.norm(self.conv(x)))


@pytest.mark.parametrize("build", [Shared, Twice])
def test_layers_used_twice_are_not_fused(build: Callable[[], nn.Module]) -> None:
    assert eager_int8.find_groups(build().eval()) == []


@pytest.mark.parametrize("text", ["fp32+fused", "int8", "int8+fused"])
def test_a_module_that_cannot_be_traced_is_refused_with_the_reason(tmp_path: Path, text: str) -> None:
    with pytest.raises(ArmFailed, match="control flow"):
        run(text, images_of(Branching), tmp_path)


def test_a_model_without_int8_kernels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArmFailed, match="nothing in this model could be quantized"):
        run("int8", model_of(nn.Sequential(nn.GELU()).eval(), 1, 5), tmp_path)


def test_layers_that_stay_float_are_named(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.LSTM(8, 3))
    prepared, _, _ = run("int8", model_of(net.eval(), 1, 8), tmp_path)
    assert "stayed float: LSTM" in prepared.notes


@pytest.mark.parametrize(
    ("net", "layers"),
    [(nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4)), 2), (nn.Linear(8, 4), 1)],
    ids=["layers of a model", "a model that is one layer"],
)
def test_dynamic_int8_takes_linear_layers(net: nn.Module, layers: int, tmp_path: Path) -> None:
    net.eval()
    prepared, _, answers = run("int8-dynamic", model_of(net, 2, 8), tmp_path)
    assert f"{layers} layers quantized dynamically" in prepared.notes
    with torch.inference_mode():
        assert sqnr_db(answers, [net(*one) for one in model_of(net, 2, 8).inputs]) > 20


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(nn.Linear(8, 4), (2, 8)), (nn.Conv2d(2, 4, 3), (1, 2, 8, 8))],
    ids=["linear", "convolution"],
)
def test_static_int8_takes_a_model_that_is_one_layer(layer: nn.Module, shape: tuple[int, ...], tmp_path: Path) -> None:
    model = model_of(layer.eval(), *shape)
    _, program, answers = run("int8", model, tmp_path)
    assert program.module is not None
    assert eager_int8.count_int8(program.module) > 0
    with torch.inference_mode():
        assert sqnr_db(answers, [layer(*one) for one in model.inputs]) > 20


def test_dynamic_int8_of_convolutions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArmFailed, match="no Linear, LSTM or GRU"):
        run("int8-dynamic", images_of(Shared), tmp_path)


def test_bfloat16_takes_and_gives_float32(tmp_path: Path) -> None:
    model = images_of(Plain)
    _, program, answers = run("bf16", model, tmp_path)
    assert {answer.dtype for answer in answers} == {torch.float32}
    assert program.module is not None
    assert {parameter.dtype for parameter in program.module.parameters()} == {torch.bfloat16}


def test_a_given_program_is_run_as_it_is_training_mode_included(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5)).train()
    _, program, _ = run("given", model_of(module, 1, 4), tmp_path)
    assert program.module is not None
    assert program.module.training


def test_a_given_programs_size_is_that_of_its_file(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(256, 256)).eval()
    prepared, _, _ = run("given", model_of(net, 1, 256), tmp_path)
    weights = 4 * (256 + 1) * 256
    assert prepared.size_bytes == Path(prepared.path).stat().st_size
    assert weights < prepared.size_bytes < 1.1 * weights


def test_a_given_module_is_called_under_inference_mode_and_a_callable_as_it_is(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(4, 4))
    for program, requires_grad in ((module, False), (module.forward, True)):
        _, loaded, (answer, *_) = run("given", model_of(program, 1, 4), tmp_path / str(requires_grad))
        assert answer.requires_grad is requires_grad
        assert ("inference_mode" in loaded.boundary) is not requires_grad


def test_autograd_records_a_given_module_where_it_is_asked_for(tmp_path: Path) -> None:
    _, program, _ = run("given", model_of(nn.Sequential(nn.Linear(4, 4)), 1, 4), tmp_path)
    recording = FACTORS["grad"].change("on", program)
    with recording.guard():
        assert recording.infer(*recording.inputs[0]).requires_grad


def test_a_given_callable_is_run(tmp_path: Path) -> None:
    _, program, answers = run("given", model_of(lambda x: x * 2, 1, 4), tmp_path)
    assert torch.equal(answers[0], program.inputs[0][0] * 2)
    assert program.module is None


def test_a_callable_takes_no_other_precision(tmp_path: Path) -> None:
    with pytest.raises(ArmFailed, match="not a torch module"):
        run("int8", model_of(lambda x: x, 1, 4), tmp_path)


UNPICKLABLE = """
import threading, torch
class Locked:
    def __init__(self):
        self.lock, self.factor = threading.Lock(), torch.rand(())
    def __call__(self, x):
        return x * self.factor
def make(): return Locked(), (torch.ones(3),)
"""


def test_a_program_that_cannot_be_pickled_is_made_again_by_its_factory(tmp_path: Path) -> None:
    from ironlaw import models

    (tmp_path / "locked.py").write_text(UNPICKLABLE)
    model = models.open_model(f"{tmp_path / 'locked.py'}:make", seed=5)
    prepared, _, answers = run("given", model, tmp_path / "arm")
    assert any("made again by its factory" in note for note in prepared.notes)
    assert torch.equal(answers[0], model.module(torch.ones(3)))


@pytest.mark.hardware
def test_mobilenet_v2_has_the_published_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blog post's three models weigh 14.26, 4.24 and 3.94 MB; anything else means another model."""
    from ironlaw import models
    from ironlaw.models import weights

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "unreachable", lambda url: "no network in tests")
    model = models.open_model("mobilenet_v2")
    few = LoadedModel(
        name=model.name,
        module=model.module,
        quantizable=model.quantizable,
        inputs=model.inputs[:2],
        calibration=model.calibration[:4],
        probes=[],
        weights=model.weights,
    )
    sizes_mb = [
        round(run(text, few, tmp_path / text)[0].size_bytes / 1e6, 2)
        for text in ("fp32", "fp32+fused", "int8", "int8+fused")
    ]
    assert sizes_mb == [14.26, 14.0, 4.24, 3.94]


def test_int8_weights_are_a_quarter_and_their_census_can_be_taken(tmp_path: Path) -> None:
    pytest.importorskip("torchao")
    from ironlaw.measure.census import take_census

    net = nn.Sequential(nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 4)).eval()
    model = model_of(net, 2, 256)
    prepared, program, answers = run("int8-weights", model, tmp_path)
    with torch.inference_mode():
        assert 25 < sqnr_db(answers, [net(*one) for one in model.inputs]) < 80
        counted = take_census(program).counts
    assert counted["operators"] != 0
    assert prepared.size_bytes < 4 * sum(parameter.numel() for parameter in net.parameters()) / 3
    assert "torchao" in ENGINES["eager"].imports("int8-weights")  # which holds the classes of the saved tensors


def test_int4_weights_are_an_eighth_and_close_to_those_in_float(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = model_of(nn.Sequential(nn.Linear(256, 512, bias=False), nn.ReLU(), nn.Linear(512, 64)).eval(), 4, 256)
    _, _, wide = run("fp32", model, tmp_path / "wide")
    prepared, program, answers = run("int4-weights", model, tmp_path / "few")
    assert sqnr_db(answers, wide) > 15
    assert 0.12 < prepared.size_bytes / eager.state_dict_bytes(model.module) < 0.25  # a scale and zero for 32 weights
    assert prepared.notes == ("weights of 2 layers stored in int4; products computed in float",)
    assert program.module is not None


def test_int4_weights_need_a_linear_layer_of_whole_groups(tmp_path: Path) -> None:
    with pytest.raises(ArmFailed, match="multiple of 32"):
        run("int4-weights", model_of(nn.Sequential(nn.Linear(20, 8)).eval(), 1, 20), tmp_path)


def test_int8_weights_need_a_linear_layer(tmp_path: Path) -> None:
    pytest.importorskip("torchao")
    with pytest.raises(ArmFailed, match="torchao takes Linear layers only"):
        run("int8-weights", images_of(Shared), tmp_path)
