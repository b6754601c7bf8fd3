"""Whether torch is loaded in this process, without importing it: ironlaw runs without torch."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from typing import Any

from ironlaw.errors import ArmFailed


def is_loaded() -> bool:
    """Whether torch has been imported; if not, no object can be torch's."""
    return "torch" in sys.modules


def is_installed() -> bool:
    """Whether torch could be imported."""
    return is_loaded() or importlib.util.find_spec("torch") is not None


def is_module(value: Any) -> bool:
    """Whether something is a torch module."""
    return is_loaded() and isinstance(value, sys.modules["torch"].nn.Module)


def require_module(value: Any, name: str) -> None:
    """Refuse a model that is no torch module: what traces, exports or converts it takes nothing else.

    Raises:
        ArmFailed: names the model.
    """
    if not is_module(value):
        raise ArmFailed(f"{name} is not a torch module", hint="return a torch module from the factory")


def is_tensor(value: Any) -> bool:
    """Whether something is a tensor of torch."""
    return is_loaded() and isinstance(value, sys.modules["torch"].Tensor)


def is_in_inference_mode() -> bool:
    """Whether torch records nothing in this thread now."""
    return is_loaded() and bool(sys.modules["torch"].is_inference_mode_enabled())


def with_gradients() -> contextlib.AbstractContextManager[Any]:
    """Gradients recorded also under torch.inference_mode, where torch is loaded."""
    if not is_loaded():
        return contextlib.nullcontext()
    torch = sys.modules["torch"]
    entered = contextlib.ExitStack()
    entered.enter_context(torch.inference_mode(mode=False))
    entered.enter_context(torch.enable_grad())
    return entered


def without_gradients() -> contextlib.AbstractContextManager[Any]:
    """torch.no_grad, where torch is loaded."""
    return sys.modules["torch"].no_grad() if is_loaded() else contextlib.nullcontext()
