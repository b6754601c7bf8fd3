"""What a page says to install or to make, typed literally, in an environment and a copy of their own.

No package index is asked: what the project depends on is taken from the environment of these tests, ironlaw is not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
from pathlib import Path

import pytest

from ironlaw.recording import load
from tests.docs.conftest import MODEL
from tests.docs.pages import ROOT, apart

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LINES = apart("test_installing")


@pytest.fixture(scope="module")
def dependencies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every installed distribution but ironlaw's own, to be put on a path."""
    folder = tmp_path_factory.mktemp("dependencies")
    for place in dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib")):
        for item in Path(place).iterdir():
            if "ironlaw" not in item.name and item.suffix != ".pth":
                (folder / item.name).symlink_to(item)
    return folder


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel and source archive, as an index would offer them."""
    from hatchling.builders.sdist import SdistBuilder
    from hatchling.builders.wheel import WheelBuilder

    folder = tmp_path_factory.mktemp("packages")
    for builder in (WheelBuilder, SdistBuilder):
        list(builder(str(ROOT)).build(directory=str(folder), versions=["standard"]))
    return folder


@pytest.fixture
def copy(packages: Path, tmp_path: Path) -> Path:
    """The project's files where nothing was installed or made yet."""
    [archive] = packages.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        files.extractall(tmp_path, filter="data")
    return tmp_path / archive.name.removesuffix(".tar.gz")


@pytest.fixture
def settings(dependencies: Path, packages: Path) -> dict[str, str]:
    """Variables under which pip finds everything here, and make does not take itself for a part of another."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PIP_", "MAKE", "MFLAGS"))}
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(packages), "PIP_NO_BUILD_ISOLATION": "0"}
    return {**kept, **offline, "PYTHONPATH": str(dependencies), "PIP_CONFIG_FILE": os.devnull}


def typed(line: str, folder: Path, settings: dict[str, str]) -> str:
    """Have a shell run the line; what it printed."""
    ran = subprocess.run(["sh", "-c", line], cwd=folder, env=settings, capture_output=True, check=False, text=True)
    assert ran.returncode == 0, f"{line}\n{ran.stdout[-2000:]}\n{ran.stderr[-2000:]}"
    return ran.stdout


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("pip ")])
def test_what_is_installed_as_typed_is_this_version_and_runs(
    line: str, copy: Path, tmp_path: Path, settings: dict[str, str]
) -> None:
    made = tmp_path / "environment"
    typed(f"{sys.executable} -m venv {made}", tmp_path, settings)
    inside = {**settings, "PATH": f"{made / 'bin'}{os.pathsep}{settings['PATH']}"}
    assert "Successfully installed ironlaw" in typed(line, copy, inside)
    where = typed("python -c 'import ironlaw; print(ironlaw.__file__)'", tmp_path, inside)
    assert where.startswith(str(made))
    assert typed("ironlaw --version", tmp_path, inside) == f"ironlaw, version {PROJECT['version']}\n"


def test_make_run_installs_measures_and_prints_the_table(copy: Path, settings: dict[str, str]) -> None:
    assert "make run" in LINES
    (copy / "model.py").write_text(MODEL)
    little = "model.py:build --arms fp32,int8 --n 4 --experiments none --no-layers --out tiny.jsonl"
    shown = typed("make run", copy, {**settings, "PYTHON": sys.executable, "ARGS": little})
    assert "Control: fp32 against itself" in shown
    assert not load(copy / "tiny.jsonl").was_cut


@pytest.mark.skipif(not (ROOT / ".venv" / "installed").exists(), reason="make has not set up this checkout")
@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_test_checks_lint_types_and_the_tests_it_is_given(settings: dict[str, str]) -> None:
    assert "make test" in LINES
    fewer = {**settings, "PYTHONPATH": "", "PYTEST_ADDOPTS": "tests/test_variant.py"}
    shown = typed("make test", ROOT, fewer)
    assert "All checks passed" in shown
    assert "no issues found" in shown
    assert " passed" in shown
