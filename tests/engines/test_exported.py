"""An exported arm runs without ironlaw and answers as the arm does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

import ironlaw
from ironlaw.arm import Arm
from ironlaw.commands.export import ExportRequest, of_model, of_recording, write
from ironlaw.engine import Export
from ironlaw.engines import exported
from ironlaw.engines.compiled import execution as compiled
from ironlaw.engines.eager import execution as eager
from ironlaw.engines.onnxruntime import execution as onnxruntime
from ironlaw.engines.openvino import execution as openvino
from ironlaw.engines.torchscript import execution as torchscript
from ironlaw.errors import BadInput
from ironlaw.plan import Plan, Schedule
from ironlaw.variant import Variant

from . import small

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize(
    ("engine", "text"),
    [
        (onnxruntime, "int8@onnxruntime+denormals=flushed"),
        (openvino, "fp32@openvino"),
        (torchscript, "int8@torchscript"),
        (eager, "int8+fused+malloc=retain"),
        (eager, "int8+fused+int8-blocks=but:head"),
        (eager, "fp32+channels_last"),
        (eager, "bf16"),
        (compiled, "fp32@compiled"),
    ],
)
def test_the_script_alone_gives_the_arms_answer(engine: ModuleType, text: str, tmp_path: Path) -> None:
    if engine in (onnxruntime, openvino):
        pytest.importorskip(text.partition("@")[2].partition("+")[0])
    model, variant = small.seeing(), Variant.parse(text)
    made, target = tmp_path / "made", tmp_path / "out"
    _, _, answers = small.run(engine, text, model, made)
    target.mkdir()
    exported.refuse_unportable(variant)
    export = exported.export_of(variant, made)
    for name in export.files:
        (target / name).write_bytes((made / name).read_bytes())
    arguments = exported.write_example(made, target)
    named = exported.Named(arm=text, model="net", variant=variant, threads=1)
    (target / "infer.py").write_text(exported.script(named, export, arguments))
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import infer; print(*infer.load()(*infer.example())[0].ravel())"
    )
    free = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if engine is eager:  # its pickle names the net's class, which lies in these tests
        free["PYTHONPATH"] = str(Path(__file__).parents[2])
    ran = subprocess.run(
        [sys.executable, "-c", code, str(target)], capture_output=True, text=True, env=free, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    reported = torch.tensor([float(word) for word in ran.stdout.split()])
    torch.testing.assert_close(reported, answers[0].reshape(-1).float(), rtol=1e-3, atol=1e-4)
    assert "import ironlaw" not in (target / "infer.py").read_text()
    timed = subprocess.run(
        [sys.executable, str(target / "infer.py"), "3"],
        capture_output=True,
        text=True,
        env=free,
        timeout=120,
        check=False,
    )
    assert re.fullmatch(r"[0-9.]+ ms per inference\n", timed.stdout), timed.stderr


SETTING = """
import torch

class Reporting(torch.nn.Module):
    def forward(self, x):
        return torch.tensor([torch.get_num_threads(), torch.empty(0).element_size(), torch.is_inference_mode_enabled()])

def build():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(3)
    return Reporting(), [(torch.ones(1, 2),), (torch.zeros(1, 2),)]

def call():
    module, inputs = build()
    return (lambda x: [module(x), 7, torch.nn.Parameter(x)]), inputs
