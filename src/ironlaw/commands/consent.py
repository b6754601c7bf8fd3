"""Consent to run programs that a recording names, since a recording may come from anywhere."""

from __future__ import annotations

from pathlib import Path

import click

from ironlaw.errors import BadInput
from ironlaw.plan import Plan

run_its_code = click.option(
    "--run-its-code", is_flag=True, help="Run the programs that the recording names, with your rights."
)


def require_consent(plan: Plan, recording: Path, *, given: bool) -> None:
    """Refuse to run the programs that a recording names unless allowed; library models and graph files are no programs.

    Raises:
        BadInput: a program would run; the message names it and how to allow it.
    """
    from ironlaw.models.sources import runs_own_code

    named = dict.fromkeys(arm.factory or plan.model for arm in plan.arms)
    own = [source for source in named if runs_own_code(source)]
    if own and not given:
        raise BadInput(
            f"{recording} names programs that this would run: {', '.join(own)}",
            hint="if you trust them, add --run-its-code",
        )
