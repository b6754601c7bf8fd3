"""What an arm runs: one inference, its inputs, and what surrounds it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ironlaw.laws import Amount
from ironlaw.missing import Maybe, Missing

if TYPE_CHECKING:
    from ironlaw.layer import NodeProfile


def _as_they_are(*arguments: Any) -> tuple[Any, ...]:
    return arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorCensus:
    """What one inference executed, by the names of measure/census.py, and of some the nodes by their own names."""

    counts: dict[str, Maybe[float]]
    nodes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def without(cls, reason: str) -> OperatorCensus:
        """Nothing counted, and why."""
        return cls(counts=dict.fromkeys(("operators", "int8_operators", "subnormal_share"), Missing(reason)))


@dataclass(slots=True, kw_only=True)
class Program:
    """A model ready to be called.

    `infer(*feed(*inputs[i]))` is one inference with its output fetched; the clock sees `infer` alone, and `feed` puts
    the tensors of an input into what the engine takes (arrays) before it starts. `guard` is entered once
    around all turns (torch.inference_mode for torch arms). `before_each` runs between inferences, outside the clock.
    `profile` runs inferences under the engine's own profiler, where it has one that distinguishes nodes, and `census`
    counts what one inference executes, where the engine shows it. `applied` says of factors that the engine applied
    itself what is in effect.
    """

    infer: Callable[..., Any]
    inputs: list[tuple[Any, ...]]
    feed: Callable[..., tuple[Any, ...]] = _as_they_are
    module: Any | None = None  # the torch module inside, when there is one
    guard: Callable[[], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext
    before_each: list[Callable[[], None]] = field(default_factory=list)
    profile: Callable[[list[tuple[Any, ...]]], NodeProfile] | None = None
    census: Callable[[], OperatorCensus] | None = None
    applied: dict[str, str] = field(default_factory=dict)
    boundary: str = "call with the input in memory until the output is in memory"

    def answer(self, *arguments: Any) -> Any:
        """The output for an input of the model, where nothing is timed."""
        return self.infer(*self.feed(*arguments))


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedModel:
    """What preparing an arm left behind: a file to load, and facts about how it was made.

    `size_bytes` is the size of the saved state_dict (or of the model file where there is none); `phases_ns` are the
    one-time costs by name (fuse, calibrate, convert, export, compile); `weights` says where they came from. `imports`
    are modules that this model's classes live in or its program loads: a replicate's interpreter imports them once,
    before its twins are forked, like what its engine loads. `settings` are torch's own that the model's code changed
    while it was made (models/torch_settings.py); every replicate is given them. `applied` says, per factor that was
    applied while it was made, what that did.
    """

    path: str
    size_bytes: Amount
    phases_ns: dict[str, Amount]
    weights: str
    notes: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    settings: dict[str, bool | int | str] = field(default_factory=dict)
    applied: dict[str, str] = field(default_factory=dict)
