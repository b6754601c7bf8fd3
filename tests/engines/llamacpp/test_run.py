"""GGUF files from the command line, where torch is not installed: both phases, and faults that stop one arm alone."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest

from ironlaw.missing import Missing
from ironlaw.models import llama_library
from tests.language_models import Made, gguf_file
from tests.test_without_torch import SHORT, ironlaw_

pytestmark = pytest.mark.skipif(
    isinstance(llama_library.library_file(), Missing), reason="no package with llama.cpp's library is installed"
)
pytest.importorskip("gguf")
_MEMORY = 8 << 30  # holds everything but the state of a million tokens


def test_two_files_are_compared_in_both_phases_without_torch_and_faults_stop_their_arms_alone(tmp_path: Path) -> None:
    gguf_file(tmp_path / "wide.gguf", Made(kind="F32"))
    whole = gguf_file(tmp_path / "short.gguf", Made(kind="Q8_0")).read_bytes()
    (tmp_path / "cut.gguf").write_bytes(whole[: len(whole) // 2])
    gguf_file(tmp_path / "narrow.gguf", Made(context=64))
    arms = [f"{name}={name}.gguf" for name in ("wide", "short", "cut", "narrow")]
    words = [word for arm in arms for word in ("--arm", arm)]
    done = ironlaw_("run", *words, *SHORT, "--no-layers", "--out", "made.jsonl", folder=tmp_path)
    assert done.returncode == 3, done.stderr
    explained = json.loads(ironlaw_("explain", "made.jsonl", "--json", folder=tmp_path).stdout)
    pairs = [(one["control"], one["changed"]) for one in explained["comparisons"] if "short" in one["changed"]]
    assert pairs == [(f"wide+phase={phase}", f"short+phase={phase}") for phase in ("prefill:128", "decode:32")]
    found = {arm["arm"]: arm for arm in explained["arms"]}
    assert "it was cut short" in found["cut+phase=prefill:128"]["failure"]
    assert "the file's is 64" in found["narrow+phase=prefill:128"]["failure"]
    for name in ("wide", "short", "narrow"):
        decoding = found[f"{name}+phase=decode:32"]
        assert decoding["failure"] is None
        assert decoding["generation"]["depth"] == 32
        assert decoding["bytes_per_token"] > 10_000
    assert found["short+phase=decode:32"]["sqnr_db"] > 20
    assert found["short+phase=decode:32"]["generation"]["kl_divergence_nats"] < 0.01
    assert found["wide+phase=prefill:128"]["generation"]["perplexity"] > 50  # random weights
    printed = ironlaw_("explain", "made.jsonl", folder=tmp_path).stdout
    assert "Generating text:" in printed
    assert "tokens/s" in printed


def test_a_state_that_no_memory_holds_and_an_unknown_architecture_stop_their_arms_alone(tmp_path: Path) -> None:
    gguf_file(tmp_path / "plain.gguf")
    gguf_file(tmp_path / "odd.gguf", Made(architecture="no-such-one"))
    gguf_file(tmp_path / "huge.gguf", Made(context=1 << 30))
    tokens = {"plain": 8, "odd": 8, "huge": 999_999}
    words = [word for name, count in tokens.items() for word in ("--arm", f"{name}={name}.gguf+phase=prefill:{count}")]
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, before[1]))  # its processes inherit it
    try:
        done = ironlaw_("run", *words, *SHORT, "--no-layers", "--out", "made.jsonl", folder=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    assert done.returncode == 3, done.stderr
    explained = json.loads(ironlaw_("explain", "made.jsonl", "--json", folder=tmp_path).stdout)
    failures = {arm["arm"]: arm["failure"] for arm in explained["arms"] if not arm["arm"].endswith("(again)")}
    assert failures["plain"] is None
    assert "no-such-one" in failures["odd"]
    assert failures["huge"]
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert failures["huge"].count(";") == 0  # the first of the errors that llama.cpp logs, and not what follows from it
    assert sum("1 (control)" in line for line in lines) == 1  # an arm that failed is none, though alone in its phase
    for name in ("odd", "huge"):
        begin = next(place for place, line in enumerate(lines) if line.startswith(f"{name} failed: "))
        assert any(line.startswith("fix: ") for line in lines[begin + 1 : begin + 6])
