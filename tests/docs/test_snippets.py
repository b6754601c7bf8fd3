"""Every command and snippet of docs/ runs: what measures is checked up to the measuring."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest

import ironlaw
from ironlaw.cli import COMMANDS, program, run
from ironlaw.commands.run import Settings
from ironlaw.recording import encode, load
from ironlaw.report.causes import CAUSES
from ironlaw.report.document import to_document
from tests.explain.stated import SPLIT_GROUP, Law, Noise, recording
from tests.golden.make import facts

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Set up an environment, and are not ironlaw's to run.
OTHERS = ("pip ", "make ", "git ", "python -m ", "sudo ")
# What reads recordings runs; what measures, for as long as it is given, is parsed.
READS = ("explain", "report", "bundle", "compare", "completion")
MODEL = """
import torch


def build():
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU()).eval(), (torch.rand(1, 3, 8, 8),)
"""


@dataclass(frozen=True)
class Snippet:
    """A fenced block: the page it stands in, its language, its text."""

    page: str
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.text.strip().splitlines()[0][:50]}"


def snippets(*languages: str) -> list[Snippet]:
    return [
        Snippet(page.name, language, text)
        for page in PAGES
        for language, text in FENCE.findall(page.read_text(encoding="utf-8"))
        if language in languages
    ]


def commands(text: str) -> list[str]:
    """The command lines of a block, or of the steps of a workflow."""
    lines = text.replace("\\\n", " ").splitlines()
    stripped = [re.sub(r"^\s*- run: ", "", line).strip() for line in lines]
    return [line for line in stripped if line.startswith("ironlaw ")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the docs take for granted: recordings, tables, a model, photographs."""
    golden, data = ROOT / "tests" / "golden", ROOT / "tests" / "explain" / "data"
    shutil.copy(golden / "without-pmu.jsonl", tmp_path / "run.jsonl")
    for name, seed in (("old.jsonl", 1), ("new.jsonl", 2), ("speed.jsonl", 3)):
        laws = {"fp32": Law(), "int8": Law(instructions=10e6)}
        fact = recording(laws, Noise(own=0.005), seed=seed, groups=(SPLIT_GROUP,))
        (tmp_path / name).write_bytes(b"".join(encode(one) + b"\n" for one in facts(fact)))
    rows = "fp32,89.8063,0.58,20.774,14.2605\nint8,54.4425,0.68,5.987,4.2422\nint8+fused,31.1885,0.97,5.004,3.9436\n"
    (tmp_path / "post.csv").write_text("arm,time_s,ipc,cache_miss_percent,size_mb\n" + rows)
    shutil.copy(data / "real-6.1-mmap.txt", tmp_path / "fp32.txt")
    shutil.copy(data / "real-6.1-retain.txt", tmp_path / "int8.txt")
    for place in ("model.py", "other.py", "base/model.py", "head/model.py"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text(MODEL)
    from PIL import Image

    (tmp_path / "photos").mkdir()
    Image.new("RGB", (64, 64), (90, 120, 30)).save(tmp_path / "photos" / "one.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def check(line: str) -> None:
    """Run a command line; one that measures is parsed and checked as far as that goes without measuring."""
    words = shlex.split(line)[1:]
    if words[0] in READS:
        assert run(words) == 0, line
        return
    command = program.get_command(click.Context(program), words[0])
    assert command is not None
    params = dict(command.make_context(words[0], words[1:]).params)
    if words[0] == "run":
        assert Settings.of(params.pop("model"), params).plan().arms


@pytest.mark.parametrize("snippet", snippets("sh", "yaml"), ids=str)
def test_commands_of_the_docs_run(snippet: Snippet, folder: Path) -> None:
    found = commands(snippet.text)
    assert found or all(line.startswith(OTHERS) for line in snippet.text.strip().splitlines())
    for line in found:
        check(line)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_inside_sentences_and_tables_run(page: Path, folder: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for line in re.findall(r"`(ironlaw [a-z][^`]*)`", text):
        words = shlex.split(line)
        assert words[1] in COMMANDS, line
        if len(words) > 2 and "..." not in words:
            check(line)


@pytest.mark.parametrize("snippet", snippets("python"), ids=str)
def test_python_of_the_docs_runs(snippet: Snippet, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def recorded(*_: Any, **__: Any) -> Any:
        return load(folder / "run.jsonl")

    monkeypatch.setattr(ironlaw, "record", recorded)
    exec(compile(snippet.text, str(snippet), "exec"), {"__name__": "snippet"})


def test_model_of_the_tutorial_is_a_model(folder: Path) -> None:
    [text] = [item.text for item in snippets("python") if "def build()" in item.text]
    defined: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(text, "tutorial", "exec"), defined)
    module, inputs = defined["build"]()
    assert module(*inputs).shape[0] == 1


def test_factor_of_the_docs_is_one(folder: Path) -> None:
    from ironlaw.factor import Factor

    [text] = [item.text for item in snippets("python") if "FACTOR = " in item.text]
    defined: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(text, "extending", "exec"), defined)
    factor = defined["FACTOR"]
    assert isinstance(factor, Factor)
    assert factor.accepts("low")
    assert not factor.accepts("lowest")
    assert str(factor.read_back("normal", None)).startswith("nice ")  # type: ignore[arg-type] # it reads the process


def test_engine_of_the_docs_prepares_and_runs_a_model(folder: Path) -> None:
    import torch

    from ironlaw.engines import eager
    from ironlaw.models import open_model
    from ironlaw.variant import Variant

    [text] = [item.text for item in snippets("python") if "def prepare(" in item.text]
    defined: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(text, "extending", "exec"), defined)
    assert set(defined) >= {name for name in ("IMPORTS", "missing_extra", "prepare", "load") if hasattr(eager, name)}
    model = open_model("model.py:build")
    variant = Variant()
    made = defined["load"](variant, defined["prepare"](variant, model, folder / "made"), model)
    with torch.inference_mode():
        assert made.infer(*made.inputs[0]).shape == (1, 4, 6, 6)


def test_every_cause_of_the_catalogue_is_documented_with_an_example() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| .+ \| (.+) \|$", (ROOT / "docs/catalogue.md").read_text(), re.MULTILINE)
    assert {slug for slug, _ in rows} == set(CAUSES)
    assert all(len(example) > 20 for _, example in rows)


def documented(heading: str) -> set[str]:
    section = (ROOT / "docs/json.md").read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return {name for row in re.findall(r"^\| (`.+?) \|", section, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}


@pytest.mark.parametrize(
    ("heading", "pick"),
    [
        ("The object", lambda document: document),
        ("An arm", lambda document: document["arms"][0]),
        ("A comparison", lambda document: document["comparisons"][0]),
    ],
)
def test_documented_fields_are_there(heading: str, pick: Any, folder: Path) -> None:
    document = json.loads(json.dumps(to_document(ironlaw.explain(load("run.jsonl")))))
    missing = documented(heading) - set(pick(document))
    assert missing == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_a_wrong_command_would_be_seen(folder: Path) -> None:
    with pytest.raises(AssertionError):
        check("ironlaw explain no-such-file.jsonl")
    with pytest.raises(Exception, match="int9"):
        check("ironlaw run --arms int9")


def test_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: pip install 'ironlaw[docs]'")
    pytest.importorskip("material", reason="mkdocs-material is not installed: pip install 'ironlaw[docs]'")
    import subprocess
    import sys

    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "site" / "tutorial" / "index.html").exists()
