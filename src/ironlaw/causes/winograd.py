"""winograd: the float arm needs fewer multiplications than direct int8."""

from __future__ import annotations

from ironlaw.cause import Cause, Part


class Winograd(Cause):
    """The float arm needs fewer multiplications than direct int8."""

    slug = "winograd"
    title = "Winograd convolution"
    mechanism = "the float arm needs fewer multiplications than direct int8"
    part = Part.SLOWER
    order = 370
    example = "3×3 layers of the float arm retire fewer than two operations a MAC"


CAUSE = Winograd()
