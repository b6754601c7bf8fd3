"""The Hugging Face hub: whether it can be asked, so that nothing waits or retries without a network."""

from __future__ import annotations

import os
import sys

from ironlaw.errors import BadInput
from ironlaw.models.weights import unreachable
from ironlaw.telemetry import TelemetryOff

ADDRESS = "https://huggingface.co"
CACHE = "Hugging Face's cache"
# Read by huggingface_hub when it is imported; transformers, timm and sentence-transformers report through it.
TELEMETRY_OFF = TelemetryOff(variables={"HF_HUB_DISABLE_TELEMETRY": "1"})


def offline() -> str | None:
    """Why the hub cannot be asked, and from then on only the cache is used; None when it answers."""
    if os.environ.get("HF_HUB_OFFLINE", "0") not in ("0", ""):
        return "HF_HUB_OFFLINE is set"
    reason = unreachable(ADDRESS)
    if reason is not None:
        _use_the_cache_alone()
    return reason


def _use_the_cache_alone() -> None:
    """Set huggingface_hub offline. Otherwise it retries each file five times, for half a minute.

    It reads the variable when it is imported, which is earlier where twins are forked after the library that
    opens the model was imported.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    constants = sys.modules.get("huggingface_hub.constants")
    if constants is not None:
        constants.HF_HUB_OFFLINE = True  # type: ignore[attr-defined]  # a module of that name has it


def not_cached(name: str, reason: str) -> BadInput:
    """The error for a model that would have to be requested."""
    return BadInput(
        f"{name} is not in the cache, and {reason}",
        hint="name the folder with its config.json, or run with a network once",
    )
