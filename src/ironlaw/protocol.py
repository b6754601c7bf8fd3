"""The protocol of the blog post that this project started from: its flaws as arms, in the order of their removal.

The blog post ran fp32 in train mode with autograd on, fed ones, did not calibrate int8, and counted whole processes.
Each arm fixes one of these flaws on one side. The steps from the published speed-up to the fair one, and the factors of
the fair one, multiply to the whole.
"""

from __future__ import annotations

from dataclasses import dataclass

from ironlaw.arm import Arm
from ironlaw.causes import cause_behind

INFERENCES = 5000  # images in the blog post's table

_FLOAT = (
    "fp32+grad=on+input=ones+mode=train+scope=process",
    "fp32+grad=on+input=ones+mode=train",
    "fp32+grad=on+input=ones",
    "fp32+input=ones",
    "fp32",
    "fp32+malloc=retain",
    "fp32+channels_last+malloc=retain",
    "fp32+fused+channels_last+malloc=retain",
)
_INT8 = (
    "int8+fused+calibration=none+input=ones+scope=process",
    "int8+fused+calibration=none+input=ones",
    "int8+fused+input=ones",
    "int8+fused",
    "int8+fused+malloc=retain",
)
# The second row of the blog post's table.
_UNFUSED = "int8+calibration=none+input=ones+scope=process"
NAMES = (*_FLOAT, *_INT8, _UNFUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One flaw fixed by one factor: the arms before and after it on each side; None on a side that it does not
    change.
    """

    factor: str
    control: tuple[str, str] | None = None
    changed: tuple[str, str] | None = None

    @property
    def cause(self) -> str:
        """The cause that a difference in the factor stands for."""
        cause = cause_behind(self.factor)
        assert cause is not None, "each step of the protocol is a cause of the catalogue"
        return cause.slug


# From the blog post's speed-up down to the honest one ...
FAULTS = (
    Step(factor="scope", control=_FLOAT[0:2], changed=_INT8[0:2]),
    Step(factor="mode", control=_FLOAT[1:3]),
    Step(factor="grad", control=_FLOAT[2:4]),
    Step(factor="input", control=_FLOAT[3:5], changed=_INT8[1:3]),
    Step(factor="calibration", changed=_INT8[2:4]),
)
# ... and what that is made of.
PARTS = (
    Step(factor="malloc", control=_FLOAT[4:6], changed=_INT8[3:5]),
    Step(factor="layout", control=_FLOAT[5:7]),
    Step(factor="fusion", control=_FLOAT[6:8]),
)
LAST = (_FLOAT[-1], _INT8[-1])  # what differs when all of that is set equal: the precision
POSTS = (_FLOAT[0], _INT8[0])
HONEST = ("fp32", "int8+fused")


def arms() -> tuple[Arm, ...]:
    """The arms of the protocol, the blog post's fp32 first."""
    return tuple(Arm.of(name) for name in NAMES)
