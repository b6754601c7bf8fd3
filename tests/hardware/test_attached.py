"""Round trips: arms profiled here by the engines themselves, and their files explained; a large file in memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from ironlaw.analysis.attached.explain import explain_attached
from ironlaw.analysis.layers.matching import match
from ironlaw.analysis.layers.operators import roles
from ironlaw.analysis.layers.work import executed
from ironlaw.attached import read_attached
from ironlaw.attachment import AttachedFile
from ironlaw.explanation import Comparison
from ironlaw.layer import NodeProfile
from ironlaw.missing import is_known
from ironlaw.program import Program

pytestmark = pytest.mark.hardware

MOST_MB = 300.0
LARGE_BYTES = 200_000_000


def attached(path: Path) -> AttachedFile:
    with path.open("rb") as stream:
        return read_attached(stream, named=path.name)


def net() -> Any:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(3, 16, 3), torch.nn.ReLU(), torch.nn.Conv2d(16, 16, 3, groups=16), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, torch.nn.Flatten(), torch.nn.Linear(16 * 28 * 28, 10)).eval()


def encoder() -> Any:
    import torch

    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, activation="gelu")
    return torch.nn.Sequential(layer, torch.nn.Linear(32, 8)).eval()


SHAPES = {"net": (1, 3, 32, 32), "encoder": (1, 16, 32)}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two models in float32, and quantized: dynamically, and with calibrated ranges in both formats."""
    pytest.importorskip("onnxscript")
    quantization = pytest.importorskip("onnxruntime.quantization")
    import numpy
    import torch

    class Once:
        def __init__(self, shape: tuple[int, ...]) -> None:
            self._each = iter([{"x": numpy.random.default_rng(0).random(shape, "float32")}])

        def get_next(self) -> Any:
            return next(self._each, None)

    folder, found = tmp_path_factory.mktemp("models"), dict[str, Path]()
    for name, module in (("net", net()), ("encoder", encoder())):
        for kind in ("fp32", "unoptimised", "dynamic", "qdq", "qoperator"):
            found[f"{name}-{kind}"] = folder / f"{name}-{kind}.onnx"
        plain, shape = found[f"{name}-fp32"], SHAPES[name]
        given = (torch.zeros(shape),)
        torch.onnx.export(
            module, given, plain, dynamo=True, external_data=False, verbose=False, input_names=["x"], output_names=["y"]
        )
        found[f"{name}-unoptimised"].write_bytes(plain.read_bytes())
        quantization.quantize_dynamic(plain, found[f"{name}-dynamic"], op_types_to_quantize=["Conv", "MatMul", "Gemm"])
        for kind, form in (("qdq", quantization.QuantFormat.QDQ), ("qoperator", quantization.QuantFormat.QOperator)):
            quantization.quantize_static(plain, found[f"{name}-{kind}"], Once(shape), quant_format=form)
    return found


def profiled(path: Path, shape: tuple[int, ...], folder: Path) -> tuple[NodeProfile, AttachedFile]:
    """Four inferences as a run of ironlaw profiles them, and the file that the same session wrote, as attached."""
    import numpy
    import onnxruntime

    from ironlaw.engines.onnxruntime.profile import profile

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if "unoptimised" in path.name:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL

    def open_session(options: Any) -> Any:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        ends = session.end_profiling

        def keeping() -> str:
            written = Path(ends())
            (folder / f"{path.stem}.json").write_bytes(written.read_bytes())
            return str(written)

        session.end_profiling = keeping
        return session

    read_here = profile(open_session, options, path, [{"x": numpy.ones(shape, "float32")}] * 4)
    return read_here, attached(folder / f"{path.stem}.json")


