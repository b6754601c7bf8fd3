"""ironlaw layers --answers: the effect of each layer on the answers, beside the time int8 saves in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ironlaw.commands.consent import require_consent
from ironlaw.commands.showing import echo, keeping_measured, say_json
from ironlaw.errors import BadInput
from ironlaw.explanation.sensitivity import Sensitivity
from ironlaw.missing import Maybe, Missing, is_known
from ironlaw.variant import PRECISION

if TYPE_CHECKING:
    from ironlaw.recording import Recording

# A network of 60 layers: half of it is opening sessions, the rest some hundred inputs.
ANSWERS_BUDGET_S = 90.0


def show_answers(recording: Recording, file: Path, changed: str | None, options: dict[str, object]) -> int:
    """Show the sensitivities of an int8 arm; those that the recording lacks are replayed, and kept in a copy of it.

    Raises:
        BadInput: there is no int8 arm, or its layers cannot be replayed.
    """
    from rich.console import Console

    from ironlaw.report.sensitivity import sensitivity_document, show_sensitivity

    arm = _int8_arm(recording, changed)
    kept = file
    tried = [one.layers for one in recording.replays if one.arm == arm and not (one.mixtures or one.only_answers)]
    if not any(is_known(one) for one in tried):
        if tried and isinstance(tried[-1], Missing):
            echo(f"The recording's replay of {arm} failed: {tried[-1].reason}; it is tried again", err=True)
        recording, kept = _replayed(recording, file, arm, options)
    with keeping_measured(kept):
        found = sensitivity_of(recording, arm)
        if isinstance(found, Missing):
            raise BadInput(f"the layers of {arm} were not replayed: {found.reason}", hint="name another arm: --changed")
        top = None if options["is_all"] else options["top"]
        if options["as_json"]:
            say_json(sensitivity_document(found))
        elif options["as_markdown"]:
            from ironlaw.report.sensitivity import sensitivity_markdown

            click.echo(sensitivity_markdown(found))  # `echo` would show line ends as characters
        else:
            show_sensitivity(found, Console(), top=top if isinstance(top, int) else None)
    return 0


def sensitivity_of(recording: Recording, arm: str) -> Maybe[Sensitivity]:
    """The sensitivity of an arm, with the times of the comparison in which it is the changed one."""
    import ironlaw

    return ironlaw.explain(recording).sensitivities.get(arm, Missing("it was not replayed"))


def _int8_arm(recording: Recording, changed: str | None) -> str:
    arms = [arm for arm in recording.plan.asked() if arm.variant.level(PRECISION).startswith("int8")]
    if changed is not None:
        if changed not in [arm.name for arm in recording.plan.arms]:
            raise BadInput(f"there is no arm {changed!r}", hint="ironlaw explain lists them")
        return changed
    if not arms:
        raise BadInput("the recording has no int8 arm", hint="ironlaw run MODEL --arms fp32,int8")
    asked = {one.arm for one in recording.replays}
    return next((arm.name for arm in arms if arm.name in asked), arms[0].name)


def _replayed(recording: Recording, file: Path, arm: str, options: dict[str, object]) -> tuple[Recording, Path]:
    from ironlaw.measure.replaying.afterwards import replay_of, write_with
    from ironlaw.running import default_out

    plan = recording.plan
    require_consent(plan, file, given=bool(options["run_its_code"]))
    out = options["out"] if isinstance(options["out"], Path) else default_out(f"{plan.model}-answers")
    if out.exists():
        raise BadInput(f"{out} exists already", hint="name another --out")
    budget_s = options["budget"] if isinstance(options["budget"], float) else ANSWERS_BUDGET_S
    echo(f"Replaying the layers of {arm}, some {budget_s:.0f} s ...", err=True)
    replayed = replay_of(plan, plan.arm(arm), budget_s)
    if isinstance(replayed.layers, Missing):
        raise BadInput(
            f"the layers of {arm} cannot be replayed: {replayed.layers.reason}", hint="name another: --changed"
        )
    try:
        made = write_with(file, out, replayed)
    except OSError as error:
        raise BadInput(f"cannot write {out}: {error.strerror}", hint="name another --out") from None
    echo(f"Recording: {out}", err=True)
    return made, out
