"""whole-process-counting: imports, loading and calibration are counted as if they were inference."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.experiment import Switch


class WholeProcessCounting(Cause):
    """Imports, loading and calibration are counted as if they were inference."""

    slug = "whole-process-counting"
    title = "counting the whole process"
    mechanism = "imports, loading and calibration are counted as if they were inference"
    part = Part.FALSE_CONCLUSION
    order = 30
    example = (
        "`perf stat python infer.py` counts imports and calibration; `ironlaw run` counts inferences, and shows one-"
        "time phases apart"
    )
    other_levels = (Switch(cause=slug, factor="scope", level="process", adds=True),)
    factors = ("scope",)


CAUSE = WholeProcessCounting()
