"""Models from a user's own functions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from ironlaw import models
from ironlaw.circumstance import GivenExamples
from ironlaw.errors import ArmFailed, BadInput
from ironlaw.models import inputs, saved
from ironlaw.models.images import SHIPPED
from ironlaw.point import Point

NETS = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
    def forward(self, x, scale=2.0, shift=0.0):
        return self.norm(self.conv(x)) * scale + shift

def net(): return Net()
def pair(): return Net(), (torch.ones(1, 3, 8, 8), 3.0)
def named(): return Net(), {"shift": 1.0, "x": torch.ones(1, 3, 8, 8)}
def tensor(): return Net(), torch.ones(1, 3, 8, 8)
def several(): return Net(), [(torch.full((1, 3, 8, 8), float(i)),) for i in range(9)]
def function(): return lambda x: x.sum()
ready = Net()
def number(): return 7
def strange(): return Net(), "inputs"
def boom():
    raise ValueError("no such file")
def narrow(): return Net(), (torch.ones(1, 4, 8, 8),)
def unknown(): return Net(), {"y": 1}
def exits(): raise SystemExit(3)

class Derivative(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)
    def forward(self, x):
        return torch.autograd.grad(self.layer(x).sum(), self.layer.weight)[0]

def derivative(): return Derivative(), (torch.ones(1, 4),)
def misfed(): return Derivative(), (torch.ones(1, 5),)
"""


@pytest.fixture
def source(tmp_path: Path) -> Callable[[str], str]:
    path = tmp_path / "nets.py"
    path.write_text(NETS)
    return lambda name: f"{path}:{name}"


def test_a_module_alone_is_shown_photographs(source: Callable[[str], str]) -> None:
    model = models.open_model(source("net"))
    assert len(model.inputs) == 10
    assert model.inputs[0][0].shape == (1, 3, 224, 224)
    assert len(model.probes) == 64
    assert model.circumstances == ()


def test_images_are_refused_where_a_factory_gives_its_own_inputs(source: Callable[[str], str]) -> None:
    with pytest.raises(BadInput, match="gives its own inputs, so --images would change nothing") as refused:
        models.open_model(source("pair"), images=str(SHIPPED))
    assert "leave --images out" in refused.value.hint
    assert len(models.open_model(source("net"), images=str(SHIPPED)).inputs) == 10


def test_a_batch_above_one_makes_every_input_that_wide(source: Callable[[str], str]) -> None:
    model = models.open_model(source("net"), batch=3)
    assert {tuple(one.shape) for (one,) in model.inputs + model.probes + model.calibration} == {(3, 3, 224, 224)}
    assert sum(len(one) for (one,) in model.probes) >= 64


@pytest.mark.parametrize("batch", [0, -1])
def test_a_batch_below_one_is_refused(source: Callable[[str], str], batch: int) -> None:
    with pytest.raises(BadInput, match="must be above 0"):
        models.open_model(source("net"), batch=batch)


def test_its_own_inputs_are_used_and_counted(source: Callable[[str], str]) -> None:
    model = models.open_model(source("pair"))
    assert len(model.inputs) == 1
    assert model.inputs[0][1] == 3.0
    assert model.circumstances == (GivenExamples(count=1),)


def test_named_inputs_are_put_in_the_order_of_forward(source: Callable[[str], str]) -> None:
    (arguments,) = models.open_model(source("named")).inputs
    assert arguments[0].shape == (1, 3, 8, 8)
    assert arguments[1:] == (2.0, 1.0)


def test_a_list_of_tuples_is_several_inferences(source: Callable[[str], str]) -> None:
    model = models.open_model(source("several"))
    assert [one[0].max().item() for one in model.inputs] == list(range(9))
    assert model.circumstances == (GivenExamples(count=9),)


def test_all_of_few_inputs_calibrate_and_of_many_some_that_are_spread_evenly() -> None:
    few = inputs.from_given([(place,) for place in range(191)], ())
    assert few.calibration == few.turns == few.probes
    many = inputs.from_given([(place,) for place in range(640)], ())
    assert [place for (place,) in many.calibration] == list(range(0, 640, 10))
    assert len(many.turns) == len(many.probes) == 640


def test_of_many_inputs_none_to_choose_by_and_none_held_out_calibrated() -> None:
    given = [(np.array(place),) for place in range(192)]
    examples = inputs.from_given(given, ())
    dealt = inputs.deal(examples.probes, examples.calibration)
    assert not dealt.calibrating  # they are the model's own
    known = {int(place) for (place,) in examples.calibration}
    chosen, held_out = ({int(place) for (place,) in some} for some in (dealt.choosing, dealt.held_out))
    assert len(known) == len(chosen) == len(held_out) == 64
    assert known | chosen | held_out == set(range(192))


@pytest.mark.parametrize("name", ["tensor", "function", "ready"])
def test_other_natural_returns_are_understood(source: Callable[[str], str], name: str) -> None:
    model = models.open_model(source(name))
    assert callable(model.module)


def test_the_training_mode_of_ones_own_module_is_kept(source: Callable[[str], str]) -> None:
    module = models.open_model(source("net")).module
    assert module.training
    assert module.norm.training
    assert module.norm.num_batches_tracked == 0


