"""Phases of generating text by a causal model of transformers: many tokens at once, or one after a key-value cache.

The tokens are given. What a token sees of those before it lies in a DynamicCache, as in transformers' own generate();
of the logits only those after the last token are computed, as there.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from ironlaw.engines.border.text_losses import text_losses
from ironlaw.engines.torch_modules.weight_only import stored_in_few_bits
from ironlaw.errors import ArmFailed
from ironlaw.factors.weights import ALIASABLE
from ironlaw.missing import Maybe, Missing
from ironlaw.phase import ONE_SEQUENCE, Phase, PhaseKind
from ironlaw.program import Program

BOUNDARY = {
    PhaseKind.PREFILL: "module(input_ids) of the given tokens, with a new cache, until the logits of the last one",
    PhaseKind.DECODE: (
        "module(input_ids, past_key_values) of one given token until its logits are in memory; cropping the cache back"
        " is outside, and no token is sampled"
    ),
}
_CACHE_ARGUMENTS = ("cache", "past_key_values")


def in_phase(program: Program, phase: Phase) -> Program:
    """The program, whose module is called as a phase calls it.

    Raises:
        ArmFailed: the module is no causal model with a key-value cache.
    """
    refuse_unfit(program.module, program.inputs, phase)
    sequence = _Sequence(program.module, phase)
    return replace(
        program,
        infer=sequence.infer,
        feed=sequence.feed,
        before_each=[*program.before_each, *([sequence.rewind] if phase.depth else [])],
        answers=sequence.scores,
        text=lambda: sequence.losses(program.inputs[0][0]),
        work=sequence.work,
        applied={**program.applied, "phase": str(phase)},
        boundary=BOUNDARY[phase.kind],
    )


def refuse_unfit(module: Any, inputs: list[tuple[Any, ...]], phase: Phase) -> None:
    """Check that a module continues text after a key-value cache, and is given one sequence at a time.

    Raises:
        ArmFailed: it takes no cache, or several sequences.
    """
    if not cache_argument(module):
        raise ArmFailed(
            f"phase={phase} is for models with a key-value cache, and this takes none",
            hint="leave phase= out for this arm, or name a causal model of transformers",
        )
    if (sequences := len(inputs[0][0])) > 1:
        raise ArmFailed(f"phase={phase} is measured for one sequence at a time, not {sequences}", hint=ONE_SEQUENCE)


def cache_argument(module: Any) -> str:
    """The name of the module's argument for the cache, by version of transformers; empty if it takes none."""
    named = _arguments(module)
    return next((name for name in _CACHE_ARGUMENTS if name in named and "input_ids" in named), "")


def last_logits_alone(module: Any) -> dict[str, int]:
    """The argument by which a module computes the logits of its last token alone, where it has one."""
    return {"logits_to_keep": 1} if "logits_to_keep" in _arguments(module) else {}


def _arguments(module: Any) -> Collection[str]:
    return inspect.signature(type(module).forward).parameters if hasattr(module, "forward") else {}


def new_cache(module: Any) -> Any:
    """A cache that grows by each token, as transformers' generate() makes it."""
    import transformers

    return transformers.DynamicCache(config=module.config)


