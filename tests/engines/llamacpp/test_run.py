"""GGUF files from the command line, where torch is not installed: both phases, and faults that stop one arm alone."""

from __future__ import annotations

import json
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


def test_two_files_are_compared_in_both_phases_without_torch_and_faults_stop_their_arms_alone(tmp_path: Path) -> None:
    gguf_file(tmp_path / "wide.gguf", Made(kind="F32"))
    whole = gguf_file(tmp_path / "short.gguf", Made(kind="Q8_0")).read_bytes()
    (tmp_path / "cut.gguf").write_bytes(whole[: len(whole) // 2])
    arms = [f"{name}={name}.gguf" for name in ("wide", "short", "cut")]
    words = [word for arm in arms for word in ("--arm", arm)]
    done = ironlaw_("run", *words, *SHORT, "--no-layers", "--out", "made.jsonl", folder=tmp_path)
    assert done.returncode == 3, done.stderr
    explained = json.loads(ironlaw_("explain", "made.jsonl", "--json", folder=tmp_path).stdout)
    pairs = [(one["control"], one["changed"]) for one in explained["comparisons"] if "cut" not in one["changed"]]
    assert pairs == [(f"wide+phase={phase}", f"short+phase={phase}") for phase in ("prefill:128", "decode:32")]
    found = {arm["arm"]: arm for arm in explained["arms"]}
    assert "it was cut short" in found["cut+phase=prefill:128"]["failure"]
    for name in ("wide", "short"):
        decoding = found[f"{name}+phase=decode:32"]
        assert decoding["failure"] is None
        assert decoding["generation"]["depth"] == 32
        assert decoding["bytes_per_token"] > 10_000
    assert found["short+phase=decode:32"]["sqnr_db"] > 20
    printed = ironlaw_("explain", "made.jsonl", folder=tmp_path).stdout
    assert "Generating text:" in printed
    assert "tokens/s" in printed
