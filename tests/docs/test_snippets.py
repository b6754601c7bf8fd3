"""Every program, plan and workflow in the documentation is one."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from check_jsonschema import main as check_schema
from click.testing import CliRunner

from ironlaw.sweep.plan_file import read_plan
from tests.docs.pages import FENCE, PAGES, SHELLS, Snippet, snippets

pytest_plugins = ["pytester"]


def test_every_block_is_of_a_language_that_is_tested() -> None:
    tested, only_read = {*SHELLS, "python", "toml", "jinja"}, {"text"}
    found = [language for page in PAGES for language, _ in FENCE.findall(page.read_text(encoding="utf-8"))]
    assert set(found) <= tested | only_read


@pytest.mark.parametrize("snippet", snippets("python"), ids=str)
def test_python_of_the_docs_runs(snippet: Snippet, folder: Path, scripted: None) -> None:
    exec(compile(snippet.text, str(snippet), "exec"), {"__name__": "snippet"})


def test_test_suite_of_the_docs_passes(pytester: pytest.Pytester, folder: Path, scripted: None) -> None:
    [suite] = [item.text for item in snippets("python") if "def test_" in item.text]
    made = pytester.makepyfile(suite)
    ran = pytester.runpytest_inprocess("-p", "no:cacheprovider", "--rootdir", str(folder), str(made))
    ran.assert_outcomes(passed=suite.count("def test_"))


@pytest.mark.parametrize("snippet", snippets("toml"), ids=str)
def test_plan_of_the_docs_is_one(snippet: Snippet, folder: Path) -> None:
    whole = {**tomllib.loads(snippets("toml")[0].text), **tomllib.loads(snippet.text)}
    (folder / "plan.toml").write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in whole.items()))
    plan = read_plan(folder / "plan.toml")
    assert [str(host) for host in plan.hosts] == whole.get("hosts", ["any"])
    assert plan.count == len(list(plan.cells()))


def is_workflow(text: str, folder: Path) -> bool:
    """Whether GitHub's own schema of workflows takes it; the schema comes with the checker."""
    (folder / "workflow.yml").write_text(text)
    words = ["--builtin-schema", "vendor.github-workflows", str(folder / "workflow.yml")]
    return CliRunner().invoke(check_schema, words).exit_code == 0


@pytest.mark.parametrize("snippet", snippets("yaml"), ids=str)
def test_workflow_of_the_docs_is_one(snippet: Snippet, folder: Path) -> None:
    assert is_workflow(snippet.text, folder)
    assert not is_workflow(snippet.text.replace("runs-on:", "run-on:"), folder)


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

    from ironlaw.engines.eager import execution as eager
    from ironlaw.models import open_model, saved
    from ironlaw.variant import Variant

    [text] = [item.text for item in snippets("python") if "def prepare(" in item.text]
    defined: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(text, "extending", "exec"), defined)
    assert set(defined) >= {name for name in ("prepare", "load") if hasattr(eager, name)}
    model = open_model("model.py:build")
    variant = Variant()
    prepared = defined["prepare"](variant, model, folder / "made")
    saved.save(model, folder / "made")
    made = defined["load"](variant, prepared, saved.load(folder / "made"))  # as a replicate does
    with torch.inference_mode():
        assert made.infer(*made.inputs[0]).shape == (1, 4, 6, 6)