@pytest.mark.parametrize("name", sorted(SHAPES))
@pytest.mark.parametrize("kind", ["unoptimised", "dynamic", "qdq", "qoperator"])
def test_the_ledger_of_profiles_is_the_one_of_the_run_that_wrote_them(
    name: str, kind: str, models: dict[str, Path], tmp_path: Path
) -> None:
    """Row by row: which nodes are beside which, and their times to the last digit."""
    pairs = [profiled(models[f"{name}-{one}"], SHAPES[name], tmp_path) for one in ("fp32", kind)]
    (before, first), (after, second) = pairs
    (comparison,) = explain_attached([first, second]).comparisons
    assert is_known(comparison.ledger)
    rows = [row for row in comparison.ledger.rows if row.fate != "framework"]
    own = match(before.calls, after.calls)
    assert len(rows) == len(own)
    scales = [_scale(comparison, file, which) for which, file in enumerate((first, second))]
    for row, one in zip(rows, own, strict=True):
        ours, theirs = [before.calls[at] for at in one.control], [after.calls[at] for at in one.changed]
        assert row.executed == (executed(ours), executed(theirs))
        assert (len(row.control_layers), len(row.changed_layers)) == (len(ours), len(theirs))
        assert row.fate == ("both" if ours and theirs else "vanished" if ours else "appeared")
        spent = [
            scale * sum(read_here.calls_ns[at] for at in places) / 4
            for scale, read_here, places in zip(scales, (before, after), (one.control, one.changed), strict=True)
        ]
        assert [row.control_ns, row.changed_ns] == pytest.approx(spent)


def _scale(comparison: Comparison, file: AttachedFile, which: int) -> float:
    """From times in the file, whose means are arithmetic, to those of the comparison, which are geometric."""
    (found,) = file.found
    assert is_known(found.times)
    assert is_known(comparison.once)
    whole_ns = (comparison.once.control_ns, comparison.once.changed_ns)[which]
    return whole_ns / (sum(found.times.each_ns) / len(found.times.each_ns))


