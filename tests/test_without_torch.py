"""ironlaw where torch, torchvision and the ONNX exporter are not installed: the real command line, in processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ironlaw

ROOT = Path(__file__).parent
ABSENT = ("torch", "torchvision", "torchao", "onnxscript", "onnx")
SHORT = ("--n", "40", "--replicates", "2", "--experiments", "none", "--no-counters", "--quiet", "--force")
PROGRAMS = """
import numpy

weights = numpy.random.default_rng(0).standard_normal((64, 64)).astype("float32")
inputs = [(numpy.random.default_rng(seed).standard_normal((8, 64)).astype("float32"),) for seed in range(8)]


def once():
    return (lambda rows: rows @ weights), inputs


def twice():
    return (lambda rows: (rows @ weights + rows @ weights) / 2), inputs
"""


def run(*words: str, folder: Path, absent: tuple[str, ...] = ABSENT) -> subprocess.CompletedProcess[str]:
    """A command line of ironlaw in an environment without some packages."""
    source = Path(ironlaw.__file__).parents[1]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(ROOT / "absent"), str(source))),
        "IRONLAW_TEST_ABSENT": ",".join(absent),
    }
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def ironlaw_(*words: str, folder: Path, absent: tuple[str, ...] = ABSENT) -> subprocess.CompletedProcess[str]:
    return run("-m", "ironlaw", *words, folder=folder, absent=absent)


def onnx_file(path: Path, products: int) -> None:
    """A chain of matrix products, for any number of rows."""
    import numpy
    from onnx import TensorProto, helper, numpy_helper, save

    names = ["rows", *(f"made{place}" for place in range(products))]
    rng = numpy.random.default_rng(0)
    weights = [
        numpy_helper.from_array((rng.standard_normal((32, 32)) / 6).astype("float32"), f"weights{place}")
        for place in range(products)
    ]
    nodes = [
        helper.make_node("MatMul", [names[place], f"weights{place}"], [names[place + 1]]) for place in range(products)
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 32]) for name in (names[0], names[-1])]
    graph = helper.make_graph(nodes, "products", ends[:1], ends[1:], weights)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def xml_file(path: Path, products: int) -> None:
    """The same as OpenVINO saves it, weights beside it."""
    import numpy
    import openvino
    from openvino import opset13 as operators

    rng = numpy.random.default_rng(0)
    rows = made = operators.parameter([-1, 32], numpy.float32, "rows")
    for _ in range(products):
        weights = operators.constant((rng.standard_normal((32, 32)) / 6).astype("float32"))
        made = operators.matmul(made, weights, False, False)
    openvino.save_model(openvino.Model([made], [rows]), path, compress_to_fp16=False)


def facts(recording: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in recording.read_text().splitlines()]


@pytest.mark.parametrize("package", ABSENT)
def test_the_block_hides_a_package_from_the_interpreter_and_from_its_children(package: str, tmp_path: Path) -> None:
    pytest.importorskip(package)
    look = f"import importlib.util; print(importlib.util.find_spec({package!r}))"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-P', '-c', {look!r}])"
    assert run("-c", look, folder=tmp_path).stdout.strip() == "None"
    assert run("-c", child, folder=tmp_path).stdout.strip() == "None"
    assert "ModuleNotFoundError" in run("-c", f"import {package}", folder=tmp_path).stderr
    assert run("-c", look, folder=tmp_path, absent=()).stdout.strip() != "None"


def test_a_pair_of_callables_is_measured_explained_and_reported(tmp_path: Path) -> None:
    (tmp_path / "programs.py").write_text(PROGRAMS)
    arms = ("--arm", "once=programs.py:once", "--arm", "twice=programs.py:twice")
    done = ironlaw_("run", *arms, *SHORT, "--out", "pair.jsonl", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    explained = ironlaw_("explain", "pair.jsonl", "--json", folder=tmp_path)
    assert {arm["arm"] for arm in json.loads(explained.stdout)["arms"]} >= {"once", "twice"}
    assert ironlaw_("report", "pair.jsonl", "--out", "pair.html", folder=tmp_path).returncode == 0
    assert "twice" in (tmp_path / "pair.html").read_text()


def test_a_pair_of_onnx_files_is_measured_in_the_engines_it_names(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("openvino")
    onnx_file(tmp_path / "short.onnx", 2)
    onnx_file(tmp_path / "long.onnx", 3)
    arms = ("--arm", "short=short.onnx", "--arm", "long=long.onnx", "--arm", "other=short.onnx@openvino")
    done = ironlaw_("run", *arms, *SHORT, "--out", "pair.jsonl", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    known = facts(tmp_path / "pair.jsonl")
    plan = next(fact["plan"] for fact in known if "plan" in fact)
    assert [dict(arm["variant"]["changed"])["engine"] for arm in plan["arms"]][:3] == [
        "onnxruntime", "onnxruntime", "openvino",
    ]  # fmt: skip
    assert not any("failure" in fact for fact in known)


def test_xml_and_onnx_files_are_measured_in_openvino_without_onnx_runtime(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    pytest.importorskip("onnx")
    absent = (*ABSENT, "onnxruntime", "nncf")
    xml_file(tmp_path / "short.xml", 2)
    xml_file(tmp_path / "long.xml", 3)
    onnx_file(tmp_path / "same.onnx", 2)
    arms = ("--arm", "short=short.xml", "--arm", "long=long.xml", "--arm", "same=same.onnx@openvino")
    done = ironlaw_("run", *arms, *SHORT, "--out", "pair.jsonl", folder=tmp_path, absent=absent)
    assert done.returncode == 0, done.stderr
    known = facts(tmp_path / "pair.jsonl")
    assert not any("failure" in fact for fact in known)
    assert {fact["reading"]["arm"] for fact in known if "reading" in fact} >= {"short", "long", "same"}
    assert {fact["outputs"]["arm"] for fact in known if "outputs" in fact} >= {"short", "long", "same"}
    shown = ironlaw_("explain", "pair.jsonl", folder=tmp_path, absent=absent)
    assert "long" in shown.stdout
    refused = ironlaw_("run", "--arm", "a=short.xml@onnxruntime", *SHORT, folder=tmp_path, absent=absent)
    assert refused.returncode == 2, refused.stdout
    assert len(refused.stderr.splitlines()) == 2


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (("resnet18",), "torch"),
        (("programs.py:once", "--arms", "fp32,given"), "torch"),
        (("programs.py:once", "--arms", "given,int8@compiled"), "compiled"),
        (("short.onnx", "--arms", "given@onnxruntime,int8@onnxruntime"), "onnx"),
    ],
)
def test_what_is_missing_is_named_in_two_lines_with_its_extra(
    words: tuple[str, ...], extra: str, tmp_path: Path
) -> None:
    pytest.importorskip("onnx")
    (tmp_path / "programs.py").write_text(PROGRAMS)
    onnx_file(tmp_path / "short.onnx", 1)
    refused = ironlaw_("run", *words, *SHORT, "--out", "none.jsonl", folder=tmp_path)
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 2
    assert f"pip install 'ironlaw[{extra}]'" in refused.stderr
