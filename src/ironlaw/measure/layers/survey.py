"""Survey an arm: the layers that one inference calls, their tensors, what feeds them, and the kernels that run them.

Done once per replicate, after all counted turns. Lighter code then reads the surveyed layers; the survey makes sure
that the program runs the same operators under that code as without it.
"""

from __future__ import annotations

import contextlib
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ironlaw.layer import Form, LayerCall, LayerGraph
from ironlaw.measure.layers.kernel_log import KernelLog
from ironlaw.measure.layers.reading import Course, standing_in
from ironlaw.measure.layers.sites import Sites, find_sites, plain_name
from ironlaw.measure.layers.tensors import forms, nested_objects, own_weights, tensors, unpacked, weights_of
from ironlaw.program import Program

WHOLE = "program"  # the operator of the only call of a program whose layers cannot be distinguished
_NO_FUNCTIONS = (
    "functional operators are not read, since that would change which operators run; they are framework time"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The layers of an arm as facts, and the course by which they are read."""

    graph: LayerGraph
    course: Course


def survey(program: Program, arm: str, *, library: str = "") -> Survey:
    """Run a few inferences of a torch program and report its layers; `library` is what int8 weights are packed for.

    A program whose layers cannot be distinguished has one layer, and a note that says why.
    """
    alone, _ = _operators(program, Course())
    sites = find_sites(program.module)
    discovery = _discover(program, sites, library)
    modules = [place for place, call in enumerate(discovery.calls) if call.site is not None]
    for kept, notes in ((list(range(len(discovery.calls))), ()), (modules, (_NO_FUNCTIONS,))):
        calls = _picked(discovery.calls, kept)
        course = _course(sites, calls)
        operators, by_call = _operators(program, course)
        if calls and operators == alone and by_call is not None:
            graph = LayerGraph(
                arm=arm,
                calls=tuple(call.as_fact(names) for call, names in zip(calls, by_call, strict=True)),
                silent=sites.silent,
                passed=discovery.passed if len(modules) < len(calls) else 0,
                notes=notes,
            )
            return Survey(graph=graph, course=course)
    changed = "two inferences, one of them read layer by layer, did not run the same operators"
    return whole(program, arm, changed if discovery.calls else "it calls no layer and no function of torch from Python")


def whole(program: Program, arm: str, reason: str) -> Survey:
    """The survey of a program that is one layer."""
    inputs = program.inputs[0] if program.inputs else ()
    call = LayerCall(path="", operator=WHOLE, inputs=forms(tensors(inputs)), fed_by=(-1,))
    graph = LayerGraph(arm=arm, calls=(call,), notes=(f"the whole model is one layer: {reason}",))
    return Survey(graph=graph, course=Course())


@dataclass(slots=True, kw_only=True)
class _Found:
    """A call as it ran: its site or its function, its tensors, what fed it."""

    path: str
    operator: str
    site: int | None = None
    function: Any = None
    repeat: int = 0
    inputs: tuple[Form, ...] = ()
    outputs: tuple[Form, ...] = ()
    parameters: tuple[Form, ...] = ()
    fed_by: tuple[int, ...] = ()
    kernels: tuple[str, ...] = ()
    library: str = ""

    def as_fact(self, operators: tuple[str, ...]) -> LayerCall:
        return LayerCall(
            path=self.path,
            operator=self.operator,
            repeat=self.repeat,
            is_functional=self.site is None,
            inputs=self.inputs,
            outputs=self.outputs,
            parameters=self.parameters,
            fed_by=self.fed_by,
            operators=operators,
            kernels=self.kernels,
            library=self.library,
        )


@dataclass(slots=True)
class _Discovery:
    """Everything that one inference called."""

    library: str
    weights: frozenset[int]
    log: KernelLog
    calls: list[_Found] = field(default_factory=list)
    passed: int = 0
    holders: list[str] = field(default_factory=lambda: [""])
    made_by: dict[int, int] = field(default_factory=dict)
    watched: list[Any] = field(default_factory=list)  # weak references: an id is forgotten with its tensor
    repeats: Counter[tuple[str, str]] = field(default_factory=Counter)
    is_inside: bool = False

    def run(self, found: _Found, run: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Run a layer and note it."""
        self.is_inside = True  # looking at tensors calls functions of torch as well
        try:
            return self._run(found, run, args, kwargs)
        finally:
            self.is_inside = False

    def _run(self, found: _Found, run: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        given = tensors((args, kwargs))
        data = [tensor for tensor in given if id(tensor) not in self.weights]
        found.inputs = forms(data)
        if found.site is None:
            packed = [form for leaf in nested_objects((args, kwargs)) for form in unpacked(leaf)]
            found.parameters = (*forms([tensor for tensor in given if id(tensor) in self.weights]), *packed)
        found.fed_by = tuple(dict.fromkeys(self.made_by.get(id(tensor), -1) for tensor in data))
        self.log.cut()
        made = run(*args, **kwargs)
        found.kernels = self.log.cut()
        made_tensors = tensors(made)
        found.outputs = forms(made_tensors)
        is_packed = any(form.dtype in ("qint8", "quint8") for form in found.parameters)
        found.library = self.library if is_packed and not found.kernels else ""
        found.repeat = self.repeats[found.path, found.operator]
        self.repeats[found.path, found.operator] += 1
        for tensor in made_tensors:
            self._note_maker(tensor)
        self.calls.append(found)
        return made

    def _note_maker(self, tensor: Any) -> None:
        """Keep which call made a tensor, without keeping the tensor.

        A survey that held everything one inference makes would leave malloc's heap in another state than it found it
        in: seen, 3200 page faults an inference before it and 5600 after it.
        """
        identity = id(tensor)
        self.made_by[identity] = len(self.calls)
        self.watched.append(weakref.ref(tensor, lambda _: self.made_by.pop(identity, None)))

    def forget_plain_functions(self) -> None:
        """Only functions that make tensors are layers; the others are counted."""
        making = {call.function for call in self.calls if call.site is None and call.outputs}
        kept = [place for place, call in enumerate(self.calls) if call.site is not None or call.function in making]
        self.passed = len(self.calls) - len(kept)
        self.calls = _picked(self.calls, kept)


def _discover(program: Program, sites: Sites, library: str) -> _Discovery:
    from torch.overrides import TorchFunctionMode

    state = _Discovery(library, weights_of(program.module), KernelLog())

    class Discovering(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if state.is_inside:
                return func(*args, **(kwargs or {}))
            found = _Found(path=state.holders[-1], operator=plain_name(func), function=func)
            return state.run(found, func, args, kwargs or {})

    def noting(number: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        site = sites.timed[number]
        parameters = forms(own_weights(site.module))

        def around(forward: Callable[..., Any]) -> Callable[..., Any]:
            def noted(*args: Any, **kwargs: Any) -> Any:
                if state.is_inside:
                    return forward(*args, **kwargs)
                operator = type(site.module).__name__
                found = _Found(path=site.path, operator=operator, site=number, parameters=parameters)
                return state.run(found, forward, args, kwargs)

            return noted

        return around

    with contextlib.ExitStack() as undo:
        undo.enter_context(_holders_noted(sites, state.holders))
        for number, site in enumerate(sites.timed):
            undo.enter_context(standing_in(site.module, noting(number)))
        undo.enter_context(state.log)
        undo.enter_context(Discovering())
        program.answer(*program.inputs[0])
    state.forget_plain_functions()
    state.watched.clear()
    return state


@contextlib.contextmanager
def _holders_noted(sites: Sites, holders: list[str]) -> Iterator[None]:
    """Keep the path of the module that runs on top of `holders`."""
    handles = []

    def enter(path: str) -> Callable[..., None]:
        return lambda *_: holders.append(path)

    def leave(*_: Any) -> None:
        holders.pop()

    for site in sites.holding:
        handles.append(site.module.register_forward_pre_hook(enter(site.path)))
        handles.append(site.module.register_forward_hook(leave, always_call=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _picked(calls: list[_Found], kept: list[int]) -> list[_Found]:
    """Some of the calls; one that was fed by another that is left out is fed by what fed that one."""
    number = {old: new for new, old in enumerate(kept)}
    feeders: list[tuple[int, ...]] = []
    for place, call in enumerate(calls):
        through = [feeder for old in call.fed_by for feeder in (feeders[old] if old >= 0 else (-1,))]
        feeders.append((number[place],) if place in number else tuple(dict.fromkeys(through)))
    return [
        replace(
            calls[place],
            fed_by=tuple(
                dict.fromkeys(feeder for old in calls[place].fed_by for feeder in (feeders[old] if old >= 0 else (-1,)))
            ),
        )
        for place in kept
    ]


def _course(sites: Sites, calls: list[_Found]) -> Course:
    functions = list(dict.fromkeys(call.function for call in calls if call.site is None))
    number = {function: len(sites.timed) + place for place, function in enumerate(functions)}
    order = tuple(call.site if call.site is not None else number[call.function] for call in calls)
    return Course(timed=sites.timed, functions=tuple(functions), order=order)


def _operators(program: Program, course: Course) -> tuple[list[str], list[tuple[str, ...]] | None]:
    """The operators that torch's dispatcher sees in one inference, and those of each call; None off the course."""
    from torch.utils._python_dispatch import TorchDispatchMode

    names: list[str] = []
    marks: list[int] = []

    class Census(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch does not type it
        @classmethod
        def _should_skip_dynamo(cls) -> bool:
            # Nothing is compiled here, and skipping what is would import torch._dynamo: 1.4 s in every survey.
            return False

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            names.append(str(func._schema.name))
            return func(*args, **(kwargs or {}))

    with course.standing(lambda: marks.append(len(names))) as trace, Census():  # type: ignore[no-untyped-call]  # torch does not type it
        program.answer(*program.inputs[0])
    if tuple(trace.seen) != course.order:
        return names, None
    return names, [tuple(names[marks[at] : marks[at + 1]]) for at in range(0, len(marks), 2)]
