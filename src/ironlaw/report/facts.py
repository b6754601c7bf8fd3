"""Machine and method as pairs of a title and a value, for every output that lists them."""

from __future__ import annotations

from dataclasses import fields

from ironlaw.explanation import Explanation
from ironlaw.fact import CounterCheck
from ironlaw.machine import UNREAD, Machine
from ironlaw.missing import Missing, is_known
from ironlaw.plan import Plan
from ironlaw.recording import Recording
from ironlaw.report.arms import boundaries
from ironlaw.report.quantity import BYTES, TIME, amount, percent
from ironlaw.text import plain

Fact = tuple[str, str]

_TITLES = {
    "cpu": "CPU",
    "isa": "instruction sets",
    "cpus_allowed": "CPUs allowed",
    "cache_bytes": "caches",
    "memory_bytes": "memory",
    "numa_nodes": "NUMA nodes",
    "cgroup_cpu_max": "cgroup cpu.max",
    "perf_event_paranoid": "perf_event_paranoid",
    "libc": "C library",
    "python": "Python",
}


def machine_facts(explanation: Explanation) -> list[Fact]:
    """What is known of the machine; what was never read is left out, what could not be read says why."""
    machine = explanation.machine
    if isinstance(machine, Missing):
        return [("machine", f"not known: {plain(machine.reason)}")]
    said = ((field.name, getattr(machine, field.name)) for field in fields(Machine))
    return [
        (_TITLES.get(name, name.replace("_", " ")), _machine_value(name, value))
        for name, value in said
        if value != UNREAD and value not in ((), {})
    ]


def _machine_value(name: str, value: object) -> str:
    if isinstance(value, Missing):
        return f"not known: {plain(value.reason)}"
    if name == "memory_bytes" and isinstance(value, int):
        return amount(value, BYTES)
    if name == "cache_bytes" and isinstance(value, dict):
        return ", ".join(f"{plain(level)} {amount(size, BYTES)}" for level, size in value.items())
    if isinstance(value, dict):
        return ", ".join(f"{plain(str(key))} {plain(str(item))}" for key, item in value.items())
    if isinstance(value, tuple):
        return ", ".join(plain(str(item)) for item in value)
    return plain(str(value))


def method_facts(explanation: Explanation, recording: Recording | None) -> list[Fact]:
    """How it was measured: the plan, the meter, and how the recording ended."""
    facts: list[Fact] = []
    if is_known(explanation.plan):
        facts += _plan_facts(explanation.plan)
    facts += [("timed", f"{boundary} ({names})") for names, boundary in boundaries(explanation.arms)]
    if recording is not None:
        facts += _recording_facts(recording)
    return facts


def _plan_facts(plan: Plan) -> list[Fact]:
    schedule = plan.schedule
    facts = [
        ("model", plain(plan.model)),
        ("arms", ", ".join(plain(arm.name) for arm in plan.arms)),
        ("schedule", f"{schedule.replicates} replicates of {schedule.rounds} rounds"),
        ("threads", str(plan.threads)),
        ("seed", str(plan.seed)),
        ("inputs", plain(plan.inputs))
        if plan.inputs
        else ("images", plain(plan.images) if plan.images else "the images bundled with the package"),
    ]
    if schedule.inferences is not None:
        facts.append(("inferences per arm", str(schedule.inferences)))
    if schedule.precision is not None:
        facts.append(("precision requested", percent(schedule.precision)))
    return facts


def _recording_facts(recording: Recording) -> list[Fact]:
    facts = [("started", plain(recording.header.started_utc)), ("ironlaw", plain(recording.header.ironlaw))]
    counters = recording.counters
    if is_known(counters):
        facts.append(("meter", counters.meter.value))
        slots = counters.slots
        working = plain(slots.reason) if isinstance(slots, Missing) else str(slots)
        facts.append(("hardware counters that work", working))
        if counters.groups:
            facts.append(("event groups", "; ".join(", ".join(map(plain, group)) for group in counters.groups)))
        facts += _lost_facts(counters)
        if is_known(counters.read_cost_ns):
            facts.append(("cost of reading the counters", amount(counters.read_cost_ns, TIME)))
    facts.append(("readings", str(len(recording.readings))))
    ended = recording.ended
    if isinstance(ended, Missing):
        facts.append(("ended", plain(ended.reason)))
    else:
        facts.append(("ended", f"{ended.why.value}, after {amount(ended.elapsed_s * 1e9, TIME)}"))
    return facts


def _lost_facts(counters: CounterCheck) -> list[Fact]:
    """The events that are not counted, those of one reason together."""
    return [
        ("events lost", f"{', '.join(map(plain, events))}: {plain(reason)}")
        for reason, events in counters.lost_together().items()
    ]
