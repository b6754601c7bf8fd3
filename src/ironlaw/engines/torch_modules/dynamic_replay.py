"""Replays layers of dynamic int8 in eager PyTorch: the whole network, with single modules exchanged.

The int8 modules are the arm's own, so their kernels and the ranges that they find in each call are, too. Nothing is
traced, which few transformers can be.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from ironlaw.errors import ArmFailed
from ironlaw.models.inputs import leaves
from ironlaw.replayer import Begun, Flipped, ReplaySite, Rounding

HOW = "the whole network in eager PyTorch, with modules of the arm in the place of those in float"
_INT8 = ".quantized.dynamic"


class DynamicReplayer:
    """The dynamically quantized modules of one arm."""

    how = HOW
    runs_kernels = False

    def __init__(self, in_float: Any, in_int8: Any) -> None:
        """Of a module in float and its copy in which some modules are int8; modules are exchanged in the copy.

        Raises:
            ArmFailed: the copy has none that is.
        """
        import torch

        self._holder = torch.nn.Module()
        self._holder.network = in_int8
        self._paths = list(_int8_paths(in_int8))
        if not self._paths:
            raise ArmFailed("no module of it is quantized dynamically", hint="see ironlaw layers FILE")
        self._int8 = [in_int8.get_submodule(path) for path in self._paths]
        times = Counter(id(part) for _, part in in_float.named_modules(remove_duplicate=False))
        parts = [in_float.get_submodule(path) for path in self._paths]
        # One that is called by two paths gives one of its outputs by each.
        self._float = [part if times[id(part)] == 1 else copy.deepcopy(part) for part in parts]
        self.sites = tuple(
            ReplaySite(name=path or operator, path=path, operator=operator, nodes=(path,))
            for path, part in zip(self._paths, self._float, strict=True)
            for operator in (type(part).__name__,)
        )
        self.at_once = len(self.sites)
        self._all = frozenset(range(len(self.sites)))
        self._arguments: tuple[Any, ...] = ()
        self._own: list[Any] = []

    def open(self, places: Any) -> None:
        """Do nothing: both forms of every module are there."""

    def begin(self, arguments: tuple[Any, ...]) -> Begun:
        """Run both networks, and keep what each module gives in float."""
        self._arguments = arguments
        in_float, self._own = self._watched(frozenset(), self._float)
        return Begun(in_float=in_float, in_int8=self._run(self._all, arguments))

    def flip(self, place: int) -> Flipped:
        """Run the network with one module in int8, and with all others."""
        alone, (own,) = self._watched(frozenset({place}), [self._int8[place]])
        return Flipped(
            own_float=self._own[place],
            own_int8=own,
            alone=alone,
            left_float=self._run(self._all - {place}, self._arguments),
        )

    def value_of(self, step: Rounding) -> Any:
        """Never called: a range that is found in each call is no site's."""
        raise AssertionError(f"{step.name} has no range of its own")

    def mixed(self, floats: frozenset[int]) -> Callable[[tuple[Any, ...]], list[Any]]:
        """The network with some modules in float."""
        return lambda arguments: self._run(self._all - floats, arguments)

    def _run(self, int8: frozenset[int], arguments: tuple[Any, ...]) -> list[Any]:
        """The network's outputs with these modules in int8."""
        import torch

        for place, path in enumerate(self._paths):
            around, _, name = f"network.{path}".rstrip(".").rpartition(".")
            part = self._int8[place] if place in int8 else self._float[place]
            setattr(self._holder.get_submodule(around), name, part)
        network: Any = self._holder.network
        with torch.inference_mode():
            return [_array(one) for one in leaves(network(*arguments))]

    def _watched(self, int8: frozenset[int], parts: Collection[Any]) -> tuple[list[Any], list[Any]]:
        """The network's outputs, and those of some modules."""
        with _outputs_of(parts) as seen:
            answers = self._run(int8, self._arguments)
        return answers, [_joined(seen[id(part)]) for part in parts]


def _int8_paths(module: Any) -> Iterator[str]:
    """The outermost int8 modules, also where one module has two paths."""
    found: list[str] = []
    for path, part in module.named_modules(remove_duplicate=False):
        if _INT8 in type(part).__module__ and not any(not one or path.startswith(f"{one}.") for one in found):
            found.append(path)
            yield path


@contextmanager
def _outputs_of(parts: Collection[Any]) -> Iterator[dict[int, list[Any]]]:
    """By id of a module the arrays that its calls give."""
    seen: dict[int, list[Any]] = {id(part): [] for part in parts}

    def look(part: Any, arguments: tuple[Any, ...], given: Any) -> None:
        seen[id(part)] += [_array(one) for one in leaves(given)]

    hooks = [part.register_forward_hook(look) for part in parts]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _joined(arrays: list[Any]) -> Any:
    """All numbers that a module gave in an inference, of all its outputs and calls."""
    import numpy

    return numpy.concatenate([one.ravel() for one in arrays]) if arrays else numpy.zeros(0)


def _array(value: Any) -> Any:
    return value.detach().float().numpy().copy()
