"""ironlaw compare: whether a new recording breaks a rule that an old one sets."""

from __future__ import annotations

from pathlib import Path

import click

from ironlaw.commands.showing import say_json
from ironlaw.errors import BadInput, ExitCode, GateFailed
from ironlaw.gate import Rule, Ruling


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[OLD] NEW")
@click.option("--fail-if", "rules", multiple=True, metavar="RULE", help="See above; can be repeated.")
@click.option("--arm", metavar="ARM", help="Judge only this arm; default: all but the control.")
@click.option(
    "--if-missing",
    type=click.Choice(["fail", "pass"]),
    default="fail",
    show_default=True,
    help="Result of a rule without a measurement.",
)
@click.option(
    "--raw-clock", is_flag=True, help="Compare absolute times of two runs instead of times relative to the control."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def compare(files: tuple[Path, ...], rules: tuple[str, ...], **options: object) -> int:
    """Exit with 1 when NEW breaks a RULE: against the recording OLD, or against its own control.

    \b
    time>+3%           an arm's time relative to its control grew by more;
                       the whole interval must lie beyond
    instructions>+1%   its instructions grew by more (needs a PMU)
    cause:page-faults  what the cause is worth changed; with one
                       recording: the cause is confirmed

    A rule whose interval contains the limit is undecided and does not fail. A rule without a measurement is not a pass:
    it fails unless --if-missing pass.
    """
    from rich.console import Console

    from ironlaw import load
    from ironlaw.report import gate as words
    from ironlaw.running.gating import judge_recordings

    if len(files) not in (1, 2):
        raise BadInput(f"{len(files)} recordings are named", hint="ironlaw compare OLD NEW --fail-if 'time>+3%'")
    if not rules:
        raise BadInput("there is no rule", hint="for example --fail-if 'time>+3%'")
    if options["raw_clock"] and len(files) == 1:
        raise BadInput("--raw-clock compares two recordings", hint="name an old one, or leave it out")
    parsed = [Rule.parse(rule) for rule in rules]
    *old, new = (load(file) for file in files)
    arm = options["arm"]
    gate = judge_recordings(
        old[0] if old else None,
        new,
        parsed,
        arm=None if arm is None else str(arm),
        raw_clock=bool(options["raw_clock"]),
    )
    failing = (Ruling.BROKEN,) if options["if_missing"] == "pass" else (Ruling.BROKEN, Ruling.UNKNOWN)
    failed = [judgement for judgement in gate.judgements if judgement.ruling in failing]
    if options["as_json"]:
        say_json(words.to_document(gate, passed=not failed))
    else:
        words.show(gate, Console())
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise GateFailed(words.broken_sentence(gate, failed[0]) + more, hint=_hint(failed[0].ruling))
    return ExitCode.DONE


def _hint(ruling: Ruling) -> str:
    if ruling is Ruling.UNKNOWN:
        return "measure what the rule needs, or accept the gap with --if-missing pass"
    return "ironlaw explain NEW shows where the time goes"
