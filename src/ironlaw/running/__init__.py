"""The one composer: settings -> plan -> record -> explain.

Commands, the Python interface, sweeps, the doctor and the pytest plugin come here with `Settings`, never with words of
a command line. Importing it loads no heavy library.
"""

from __future__ import annotations

from ironlaw.running.advice import advice_for, advise
from ironlaw.running.measuring import check, default_out, measure, out_for
from ironlaw.running.planning import plan_of, schedule_of
from ironlaw.running.settings import Options, Settings

__all__ = [
    "Options",
    "Settings",
    "advice_for",
    "advise",
    "check",
    "default_out",
    "measure",
    "out_for",
    "plan_of",
    "schedule_of",
]
