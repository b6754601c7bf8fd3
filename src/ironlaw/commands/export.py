"""ironlaw export: an arm as a model file and a script that loads it and infers."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from ironlaw import child
from ironlaw.arm import Arm
from ironlaw.commands.consent import require_consent, run_its_code
from ironlaw.commands.showing import echo
from ironlaw.errors import ArmFailed, BadInput, offer_closest
from ironlaw.leaving import in_float
from ironlaw.plan import Plan, Schedule

if TYPE_CHECKING:
    from ironlaw.fact import ArmPrepared, Failure
    from ironlaw.measure.replaying.held_out import HeldOut

RUNS = Path("ironlaw-runs")
EXAMPLE_LIMIT_S = 120.0
CHECK_LIMIT_S = 300.0  # as many inferences in float as there are held-out inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What to export, and where to."""

    plan: Plan  # with the one arm
    folder: Path

    @property
    def arm(self) -> Arm:
        """The arm to export."""
        return self.plan.arms[0]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("arm")
@click.option("-o", "--output", "folder", required=True, type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--from", "recording", metavar="FILE", help="The recording that has the arm; default: the newest run here."
)
@click.option(
    "--model",
    metavar="MODEL",
    help="Export a model without a recording; ARM is then a variant, such as int8@onnxruntime.",
)
@click.option("--threads", type=int, metavar="T", help="Threads per inference; default: those of the recording.")
@click.option("--force", is_flag=True, help="Write into DIR even if it is not empty.")
@run_its_code
def export(arm: str, folder: Path, recording: str | None, model: str | None, **options: object) -> int:
    """Export ARM of a recording: the model file, an example input, and infer.py, which runs without ironlaw.

    infer.py also checks how far the arm agrees with float, on held-out inputs that are written beside it.
    """
    threads, force = options["threads"], bool(options["force"])
    assert threads is None or isinstance(threads, int)
    plan = of_model(arm, model) if model else of_recording(arm, recording, trusted=bool(options["run_its_code"]))
    if threads is not None:
        plan = replace(plan, threads=threads)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not force:
        raise BadInput(f"{folder} exists and is not empty", hint="name another folder, or add --force")
    written = write(ExportRequest(plan=plan, folder=folder))
    for name in written:
        echo(str(folder / name))
    echo(f"Try it: python {folder / 'infer.py'}", err=True)
    return 0


def of_model(text: str, model: str) -> Plan:
    """The plan of one variant of a model."""
    from ironlaw.models import sources

    sources.check_source(model)
    return Plan(model=model, arms=(Arm.of(text),), schedule=Schedule())


def of_recording(name: str, path: str | None, *, trusted: bool = False) -> Plan:
    """A recording's plan with only the arm of that name.

    Raises:
        BadInput: there is no recording, it has no such arm, or the arm is a program and not `trusted`.
    """
    import ironlaw

    file = newest() if path is None else Path(path)
    plan = ironlaw.load(file).plan
    names = [arm.name for arm in plan.arms if not arm.repeats]
    if name not in names:
        raise BadInput(f"no arm of this recording is called {name!r}", hint=offer_closest(name, names))
    chosen = Plan(
        model=plan.model,
        arms=(plan.arm(name),),
        schedule=Schedule(),
        seed=plan.seed,
        threads=plan.threads,
        batch=plan.batch,
        inputs=plan.inputs,
        images=plan.images,
        agreement=plan.agreement,
    )
    require_consent(chosen, file, given=trusted)
    return chosen


