"""Measure the planted causes for real and count what is named: `make truth`.

`python -m tests.hardware.planted.truth measure [NAME ...]` records plants, one after the other, into --folder;
`... table` says what the recordings of a folder show. One plant to a call leaves the machine to others in between.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

import click

import ironlaw
from ironlaw.arm import Arm
from ironlaw.causes import TESTED
from ironlaw.errors import ExitCode
from ironlaw.explanation import CauseVerdict, Explanation, Outcome
from ironlaw.missing import Missing
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.report.verdicts import effect_text
from ironlaw.running import advise
from ironlaw.running.planning import MOST_REPLICATES
from ironlaw.variant import GIVEN, Variant

from . import llamacpp_programs, onnx_programs, openvino_programs
from .plants import BY_NAME, PLANTS, Plant

LEAST_NAMED = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What became of one plant."""

    plant: Plant
    named: bool
    outcome: str
    effect: str
    false: tuple[str, ...]  # causes confirmed, or faults named, that were neither planted nor declared


def measured(plant: Plant, folder: Path) -> Path:
    """Record a plant as a user would, with all experiments."""
    arms = _files(plant, folder) if plant.engine in WRITERS else _programs(plant)
    out = folder / f"{plant.name}.jsonl"
    schedule = Schedule(replicates=MOST_REPLICATES, rounds=6, until_settled=True, budget_s=plant.seconds)
    plan = Plan(model="planted", arms=with_control(arms), schedule=schedule)
    ironlaw.record(plan, out, force=True, advice=advise(TESTED))
    return out


def _programs(plant: Plant) -> tuple[Arm, ...]:
    """Programs as they are, or modules that an engine compiles."""
    head = f"fp32@{plant.engine}" if plant.engine else GIVEN
    return tuple(
        Arm(name=name, variant=Variant.parse(f"{head}{levels}"), factory=source)
        for (name, source), levels in zip(plant.arms(), plant.levels, strict=True)
    )


def _files(plant: Plant, folder: Path) -> tuple[Arm, ...]:
    """Write both files and name them as arms, each with its levels; arms that differ in levels alone share a file."""
    write, suffix = WRITERS[plant.engine]
    arms = []
    for (name, factory), levels in zip((plant.control, plant.changed), plant.levels, strict=True):
        its_own = factory if plant.control[1] == plant.changed[1] and len(set(plant.levels)) > 1 else name
        path = (folder / "files" / f"{plant.name}-{its_own}{suffix}").resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        getattr(write, factory)(path)
        arms.append(Arm(name=name, variant=Variant.parse(f"{GIVEN}@{plant.engine}{levels}"), factory=str(path)))
    return tuple(arms)


WRITERS = {
    "llamacpp": (llamacpp_programs, ".gguf"),
    "onnxruntime": (onnx_programs, ".onnx"),
    "openvino": (openvino_programs, ".xml"),
}


def found(plant: Plant, explanation: Explanation) -> Finding:
    """What an explanation says about the planted cause, and what it says besides."""
    (comparison,) = explanation.comparisons
    verdicts = comparison.foremost()
    faults = {concern.slug: concern for concern in explanation.concerns if concern.slug in FAULTS}
    verdict = verdicts.get(plant.cause or plant.absent)
    declared = {plant.cause, *(cause for cause, _ in plant.also)}
    confirmed = {cause for cause, one in verdicts.items() if one.outcome is Outcome.CONFIRMED}
    return Finding(
        plant=plant,
        named=_is_named(plant, verdict, set(faults)),
        outcome=_outcome(plant, verdict, set(faults)),
        effect=effect_text(verdict) if verdict else "",
        false=tuple(sorted((confirmed | set(faults)) - declared)),
    )


# Named by a concern, since they make the comparison invalid whatever their effect.
FAULTS = {plant.cause for plant in PLANTS if plant.is_fault}


def _is_named(plant: Plant, verdict: CauseVerdict | None, faults: set[str]) -> bool:
    if plant.is_fault:
        return plant.cause in faults
    return bool(plant.cause) and verdict is not None and verdict.outcome is Outcome.CONFIRMED


def _outcome(plant: Plant, verdict: CauseVerdict | None, faults: set[str]) -> str:
    parts = ["named by a check"] if plant.cause in faults else []
    parts += [verdict.outcome.value] if verdict else []
    return ", ".join(parts) or ("nothing claimed" if not plant.cause else "not tested")


def table(findings: list[Finding]) -> str:
    """The findings as a Markdown table with its sums."""
    rows = ["| plant | planted | named | outcome | effect | false |", "|---|---|---|---|---|---|"]
    for one in findings:
        answer = ("yes" if one.named else "no") if one.plant.cause else "–"
        stated = one.plant.cause or (f"no {one.plant.absent}" if one.plant.absent else "nothing")
        cells = (one.plant.name, stated, answer, one.outcome, one.effect or "–",
                 ", ".join(one.false) or "–")  # fmt: skip
        rows.append(f"| {' | '.join(cells)} |")
    planted = [one for one in findings if one.plant.cause]
    nulls = [one for one in findings if not one.plant.cause and not one.plant.absent]
    named = sum(one.named for one in planted)
    false = sum(len(one.false) for one in findings)
    share = f"{named / len(planted):.0%}" if planted else "–"
    rows += [
        "",
        f"Named {named} of {len(planted)} ({share}); abstained on {len(planted) - named}; false confirmations {false}, "
        f"of them among the {len(nulls)} nulls {sum(len(one.false) for one in nulls)}.",
    ]
    return "\n".join(rows)


def is_good_enough(findings: list[Finding]) -> bool:
    """Nine tenths named, and nothing that is not there."""
    planted = [one for one in findings if one.plant.cause]
    return not any(one.false for one in findings) and sum(one.named for one in planted) >= LEAST_NAMED * len(planted)


@click.group()
def truth() -> None:
    """Planted causes, measured for real."""


FOLDER = click.option("--folder", type=click.Path(path_type=Path), default=Path("ironlaw-runs/truth"))


@truth.command()
def names() -> None:
    """The plants."""
    click.echo("\n".join(BY_NAME))


@truth.command()
@click.argument("plants", nargs=-1, type=click.Choice(list(BY_NAME)))
@FOLDER
def measure(plants: tuple[str, ...], folder: Path) -> None:
    """Record PLANTS, or all of them."""
    for name in plants or BY_NAME:
        click.echo(f"{name} ...", err=True)
        measured(BY_NAME[name], folder)


@truth.command(name="table")
@FOLDER
@click.pass_context
def show(context: click.Context, folder: Path) -> None:
    """What the recordings of a folder say; exits with 1 when that is not good enough."""
    recordings = {name: folder / f"{name}.jsonl" for name in BY_NAME}
    loaded = {name: ironlaw.load(path) for name, path in recordings.items() if path.exists()}
    findings = [found(BY_NAME[name], ironlaw.explain(recording)) for name, recording in loaded.items()]
    machines = {one.machine.cpu for one in loaded.values() if not isinstance(one.machine, Missing)}
    click.echo(f"{', '.join(sorted(machines))}; {platform.system()}; {len(findings)} of {len(BY_NAME)} plants\n")
    click.echo(table(findings))
    context.exit(ExitCode.DONE if is_good_enough(findings) else ExitCode.GATE_FAILED)


if __name__ == "__main__":
    truth()
