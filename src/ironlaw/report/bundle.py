"""What a maintainer asks for, in one Markdown file without weights and images."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from ironlaw.arm import Arm
from ironlaw.attachment import AttachedFile
from ironlaw.explanation import Explanation
from ironlaw.factors import FACTORS
from ironlaw.machine import Machine
from ironlaw.missing import Missing
from ironlaw.plan import Plan
from ironlaw.recording import Recording
from ironlaw.report.columns import asked_comparisons, widest_first
from ironlaw.report.document import to_json
from ironlaw.report.doubts import cut_sentence
from ironlaw.report.markdown import (
    arms_blocks,
    code_block,
    comparison_blocks,
    concern_blocks,
    escaped,
    facts_block,
    folded,
    next_blocks,
    table,
)
from ironlaw.report.quantity import number
from ironlaw.text import plain
from ironlaw.variant import PRECISION, THREADS


def to_bundle(explanation: Explanation, recording: Recording) -> str:
    """Versions, flags, threads, census, split, causes, and the commands that measure the same arms again."""
    blocks = ["# ironlaw bundle"]
    if explanation.was_cut:
        blocks.append(f"**{cut_sentence()}**")
    blocks += arms_blocks(explanation)
    for comparison in widest_first(asked_comparisons(explanation)):
        blocks += comparison_blocks(comparison, explanation)
    blocks += concern_blocks(explanation)
    blocks += ["## Machine and method", facts_block(explanation, recording)]
    blocks += _in_effect(recording) + _census(recording) + _failures(recording)
    blocks += [
        "## Measure it again",
        code_block(reproduction(recording.plan, explanation.machine, ironlaw=recording.header.ironlaw)),
    ]
    blocks.append(folded("The explanation as JSON", code_block(to_json(explanation))))
    return "\n\n".join(blocks) + "\n"


def attached_bundle(explanation: Explanation, files: Sequence[AttachedFile]) -> str:
    """What files of other tools show, what they state of how they were made, and the run that would test it."""
    blocks = ["# ironlaw bundle", *arms_blocks(explanation)]
    for comparison in explanation.comparisons:
        blocks += comparison_blocks(comparison, explanation)
    blocks += concern_blocks(explanation)
    blocks += ["## Attached files", _files(files)]
    stated = [
        (file.name, found.label, name, value)
        for file in files
        for found in file.found
        for name, value in found.stated.items()
    ]
    if stated:
        blocks += ["### What they state", table(["file", "of", "what", "value"], stated, right_from=9)]
    blocks += _attached_census(files) + next_blocks(explanation)
    blocks.append(folded("The explanation as JSON", code_block(to_json(explanation))))
    return "\n\n".join(blocks) + "\n"


def _files(files: Sequence[AttachedFile]) -> str:
    rows = [(file.name, found.title, found.label) for file in files for found in file.found]
    return table(["file", "is", "of"], rows, right_from=9)


def _attached_census(files: Sequence[AttachedFile]) -> list[str]:
    rows = [
        (file.name, name, number(count))
        for file in files
        for found in file.found
        for name, count in found.census.items()
    ]
    return ["### Census of one inference", table(["file", "what", "count"], rows, right_from=2)] if rows else []


def reproduction(plan: Plan, machine: Machine | Missing, *, ironlaw: str) -> str:
    """Shell commands that install the same versions and measure the same arms."""
    versions = {"ironlaw": ironlaw, **(machine.versions if isinstance(machine, Machine) else {})}
    lines = [
        "python -m venv again && . again/bin/activate",
        "pip install " + " ".join(shlex.quote(_pinned(*item)) for item in versions.items()),
    ]
    programs = sorted({arm.factory for arm in plan.arms if arm.factory})
    lines += [f"# needs {plain(factory)}" for factory in programs]
    if plan.inputs:
        lines.append(f"# needs the inputs in {plain(plan.inputs)}")
    if plan.images:
        lines.append(f"# needs the images in {plain(plan.images)}")
    lines.append(" ".join(shlex.quote(plain(word)) for word in _command(plan)))
    lines.append("ironlaw explain again.jsonl")
    return "\n".join(lines)


def _pinned(package: str, version: str) -> str:
    """A version as an index knows it, without the part after the plus that names a build."""
    return f"{plain(package)}=={plain(version).partition('+')[0]}"


def _with_levels(arm: Arm, factory: str) -> str:
    """A program or a model file as it is typed, with its engine and its levels after it; threads of a point apart."""
    variant = (
        arm.variant if arm.point.value(THREADS) is None else arm.variant.with_level(THREADS, FACTORS[THREADS].plain)
    )
    _, at, levels = str(variant).partition("@")
    if at:
        return f"{factory}@{levels}"
    return factory + str(variant).removeprefix(variant.level(PRECISION))


def arms_command(plan: Plan) -> list[str]:
    """The command that measures the requested arms at the same points and threads."""
    points = plan.points()
    asked = [arm for arm in plan.asked() if not points or arm.point == points[0]]
    command = ["ironlaw", "run"]
    variants = [arm.base for arm in asked if arm.factory is None]
    if variants:
        command += [plan.model, "--arms", ",".join(variants)]
    for arm in asked:
        if arm.factory is not None:
            command += ["--arm", f"{arm.base}={_with_levels(arm, arm.factory)}"]
    for setting in dict.fromkeys(name for point in points for name, _ in point.settings):
        values = dict.fromkeys(point.value(setting) or "" for point in points)
        command += ["--vary", f"{setting}={','.join(values)}"]
    if plan.inputs:
        command += ["--inputs", plan.inputs]
    return [*command, "--threads", str(plan.threads)]


def _command(plan: Plan) -> list[str]:
    command = [*arms_command(plan), "--seed", str(plan.seed)]
    command += ["--replicates", str(plan.schedule.replicates), "--experiments", _experiments(plan.arms)]
    if plan.schedule.inferences is not None:
        command += ["--n", str(plan.schedule.inferences)]
    if plan.schedule.budget_s is not None:
        command += ["--budget", f"{plan.schedule.budget_s:g}"]
    if plan.images:
        command += ["--images", plan.images]
    if not plan.counters:
        command.append("--no-counters")
    return [*command, "--out", "again.jsonl"]


def _experiments(arms: tuple[Arm, ...]) -> str:
    causes = dict.fromkeys(cause for arm in arms for cause in arm.serves)
    return ",".join(causes) or "none"


def _in_effect(recording: Recording) -> list[str]:
    """What every arm's process said was in effect, factor by factor; once where the replicates agree."""
    found: dict[tuple[str, str, str], None] = {}
    for started in recording.started:
        found[started.arm, "threads of the process", str(started.threads)] = None
        for factor, value in started.read_back.items():
            said = f"not known: {value.reason}" if isinstance(value, Missing) else value
            found[started.arm, factor, said] = None
    return ["## In effect", table(["arm", "setting", "read back"], list(found), right_from=9)] if found else []


def _census(recording: Recording) -> list[str]:
    """What one inference of each arm executed."""
    rows = [
        (census.arm, name, f"not known: {count.reason}" if isinstance(count, Missing) else number(count))
        for census in recording.censuses
        for name, count in census.counts.items()
    ]
    return ["## Census of one inference", table(["arm", "what", "count"], rows, right_from=2)] if rows else []


def _failures(recording: Recording) -> list[str]:
    if not recording.failures:
        return []
    said = [f"- {escaped(f'{item.arm}, {item.stage}: {item.reason}')}" for item in recording.failures]
    return ["## Failures", *said]
