"""Read layers: the clock at the border of each, while an arm runs inferences in separate turns.

A module is timed by replacing its `forward` (an instance attribute): that costs a tenth of a hook, and modules that
choose their kernels by whether they have hooks see none. A functional operator is timed by a TorchFunctionMode, which
is taken off the stack while a module or an operator runs, so that nothing changes inside of it.
"""

from __future__ import annotations

import contextlib
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

from ironlaw.layer import NO_PLAIN, LayerReading, Probe
from ironlaw.measure.layers.probes import Border, Take
from ironlaw.measure.layers.sites import Site
from ironlaw.missing import Maybe, is_known
from ironlaw.program import Program

Run = Callable[..., Any]


class LayersStrayed(Exception):
    """An inference called other layers than the surveyed one."""


@dataclass(slots=True)
class Trace:
    """The notes of a layer turn: times (start, borders, end of each inference) and the layers that ran."""

    times: array[int] = field(default_factory=lambda: array("q"))
    seen: array[int] = field(default_factory=lambda: array("q"))
    mode_is_on: list[bool] = field(default_factory=lambda: [False])

    def inferences_ns(self) -> int:
        """The time from start to end of all inferences in which no layer was noted, in ns."""
        return sum(self.times[1::2]) - sum(self.times[::2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What one inference runs through: modules, functions, and the order in which they come.

    `order` holds places in `timed`, and after them in `functions`. An empty course is a program that is one layer.
    """

    timed: tuple[Site, ...] = ()
    functions: tuple[Any, ...] = ()
    order: tuple[int, ...] = ()

    @contextlib.contextmanager
    def standing(self, take: Take | None = None, onto: Trace | None = None) -> Iterator[Trace]:
        """Note every layer that runs inside the block; everything is restored afterwards, also after an error.

        `take` is called on the outer side of each border; what is noted is added to `onto`.
        """
        trace = Trace() if onto is None else onto
        mode = _mode(trace, take, self._number_of()) if self.functions else None
        with contextlib.ExitStack() as undo:
            for number, site in enumerate(self.timed):
                around = _timer(trace, take, number) if mode is None else self._timer_with(mode, trace, take, number)
                undo.enter_context(standing_in(site.module, around))
            if mode is not None:
                undo.callback(_take_off, mode, trace)
                if self.order[0] >= len(self.timed):
                    _put_on(mode, trace)
            yield trace

    def _number_of(self) -> dict[Any, int]:
        return {function: len(self.timed) + place for place, function in enumerate(self.functions)}

    def _timer_with(self, mode: Any, trace: Trace, take: Take | None, number: int) -> Callable[[Run], Run]:
        """The timer of a module that has a function before or after it somewhere in the course, or the plain one.

        The mode is on only where a function comes next: looking it up between modules would cost more than timing them.
        """
        first_function, order = len(self.timed), self.order
        places = [place for place, met in enumerate(order) if met == number]
        behind = any(order[place - 1] >= first_function for place in places)
        before = any(order[(place + 1) % len(order)] >= first_function for place in places)
        timer = _timer(trace, take, number)

        def around(run: Run) -> Run:
            timed = timer(run)

            def switching(*arguments: Any, **named: Any) -> Any:
                if behind:
                    _take_off(mode, trace)
                try:
                    return timed(*arguments, **named)
                finally:
                    if before:
                        _put_on(mode, trace)

            return switching

        return around if behind or before else timer


def _put_on(mode: Any, trace: Trace) -> None:
    import torch

    if not trace.mode_is_on[0]:
        torch._C._push_on_torch_function_stack(mode)
        trace.mode_is_on[0] = True


def _take_off(mode: Any, trace: Trace) -> None:
    """Take the mode off torch's stack, unless the model has put a mode of its own on top."""
    import torch

    if trace.mode_is_on[0]:
        top = torch._C._pop_torch_function_stack()
        if top is mode:
            trace.mode_is_on[0] = False
        else:
            torch._C._push_on_torch_function_stack(top)


@contextlib.contextmanager
def standing_in(module: Any, around: Callable[[Run], Run]) -> Iterator[None]:
    """Replace a module's forward, inside the block, by what `around` makes of it."""
    own = module.__dict__.get("forward")
    # Past the module's own __setattr__, which scripted modules forbid and which would register the function's owner.
    object.__setattr__(module, "forward", around(module.forward))
    try:
        yield
    finally:
        if own is None:
            object.__delattr__(module, "forward")
        else:
            object.__setattr__(module, "forward", own)


def _timer(trace: Trace, take: Take | None, number: int) -> Callable[[Run], Run]:
    """What makes a function note when it runs; in two forms, since one more call at each border shows in the time."""
    seen, mark, clock = trace.seen.append, trace.times.append, time.perf_counter_ns

    def by_clock(run: Run) -> Run:
        def timed(*arguments: Any, **named: Any) -> Any:
            seen(number)
            mark(clock())
            try:
                return run(*arguments, **named)
            finally:
                mark(clock())

        return timed

    def by_probe(run: Run) -> Run:
        assert take is not None

        def timed(*arguments: Any, **named: Any) -> Any:
            seen(number)
            take()
            mark(clock())
            try:
                return run(*arguments, **named)
            finally:
                mark(clock())
                take()

        return timed

    return by_clock if take is None else by_probe


def _mode(trace: Trace, take: Take | None, numbers: Mapping[Any, int]) -> Any:
    """The mode that times functional operators. torch takes a mode off its stack while its own handler runs."""
    from torch.overrides import TorchFunctionMode

    seen, mark, clock = trace.seen.append, trace.times.append, time.perf_counter_ns
    number_of = numbers.get
    probe = take or _nothing

    class Timing(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            number = number_of(func)
            if number is None:
                return func(*args, **(kwargs or {}))
            seen(number)
            probe()
            mark(clock())
            try:
                return func(*args, **(kwargs or {}))
            finally:
                mark(clock())
                probe()

    return Timing()


def _nothing() -> None:
    """No probe."""


class TurnKey(TypedDict):
    """The place of a layer turn in its recording: the first fields of its reading."""

    arm: str
    replicate: int
    round: int
    position: int


def read_layers(
    program: Program, course: Course, border: Border, inputs: list[tuple[Any, ...]], place: TurnKey
) -> LayerReading:
    """One layer turn: for each of the inputs, one inference read at every border and one without readings, alternating.

    With the clock alone, as many inferences as in a counted turn run around them, half before and half after.

    Raises:
        LayersStrayed: an inference did not run through the course.
    """
    whole = Course()
    together = max(1, min(_TOGETHER, len(inputs) // 2))
    around = _halves(inputs, place["round"]) if border.probe is Probe.CLOCK else None
    plain_ns: Maybe[int] = NO_PLAIN
    if around is not None:
        run_plain(program, inputs[:together])  # the first finds the caches cold
        plain_ns = run_plain(program, around[0])
    take = border.begin()
    read, alone, sequence = Trace(), Trace(), []
    for number, start in enumerate(range(0, len(inputs), together)):
        some = inputs[start : start + together]
        # The other way round every second time, also from turn to turn: the first finds the caches cold.
        for is_read in (True, False) if (number + place["round"]) % 2 == 0 else (False, True):
            with (course if is_read else whole).standing(take, read if is_read else alone) as trace:
                run_read(program, trace, take, some)
            sequence.append((is_read, len(some)))
    probed = border.taken()
    lost = border.end()
    if around is not None and is_known(plain_ns):
        plain_ns += run_plain(program, around[1])
    check_course(read, course, len(inputs))
    times = _rows(read.times, course)
    amounts = {name: _distinguished(taken, sequence, course) for name, taken in probed.items()}
    return LayerReading(
        **place,
        probe=border.probe,
        group=border.group,
        inferences=len(inputs),
        wall_ns=_total(times),
        alone_ns=_total(_rows(alone.times, whole)),
        calls_ns=_within(times),
        before_ns=_before(times),
        probed={name: _within(rows) for name, (rows, _) in amounts.items()},
        probed_whole={name: _total(rows) for name, (rows, _) in amounts.items()},
        probed_alone={name: _total(rows) for name, (_, rows) in amounts.items()},
        lost=lost,
        plain_ns=plain_ns,
    )


# Inferences of one kind before the other kind takes its turn: putting the readers in place costs as much as a small
# network's inference, and the speed of a machine changes within seconds.
_TOGETHER = 3


def _halves(inputs: list[tuple[Any, ...]], round: int) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """The inputs in two parts; the odd one in the first part in every second round."""
    middle = (len(inputs) + 1 - round % 2) // 2
    return inputs[:middle], inputs[middle:]


def run_plain(program: Program, inputs: list[tuple[Any, ...]]) -> int:
    """The time in ns of inferences that run one after another, with their own preparation alone between them."""
    noted = Trace()
    run_read(program, noted, None, inputs)
    return noted.inferences_ns()


def run_read(program: Program, trace: Trace, take: Take | None, inputs: list[tuple[Any, ...]]) -> None:
    """The hot loop of a layer turn: its inferences one after the other, start and end of each noted."""
    infer, mark, clock = program.infer, trace.times.append, time.perf_counter_ns
    probe = take or _nothing
    for arguments in [program.feed(*given) for given in inputs]:
        for prepare in program.before_each:
            prepare()
        probe()
        mark(clock())
        infer(*arguments)
        mark(clock())
        probe()


def check_course(trace: Trace, course: Course, inferences: int) -> None:
    """Check that each inference ran the layers of the course, in their order.

    Raises:
        LayersStrayed: one did not.
    """
    import numpy as np

    calls = len(course.order)
    seen = np.array(trace.seen, dtype=np.int64)
    if len(seen) != calls * inferences:
        raise LayersStrayed(f"{inferences} inferences of {calls} layers each met {len(seen)} layers")
    if not (seen.reshape(inferences, calls) == np.array(course.order, dtype=np.int64)).all():
        raise LayersStrayed("the layers ran in another order than in the surveyed inference")


def _rows(noted: Any, course: Course) -> Any:
    """What was noted, as an array of one row per inference: start, enter and leave of each call, end."""
    import numpy as np

    return np.array(noted, dtype=np.int64).reshape(-1, 2 * len(course.order) + 2)


def _distinguished(taken: array[int], sequence: list[tuple[bool, int]], course: Course) -> tuple[Any, Any]:
    """What was probed, in rows as above: of the inferences that were read, and of those that were not."""
    read: list[int] = []
    alone: list[int] = []
    at = 0
    for is_read, inferences in sequence:
        length = inferences * (2 * len(course.order) + 2 if is_read else 2)
        (read if is_read else alone).extend(taken[at : at + length])
        at += length
    return _rows(read, course), _rows(alone, Course())


def _total(rows: Any) -> int:
    return int((rows[:, -1] - rows[:, 0]).sum())


def _within(rows: Any) -> tuple[int, ...]:
    if rows.shape[1] == 2:
        return (_total(rows),)  # all is one layer
    return tuple(int(amount) for amount in (rows[:, 2:-1:2] - rows[:, 1:-1:2]).sum(axis=0))


def _before(rows: Any) -> tuple[int, ...]:
    if rows.shape[1] == 2:
        return (0,)
    return tuple(int(amount) for amount in (rows[:, 1:-1:2] - rows[:, 0:-2:2]).sum(axis=0))
