"""noisy-host: other work took CPU time from the arms."""

from __future__ import annotations

from ironlaw.cause import Cause, Part


class NoisyHost(Cause):
    """Other work took time from the arms."""

    slug = "noisy-host"
    title = "a noisy host"
    mechanism = "other work took CPU time from the arms"
    part = Part.FALSE_CONCLUSION
    order = 120
    example = "`fp32 (again)` differs from `fp32`: what is not ten times as large is unproven; steal time is a concern"


CAUSE = NoisyHost()
