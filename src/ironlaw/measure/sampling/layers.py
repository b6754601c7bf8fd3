"""Code by layer: an arm's threads are sampled while its layers are timed, and each sample is assigned to a layer.

In turns of their own: neither the times of layers nor an arm's account come from them, so that a higher rate may be
used than where samples are an arm's time.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ironlaw.code import SampledBy
from ironlaw.layer import LayerCode
from ironlaw.measure.layers.reading import Trace, check_course, run_read
from ironlaw.measure.layers.turns import LayerReader
from ironlaw.measure.messages import LayerTurn
from ironlaw.measure.sampling.perf_samples import Sample
from ironlaw.measure.sampling.resolver import Resolver
from ironlaw.measure.sampling.turns import Sampler, open_sampler
from ironlaw.missing import Maybe, Missing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Spans: TypeAlias = NDArray[Any]  # rows of a call's place, its start and its end in ns, ascending, not overlapping

# A prime number of nanoseconds. 1000 samples a second make such a turn some 3 % longer (benchmarks/README.md), in
# the same proportion in all layers; a layer that takes a hundredth of the time has 30 samples after 3 s.
PERIOD_NS = 1_000_003
_UNTIMED = Missing("samples that a timer's signal takes do not carry their time")


@dataclass(slots=True)
class LayerSampler:
    """Samples one arm's program layer by layer, in its own process; `reader` has surveyed it."""

    reader: LayerReader
    resolver: Resolver
    sampler: Maybe[tuple[Sampler, SampledBy]] | None = None  # None: was not tried yet

    def turn(self, order: LayerTurn, inputs: list[tuple[Any, ...]]) -> LayerCode:
        """Run one turn; a gap with the reason if layers or samples are not available."""
        try:
            return self._turn(order, inputs)
        except Exception as error:  # noqa: BLE001  # the border to a user's code: the reason why there is no code
            return self._fact(order, sites=Missing(f"sampling layers failed: {type(error).__name__}: {error}"))

    def _turn(self, order: LayerTurn, inputs: list[tuple[Any, ...]]) -> LayerCode:
        reader = self.reader
        if reader.no_spans is not None:
            return self._fact(order, sites=reader.no_spans)
        if self.sampler is None:
            self.sampler = open_sampler(PERIOD_NS)
        if isinstance(self.sampler, Missing):
            return self._fact(order, sites=self.sampler)
        sampler, by = self.sampler
        if by is SampledBy.TIMER:
            return self._fact(order, sites=_UNTIMED, by=by)
        sampler.attach()
        try:
            sampler.start()
            try:
                spans = self._profiled(inputs) if reader.program.profile is not None else self._read(inputs)
            finally:
                sampler.stop()
            samples = sampler.take()
        finally:
            sampler.close()
        found = [(sample, call) for sample, call in zip(samples, calls_at(samples, spans), strict=True) if call >= 0]
        sites, numbers = self.resolver.resolve_each([sample for sample, _ in found], caller=os.getpid())
        counts = Counter((call, number) for (_, call), number in zip(found, numbers, strict=True))
        return self._fact(
            order,
            sites=sites,
            by=by,
            kernel_seen=sampler.kernel,
            lost=sampler.lost,
            within=tuple((*key, count) for key, count in sorted(counts.items())),
        )

    def _read(self, inputs: list[tuple[Any, ...]]) -> Spans:
        """Inferences whose layers are timed at their borders."""
        course = self.reader.course
        assert course is not None, "a layer turn is ordered after a survey that found layers"
        with course.standing() as noted:
            run_read(self.reader.program, noted, None, inputs)
        check_course(noted, course, len(inputs))
        return spans_of(noted, len(course.order))

    def _profiled(self, inputs: list[tuple[Any, ...]]) -> Spans:
        """Inferences under the engine's own profiler; what runs between its nodes may be of no inference."""
        import numpy as np

        spans = self.reader.profile(inputs).spans
        assert not isinstance(spans, Missing), "the survey found some"
        return np.array(sorted(spans, key=lambda span: span[1]), dtype=np.int64).reshape(-1, 3)

    def _fact(self, order: LayerTurn, **known: Any) -> LayerCode:
        known.setdefault("by", SampledBy.CPU_CLOCK)
        return LayerCode(
            arm=self.reader.arm,
            replicate=self.reader.setup.replicate,
            round=order.round,
            inferences=order.inferences,
            period_ns=PERIOD_NS,
            **known,
        )


def spans_of(noted: Trace, calls: int) -> Spans:
    """Each layer, and the time before, between and after them as the call after the last one.

    A program of no calls is one layer.
    """
    import numpy as np

    rows = np.array(noted.times, dtype=np.int64).reshape(-1, 2 * calls + 2)
    intervals = np.arange(2 * calls + 1)
    which = np.where(intervals % 2 == 1, intervals // 2, calls)
    columns = (np.tile(which, len(rows)), rows[:, :-1].ravel(), rows[:, 1:].ravel())
    return np.stack(columns, axis=1)


def calls_at(samples: Sequence[Sample], spans: Spans) -> list[int]:
    """For each sample, the place of the call that ran at its time; -1 if none did."""
    import numpy as np

    if not len(spans):
        return [-1] * len(samples)
    times = np.array([sample.time_ns for sample in samples], dtype=np.int64)
    places = np.searchsorted(spans[:, 1], times, side="right") - 1
    is_within = (places >= 0) & (times < spans[places, 2])
    return [int(call) for call in np.where(is_within, spans[places, 0], -1)]
