"""No test of models asks the network."""

from __future__ import annotations

from pathlib import Path

import pytest

from ironlaw.models import weights


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "unreachable", lambda url: "no network in tests")
