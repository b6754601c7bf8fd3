"""Inputs that every engine takes: of several lengths, and as arrays."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch.utils._pytree import tree_leaves

from ironlaw.engines import ENGINES
from ironlaw.errors import ArmFailed
from ironlaw.missing import Missing

from . import small

pytestmark = pytest.mark.filterwarnings("ignore")  # exporters and compilers warn of their own ways
PREPARING = [
    name for name, declared in ENGINES.items() if not declared.shows_module and "fp32" in declared.offers
]  # make a program of their own
GIVEN_FILES = [name for name, declared in ENGINES.items() if declared.files and "fp32" in declared.offers]


def execution(name: str) -> ModuleType:
    """An engine's module; skips where it cannot run here."""
    if isinstance(found := ENGINES[name].installed(), Missing):
        pytest.skip(found.reason)
    return importlib.import_module(f"ironlaw.engines.{name}.execution")


@pytest.mark.parametrize("name", PREPARING)
def test_inputs_of_several_lengths_are_all_answered_whole(name: str, tmp_path: Path) -> None:
    model = small.words()
    _, _, answers = small.run(execution(name), f"fp32@{name}", model, tmp_path)
    torch.testing.assert_close(answers, small.expected(model), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", PREPARING)
def test_what_holds_for_one_length_only_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ArmFailed) as failed:
        small.run(execution(name), f"fp32@{name}", small.words(small.OneLength()), tmp_path)
    assert failed.value.hint


@pytest.mark.parametrize("name", GIVEN_FILES)
def test_what_the_clock_sees_begins_with_arrays(name: str, tmp_path: Path) -> None:
    _, program, _ = small.run(execution(name), f"fp32@{name}", small.two(), tmp_path)
    fed = program.feed(*program.inputs[0])
    assert not any(isinstance(leaf, torch.Tensor) for leaf in tree_leaves(fed))
    program.infer(*fed)
