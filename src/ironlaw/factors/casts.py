"""casts: when weights that a model computes with in another number format are converted to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from ironlaw.errors import ArmFailed
from ironlaw.factor import ActsOn, Factor
from ironlaw.missing import Maybe, Missing
from ironlaw.models.inner_modules import inner_modules
from ironlaw.program import Program

_COPY = "aten._to_copy"
_KEPT: list[Any] = []


class Casts(Factor):
    """once: every weight that an inference reads through one conversion alone is stored in the format it converts to.

    autocast whose context is entered in every call converts every weight in every call, as does a layer that calls
    `.to(dtype)` on its weight. What follows computes on the same numbers, bit for bit.
    """

    name = "casts"
    summary = "when weights are converted to the number format that they are multiplied in"
    plain = "own"
    levels = ("own", "once")
    remedies: ClassVar = {
        "once": "convert the module once (module.to(torch.bfloat16)), or enter autocast outside of the loop over calls",
    }
    acts_on = ActsOn.MODULE
    may_move = "resident memory and page faults, by the copies that are no longer made"

    def change(self, level: str, program: Program) -> Program:
        """Watch one inference, convert the weights that it converts, and check that it answers the same.

        Raises:
            ArmFailed: it converts none, or answers differ afterwards.
        """
        import torch

        if module_of(program) is None:
            raise ArmFailed("only the weights of torch modules can be converted", hint="leave casts=once out")
        watch = watched(program)
        found = list(watch.convertible())
        if not found:
            raise ArmFailed(
                "this model converts no weight in its calls, or computes with it in more than one format",
                hint="leave casts=once out for this arm",
            )
        before = _answers(program)
        for tensor, dtype in found:
            # Freeing the originals would move malloc's thresholds, and with them the page faults of every inference.
            _KEPT.append(tensor.data)
            tensor.data = tensor.data.to(dtype)
        if not all(map(torch.equal, before, _answers(program))):
            raise ArmFailed(
                "the model answers differently with its weights converted beforehand", hint="leave casts=once out"
            )
        return program

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """How many weights are converted in a call now."""
        if module_of(program) is None:
            return Missing("no torch module")
        return f"{watched(program).count} weights converted in a call"


class WeightCasts:
    """The conversions of an inference that read a weight or a buffer of a module, as the dispatcher runs them."""

    def __init__(self, module: Any) -> None:
        self.count, self.bytes = 0, 0
        self._held = {address: tensor for tensor in _tensors(module) if (address := _address(tensor))}
        self._formats: dict[int, set[Any]] = {}
        self._read: set[int] = set()

    def see(self, name: str, arguments: Any, output: Any) -> bool:
        """Note an operator that was run; whether it converts a weight."""
        import torch
        from torch.utils._pytree import tree_leaves

        converts = False
        for tensor in tree_leaves(arguments):
            address = _address(tensor) if isinstance(tensor, torch.Tensor) else 0
            if address not in self._held:
                continue
            if name.startswith(_COPY) and output.dtype != tensor.dtype:
                self.count += 1
                self.bytes += output.numel() * output.element_size()
                self._formats.setdefault(address, set()).add(output.dtype)
                converts = True
            elif not (isinstance(output, torch.Tensor) and _address(output) == address):
                self._read.add(address)  # by itself, and not only looked at in another shape
        return converts

    def convertible(self) -> Iterator[tuple[Any, Any]]:
        """The weights that were read through a conversion to one format alone, and the format."""
        for address, formats in self._formats.items():
            if len(formats) == 1 and address not in self._read:
                yield self._held[address], next(iter(formats))


def module_of(program: Program) -> Any | None:
    """The torch module of a program, or one that holds those its callable works with; None where there is none."""
    if program.module is not None:
        return program.module
    inner = inner_modules(program.infer) if program.census is None else ()
    if not inner:
        return None
    from torch import nn

    return nn.ModuleList(inner)


def watched(program: Program) -> WeightCasts:
    """The conversions of weights in one inference of a program with a module, its own or its callable's."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    watch = WeightCasts(module_of(program))

    class Watching(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it untyped
        @classmethod
        def _should_skip_dynamo(cls) -> bool:
            return False  # see measure/census.py

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            output = func(*args, **(kwargs or {}))
            watch.see(str(func), args, output)
            return output

    with torch.inference_mode(False), torch.no_grad(), Watching():  # type: ignore[no-untyped-call]  # as above
        program.answer(*_plain(program.inputs[0]))
    return watch


def _plain(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Copies: modes cannot look into views of inference tensors."""
    return tuple(value.clone() if hasattr(value, "clone") else value for value in inputs)


def _answers(program: Program) -> list[Any]:
    import torch
    from torch.utils._pytree import tree_leaves

    with program.guard():
        answer = program.answer(*program.inputs[0])
        return [leaf.clone() for leaf in tree_leaves(answer) if isinstance(leaf, torch.Tensor)]


def _tensors(module: Any) -> Iterator[Any]:
    yield from module.parameters()
    yield from module.buffers()


def _address(tensor: Any) -> int:
    """Where a tensor's numbers are stored; 0 for one that has no storage of its own."""
    try:
        return int(tensor.untyped_storage().data_ptr())
    except (NotImplementedError, RuntimeError):
        return 0


FACTOR = Casts()