def test_the_ledger_of_profiles_has_the_rows_of_a_recorded_run(models: dict[str, Path], tmp_path: Path) -> None:
    """The same from the command line: two files are run by ironlaw, and profiled by their user."""
    import numpy
    import onnxruntime

    given, files = [models["encoder-fp32"], models["encoder-dynamic"]], []
    for path in given:
        options = onnxruntime.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(tmp_path / path.stem)
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        for _ in range(4):
            session.run(None, {"x": numpy.zeros(SHAPES["encoder"], "float32")})
        files.append(attached(Path(session.end_profiling())))
    (comparison,) = explain_attached(files).comparisons
    assert is_known(comparison.ledger)
    out = tmp_path / "run.jsonl"
    words = ["run", "--arm", f"a={given[0]}", "--arm", f"b={given[1]}", "--replicates", "2", "--n", "20"]
    command = [sys.executable, "-m", "ironlaw", *words, "--experiments", "none", "--no-counters", "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ})
    shown = subprocess.run(
        [sys.executable, "-m", "ironlaw", "explain", str(out), "--json"], check=True, capture_output=True, text=True
    )
    recorded = json.loads(shown.stdout)["comparisons"][0]["ledger"]
    fates = ("both", "appeared", "vanished")
    measured = [tuple(row["executed"]) for row in recorded if row["fate"] in fates]
    assert [row.executed for row in comparison.ledger.rows if row.fate in fates] == measured


def test_counters_of_openvino_and_the_engines_own_reading_of_the_same_run_agree(tmp_path: Path) -> None:
    """Node by node to the microsecond that the counters have, and row by row of the ledger: what ran, and its time."""
    openvino = pytest.importorskip("openvino")
    report = pytest.importorskip("openvino.tools.benchmark.utils.statistics_report")
    import numpy
    import torch

    from ironlaw.engines.openvino.model import SourceModel
    from ironlaw.engines.openvino.profile import CountedRequest, profile
    from ironlaw.engines.openvino.runtime_graph import computes

    model = openvino.convert_model(torch.export.export(net(), (torch.zeros(1, 3, 32, 32),)))
    model.reshape([1, 3, 32, 32])
    image = numpy.zeros((1, 3, 32, 32), "float32")
    files, profiles, firsts, times = [], [], [], []
    for precision in ("f32", "bf16"):
        options = {"PERF_COUNT": True, "INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": precision}
        compiled = openvino.Core().compile_model(model, "CPU", options)
        request = CountedRequest(compiled.create_infer_request())
        seen: list[list[float]] = []  # of the nodes that compute, before each inference

        def ready(given: Any, request: Any = request, seen: list[list[float]] = seen) -> tuple[Any]:
            nodes = [node for node in request.profiling_info if computes(node.node_type, node.exec_type)]
            seen.append([node.real_time.total_seconds() * 1e9 for node in nodes])
            return ([given],)

        profiles.append(profile(compiled, SourceModel.of(model), ready, request, [(image,)] * 4))
        folder = tmp_path / precision
        folder.mkdir()
        written = report.CsvStatisticsReport(report.StatisticsReport.Config("detailed_counters", str(folder)))
        written.dump_performance_counters([request.profiling_info])
        firsts.append(seen[1])
        files.append(attached(next(folder.iterdir()).rename(tmp_path / f"{precision}.csv")))
    for file, read_here, first in zip(files, profiles, firsts, strict=True):
        (found,) = file.found
        assert is_known(found.nodes)
        assert [node.call.kernels for node in found.nodes] == [call.kernels for call in read_here.calls]
        # The file has the mean of all five inferences, of which the first is not in the profile.
        behind = [max(0, 5 * node.ns - one) for node, one in zip(found.nodes, first, strict=True)]
        assert behind == pytest.approx(read_here.calls_ns)
        times.append([node.ns for node in found.nodes])
    (comparison,) = explain_attached(files).comparisons
    assert is_known(comparison.ledger)
    own = [
        (
            tuple(profiles[0].calls[at].kernels for at in one.control),
            tuple(profiles[1].calls[at].kernels for at in one.changed),
            sum(times[0][at] for at in one.control),
            sum(times[1][at] for at in one.changed),
        )
        for one in match(profiles[0].calls, profiles[1].calls)
    ]
    rows = [row for row in comparison.ledger.rows if row.fate in ("both", "appeared", "vanished")]
    assert len(rows) == len(own)
    for row, (before, after, control_ns, changed_ns) in zip(rows, own, strict=True):
        assert (row.control_ns, row.changed_ns) == pytest.approx((control_ns, changed_ns))
        for shown, ran in zip(row.executed, (before, after), strict=True):
            # What a ledger shows as executed leaves reorders in front of a kernel out.
            assert all(kernel in shown for kernels in ran for kernel in kernels if not kernel.startswith("reorder"))


def traced(module: Any, path: Path) -> list[tuple[str, float]]:
    """Write a trace of three steps; the operators of a step as torch's profiler itself reads them, with mean ns."""
    import torch
    from torch.profiler import ProfilerActivity, profile, schedule

    outer: list[Any] = []

    def keep(done: Any) -> None:
        done.export_chrome_trace(str(path))
        for event in done.events():
            parent = event.cpu_parent
            if event.name == "aten::to" and not event.cpu_children:
                continue  # it converts nothing
            if "::" in event.name and (parent is None or parent.name.startswith("ProfilerStep")):
                outer.append(event)

    inputs, steps = torch.zeros(1, 3, 32, 32), schedule(wait=1, warmup=1, active=3)
    recorded: dict[str, Any] = {"schedule": steps, "on_trace_ready": keep, "record_shapes": True}
    with torch.inference_mode(), profile(activities=[ProfilerActivity.CPU], **recorded) as running:
        for _ in range(5):
            module(inputs)
            running.step()
    outer.sort(key=lambda event: event.time_range.start)
    each = len(outer) // 3
    assert len(outer) == 3 * each
    return [
        (outer[place].name, sum(event.time_range.elapsed_us() for event in outer[place::each]) * 1e3 / 3)
        for place in range(each)
    ]


def test_the_ledger_of_traces_is_that_of_the_layers_a_run_surveys_and_the_profiler_times(tmp_path: Path) -> None:
    """Row by row: the layers as a run of ironlaw finds and matches them, and the times of torch's own profiler."""
    torch = pytest.importorskip("torch")
    from ironlaw.measure.layers.survey import survey

    with warnings.catch_warnings(action="ignore"):  # it is deprecated, and what users have
        arms = [net(), torch.ao.quantization.quantize_dynamic(net(), {torch.nn.Linear}, dtype=torch.qint8)]
    inputs, files, timed, surveyed = torch.zeros(1, 3, 32, 32), [], [], []
    for name, module in zip(("fp32", "int8"), arms, strict=True):
        with torch.inference_mode():
            graph = survey(Program(infer=module, inputs=[(inputs,)], module=module), name).graph
        assert is_known(graph.calls)
        surveyed.append(graph.calls)
        timed.append(traced(module, tmp_path / f"{name}.json"))
        files.append(attached(tmp_path / f"{name}.json"))
    (comparison,) = explain_attached(files).comparisons
    assert is_known(comparison.ledger)
    rows = [row for row in comparison.ledger.rows if row.fate in ("both", "appeared", "vanished")]
    own = match(surveyed[0], surveyed[1])
    assert len(rows) == len(own)
    scales = [_scale(comparison, file, which) for which, file in enumerate(files)]
    for row, one in zip(rows, own, strict=True):
        places = (one.control, one.changed)
        assert row.fate == ("both" if all(places) else "vanished" if one.control else "appeared")
        for shown, calls, at in zip((row.control_layers, row.changed_layers), surveyed, places, strict=True):
            assert [roles(layer.partition(" #")[0]) for layer in shown] == [
                roles(calls[place].operator) for place in at
            ]
        spent = [
            scale * sum(of_profiler[place][1] for place in at)
            for scale, of_profiler, at in zip(scales, timed, places, strict=True)
        ]
        assert [row.control_ns, row.changed_ns] == pytest.approx(spent, rel=1e-3)  # a trace has thousandths of a us


def test_a_trace_of_torch_has_the_operators_that_its_table_has(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from torch.profiler import ProfilerActivity, profile, schedule

    model, inputs = net(), torch.zeros(1, 3, 32, 32)
    trace, table = tmp_path / "trace.json", tmp_path / "table.txt"

    def keep(done: Any) -> None:
        done.export_chrome_trace(str(trace))
        table.write_text(done.key_averages().table(row_limit=-1, max_name_column_width=100))

    steps = schedule(wait=1, warmup=1, active=3)
    with (
        torch.inference_mode(),
        profile(activities=[ProfilerActivity.CPU], schedule=steps, on_trace_ready=keep, record_shapes=True) as running,
    ):
        for _ in range(5):
            model(inputs)
            running.step()
    ((of_trace,), (of_table,)) = attached(trace).found, attached(table).found
    assert is_known(of_trace.nodes)
    assert is_known(of_table.nodes)
    names = [node.call.operator for node in of_trace.nodes]
    assert names == ["conv2d", "relu", "conv2d", "relu", "flatten", "linear"]
    calls = {node.call.operator: node.times for node in of_table.nodes}
    assert all(calls[name] == names.count(name) for name in set(names))
    assert is_known(of_trace.times)
    assert len(of_trace.times.each_ns) == 3


def test_a_log_of_onednn_from_torch_is_explained(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    program = (
        "import torch; torch.manual_seed(0); torch.set_num_threads(1)\n"
        "conv, x = torch.nn.Conv2d(16, 32, 3).eval(), torch.zeros(4, 16, 56, 56)\n"
        "with torch.inference_mode():\n    [conv(x) for _ in range(4)]\n"
    )
    files = []
    for level in ("1", "2"):
        environment = {**os.environ, "ONEDNN_VERBOSE": level}
        ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, env=environment)
        path = tmp_path / f"level-{level}.txt"
        path.write_bytes(ran.stdout)
        if b"exec,cpu,convolution" not in ran.stdout:
            pytest.skip("torch ran no convolution in oneDNN here")
        files.append(attached(path))
    explanation = explain_attached(files)
    (comparison,) = explanation.comparisons
    assert is_known(comparison.ledger)
    row = next(row for row in comparison.ledger.rows if row.layer == "convolution")
    assert row.fate == "both"
    assert row.kind == "3x3"
    assert is_known(row.control_work["macs"])
    assert row.control_work["macs"] == 4 * 32 * 54 * 54 * 16 * 9


def test_a_trace_of_200_mb_is_read_in_300_mb_of_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    dims = [[1, 64, 56, 56], [64, 64, 3, 3]]
    event = {"ph": "X", "cat": "cpu_op", "tid": 1, "dur": 5.0, "args": {"Input Dims": dims}}
    same = json.dumps({**event, "note": "x" * 300}).removesuffix("}")
    with path.open("w") as file:
        file.write('{"traceEvents": [\n')
        written = place = 0
        while written < LARGE_BYTES:
            line = f'{same}, "name": "aten::op{place % 50}", "ts": {place * 10.0}}}'
            written += file.write(f"{',' if place else ''}{line}\n")
            place += 1
        file.write("]}")
    # Not getrusage: its peak holds that of the process that forked this one.
    program = (
        "import re, sys\nfrom ironlaw.cli import run\n"
        "code = run(['explain', sys.argv[1], sys.argv[2], '--quiet'])\n"
        "print(code, int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) / 1e3)"
    )
    other = tmp_path / "small.json"
    other.write_text(json.dumps({"traceEvents": [{**event, "name": "aten::op0", "ts": 0}]}))
    command = [sys.executable, "-c", program, str(path), str(other)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    code, mb = ran.stdout.splitlines()[-1].split()
    assert code == "0"
    assert float(mb) <= MOST_MB
