"""Modules on disk: a published model is read back without its library where it needs none of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ironlaw.models import LoadedModel, inputs, open_model, saved
from ironlaw.models.reached_code import names_library
from ironlaw.models.weights import Provenance
from tests.language_models import decoder_folder

READ = """
import sys, pathlib, torch
from ironlaw.models import LoadedModel, inputs, open_model, saved
module = saved.load_module(pathlib.Path(sys.argv[1]))
with torch.inference_mode():
    answer = module(torch.ones(1, 3, 64, 64))
torch.save(answer, sys.argv[2])
print([name for name in ("torchvision", "torch._dynamo", "timm") if name in sys.modules])
"""


def answer_elsewhere(path: Path) -> tuple[object, str]:
    import torch

    out = path.with_suffix(".answer")
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path), str(out)], check=True, capture_output=True, text=True, cwd="/"
    )
    return torch.load(out), done.stdout.strip()


def test_a_published_model_answers_the_same_without_its_library(tmp_path: Path) -> None:
    torch, torchvision = pytest.importorskip("torch"), pytest.importorskip("torchvision")
    module = torchvision.models.mobilenet_v2().eval()
    assert saved.save_module(module, tmp_path / "module.pt") == ()
    answer, imported = answer_elsewhere(tmp_path / "module.pt")
    with torch.inference_mode():
        assert torch.equal(answer, module(torch.ones(1, 3, 64, 64)))
    assert imported == "[]"


def test_a_model_with_its_librarys_own_operators_imports_it(tmp_path: Path) -> None:
    torchvision = pytest.importorskip("torchvision")
    module = torchvision.ops.RoIAlign(output_size=3, spatial_scale=1.0, sampling_ratio=1)
    assert names_library({type(module)}, frozenset({"torchvision"}))
    assert saved.save_module(module, tmp_path / "module.pt") == ("torchvision",)


def test_a_model_with_layers_of_ones_own_imports_the_library_of_the_others(tmp_path: Path) -> None:
    torch, torchvision = pytest.importorskip("torch"), pytest.importorskip("torchvision")

    class Mine(torch.nn.Module):  # type: ignore[name-defined,misc]  # torch is any here
        pass

    module = torch.nn.Sequential(torchvision.ops.Conv2dNormActivation(3, 3), Mine())
    assert saved.save_module(module, tmp_path / "module.pt") == ("torchvision",)


def test_a_traced_model_that_calls_a_function_of_a_library_imports_it(tmp_path: Path) -> None:
    torch, torchvision = pytest.importorskip("torch"), pytest.importorskip("torchvision")
    module = torch.nn.Sequential(torchvision.ops.StochasticDepth(0.5, "row"), torchvision.ops.Permute([0, 1]))
    graph = torch.fx.Graph()
    graph.output(graph.call_function(torchvision.ops.stochastic_depth, (graph.placeholder("x"), 0.5, "row", False)))
    traced = torch.nn.Sequential(torch.fx.GraphModule(torch.nn.Module(), graph), module)
    assert saved.save_module(traced, tmp_path / "module.pt") == ("torchvision",)


def test_classes_that_reach_nothing_of_a_library_do_not_name_it() -> None:
    assert not names_library({Path}, frozenset({"torchvision"}))


class Doubles:
    """A user's program that is no module."""

    def __call__(self, number: int) -> int:
        """Twice the number."""
        return 2 * number


def test_a_program_that_is_no_module_needs_no_library(tmp_path: Path) -> None:
    path = tmp_path / "doubles.pt"
    assert saved.save_module(Doubles(), path) == ()
    assert saved.load_module(path)(4) == 8


def test_a_decoder_of_transformers_names_the_modules_of_its_classes_to_import_before_twins_are_forked(
    tmp_path: Path,
) -> None:
    pytest.importorskip("transformers")
    module = open_model(str(decoder_folder(tmp_path / "decoder"))).module
    imports = saved.save_module(module, tmp_path / "module.pt")
    assert imports[0] == "transformers"
    assert "transformers.models.llama.modeling_llama" in imports


@pytest.mark.parametrize("count", [24, 192])
def test_the_inputs_of_a_check_are_those_that_a_replay_holds_out(count: int, tmp_path: Path) -> None:
    given = [(np.array([place]),) for place in range(count)]
    examples = inputs.from_given(given, ())
    saved.save(LoadedModel.fed("numbers", len, Provenance(text=""), examples), tmp_path)
    dealt = inputs.deal(examples.probes, examples.calibration)
    kept, calibrated = saved.held_out(tmp_path, saved.load(tmp_path, probes=True).probes)
    assert kept == dealt.held_out
    assert calibrated == (count == 24)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_inputs_of_any_number_format_and_layout_are_distinguished() -> None:
    ones = torch.ones(2, 3)
    for form in (
        torch.Tensor.bfloat16,
        torch.Tensor.to_sparse,
        lambda one: torch.quantize_per_tensor(one, 0.1, 0, torch.qint8),
        lambda one: one.clone().requires_grad_(),
        lambda one: one[0, 0],
    ):
        one, other = form(ones), form(3 * ones)
        dealt = inputs.deal([(one,), (other,), (form(5 * ones),)], [(form(ones),)])
        assert not dealt.calibrating
        assert dealt.choosing == [(other,)]
