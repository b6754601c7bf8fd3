"""The values of a quantized tensor against its calibrated range: clipping, outliers, dead channels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ironlaw.replay import ReplayedTensor, Use
from ironlaw.replayer import Rounding

USUAL = 0.999  # the quantile of magnitudes that outliers are held against
_SAMPLED = 4096  # magnitudes of one input, besides its largest
# Relative to its largest value: a channel that varies less than this in float is constant but for rounding.
_NO_SPREAD = 1e-5


@dataclass(slots=True)
class Watch:
    """Statistics of one tensor over all inputs."""

    step: Rounding
    counted: dict[Use, int] = field(default_factory=dict)
    beyond: dict[Use, int] = field(default_factory=dict)
    largest: float = 0.0
    sample: list[Any] = field(default_factory=list)
    least_of: Any = None  # by channel
    most_of: Any = None

    def add(self, value: Any, use: Use) -> None:
        """Add the tensor's values for one input of the float network."""
        import numpy as np

        array = np.asarray(value, dtype=np.float32)
        low, high = self.step.ends
        # Half a step beyond the ends still rounds to them.
        beyond = (array < low - self.step.scale / 2) | (array > high + self.step.scale / 2)
        self.counted[use] = self.counted.get(use, 0) + array.size
        self.beyond[use] = self.beyond.get(use, 0) + int(beyond.sum())
        if use is Use.CALIBRATING and array.size:
            sizes = np.abs(array).ravel()
            self.largest = max(self.largest, float(sizes.max()))
            self.sample.append(sizes[:: max(1, sizes.size // _SAMPLED)].copy())
        self._add_channels(array)

    def _add_channels(self, array: Any) -> None:
        """The smallest and largest value of each channel: the second axis of images, otherwise the last."""
        import numpy as np

        if array.ndim < 2:
            return
        axis = 1 if array.ndim >= 4 else array.ndim - 1
        others = tuple(place for place in range(array.ndim) if place != axis)
        least, most = array.min(axis=others), array.max(axis=others)
        if self.least_of is not None and least.shape != self.least_of.shape:
            return
        self.least_of = least if self.least_of is None else np.minimum(self.least_of, least)
        self.most_of = most if self.most_of is None else np.maximum(self.most_of, most)

    def tensor(self) -> ReplayedTensor:
        """As a fact."""
        import numpy as np

        low, high = self.step.ends
        sample = np.concatenate(self.sample) if self.sample else np.zeros(1)
        return ReplayedTensor(
            name=self.step.name,
            low=low,
            high=high,
            largest=self.largest,
            usual=float(np.quantile(sample, USUAL)),
            clipped={use: self.beyond[use] / many for use, many in self.counted.items() if many},
            channels=0 if self.least_of is None else len(self.least_of),
            dead=self._dead(),
        )

    def _dead(self) -> int:
        """Rounding is monotone: a channel has one code if its ends have the same one."""
        import numpy as np

        if self.least_of is None:
            return 0
        size = np.maximum(np.abs(self.least_of), np.abs(self.most_of))
        varies = self.most_of - self.least_of > _NO_SPREAD * size
        return int((varies & (self._codes(self.least_of) == self._codes(self.most_of))).sum())

    def _codes(self, values: Any) -> Any:
        import numpy as np

        step = self.step
        return np.clip(np.rint(values / step.scale) + step.zero, step.least, step.most)
