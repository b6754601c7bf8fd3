"""Phases of generating text in a compiled package: given tokens at once, or one behind keys and values that it takes.

A package keeps no state: the keys and values of the tokens before are computed once, when the arm is prepared, and
are inputs of every inference. The package appends the token's own to them, as transformers' DynamicCache does.
"""

from __future__ import annotations

import copy
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from ironlaw.engines.compiled.aliasing import PackedConstant, constants_of
from ironlaw.engines.torch_modules.bfloat16 import in_bfloat16
from ironlaw.engines.torch_modules.generation import (
    cache_argument,
    last_logits_alone,
    new_cache,
    refuse_unfit,
    tokens_of_phase,
    weights_by_name,
)
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.models import LoadedModel
from ironlaw.phase import TEXT_NATS, TEXT_TOKENS, Phase, PhaseKind
from ironlaw.program import Program

BOUNDARY = {
    PhaseKind.PREFILL: "call of the compiled package with the given tokens until the logits of the last one",
    PhaseKind.DECODE: (
        "call of the compiled package with one given token and the keys and values of those before, until its logits;"
        " no token is sampled"
    ),
}
_ABOUT, _BEHIND = "phase.json", "behind.pt"
_LAST_ALONE = Missing("its package computes the logits of the last token alone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """The keys and values of the tokens before the one that is decoded, by layer in turn; none for prefill."""

    phase: Phase
    tensors: tuple[Any, ...] = ()

    def fed(self, *arguments: Any) -> tuple[Any, ...]:
        """An input of the model as the package takes it."""
        _, taken = tokens_of_phase(arguments[0], self.phase)
        return (taken, *self.tensors)


def in_phase(model: LoadedModel, phase: Phase) -> tuple[LoadedModel, Behind]:
    """The model as a phase calls it, to be exported, and what lies before its tokens.

    Raises:
        ArmFailed: the module is no causal model with a key-value cache.
    """
    import torch

    module = model.form.eval()
    refuse_unfit(module, model.inputs, phase)
    behind = Behind(phase=phase)
    if phase.depth:
        before, _ = tokens_of_phase(model.inputs[0][0], phase)
        with torch.no_grad():
            behind = replace(behind, tensors=_keys_and_values(module, before))
    form = copy.copy(module)
    form.forward = types.MethodType(_behind(phase.depth), form)

    def called(some: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        return [behind.fed(*one) for one in some]

    turns, calibration, probes = map(called, (model.inputs, model.calibration, model.probes))
    made = replace(model, module=form, quantizable=None, inputs=turns, calibration=calibration, probes=probes)
    return made, behind


def _behind(depth: int) -> Callable[..., Any]:
    """What computes the logits of the last token behind keys and values of `depth` earlier ones.

    Layers with a window have the keys and values of the last positions alone, but count all that were before.
    """

    def forward(self: Any, input_ids: Any, *behind: Any) -> Any:
        cache = new_cache(self)
        for layer, keys, values in zip(cache.layers, behind[::2], behind[1::2], strict=False):
            layer.lazy_initialization(keys, values)
            layer.keys, layer.values = keys, values
            if hasattr(layer, "cumulative_length"):
                layer.cumulative_length = depth
        given = {cache_argument(self): cache, **last_logits_alone(self)}
        return type(self).forward(self, input_ids=input_ids, use_cache=True, **given)[0]

    return forward


def _keys_and_values(module: Any, tokens: Any) -> tuple[Any, ...]:
    cache = new_cache(module)
    module(input_ids=tokens, use_cache=True, **{cache_argument(module): cache})
    return tuple(part.contiguous() for layer in cache.layers for part in (layer.keys, layer.values))


def keep(folder: Path, package: Path, module: Any, behind: Behind) -> None:
    """Write what loading needs of a phase: what lies before its tokens, and what an inference reads.

    `module` is the model in the number format that was exported; `behind`, in that in which the package takes it.
    """
    import torch

    torch.save(list(behind.tensors), folder / _BEHIND)
    counts = {  # by the names of ironlaw/phase.py
        "tokens": float(behind.phase.processed),
        "depth": float(behind.phase.depth),
        "cache_bytes": float(sum(one.numel() * one.element_size() for one in behind.tensors)),
    }
    weights = weights_by_name(module)
    if is_known(weights):
        counts["macs_per_token"] = float(sum(products for _, _, products in weights))
    by_kind = bytes_read(constants_of(package), _table(module))
    counts["weight_bytes"] = float(sum(by_kind.values()))
    counts |= {f"weight_bytes_{kind}": float(size) for kind, size in by_kind.items()}
    (folder / _ABOUT).write_bytes(msgspec.json.encode(counts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The rows of an embedding, of which a token reads one, unless they are the output's matrix as well."""

    bytes: int
    rows: int
    is_shared: bool


def _table(module: Any) -> Table | None:
    rows, output = module.get_input_embeddings(), module.get_output_embeddings()
    if rows is None:
        return None
    weight = rows.weight
    is_shared = output is not None and output.weight is weight
    return Table(bytes=weight.numel() * weight.element_size(), rows=weight.shape[0], is_shared=is_shared)


def bytes_read(constants: Sequence[PackedConstant], table: Table | None) -> dict[str, int]:
    """The bytes of a package's constants that one inference reads, by type of number; of a table one row.

    A table that is the output's matrix as well is read whole, unless a packed copy of it is: then it is there twice.
    """
    same = [place for place, one in enumerate(constants) if table is not None and one.bytes == table.bytes]
    looked_up = same[0] if same and table is not None and (not table.is_shared or len(same) > 1) else None
    found: dict[str, int] = {}
    for place, one in enumerate(constants):
        size = one.bytes // table.rows if table is not None and place == looked_up else one.bytes
        found[one.kind] = found.get(one.kind, 0) + size
    return found


def load_behind(folder: Path, phase: Phase) -> Behind:
    """What lies before the tokens of a phase, as `keep` wrote it."""
    import torch

    return Behind(phase=phase, tensors=tuple(torch.load(folder / _BEHIND)))


def narrowed(behind: Behind) -> Behind:
    """The same in bfloat16."""
    return replace(behind, tensors=in_bfloat16(behind.tensors))


def phased(program: Program, behind: Behind, folder: Path) -> Program:
    """The program of a package, called as a phase calls it."""
    profile = program.profile

    def answers(*arguments: Any) -> Any:
        return program.infer(*behind.fed(*arguments))[:, -1].float()

    def profiled(inputs: list[tuple[Any, ...]]) -> Any:
        assert profile is not None, "set where there is one"
        return profile([behind.fed(*one) for one in inputs])

    return replace(
        program,
        feed=behind.fed,
        answers=answers,
        text=lambda: {TEXT_NATS: _LAST_ALONE, TEXT_TOKENS: _LAST_ALONE},
        work=_work_of(folder),
        profile=profiled if profile is not None else None,
        boundary=BOUNDARY[behind.phase.kind],
    )


def _work_of(folder: Path) -> Callable[[], dict[str, Maybe[float]]]:
    def work() -> dict[str, Maybe[float]]:
        import torch

        stated = msgspec.json.decode((folder / _ABOUT).read_bytes(), type=dict[str, float])
        unknown: dict[str, Maybe[float]] = {"macs_per_token": Missing("its weights are packed")}
        return {**unknown, **stated, "threads": float(torch.get_num_threads())}

    return work
