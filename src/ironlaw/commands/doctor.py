"""ironlaw doctor: what is in the way of measuring on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click
import msgspec

from ironlaw.commands.showing import say_json
from ironlaw.errors import ExitCode

if TYPE_CHECKING:
    from ironlaw.doctor.finding import Finding
    from ironlaw.machine import Machine
    from ironlaw.machine.noise import Noise
    from ironlaw.missing import Maybe

SCHEMA = 1


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option(
    "--seconds",
    type=click.FloatRange(0, 600),
    default=10.0,
    show_default=True,
    help="Time to spend on measuring noise.",
)
def doctor(as_json: bool, seconds: float) -> int:
    """Report what this machine can measure, what each limitation costs, and how to fix it.

    Tests the counters, asks torch which CPU it detects, and runs the same work against itself to find the smallest
    difference that can be detected here; --seconds 0 skips that.
    """
    from rich.console import Console

    if not as_json:
        Console(stderr=True).print(f"checking this machine; measuring its noise for {seconds:.0f} s", highlight=False)
    machine, findings, noise = examine(seconds)
    if as_json:
        answer = {"schema": SCHEMA, "machine": machine, "findings": findings, "noise": noise}
        say_json(msgspec.to_builtins(answer))
    else:
        from ironlaw.report.doctor import show_findings

        show_findings(machine, findings, Console(highlight=False))
    return ExitCode.DONE


def examine(seconds: float) -> tuple[Machine, tuple[Finding, ...], Maybe[Noise]]:
    """Inspect the machine: facts, findings, and its noise measured for that many seconds."""
    from ironlaw.doctor import compiled_for
    from ironlaw.doctor.diagnosis import diagnose, look_around
    from ironlaw.machine.inspection import inspect_machine
    from ironlaw.machine.noise import measure_noise
    from ironlaw.machine.torch_probe import probe_torch
    from ironlaw.measure.pmu.known_answer import check_counters
    from ironlaw.measure.pmu.perf_event import SyscallKernel
    from ironlaw.missing import Missing

    machine = inspect_machine()  # first, while the load is that of others
    cpu = max(machine.cpus_allowed)
    os.sched_setaffinity(0, {cpu})
    try:
        check = check_counters(SyscallKernel(), wanted=True, machine=machine)
    finally:
        os.sched_setaffinity(0, machine.cpus_allowed)
    findings = diagnose(machine, check=check, torch=probe_torch(), around=look_around())
    noise = measure_noise(seconds, cpu=cpu) if seconds else Missing("skipped by --seconds 0")
    compiled = (compiled_for.finding(machine, name, compiled_for.ask(name)) for name in compiled_for.built_engines())
    return machine, (*findings, *compiled, noise_finding(noise)), noise


# Of the arms that are requested, in a run of the default budget.
USUAL_REPLICATES = 12


def noise_finding(noise: Maybe[Noise]) -> Finding:
    """The smallest difference that a default `ironlaw run` can detect here, with its usual number of replicates."""
    from ironlaw.analysis.statistics.smallest import smallest_difference
    from ironlaw.doctor import findings
    from ironlaw.missing import Missing
    from ironlaw.running.planning import DEFAULT_BUDGET_S

    most = USUAL_REPLICATES
    smallest = noise if isinstance(noise, Missing) else smallest_difference(noise.means, replicates=most)
    return findings.noise(smallest, seconds=DEFAULT_BUDGET_S, replicates=most)
