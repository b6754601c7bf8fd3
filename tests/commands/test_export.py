"""Exporting an arm: what its child processes do not answer is a failure with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from ironlaw.commands import export
from ironlaw.errors import ArmFailed


def test_a_child_that_does_not_answer_in_time_is_a_failure_and_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "EXAMPLE_LIMIT_S", 0.0)
    with pytest.raises(ArmFailed, match="the example could not be written: no answer within 0 s"):
        export.example(tmp_path / "prepared", tmp_path)
