"""What the documentation takes for granted: recordings, tables, models, photographs; and a machine that is quick."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ironlaw.arm import Arm
from ironlaw.code import CodeSite, InstructionClass, LoopWork, SampleMode
from ironlaw.lines import encode
from ironlaw.machine.noise import Noise as MachineNoise
from ironlaw.machine.torch_probe import TorchProbe, probe_torch
from ironlaw.measure.recorder import Advice
from ironlaw.measure.recorder import record as perform
from ironlaw.measure.scripted import Script, ScriptedStage
from ironlaw.missing import Maybe
from ironlaw.plan import DEFAULT_ARMS, Plan, Schedule, with_control
from ironlaw.recording import Recording, RecordingWriter, load
from ironlaw.replay import Replay
from ironlaw.running.advice import advise
from ironlaw.watcher import Unwatched, Watcher
from tests.analysis.scripted_layers import FLOAT_ARM, INT8_ARM
from tests.analysis.sensitivity.replays import layer, replay
from tests.analysis.stated import SPLIT_GROUP, Law, Noise, recording
from tests.docs.pages import ROOT, snippets
from tests.golden.make import facts
from tests.history.recordings import Stated, write
from tests.language_models import decoder_folder
from tests.scripted import SOUND

MODEL = """
import torch


def build():
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU()).eval(), (torch.rand(1, 3, 8, 8),)


other = build
"""
REPLICATES = 3  # enough for every sentence that a page could lead to; how many there are is not what is tested


def _site(symbol: str, instructions: InstructionClass, count: int, work: LoopWork = LoopWork.MULTIPLY_ADD) -> CodeSite:
    return CodeSite(
        object="libtorch_cpu.so", symbol=symbol, offset=16, instructions=instructions, work=work,
        mode=SampleMode.USER, count=count,
    )  # fmt: skip


NORM = _site("at::native::batch_norm_cpu_kernel", InstructionClass.AVX2, 2)
GEMM = _site("mkl_blas_avx512_sgemm_kernel_0_b0", InstructionClass.AVX512, 3)
DOTS = _site("mkl_blas_avx512_igemm_kernel_0_b0", InstructionClass.VNNI, 3, LoopWork.INTEGER_MULTIPLY_ADD)
FLOAT = replace(FLOAT_ARM, checks=SOUND.checks, census=SOUND.census, code=(GEMM, NORM))
LAWS = {"fp32": FLOAT, "int8": replace(INT8_ARM, checks=SOUND.checks, census=SOUND.census, code=(DOTS, NORM))}


def record(
    plan: Plan, out: Path | str, *, force: bool = False, watcher: Watcher | None = None, advice: Advice | None = None
) -> Recording:
    """Measure as `ironlaw.record` does, but a script: int8 is faster, programs are equal, every arm has layers."""
    programs = {arm.name: FLOAT for arm in plan.arms if arm.factory}
    short = replace(plan, schedule=replace(plan.schedule, replicates=REPLICATES))
    sink = RecordingWriter(Path(out), force=True)  # two runs in a second would have one name
    stage = ScriptedStage(Script(arms={**LAWS, **programs}, pmu=False))
    perform(short, stage, sink, watcher=watcher or Unwatched(), advice=advice or advise())
    sink.close()
    return load(out)


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recordings that pages speak of, made once."""
    made = tmp_path_factory.mktemp("recordings")
    _write_recordings(made)
    return made


@pytest.fixture
def folder(recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A reader's folder, entered."""
    shutil.copytree(recordings, tmp_path, dirs_exist_ok=True)
    data = ROOT / "tests" / "analysis" / "data"
    rows = "fp32,89.8063,0.58,20.774,14.2605\nint8,54.4425,0.68,5.987,4.2422\nint8+fused,31.1885,0.97,5.004,3.9436\n"
    (tmp_path / "post.csv").write_text("arm,time_s,ipc,cache_miss_percent,size_mb\n" + rows)
    shutil.copy(data / "real-6.1-mmap.txt", tmp_path / "fp32.txt")
    shutil.copy(data / "real-6.1-retain.txt", tmp_path / "int8.txt")
    attached = ROOT / "tests" / "attached" / "data"
    for name, made in (("fp32", "fp32"), ("int8", "dynamic")):
        shutil.copy(attached / f"onnxruntime-1.32-{made}.json", tmp_path / f"{name}-profile.json")
    for place in ("model.py", "other.py", "base/model.py", "head/model.py"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text(MODEL)
    files = ("a.onnx", "b.onnx", "net.onnx", "net_fp16.onnx", "net_int4.onnx", "fp32/model.onnx", "int4/model.onnx")
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        save_relu(tmp_path / name)
    for name in ("model", "a-q8_0", "a-q4_0", "smollm2-q8_0", "smollm2-q4_1"):
        (tmp_path / f"{name}.gguf").write_bytes(b"GGUF")  # that it is there is all that is looked at beforehand
    decoder_folder(tmp_path / "llama")
    from PIL import Image

    (tmp_path / "photos").mkdir()
    Image.new("RGB", (64, 64), (90, 120, 30)).save(tmp_path / "photos" / "one.png")
    (tmp_path / "plan.toml").write_text(snippets("toml")[0].text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def save_relu(path: Path) -> None:
    """The smallest network in a file: one operator on four numbers."""
    import onnx
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def _write_recordings(folder: Path) -> None:
    arms = with_control(tuple(Arm.of(name) for name in DEFAULT_ARMS))
    schedule = Schedule(rounds=4, inferences=4 * REPLICATES, budget_s=None)
    record(Plan(model="model.py:build", arms=arms, schedule=schedule, layers=True, code=True), folder / "run.jsonl")
    for name, seed in (("old.jsonl", 1), ("new.jsonl", 2)):
        laws = {"fp32": Law(), "int8": Law(instructions=10e6)}
        fact = recording(laws, Noise(own=0.005), seed=seed, groups=(SPLIT_GROUP,))
        (folder / name).write_bytes(b"".join(encode(one) + b"\n" for one in facts(fact)))
    (folder / "ironlaw-sweeps").mkdir()
    days = [f"2025-04-{day:02}T12:00:00+00:00" for day in range(1, 9)]
    write(
        folder / "ironlaw-sweeps",
        [Stated(started=day, model="resnet18", cpu="AMD EPYC", changed="int8+fused") for day in days],
    )


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is measured is measured by a script, and what is replayed is stated."""

    def replay_of(plan: Plan, arm: Arm, within_s: float) -> Replay:
        return replay(layer("stem", 4.0), layer("head", 1.0), arm=arm.name)

    monkeypatch.setattr("ironlaw.record", record)
    monkeypatch.setattr("ironlaw.measure.replaying.afterwards.replay_of", replay_of)


@pytest.fixture(scope="session")
def torch_s_answer() -> Maybe[TorchProbe]:
    """What torch says of itself here, asked once."""
    return probe_torch()


@pytest.fixture
def quick_doctor(torch_s_answer: Maybe[TorchProbe], monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor for real, but for asking torch each time and for the ten seconds of noise."""
    noise = MachineNoise(rounds=tuple((sign * 0.01,) for sign in (1, -1) * 4), took_s=10.0)
    monkeypatch.setattr("ironlaw.machine.torch_probe.probe_torch", lambda: torch_s_answer)
    monkeypatch.setattr("ironlaw.machine.noise.measure_noise", lambda seconds, cpu: noise)
