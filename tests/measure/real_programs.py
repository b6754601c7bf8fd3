"""Programs that do nothing but a fault, and the real stage that runs them."""

from __future__ import annotations

from ironlaw.measure.processes import ProcessStage
from ironlaw.measure.recorder import record
from ironlaw.plan import Plan
from ironlaw.recording import Recording, assemble
from ironlaw.running.advice import advise
from ironlaw.watcher import Unwatched
from tests.scripted import Kept

PROGRAM = '''
import os, signal, subprocess, sys

class Program:
    """Does nothing but its fault, once, in a turn: warming up and preparing take fewer than 600 calls."""
    def __init__(self, fault=None):
        self.calls, self.fault = 0, fault
    def __call__(self, number):
        self.calls += 1
        if self.fault and self.calls == 601:
            self.fault()
        return number
'''


def run_processes(plan: Plan) -> Recording:
    """What a run in real processes records, without experiments."""
    kept, stage = Kept(), ProcessStage(plan)
    try:
        record(plan, stage, kept, watcher=Unwatched(), advice=advise())
    finally:
        stage.close()
    return assemble(kept)