def tokens_of_phase(tokens: Any, phase: Phase) -> tuple[Any, Any]:
    """Of a row of tokens, repeated where it is too short: those before an inference, and those it processes."""
    import torch

    needed = phase.depth + phase.processed
    with torch._C.DisableTorchFunction():  # outside of the inference: functions of torch are layers where they are read
        given = torch.as_tensor(tokens)
        taken = given.repeat(1, -(-needed // given.shape[1]))[:, :needed]
        return taken[:, : phase.depth].contiguous(), taken[:, phase.depth :].contiguous()


class _Sequence:
    """A module with the keys and values of the tokens before the one to decode."""

    def __init__(self, module: Any, phase: Phase) -> None:
        self.module, self.phase = module, phase
        self._behind: Any = None
        self._cache: Any = None
        self._argument, self._more = cache_argument(module), last_logits_alone(module)

    def feed(self, *arguments: Any) -> tuple[Any]:
        """The tokens of the phase; for decoding, those before it are brought into the cache once."""
        before, taken = tokens_of_phase(arguments[0], self.phase)
        if self.phase.depth and self._behind is None:
            self._behind = before
            self._fill()
        return (taken,)

    def _fill(self) -> None:
        self._cache = new_cache(self.module)
        self._refuse_short_window()
        self._run(self._behind, self._cache)

    def _refuse_short_window(self) -> None:
        """A layer that sees only the latest tokens keeps no others, and no token can be taken back from it."""
        windows = [getattr(layer, "sliding_window", None) for layer in self._cache.layers]
        shortest = min((window for window in windows if isinstance(window, int)), default=self.phase.depth + 2)
        if self.phase.depth + 1 >= shortest:
            raise ArmFailed(
                f"phase={self.phase} reaches a layer's window of {shortest} tokens, which cannot be taken back",
                hint=f"name {max(1, shortest - 2)} tokens at most, or @compiled",
            )

    def _run(self, tokens: Any, cache: Any) -> Any:
        """The logits after the last token; the cache holds all of them afterwards."""
        given = {self._argument: cache, **self._more}
        return self.module(input_ids=tokens, use_cache=True, **given)[0]

    def rewind(self) -> None:
        """Take the cache back to the tokens before the one that is decoded."""
        import torch

        more = self._cache.get_seq_length() - self.phase.depth if self._cache is not None else 0
        if more > 0:
            with torch._C.DisableTorchFunction():  # as above
                self._cache.crop(-more)

    def infer(self, tokens: Any) -> Any:
        """One inference: the logits after its last token."""
        return self._run(tokens, self._cache if self.phase.depth else new_cache(self.module))

    def scores(self, *arguments: Any) -> Any:
        """The logits after the last token of an inference; each token that is decoded has the same ones before it."""
        given = self.feed(*arguments)
        self.rewind()
        return self.infer(*given)[:, -1].float()

    def losses(self, tokens: Any) -> dict[str, Maybe[float]]:
        """The mean loss on the first of some texts, in nats per token, and the number of tokens."""
        import torch

        cache = new_cache(self.module)
        given = {self._argument: cache}

        def scores(known: Any) -> Any:
            read = torch.as_tensor(known).reshape(1, -1)
            return self.module(input_ids=read, use_cache=True, **given)[0][0].float().numpy()

        with torch.no_grad():
            return text_losses(torch.as_tensor(tokens)[0].numpy(), scores)

    def work(self) -> dict[str, Maybe[float]]:
        """What an inference processes and reads, by the names of ironlaw/phase.py."""
        import torch

        self.rewind()
        weights = weights_by_name(self.module)
        work: dict[str, Maybe[float]] = {
            "tokens": float(self.phase.processed),
            "depth": float(self.phase.depth),
            "threads": float(torch.get_num_threads()),
            "cache_bytes": float(_bytes_of(self._cache)) if self.phase.depth else 0.0,
        }
        if stored_in_few_bits(self.module):
            work[ALIASABLE] = 0.0
        if isinstance(weights, Missing):
            return {**work, "weight_bytes": weights, "macs_per_token": weights}
        work["weight_bytes"] = float(sum(size for _, size, _ in weights))
        work["macs_per_token"] = float(sum(elements for _, _, elements in weights))
        if all("float" in kind for kind, _, _ in weights):
            # Known before the census, so that weight traffic is among the first that are tested.
            work.setdefault(ALIASABLE, work["weight_bytes"])
        for kind in dict.fromkeys(kind for kind, _, _ in weights):
            work[f"weight_bytes_{kind}"] = float(sum(size for one, size, _ in weights if one == kind))
        return work


def weights_by_name(module: Any) -> Maybe[list[tuple[str, int, int]]]:
    """The type, the bytes and the products of each weight that a token reads; an embedding's rows are looked up."""
    import torch

    embeddings = {id(part.weight) for part in module.modules() if isinstance(part, torch.nn.Embedding)}
    multiplied = {id(getattr(part, "weight", None)) for part in module.modules() if isinstance(part, torch.nn.Linear)}
    if any(hasattr(part, "_packed_params") for part in module.modules()):
        return Missing("its int8 weights are packed, and their bytes are not visible")
    found = []
    for weight in {id(weight): weight for weight in module.parameters()}.values():
        is_looked_up = id(weight) in embeddings and id(weight) not in multiplied
        parts = _parts(weight)
        size = sum(part.numel() * part.element_size() for part in parts)
        kind = str(parts[0].dtype).removeprefix("torch.")
        if is_looked_up:
            found.append((kind, size // max(1, weight.shape[0]), 0))
        else:
            found.append((kind, size, weight.numel() if weight.dim() > 1 else 0))
    return found


def _parts(tensor: Any) -> list[Any]:
    """The plain tensors that a weight is made of: itself, or those inside a subclass, such as int8 and scales."""
    if not hasattr(tensor, "__tensor_flatten__"):
        return [tensor]
    names, _ = tensor.__tensor_flatten__()
    return [part for name in names for part in _parts(getattr(tensor, name))]


def _bytes_of(cache: Any) -> int:
    """The bytes of the keys and values of all layers."""
    tensors = [part for layer in cache.layers for part in (layer.keys, layer.values)]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
