"""Every command of the documentation runs, from the top of its page to the bottom, in a reader's folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ironlaw.cli import COMMANDS, run
from tests.docs.pages import APART, FENCE, PAGES, ROOT, SHELLS, apart, block_lines, lines, meant, runs_apart, snippets

in_a_folder = pytest.mark.usefixtures("folder", "scripted", "quick_doctor")


def check(line: str) -> None:
    """Run a command line; ironlaw's own in this process."""
    program, *words = meant(line)
    if program == "python":
        at_home = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
        ran = subprocess.run([sys.executable, *words], capture_output=True, check=False, env=at_home)
        assert ran.returncode == 0, line
        return
    assert program == "ironlaw", line
    assert run(words) == 0, line


@in_a_folder
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_a_page_run(page: Path) -> None:
    for line in lines(page):
        if not runs_apart(line):
            check(line)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_are_only_named_are_there(page: Path) -> None:
    for name in re.findall(r"`ironlaw ([a-z]+)", FENCE.sub("", page.read_text(encoding="utf-8"))):
        assert name in COMMANDS


def test_what_runs_apart_is_typed_somewhere_and_run_by_a_module_that_is_there() -> None:
    for start, module in APART.items():
        assert any(line.startswith(start) for line in apart(module)), start
        assert f'apart("{module}")' in (Path(__file__).parent / f"{module}.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_command_hides_in_a_block_that_is_not_a_shell_s(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    others = [block for language, block in FENCE.findall(text) if language not in SHELLS]
    for block in (*others, *re.findall(r"^ {4}.*$", FENCE.sub("", text), re.MULTILINE)):
        assert not re.search(r"^\s*(\$ )?(ironlaw|pip|ray|make) [a-z-]", block, re.MULTILINE), block


@in_a_folder
def test_a_wrong_command_would_be_seen() -> None:
    for line in ("ironlaw explain no-such-file.jsonl", "ironlaw run --arms int9", "irnlaw run"):
        with pytest.raises(AssertionError):
            check(line)


@in_a_folder
def test_what_the_workflow_keeps_is_there_after_its_steps(folder: Path) -> None:
    for workflow in snippets("yaml"):
        for line in block_lines("yaml", workflow.text):
            if not runs_apart(line):
                check(line)
    assert {path.name for path in folder.glob("speed.*")} == {"speed.jsonl", "speed.html"}