def newest() -> Path:
    """The recording made last under ./ironlaw-runs/.

    Raises:
        BadInput: there is none.
    """
    found = sorted(RUNS.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise BadInput(f"there is no recording in {RUNS}", hint="name one with --from, or a model with --model")
    return found[-1]


def write(request: ExportRequest) -> list[str]:
    """Prepare the arm again in a process of its own, write its files, and return their names.

    Raises:
        BadInput: a level of the arm cannot be exported, or the model does not exist.
        ArmFailed: the engine cannot prepare it.
    """
    from ironlaw.engines import exported
    from ironlaw.fact import ArmPrepared, Failure
    from ironlaw.measure.processes import ProcessStage

    variant = request.arm.variant
    exported.refuse_unportable(variant)
    plan = request.plan
    stage = ProcessStage(
        Plan(
            model=plan.model,
            arms=plan.arms,
            schedule=plan.schedule,
            counters=False,
            seed=plan.seed,
            threads=plan.threads,
            batch=plan.batch,
            inputs=plan.inputs,
            images=plan.images,
        )
    )
    try:
        stage.check_counters()
        reference = in_float(request.arm)
        arms = plan.arms if reference is None else (*plan.arms, reference)
        made = [one for one in stage.prepare(arms) if isinstance(one, ArmPrepared | Failure)]
        fact = made[0]
        if isinstance(fact, Failure):
            kind = BadInput if fact.stage == "input" else ArmFailed
            raise kind(fact.reason, hint=fact.hint)
        prepared = Path(fact.prepared.path).parent
        export = exported.export_of(variant, prepared)
        request.folder.mkdir(parents=True, exist_ok=True)
        names = list(export.files)
        for name in names:
            (request.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(prepared / name, request.folder / name)
        arguments = example(prepared, request.folder)
        named = exported.Named(
            arm=request.arm.name,
            model=request.arm.factory or request.plan.model,
            variant=variant,
            threads=request.plan.threads,
            settings=fact.prepared.settings,
        )
        for setting in exported.left_out(named):
            echo(f"left out, since infer.py runs without torch: its own code sets torch's {setting}", err=True)
        checked = None if reference is None else _held_out(request, reference, made[-1])
        check = None if checked is None else exported.Check(least=request.plan.agreement, calibrated=checked.calibrated)
        text = exported.script(named, export, arguments, check=check)
        (request.folder / "infer.py").write_text(text, encoding="utf-8")
    finally:
        stage.close()
    return [*names, exported.EXAMPLE, *([exported.CHECK] if checked else []), "infer.py"]


def _held_out(request: ExportRequest, reference: Arm, made: ArmPrepared | Failure) -> HeldOut | None:
    """Write held-out inputs with the float arm's answers; None, and the reason is printed, where that cannot be."""
    from ironlaw.engines.exported import CHECK
    from ironlaw.fact import Failure
    from ironlaw.measure.replaying.held_out import HeldOut

    if isinstance(made, Failure):
        echo(f"infer.py has no check: {reference.name} cannot be prepared: {made.reason}", err=True)
        return None
    order = {
        "variant": str(reference.variant),
        "prepared": msgspec.to_builtins(made.prepared),
        "threads": request.plan.threads,
        "seed": request.plan.seed,
        "images": request.plan.images,
        "file": str(request.folder / CHECK),
    }
    ran = _in_child("ironlaw.measure.replaying.held_out", json.dumps(order), limit_s=CHECK_LIMIT_S)
    if ran.returncode:
        echo(f"infer.py has no check: {_last_line(ran.stderr)}", err=True)
        return None
    return msgspec.json.decode(ran.stdout, type=HeldOut)


def _in_child(module: str, *arguments: str, limit_s: float) -> subprocess.CompletedProcess[str]:
    words, variables = child.command(module, *arguments), child.variables()
    try:
        return subprocess.run(words, env=variables, capture_output=True, text=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, returncode=1, stdout="", stderr=f"no answer within {limit_s:.0f} s")


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no reason given"


def example(prepared: Path, folder: Path) -> list[object]:
    """Write the example in a process that loads torch, and return the arguments for the script.

    Raises:
        ArmFailed: that process failed.
    """
    ran = _in_child("ironlaw.engines.exported", str(prepared), str(folder), limit_s=EXAMPLE_LIMIT_S)
    if ran.returncode:
        raise ArmFailed(f"the example could not be written: {_last_line(ran.stderr)}", hint="see above")
    arguments: list[object] = json.loads(ran.stdout)
    return arguments
