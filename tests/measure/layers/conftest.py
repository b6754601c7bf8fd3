"""How layers of torch programs are read in tests: as in a twin, and seeded."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture
def seeded_inference() -> Iterator[None]:
    """Inference mode with torch seeded, and without its warnings."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        yield
