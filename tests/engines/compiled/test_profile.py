"""Inductor's kernels and the layers they compute: from its output for a small network, recorded with torch 2.14.1."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from ironlaw.analysis.layers.matching import match
from ironlaw.analysis.layers.work import arithmetic, macs
from ironlaw.engines import ENGINES
from ironlaw.engines.compiled import execution as compiled
from ironlaw.engines.compiled import profile as inductor_profile
from ironlaw.engines.compiled.profile import GeneratedKernel, calls_of
from ironlaw.layer import LayerCall
from ironlaw.measure.layers.survey import survey
from ironlaw.missing import Missing
from ironlaw.models import LoadedModel, open_model, saved
from ironlaw.program import Program
from ironlaw.variant import Variant

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")

SOURCE = """
import torch

class Residual(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.narrow = torch.nn.Conv2d(8, 8, 1, bias=False)
        self.norm = torch.nn.BatchNorm2d(8)
        self.wide = torch.nn.Conv2d(8, 16, 1, bias=False)
        self.wide_norm = torch.nn.BatchNorm2d(16)
        self.act = torch.nn.ReLU()
        self.back = torch.nn.Conv2d(16, 8, 1, bias=False)
        self.back_norm = torch.nn.BatchNorm2d(8)

    def forward(self, x):
        x = self.norm(self.narrow(x))
        return x + self.back_norm(self.back(self.act(self.wide_norm(self.wide(x)))))


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = torch.nn.Conv2d(3, 8, 3)
        self.block = Residual()
        self.lstm = torch.nn.LSTM(14, 16, batch_first=True)
        self.fc = torch.nn.Linear(8, 16)
        self.head = torch.nn.Linear(16, 10)

    def forward(self, x):
        pooled = self.block(self.stem(x)).mean((2, 3))
        read = self.lstm(torch.nn.functional.gelu(x[0, :, :, :14]))[0][:, -1]
        return torch.softmax(self.head(torch.nn.functional.gelu(self.fc(pooled) + read.mean(0))), -1)


def build():
    torch.manual_seed(0)
    return Net().eval(), (torch.randn(1, 3, 16, 16),)
"""
CONV, BINARY = "aoti_torch_cpu_mkldnn__convolution_pointwise", "aoti_torch_cpu_mkldnn__convolution_pointwise_binary_"
RNN = ("lstm", "gelu", "slice_1", "select", "zeros")
FIRST = "cpp_fused_clone_gelu_select_slice_transpose_zeros_0"
HEAD = "cpp_fused__softmax_add_addmm_gelu_mean_select_transpose_3"
IN_HEAD = ("mean", "linear", "add_1", "mean_1", "select_1", "lstm", "linear_1", "gelu_1", "softmax")
# What the package reported, in the order of its source.
KERNELS = [
    GeneratedKernel(FIRST, RNN),
    GeneratedKernel("aoti_torch_cpu_mkldnn_rnn_layer", RNN),
    GeneratedKernel("cpp_fused_1", ()),
    GeneratedKernel(CONV, ("conv2d",)),
    GeneratedKernel("cpp_fused_2", ()),
    GeneratedKernel(CONV, ("add",)),
    GeneratedKernel(CONV, ("relu",)),
    GeneratedKernel("cpp_fused_2", ()),
    GeneratedKernel(BINARY, ("add",)),
    GeneratedKernel(HEAD, IN_HEAD),
]
HOLDERS = frozenset(("", "block"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    path = tmp_path_factory.mktemp("inductor") / "net.py"
    path.write_text(SOURCE)
    return open_model(f"{path}:build")


@pytest.fixture(scope="module")
def eager(model: LoadedModel) -> tuple[LayerCall, ...]:
    with torch.inference_mode():
        found = survey(Program(infer=model.module, inputs=model.inputs, module=model.module), "fp32").graph.calls
    assert not isinstance(found, Missing)
    return found


@pytest.fixture(scope="module")
def calls(model: LoadedModel) -> tuple[LayerCall, ...]:
    return calls_of(torch.export.export(model.module, model.inputs[0]), KERNELS, HOLDERS)


def named(eager: tuple[LayerCall, ...], calls: tuple[LayerCall, ...]) -> dict[tuple[str, ...], list[str]]:
    """The layers of the network, and the kernels that they are set against."""
    return {
        tuple(eager[at].name for at in one.control): [calls[at].kernels[0] for at in one.changed]
        for one in match(eager, calls)
    }


def test_each_kernel_is_set_against_the_layers_it_computes(
    eager: tuple[LayerCall, ...], calls: tuple[LayerCall, ...]
) -> None:
    rows = named(eager, calls)
    assert rows[("stem",)] == ["mkldnn__convolution_pointwise"]
    wide = "block.wide", "block.wide_norm", "block.act"
    assert rows[wide] == ["mkldnn__convolution_pointwise"]
    assert rows[("lstm",)] == ["mkldnn_rnn_layer"]
    assert rows[("gelu",)] == [FIRST]
    assert rows["mean", "fc", "mean #2", "add", "gelu #2", "head", "softmax"] == [HEAD]


def test_of_two_kernels_named_for_one_addition_the_later_one_adds(
    eager: tuple[LayerCall, ...], calls: tuple[LayerCall, ...]
) -> None:
    rows = named(eager, calls)
    assert rows["block.narrow", "block.norm"] == ["mkldnn__convolution_pointwise"]
    assert rows["block.back", "block.back_norm", "block add"] == ["mkldnn__convolution_pointwise_binary_"]


def test_every_layer_and_every_kernel_stands_in_one_row(
    eager: tuple[LayerCall, ...], calls: tuple[LayerCall, ...]
) -> None:
    found = match(eager, calls)
    assert sorted(at for one in found for at in one.control) == list(range(len(eager)))
    assert sorted(at for one in found for at in one.changed) == list(range(len(KERNELS)))


def test_kernels_do_the_work_of_the_network(calls: tuple[LayerCall, ...]) -> None:
    done = [macs(call) for call in calls[:-1]]
    # 14 x 14 pixels: 8 of 3 x 3 x 3, and 8 to 8, 8 to 16, 16 to 8 by 1 x 1; 48 steps of 4 gates of 16 from 14 and 16.
    assert sum(one for one in done if not isinstance(one, Missing)) == 196 * (216 + 64 + 128 + 128) + 48 * 64 * 30


def test_a_kernel_with_two_products_does_not_pass_for_one(calls: tuple[LayerCall, ...]) -> None:
    assert isinstance(macs(calls[-1]), Missing)


def test_a_kernel_that_no_layer_is_named_for_has_a_row_of_its_own(
    eager: tuple[LayerCall, ...], calls: tuple[LayerCall, ...]
) -> None:
    appeared = [calls[at].kernels[0] for one in match(eager, calls) if not one.control for at in one.changed]
    assert sorted(appeared) == ["cpp_fused_1", "cpp_fused_2", "cpp_fused_2"]


def test_a_kernel_that_lays_out_again_what_a_convolution_reads_is_part_of_it(
    model: LoadedModel, eager: tuple[LayerCall, ...]
) -> None:
    kernels = [GeneratedKernel("cpp_fused_relu_0", ("relu",)), *KERNELS]
    calls = calls_of(torch.export.export(model.module, model.inputs[0]), kernels, HOLDERS)
    assert (calls[0].path, calls[0].operator) == ("block.wide", "reorder")
    wide = "block.wide", "block.wide_norm", "block.act"
    assert named(eager, calls)[wide] == ["cpp_fused_relu_0", "mkldnn__convolution_pointwise"]


def test_int8_is_what_a_library_multiplies_in_int8_and_not_what_a_kernel_dequantizes_first() -> None:
    graph = torch.fx.Graph()
    data, weight = graph.placeholder("x"), graph.placeholder("w")
    scaled = [graph.call_function(torch.dequantize, (one,)) for one in (data, weight)]
    product = graph.call_function(torch.ops.aten.linear.default, tuple(scaled))
    for node, dtype, shape in (
        (data, torch.uint8, (1, 8)),
        (weight, torch.int8, (4, 8)),
        (scaled[0], torch.float32, (1, 8)),
        (scaled[1], torch.float32, (4, 8)),
        (product, torch.float32, (1, 4)),
    ):
        node.meta["val"] = torch.empty(shape, dtype=dtype)
    exported = _Exported(graph)
    (library,) = calls_of(
        exported, [GeneratedKernel("aoti_torch_cpu__qlinear_pointwise_tensor", ("linear_default",))], HOLDERS
    )
    (own,) = calls_of(exported, [GeneratedKernel("cpp_fused_addmm_0", ("linear_default",))], HOLDERS)
    assert (arithmetic(library), arithmetic(own)) == ("int8", "fp32")


class _Exported:
    """A graph with one parameter, as an exported program shows it."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.graph_signature = self
        self.inputs_to_parameters = {"w": "weight"}
        self.inputs_to_buffers: dict[str, str] = {}


def test_a_kernel_without_a_mark_is_said_to_be_framework_time(
    calls: tuple[LayerCall, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    reported = [
        (f"graph_0_{one.name}" if one.name.startswith("cpp") else one.name) for one in KERNELS if one.name != FIRST
    ]
    spent = tuple(range(1, len(reported) + 1))
    monkeypatch.setattr(inductor_profile, "marked", lambda *_, **__: _marks(tuple(reported), spent))
    profile = inductor_profile.profile(lambda *_: None, calls, [(None,)])
    assert [call.path for call in profile.calls] == [call.path for call in calls[1:]]
    assert profile.calls_ns == spent
    assert profile.notes == (f"1 kernels left no mark and are framework time: {FIRST}",)
    assert profile.calls[0].fed_by == (-1,)


def _marks(names: tuple[str, ...], spent_ns: tuple[int, ...]) -> Any:
    from ironlaw.engines.torch_modules.marks import Marks

    return Marks(names=names, spent_ns=spent_ns, wall_ns=100)


@pytest.mark.hardware
@pytest.mark.skipif(isinstance(ENGINES["compiled"].installed(), Missing), reason="no C++ compiler")
def test_a_compiled_package_reports_its_kernels_as_they_were_recorded(model: LoadedModel, tmp_path: Path) -> None:
    variant = Variant.parse("fp32@compiled")
    prepared = compiled.prepare(variant, model, tmp_path)
    compiled.prepare_profile(model, tmp_path)
    saved.save(model, tmp_path)
    program = compiled.load(variant, prepared, saved.load(tmp_path))
    assert program.profile is not None
    profile = program.profile(program.inputs[:1] * 3)
    assert not profile.notes
    assert math.fsum(profile.calls_ns) < profile.wall_ns
    recorded = calls_of(torch.export.export(model.module, model.inputs[0]), KERNELS, HOLDERS)
    assert [call.origins for call in profile.calls] == [call.origins for call in recorded]


def test_a_package_that_cannot_be_marked_says_why(model: LoadedModel, tmp_path: Path) -> None:
    compiled.prepare_profile(model, tmp_path)  # nothing was prepared there
    profile = compiled._profile_of(tmp_path, lambda package: package, ())
    assert profile is not None
    with pytest.raises(Exception, match="compiling with marks around the kernels failed: FileNotFoundError"):
        profile([])


def test_a_package_that_is_not_compiled_once_more_says_why(tmp_path: Path) -> None:
    compiled.refuse_profile(tmp_path, "it would take some 40 s of the budget")
    profile = compiled._profile_of(tmp_path, lambda package: package, ())
    assert profile is not None
    with pytest.raises(Exception, match="it would take some 40 s of the budget"):
        profile([])
