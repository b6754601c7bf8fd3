"""What a source may be, checked without importing torch or running user code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ironlaw import models
from ironlaw.errors import BadInput
from ironlaw.models import sources
from ironlaw.models.sources import Kind

NET = """
raise SystemExit("a check must not run this")
import torch as t
from torch import nn as modules
class Net(modules.Module): ...
if True:
    def inside(): return Net()
late = early = inside
"""


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.py"
    path.write_text(NET)
    return path


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("mobilenet_v2", Kind.TORCHVISION),
        ("net.py:make", Kind.FILE),
        ("/some where/net.py:make", Kind.FILE),
        ("net.py", Kind.FILE),
        ("pack.age:make", Kind.PACKAGE),
    ],
)
def test_the_spelling_reports_the_kind(source: str, kind: Kind) -> None:
    assert sources.kind_of(source) is kind


@pytest.mark.parametrize("name", ["Net", "inside", "late", "early", "t", "modules"])
def test_names_a_file_defines_pass_without_running_it(net: Path, name: str) -> None:
    models.check_source(f"{net}:{name}")


def test_a_name_a_file_lacks_is_answered_with_the_closest(net: Path) -> None:
    with pytest.raises(BadInput, match="defines no 'insight'") as raised:
        models.check_source(f"{net}:insight")
    assert "inside" in raised.value.hint


def test_a_file_without_a_function_says_how_to_name_one(net: Path) -> None:
    with pytest.raises(BadInput, match="names no function"):
        models.check_source(str(net))


def test_an_absent_file_is_named() -> None:
    with pytest.raises(BadInput, match=r"nowhere\.py: No such file"):
        models.check_source("nowhere.py:make")


def test_a_syntax_error_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("x = 1\ndef make(:\n")
    with pytest.raises(BadInput, match=r"bad\.py line 2 is not Python"):
        models.check_source(f"{tmp_path / 'bad.py'}:make")


def test_an_absent_package_is_named() -> None:
    with pytest.raises(BadInput, match="no package 'nopackage'"):
        models.check_source("nopackage.sub:make")


def test_a_package_in_the_working_folder_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    models.check_source("mine.sub:make")


def test_a_mistyped_architecture_is_answered_with_the_closest() -> None:
    with pytest.raises(BadInput, match="no model 'mobilenet_v'") as raised:
        models.check_source("mobilenet_v")
    assert "mobilenet_v2" in raised.value.hint


def test_a_name_like_no_other_is_answered_with_as_many_as_can_be_read() -> None:
    with pytest.raises(BadInput, match="no model 'qqqqq'") as raised:
        models.check_source("qqqqq")
    assert "alexnet" in raised.value.hint
    assert " more (a model of your own: file.py:factory)" in raised.value.hint
    assert len(raised.value.hint) < 1000


def test_a_checkpoint_is_distinguished_from_a_name() -> None:
    with pytest.raises(BadInput, match=r"net\.pt is a checkpoint: weights, and no program to run"):
        models.check_source("net.pt")


def test_names_read_from_source_are_those_torchvision_registers() -> None:
    from torchvision.models import list_models

    registered = {name for name in list_models() if not name.startswith("quantized_")}
    assert set(sources.published_names()) == registered


def test_checking_imports_no_torch() -> None:
    code = """
import sys
from ironlaw import models
from ironlaw.models import images
models.check_source("mobilenet_v2")
images.check_folder(None)
assert not {"torch", "torchvision"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
