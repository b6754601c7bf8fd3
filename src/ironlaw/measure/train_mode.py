"""Which layers of a torch module compute as in training: the ones whose result or kernel depends on their mode."""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from ironlaw.missing import Maybe, Missing
from ironlaw.models.inputs import leaves
from ironlaw.program import Program

_FLAGS = ("training", "train")  # what torch's operators call the argument that says so


def layers_as_in_training(program: Program) -> Maybe[tuple[str, ...]]:
    """The layers in train mode that infer otherwise in eval mode, as "features.1 (BatchNorm2d)"; in order.

    Every fresh module is in train mode, and most mean nothing by it. BatchNorm, dropout and attention are judged by
    their settings. Of other layers whose code reads `self.training`, the program's answers decide: in train mode,
    in train mode again, and with those layers alone in eval mode, all from one seed. A mode that is written into a
    graph (traced, scripted or exported in train mode) counts as well.
    """
    if program.module is None or not hasattr(program.module, "named_modules"):
        return Missing("the engine does not show its modules")
    named = [(name or "the module", part) for name, part in program.module.named_modules()]
    settled = {name: part for name, part in named if _trains(part) and _matters(part)}
    baked = {name: part for name, part in named if _holds_train_mode(part)}
    unsettled = {name: part for name, part in named if _trains(part) and name not in settled and _reads_its_mode(part)}
    if unsettled and not _gives_same_outputs(program, list(unsettled.values())):
        settled |= unsettled
    return tuple(f"{name} ({_kind(part)})" for name, part in named if name in settled or name in baked)


def _trains(part: Any) -> bool:
    return bool(getattr(part, "training", False))  # a frozen graph has no mode


def _kind(part: Any) -> str:
    return str(getattr(part, "original_name", type(part).__name__))


def _matters(part: Any) -> bool:
    """Whether a layer of torch, with its settings, computes otherwise while training."""
    from torch import nn

    kind = type(part)
    if _is_converted(part):
        return False
    if issubclass(kind, nn.modules.batchnorm._NormBase):
        return getattr(part, "running_mean", None) is not None
    if issubclass(kind, nn.modules.dropout._DropoutNd):
        return float(part.p) > 0
    if issubclass(kind, nn.RNNBase):
        return float(part.dropout) > 0 and part.num_layers > 1
    if issubclass(kind, nn.MultiheadAttention):
        # In train mode it does not take its fast path, which needs batches first and one width.
        return float(part.dropout) > 0 or bool(part.batch_first and part._qkv_same_embed_dim)
    return issubclass(kind, nn.RReLU)


def _is_converted(part: Any) -> bool:
    """Conversion makes new modules, which start in train mode and mean nothing by it."""
    return type(part).__module__.startswith("torch.ao.")


def _reads_its_mode(part: Any) -> bool:
    """Whether a scripted layer, or a method of a layer that is not torch's own, reads `self.training`."""
    import torch

    if isinstance(part, torch.jit.ScriptModule):
        return hasattr(part, "graph") and "self.training" in part.code
    classes = [one for one in type(part).__mro__ if not one.__module__.startswith("torch.")]
    return any(_names_training(code) for one in classes for code in _codes(one))


def _codes(one: type) -> Iterator[CodeType]:
    for value in vars(one).values():
        if isinstance(value, FunctionType):
            yield value.__code__


def _names_training(code: CodeType) -> bool:
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return "training" in code.co_names or any(map(_names_training, inner))


def _holds_train_mode(part: Any) -> bool:
    """Whether an operator of the layer's own graph is called with train mode as a constant."""
    import torch

    if isinstance(part, torch.jit.ScriptModule):
        return hasattr(part, "graph") and any(map(_scripted_for_training, part.graph.nodes()))
    if isinstance(part, torch.fx.GraphModule):
        return any(map(_recorded_for_training, part.graph.nodes))
    return False


def _scripted_for_training(node: Any) -> bool:
    if not node.kind().startswith("aten::") or node.schema() == "(no schema)":
        return False
    import torch

    names = [one.name for one in torch._C.parse_schema(node.schema()).arguments]
    given = dict(zip(names, node.inputs(), strict=False))
    if not _drops({name: value.toIValue() for name, value in given.items() if name == "p"}):
        return False
    return any(name in given and given[name].toIValue() is True for name in _FLAGS)


def _recorded_for_training(node: Any) -> bool:
    if node.op != "call_function":
        return False
    schema = getattr(node.target, "_schema", None)
    names = [one.name for one in schema.arguments] if schema is not None else []
    given = {**dict(zip(names, node.args, strict=False)), **node.kwargs}
    return _drops(given) and any(given.get(name) is True for name in _FLAGS)


def _drops(given: dict[str, Any]) -> bool:
    """Dropout with a share of nothing is the same in both modes; other operators have no share."""
    return given.get("p") is None or given["p"] > 0


def _gives_same_outputs(program: Program, parts: list[Any]) -> bool:
    """Whether it answers the same with those layers in eval mode; of one that never repeats itself nothing is shown."""
    first, again = _answers(program), _answers(program)
    for part in parts:
        part.training = False
    try:
        evaluated = _answers(program)
    finally:
        for part in parts:
            part.training = True
    return not _same(first, again) or _same(first, evaluated)


def _answers(program: Program) -> list[Any]:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return [leaf.clone() if hasattr(leaf, "clone") else leaf for leaf in leaves(program.answer(*program.inputs[0]))]


def _same(one: list[Any], other: list[Any]) -> bool:
    import torch

    if len(one) != len(other):
        return False
    return all(
        torch.equal(mine, theirs) if isinstance(mine, torch.Tensor) else bool((mine == theirs).all())
        for mine, theirs in zip(one, other, strict=True)
    )
