"""Whether a program may import a library, found without running it."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from ironlaw.models import may_import
from ironlaw.models.requirements import _leads_to


def test_a_program_of_the_standard_library_and_numpy_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("import json, numpy\ndef make(): return print\n")
    assert not may_import(f"{tmp_path / 'program.py'}:make", "torch")


def test_an_import_within_a_function_of_a_neighbour_counts(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("import beside\ndef make(): return print\n")
    (tmp_path / "beside.py").write_text("def late():\n    import torch\n")
    assert may_import(f"{tmp_path / 'program.py'}:make", "torch")


def test_a_package_of_which_nothing_is_known_may_import_anything(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("import of_no_known_project\n")
    assert may_import(f"{tmp_path / 'program.py'}:make", "torch")


def test_an_installed_package_without_code_to_read_may_import_anything() -> None:
    assert may_import("package.module:factory", "torch")


def test_a_pickle_is_asked_for_the_names_of_its_modules(tmp_path: Path) -> None:
    from ironlaw.arm import HANDED_OVER

    plain, of_torch = tmp_path / f"plain{HANDED_OVER}", tmp_path / f"torch{HANDED_OVER}"
    plain.write_bytes(b"builtins print")
    of_torch.write_bytes(b"ctorch.nn Linear")
    assert not may_import(str(plain), "torch")
    assert may_import(str(of_torch), "torch")


def test_requirements_are_followed_and_extras_of_the_first_package_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {
        "one": ['two>=1; python_version > "3"'],
        "two": ['Heavy_Library; extra == "all"'],
        "three": ['heavy-library; extra == "all"'],
        "four": ["two", "Heavy.Library[cpu]>2"],
    }

    def requires(name: str) -> list[str]:
        if name not in known:
            raise importlib.metadata.PackageNotFoundError(name)
        return known[name]

    monkeypatch.setattr(importlib.metadata, "requires", requires)
    found = {name: _leads_to(name, "heavy-library") for name in known}
    assert found == {"one": False, "two": True, "three": True, "four": True}
