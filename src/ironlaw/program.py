"""What an arm runs: one inference, its inputs, and the hooks around it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ironlaw.missing import Maybe, Missing
from ironlaw.ranges import Amount

if TYPE_CHECKING:
    from ironlaw.layer import NodeProfile


def _as_they_are(*arguments: Any) -> tuple[Any, ...]:
    return arguments


# What a census calls the operators whose int8 kernels answer otherwise than float kernels of the same quantized model.
FAULTY = "faulty_operators"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorCensus:
    """Counts of what one inference executed, under the names of measure/census.py, with the names of some of the
    nodes.
    """

    counts: dict[str, Maybe[float]]
    nodes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def without(cls, reason: str) -> OperatorCensus:
        """An empty census, and why."""
        return cls(counts=dict.fromkeys(("operators", "int8_operators", "subnormal_share"), Missing(reason)))


@dataclass(slots=True, kw_only=True)
class Program:
    """A model ready to be called.

    `infer(*feed(*inputs[i]))` is one inference including its output. Only `infer` is timed; `feed` converts an input to
    what the engine takes before the clock starts. `guard` is entered once around all turns (torch.inference_mode for
    torch arms). `before_each` runs between inferences and is not timed. `profile` runs inferences under the engine's
    own profiler, if it has one that distinguishes nodes. `census` counts what one inference executes, if the engine
    exposes it. `text` gives how well a language model predicts a text. `work` gives what one inference processes and
    reads, if the engine knows that without counting. `answers` gives the output by which arms are compared, if that is
    not the output of `infer`. `applied`
    states what is in effect for factors that the engine applied itself.
    """

    infer: Callable[..., Any]
    inputs: list[tuple[Any, ...]]
    feed: Callable[..., tuple[Any, ...]] = _as_they_are
    module: Any | None = None  # the torch module inside, when there is one
    guard: Callable[[], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext
    before_each: list[Callable[[], None]] = field(default_factory=list)
    profile: Callable[[list[tuple[Any, ...]]], NodeProfile] | None = None
    census: Callable[[], OperatorCensus] | None = None
    work: Callable[[], dict[str, Maybe[float]]] = dict
    answers: Callable[..., Any] | None = None
    text: Callable[[], dict[str, Maybe[float]]] = dict
    applied: dict[str, str] = field(default_factory=dict)
    boundary: str = "call with the input in memory until the output is in memory"

    def answer(self, *arguments: Any) -> Any:
        """Return the output for an input of the model, untimed, from the state that every inference begins in."""
        fed = self.feed(*arguments)
        for prepare in self.before_each:
            prepare()
        return self.infer(*fed)

    def compared(self, *arguments: Any) -> Any:
        """The output by which arms are compared, for an input of the model."""
        return self.answer(*arguments) if self.answers is None else self.answers(*arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedModel:
    """The result of preparing an arm: a file to load, and facts about how it was made.

    `size_bytes` is the size of the saved state_dict (or of the model file: of a program as given, of the file that it
    was saved in); `phases_ns` are the one-time costs by name (fuse, calibrate, convert, export, compile); `weights` is
    where the weights came from. `imports` are the modules that define this model's classes or that its program loads: a
    replicate's interpreter imports them once, before its twins are forked. `settings` are torch settings that the
    model's code changed while it was made (models/torch_settings.py); every replicate applies them. `applied` holds the
    effect of each factor that was applied while the model was made.
    """

    path: str
    size_bytes: Amount
    phases_ns: dict[str, Amount]
    weights: str
    notes: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    settings: dict[str, bool | int | str] = field(default_factory=dict)
    applied: dict[str, str] = field(default_factory=dict)
