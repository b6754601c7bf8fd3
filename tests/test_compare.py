"""ironlaw.compare: programs of a Python session, run in children, explained."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import ironlaw
from ironlaw.arm import HANDED_OVER
from ironlaw.errors import BadInput
from ironlaw.models import factories, handed_over, sources


def doubled(x: torch.Tensor) -> torch.Tensor:
    return x * 2


def test_a_lambda_and_its_inputs_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / f"mine{HANDED_OVER}"
    factor = 3.0
    handed_over.keep(lambda x: x * factor, torch.ones(2), path, name="mine")
    made = factories.make(str(path), seed=0)
    assert torch.equal(made.program(*made.examples[0]), torch.full((2,), 3.0))


def test_a_handed_over_program_is_a_source_of_its_own_kind(tmp_path: Path) -> None:
    path = tmp_path / f"mine{HANDED_OVER}"
    with pytest.raises(BadInput, match="cannot read"):
        sources.check_source(str(path))
    handed_over.keep(doubled, torch.ones(2), path, name="mine")
    sources.check_source(str(path))


def test_what_cannot_be_called_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="which cannot be called"):
        ironlaw.compare({"a": doubled, "b": 3}, inputs=torch.ones(1))


@pytest.mark.parametrize("inputs", [[], [1, 2]])
def test_inputs_that_call_nothing_are_refused_before_anything_starts(inputs: list[object]) -> None:
    with pytest.raises(BadInput, match=r"there is no input|other things than tuples"):
        ironlaw.compare({"a": doubled}, inputs=inputs)


def test_a_name_longer_than_a_files_may_be_is_that_of_no_model() -> None:
    with pytest.raises(BadInput, match="there is no model"):
        ironlaw.compare("x" * 300, quiet=True)


def test_a_program_of_a_neighbouring_module_is_read_back_in_replicates(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("class Program:\n    def __call__(self, x): return x\n")
    source = str(tmp_path / f"0{HANDED_OVER}")
    handing = f"from ironlaw.models import handed_over; import pathlib, beside; p = pathlib.Path({source!r})\n"
    ran([f"{handing}handed_over.keep(beside.Program(), [(1,)], p, name='a')"], cwd=tmp_path)
    preparing = f"from ironlaw.models import factories, saved; made = factories.make({source!r}, seed=0).program\n"
    kept = str(tmp_path / "prepared")
    ran(["-P", f"{preparing}from pathlib import Path; saved.save_module(made, Path({kept!r}))"], cwd=tmp_path.parent)
    reading = f"from ironlaw.models import saved; from pathlib import Path; saved.load_module(Path({kept!r}))(3)"
    ran(["-P", reading], cwd=tmp_path.parent)


def ran(words: list[str], *, cwd: Path) -> None:
    *options, code = words
    ended = subprocess.run([sys.executable, *options, "-c", code], cwd=cwd, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_an_open_file_cannot_be_handed_over(tmp_path: Path) -> None:
    with (tmp_path / "x").open("w") as opened, pytest.raises(BadInput, match="cannot be handed to another process"):
        handed_over.keep(lambda x: (opened, x), None, tmp_path / f"mine{HANDED_OVER}", name="mine")


class Noisy(nn.Module):
    """Says where it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> Any:
        return self.inner(x)


@pytest.mark.hardware
def test_modules_and_callables_are_compared_in_children_and_shown(tmp_path: Path) -> None:
    import os

    parent = os.getpid()
    module = Noisy().eval()

    def same(x: torch.Tensor) -> Any:
        assert os.getpid() != parent, "user code runs in children only"
        with torch.inference_mode():
            return module(x)

    explanation = ironlaw.compare(
        {"module": module, "callable": same},
        inputs=torch.ones(2, 4),
        budget=8,
        experiments="none",
        out=tmp_path / "x.jsonl",
    )
    rows = {row.arm: row for row in explanation.arms}
    assert not rows["callable"].failure
    assert rows["callable"].identical_outputs is True
    assert "<table" in explanation._repr_html_()
    assert list(explanation.to_frame().index)[:2] == ["module", "callable"]
