"""The pages hang together: links lead somewhere, what they list is what there is, and the site builds."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ironlaw
from ironlaw.causes import CAUSES
from ironlaw.recording import load
from ironlaw.report.document import to_document
from tests.docs.pages import PAGES, ROOT


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


def test_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: pip install 'ironlaw[docs]'")
    pytest.importorskip("material", reason="mkdocs-material is not installed: pip install 'ironlaw[docs]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "site" / "tutorial" / "index.html").exists()
