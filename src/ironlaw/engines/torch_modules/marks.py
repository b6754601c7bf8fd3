"""Time between the marks that a program sets around its nodes, by torch's profiler."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ironlaw.errors import ArmFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """The marks of one inference in order of execution, the time in each over all inferences, and the total time.

    `spans` are those of all inferences: the place of the mark, its start and its end in ns on CLOCK_MONOTONIC.
    """

    names: tuple[str, ...]
    spent_ns: tuple[int, ...]
    wall_ns: int
    spans: tuple[tuple[int, int, int], ...] = ()


def run_to_allocate(
    infer: Callable[..., Any], arguments: tuple[Any, ...], *, scope: str, leads: tuple[str, ...]
) -> None:
    """Run a new program until its memory, and the profiler's, is allocated.

    The first 30 inferences of a compiled MobileNetV2 under the profiler had 859 page faults each and took 10.3 ms;
    later ones had 5 and took 9.4 ms, the same as without the profiler.
    """
    infer(*arguments)  # a script's executor looks at the first inference, and optimises after that
    one_ns = marked(infer, [arguments], scope=scope, leads=leads).wall_ns
    inferences = min(_SESSIONS * _SESSION, 1 + _LONGEST_NS // one_ns)
    marked(infer, [arguments] * inferences, scope=scope, leads=leads)


# A longer session keeps more, and the memory it gives back is faulted in again: one of 30 inferences after one of 10
# had 15,065 page faults, and those of 10 one after another 79 and 667.
_SESSION = 10
_SESSIONS, _LONGEST_NS = 3, 500_000_000


def marked(infer: Callable[..., Any], inputs: list[tuple[Any, ...]], *, scope: str, leads: tuple[str, ...]) -> Marks:
    """Run inferences under the profiler, which records marks of one scope only; marks with other prefixes are dropped.

    torch's public classes record every scope, and each operator recorded inside a mark lengthens it: 100 inferences of
    a small frozen script took 37.7 ms with them, 32.8 ms this way, and 31.1 ms without a profiler.

    Raises:
        ArmFailed: the inferences left different marks, or none.
    """
    found: list[tuple[str, int, int]] = []
    wall_ns = 0
    for at in range(0, len(inputs), _SESSION):
        batch = inputs[at : at + _SESSION]
        events, took_ns = _session(infer, batch, scope)
        noted = [one for one in events if one[0].startswith(leads)]
        found += noted[len(noted) // (len(batch) + 1) :]
        wall_ns += took_ns
    return _folded(found, len(inputs), wall_ns)


def _session(
    infer: Callable[..., Any], inputs: list[tuple[Any, ...]], scope: str
) -> tuple[list[tuple[str, int, int]], int]:
    """The profiler's records of some inferences and one before them, in order of execution, and the time of the former.

    A record is a name, its start on CLOCK_MONOTONIC and its length in ns.

    The inference before pays for memory that the previous session released, but not always fully: of eight sessions of
    a small compiled network, those without page faults took as long as without the profiler, and those with 49 to 132
    per inference took 7 to 14 % longer. The speed-up with and without reading shows it.
    """
    import torch

    profiler: Any = torch.autograd  # its types lack the scopes
    activities, scopes = {profiler.ProfilerActivity.CPU}, {getattr(torch._C._profiler.RecordScope, scope)}
    plain = torch._C._profiler._ExperimentalConfig()
    config = profiler.ProfilerConfig(profiler.ProfilerState.KINETO, False, False, False, False, False, plain)
    profiler._prepare_profiler(config, activities)
    profiler._enable_profiler(config, activities, scopes)
    try:
        infer(*inputs[0])
        began_ns = time.perf_counter_ns()
        for arguments in inputs:
            infer(*arguments)
        wall_ns = time.perf_counter_ns() - began_ns
    finally:
        events = profiler._disable_profiler().events()
    apart_ns = time.perf_counter_ns() - time.time_ns()  # the profiler's times are of the system's clock
    ran = sorted((one.start_ns(), one.name(), one.duration_ns()) for one in events)
    return [(name, start_ns + apart_ns, spent_ns) for start_ns, name, spent_ns in ran], wall_ns


def _folded(found: list[tuple[str, int, int]], inferences: int, wall_ns: int) -> Marks:
    """The marks of one inference, each with the sum of its times over all inferences."""
    each = len(found) // inferences
    names = tuple(name for name, *_ in found[:each])
    if not each or names * inferences != tuple(name for name, *_ in found):
        raise ArmFailed(
            f"torch's profiler reported {len(found)} nodes of {inferences} inferences, not the same ones of each",
            hint="a model with control flow that depends on its input has no layers to compare",
        )
    spent_ns = tuple(sum(spent for *_, spent in found[at::each]) for at in range(each))
    spans = tuple((at % each, start_ns, start_ns + spent) for at, (_, start_ns, spent) in enumerate(found))
    return Marks(names=names, spent_ns=spent_ns, wall_ns=wall_ns, spans=spans)