def test_the_seed_decides_the_weights(source: Callable[[str], str]) -> None:
    first, again, other = (models.open_model(source("net"), seed=seed).module.conv.weight for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_module_that_needs_gradients_is_opened(source: Callable[[str], str]) -> None:
    assert models.open_model(source("derivative")).inputs


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("misfed", "cannot take float32 1x5: mat1 and mat2 shapes cannot be multiplied"),
        ("number", "returned an int"),
        ("strange", "returned inputs of type str"),
        ("boom", r"raised ValueError: no such file \(nets.py line 23\)"),
        ("narrow", "cannot take float32 1x4x8x8: .*to have 3 channels, but got 4"),
        ("unknown", "gave inputs that do not fit: missing a required argument: 'x'"),
        ("exits", "raised SystemExit: 3"),
    ],
)
def test_a_bad_factory_is_its_arms_failure(source: Callable[[str], str], name: str, said: str) -> None:
    with pytest.raises(ArmFailed, match=said) as raised:
        models.open_model(source(name))
    assert raised.value.hint


def test_a_file_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import no_such_thing\ndef make(): ...\n")
    with pytest.raises(ArmFailed, match=r"importing .*broken\.py raised ModuleNotFoundError.*line 1"):
        models.open_model(f"{tmp_path / 'broken.py'}:make")


def test_a_file_may_import_its_neighbour_and_be_read_back_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "layers_of_mine.py").write_text("from torch import nn\nclass Mine(nn.Linear): ...\n")
    (tmp_path / "uses.py").write_text("import layers_of_mine\ndef make(): return layers_of_mine.Mine(224, 2)\n")
    model = models.open_model(f"{tmp_path / 'uses.py'}:make")
    saved.save_module(model.module, tmp_path / "module.pt")
    read_elsewhere(tmp_path / "module.pt")


def test_a_module_of_ones_own_file_is_read_back_without_running_the_file(
    source: Callable[[str], str], tmp_path: Path
) -> None:
    model = models.open_model(source("net"))
    saved.save_module(model.module, tmp_path / "module.pt")
    (tmp_path / "nets.py").write_text("raise SystemExit('not again')")
    read_elsewhere(tmp_path / "module.pt")


def read_elsewhere(path: Path) -> None:
    import subprocess
    import sys

    code = "import sys, pathlib; from ironlaw.models import saved; print(saved.load_module(pathlib.Path(sys.argv[1])))"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=60, cwd="/")


SIZED = """
import torch
from torch import nn

def sized(batch=1, width=4): return nn.Linear(width, 2), (torch.ones(batch, width),)
def fixed(): return nn.Linear(4, 2), (torch.ones(1, 4),)
def any_keyword(**named): return nn.Linear(4, 2), (torch.ones(named.get("rows", 1), 4),)
"""


@pytest.fixture
def sized(tmp_path: Path) -> Callable[[str], str]:
    path = tmp_path / "sized.py"
    path.write_text(SIZED)
    return lambda name: f"{path}:{name}"


def at(**settings: int) -> Point:
    return Point(settings=tuple((name, str(value)) for name, value in settings.items()))


def test_a_factory_is_called_with_the_keywords_of_its_point(sized: Callable[[str], str]) -> None:
    model = models.open_model(sized("sized"), at=at(width=6), batch=3)
    assert model.inputs[0][0].shape == (3, 6)
    assert model.keywords == {"width": 6, "batch": 3}
    assert models.open_model(sized("any_keyword"), at=at(rows=5)).inputs[0][0].shape == (5, 4)


def test_a_keyword_that_a_factory_does_not_take_is_refused_before_it_is_called(sized: Callable[[str], str]) -> None:
    with pytest.raises(BadInput, match="takes no keyword 'widht'") as refused:
        models.open_model(sized("sized"), at=at(widht=6))
    assert "width" in refused.value.hint


def test_a_batch_that_a_factory_does_not_take_is_refused_where_it_gives_its_own_inputs(
    sized: Callable[[str], str],
) -> None:
    with pytest.raises(BadInput, match="a batch of 4 would change nothing"):
        models.open_model(sized("fixed"), batch=4)


CONFIGURED = """
import torch

class Net(torch.nn.Module):
    def __init__(self, said):
        super().__init__()
        self.default_cfg = said
    def forward(self, x):
        return x.mean((2, 3))

def half(): return Net({"input_size": (3, 64, 64), "mean": (0.5,) * 3, "std": (0.25,) * 3, "crop_pct": 1.0})
def empty(): return Net({})
def four(): return Net({"input_size": (4, 64, 64)})
def oblong(): return Net({"input_size": (3, 64, 32)})
def flat(): return Net({"std": (0.0, 1.0, 1.0)})
def words(): return Net({"mean": "imagenet"})
def blurred(): return Net({"interpolation": "blurred"})
"""


@pytest.fixture
def configured(tmp_path: Path) -> Callable[[str], str]:
    path = tmp_path / "configured.py"
    path.write_text(CONFIGURED)
    return lambda name: f"{path}:{name}"


def test_photographs_are_shown_as_the_modules_default_cfg_says(configured: Callable[[str], str]) -> None:
    model = models.open_model(configured("half"))
    pixels = torch.stack([torch.as_tensor(one[0]) for one in model.probes])
    assert pixels.shape[2:] == (3, 64, 64)
    # From 0 to 1 before; minus 0.5, over 0.25.
    assert -2 <= float(pixels.min()) < -1.5
    assert 1.5 < float(pixels.max()) <= 2
    plain = models.open_model(configured("empty")).preprocessing
    assert plain is not None
    assert (plain.crop, plain.mean) == (224, (0.485, 0.456, 0.406))


@pytest.mark.parametrize("name", ["four", "oblong", "flat", "words", "blurred"])
def test_a_default_cfg_that_cannot_be_used_is_refused_by_its_name(name: str, configured: Callable[[str], str]) -> None:
    with pytest.raises(BadInput, match="default_cfg"):
        models.open_model(configured(name))
