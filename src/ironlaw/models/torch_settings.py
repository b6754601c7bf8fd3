"""torch settings that a user's code changes while it makes a model; every process of the model applies them.

A factory runs once, in the process that prepares; replicates read what it made in processes of their own, where torch
has its defaults. What the factory changed is found by comparing before and after, recorded, and changed there again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ironlaw.errors import ArmFailed
from ironlaw.models import torch_use
from ironlaw.models.weights import first_line

Value = bool | int | str
Settings = dict[str, Value]


@dataclass(frozen=True, slots=True)
class _Setting:
    """How to read and apply one setting."""

    read: Callable[[], Value]
    apply: Callable[[Any], object]


def read_settings() -> Settings:
    """Every setting as it is in this process and thread; none where torch is not loaded."""
    if not torch_use.is_loaded():
        return {}
    return {name: setting.read() for name, setting in _settings().items()}


def changed_since(before: Settings) -> Settings:
    """The settings that are no longer what they were."""
    return {name: value for name, value in read_settings().items() if value != before.get(name, value)}


def apply_settings(settings: Settings) -> None:
    """Change them as the model's own code did.

    Raises:
        ArmFailed: this process cannot take one of them.
    """
    known = _settings() if settings else {}
    for name, value in settings.items():
        try:
            known[name].apply(value)
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            raise ArmFailed(
                f"the program sets torch's {name} to {value}, which its own process refuses: {first_line(error)}",
                hint="leave that setting out of the factory, or make it inside the call",
            ) from None


def statements(settings: Settings) -> list[str]:
    """Python that changes them in a script that has imported torch; torch itself is not needed to write it."""
    return [_STATEMENTS[name](value) for name, value in settings.items()]


def settings_notes(settings: Settings, *, is_used: bool) -> tuple[str, ...]:
    """Notes about the settings, for a model that runs with torch or without."""
    effect = "so does every replicate" if is_used else "its engine runs without torch, where that changes nothing"
    return tuple(f"its own code sets torch's {name} to {value}: {effect}" for name, value in settings.items())


# The text of what `_settings` calls: a recorded value enters as its literal, and never as code.
_STATEMENTS: dict[str, Callable[[Value], str]] = {
    "threads": "torch.set_num_threads({!r})".format,
    # torch takes it once a process, and raises afterwards.
    "threads between operators": (
        "if torch.get_num_interop_threads() != {0!r}:\n    torch.set_num_interop_threads({0!r})".format
    ),
    "default dtype": "torch.set_default_dtype(getattr(torch, {!r}))".format,
    "gradients": "torch.set_grad_enabled({!r})".format,
    "float32 matmul precision": "torch.set_float32_matmul_precision({!r})".format,
    "deterministic algorithms": lambda level: (
        f"torch.use_deterministic_algorithms({level != 'off'}, warn_only={level == 'warn'})"
    ),
    "filling of uninitialized memory": "torch.utils.deterministic.fill_uninitialized_memory = {!r}".format,
    "flushing of subnormals": "torch.set_flush_denormal({!r})".format,
    "quantized engine": "torch.backends.quantized.engine = {!r}".format,
    "oneDNN": "torch.backends.mkldnn.set_flags({!r})".format,
    "attention's fast path": "torch.backends.mha.set_fastpath_enabled({!r})".format,
    "flash attention": "torch.backends.cuda.enable_flash_sdp({!r})".format,
    "memory-efficient attention": "torch.backends.cuda.enable_mem_efficient_sdp({!r})".format,
    "plain attention": "torch.backends.cuda.enable_math_sdp({!r})".format,
}


def _settings() -> dict[str, _Setting]:
    import torch

    cuda, mkldnn = torch.backends.cuda, torch.backends.mkldnn  # CPU attention asks the flags of the former
    quantized: Any = torch.backends.quantized
    filling: Any = torch.utils.deterministic
    return {
        "threads": _Setting(torch.get_num_threads, torch.set_num_threads),
        "threads between operators": _Setting(torch.get_num_interop_threads, torch.set_num_interop_threads),
        "default dtype": _Setting(
            lambda: _name(torch.get_default_dtype()), lambda name: torch.set_default_dtype(getattr(torch, name))
        ),
        "gradients": _Setting(torch.is_grad_enabled, torch.set_grad_enabled),
        "float32 matmul precision": _Setting(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
        "deterministic algorithms": _Setting(_determinism, _set_determinism),
        "filling of uninitialized memory": _Setting(
            lambda: bool(filling.fill_uninitialized_memory),
            lambda value: setattr(filling, "fill_uninitialized_memory", value),
        ),
        "flushing of subnormals": _Setting(_flushes_subnormals, torch.set_flush_denormal),
        "quantized engine": _Setting(lambda: str(quantized.engine), lambda name: setattr(quantized, "engine", name)),
        "oneDNN": _Setting(lambda: bool(mkldnn.enabled), mkldnn.set_flags),
        "attention's fast path": _Setting(
            torch.backends.mha.get_fastpath_enabled, torch.backends.mha.set_fastpath_enabled
        ),
        "flash attention": _Setting(cuda.flash_sdp_enabled, cuda.enable_flash_sdp),
        "memory-efficient attention": _Setting(cuda.mem_efficient_sdp_enabled, cuda.enable_mem_efficient_sdp),
        "plain attention": _Setting(cuda.math_sdp_enabled, cuda.enable_math_sdp),
    }


def _name(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def _determinism() -> str:
    import torch

    if not torch.are_deterministic_algorithms_enabled():
        return "off"
    return "warn" if torch.is_deterministic_algorithms_warn_only_enabled() else "on"


def _set_determinism(level: str) -> None:
    import torch

    torch.use_deterministic_algorithms(level != "off", warn_only=level == "warn")


def _flushes_subnormals() -> bool:
    """Asked by computing one: torch sets it and does not say it."""
    import torch

    halved: float = (torch.full((1,), torch.finfo(torch.float32).tiny, dtype=torch.float32) / 2).item()
    return halved == 0.0
