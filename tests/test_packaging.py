"""What is installed is whole: the wheel holds every file the package reads, and the changelog can be made."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FRAGMENTS = sorted((ROOT / "news").glob("+*.md"))
KINDS = {"feature", "bugfix", "doc", "removal", "misc"}  # towncrier's own


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from hatchling.builders.wheel import WheelBuilder

    built = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"]))
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(built) as wheel:
        wheel.extractall(folder)
    return folder


def test_the_wheel_holds_every_file_of_the_package(installed: Path) -> None:
    source = ROOT / "src" / "ironlaw"
    files = {
        path.relative_to(source) for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }
    there = {path.relative_to(installed / "ironlaw") for path in (installed / "ironlaw").rglob("*") if path.is_file()}
    assert files == there
    assert {Path("py.typed"), Path("models/photos/CREDITS.md"), Path("report/page/report.html.jinja")} <= there


def test_the_installed_package_runs_without_its_source(installed: Path, tmp_path: Path) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(installed)!r}); import ironlaw; print(ironlaw.__file__); "
        "from ironlaw.cli import main; main(['--help'])"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-c", program], check=False, cwd=tmp_path, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith(str(installed))
    assert "Exit codes" in ran.stdout


def test_every_news_fragment_is_one_sentence_of_a_known_kind() -> None:
    for fragment in FRAGMENTS:
        assert fragment.name.split(".")[-2] in KINDS, fragment.name
        text = fragment.read_text(encoding="utf-8").strip()
        assert text.endswith("."), fragment.name
        assert "\n\n" not in text, fragment.name


def test_what_is_new_is_in_fragments_or_in_the_entry_of_this_version() -> None:
    newest = re.search(
        r"^## (\S+) \(\d{4}-\d\d-\d\d\)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert FRAGMENTS or (newest is not None and newest[1] == project["version"])


def test_every_photograph_is_credited() -> None:
    photos = ROOT / "src" / "ironlaw" / "models" / "photos"
    credit = (photos / "CREDITS.md").read_text(encoding="utf-8")
    shipped = sorted(photos.glob("*.jpg"))
    assert len(shipped) == 10
    for photo in shipped:
        assert photo.name in credit or photo.stem in credit, photo.name