"""


@pytest.mark.parametrize(("factory", "printed"), [("build", "[3 8 1]"), ("call", "[3 8 0]")])
def test_the_script_sets_torch_as_the_program_does_and_calls_it_as_the_arm_does(
    factory: str, printed: str, tmp_path: Path
) -> None:
    (tmp_path / "setting.py").write_text(SETTING)
    plan = of_model("given", f"{tmp_path}/setting.py:{factory}")
    write(ExportRequest(plan=plan, folder=tmp_path / "out"))
    script = str(tmp_path / "out" / "infer.py")
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=False)
    assert printed in ran.stdout, ran.stderr


def test_settings_of_torch_are_left_out_of_a_script_without_torch_and_named_in_it() -> None:
    values = {"optimization": "ORT_ENABLE_ALL", "arena": True, "entries": (), "disabled": (), "places": {}}
    for engine in ("onnxruntime", "torchscript"):
        named = exported.Named(
            arm="a", model="m", variant=Variant.parse(f"fp32@{engine}"), threads=1, settings={"threads": 3}
        )
        text = exported.script(named, Export(files=("f",), values={**values, "quantized_engine": "none"}), [])
        assert ("torch.set_num_threads(3)" in text) is (engine == "torchscript")
        assert ("sets torch's threads to 3" in text) is (engine == "onnxruntime")


@pytest.mark.parametrize("calibrated", [True, False])
def test_a_check_calls_no_input_held_out_that_calibrated(calibrated: bool) -> None:
    named = exported.Named(arm="a", model="m", variant=Variant.parse("int8@torchscript"), threads=1)
    values = {"quantized_engine": "none"}
    check = exported.Check(least=0.99, calibrated=calibrated)
    text = exported.script(named, Export(files=("f",), values=values), [], check=check)
    assert ("held-out inputs" in text) is not calibrated
    assert ("calibrated int8" in text) is calibrated
    assert "LEAST = 0.99" in text
    compile(text, "infer.py", "exec")


INPUTS = """
import torch

def build():
    torch.manual_seed(0)
    given = [(torch.randn(1, 4),) for _ in range(COUNT)]
    return torch.nn.Linear(4, 3), given
"""


@pytest.mark.parametrize(("count", "kept"), [(24, "8 inputs that calibrated int8"), (192, "64 held-out inputs")])
def test_a_check_is_on_the_inputs_that_neither_calibrated_nor_chose_where_there_are_any(
    count: int, kept: str, tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text(INPUTS.replace("COUNT", str(count)))
    plan = of_model("int8-dynamic", f"{tmp_path}/own.py:build")
    write(ExportRequest(plan=plan, folder=tmp_path / "out"))
    words = [sys.executable, str(tmp_path / "out" / "infer.py"), "check"]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert f" of {kept} have float's top class" in ran.stdout, ran.stderr


def test_the_inputs_of_a_model_file_are_those_of_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(model="net.onnx", arms=(Arm.of("int8@onnxruntime"),), schedule=Schedule(), inputs="given.npz")
    monkeypatch.setattr(ironlaw, "load", lambda file: SimpleNamespace(plan=plan))
    assert of_recording("int8@onnxruntime", "run.jsonl").inputs == "given.npz"


def test_threads_that_are_asked_for_win_over_those_of_the_program() -> None:
    variant = Variant.parse("fp32@torchscript+threads=2")
    named = exported.Named(arm="a", model="m", variant=variant, threads=1, settings={"threads": 3})
    text = exported.script(named, Export(files=("f",), values={"quantized_engine": "none"}), [])
    assert "THREADS = 2" in text
    assert "torch.set_num_threads(3)" not in text


def test_the_script_makes_and_takes_arrays_outside_of_what_it_times() -> None:
    source = Path(exported.__file__).with_name("infer.py.jinja").read_text()
    body = source.partition("def timed(")[2].partition("\n\n\n")[0].rpartition('"""')[2]
    assert body.count("call(*given)") == 2
    assert not any(word in body for word in ("feed", "arrays", "numpy", "tensor"))


def test_a_level_of_an_experiment_is_not_exported() -> None:
    with pytest.raises(BadInput, match="input=random is not part of a model"):
        exported.refuse_unportable(Variant.parse("fp32+input=random"))


def test_another_allocator_names_how_to_get_it() -> None:
    with pytest.raises(BadInput, match="malloc=jemalloc") as raised:
        exported.refuse_unportable(Variant.parse("fp32+malloc=jemalloc"))
    assert "LD_PRELOAD" in raised.value.hint
