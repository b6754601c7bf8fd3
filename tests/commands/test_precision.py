"""A run with --precision ends when its intervals are narrow enough, says so, and otherwise says what it would take."""

from __future__ import annotations

import io
import math
import re
from dataclasses import replace

import pytest
from rich.console import Console

from ironlaw.analysis.assemble import explain
from ironlaw.analysis.statistics.stopping import FEWEST_REPLICATES, seconds_a_replicate
from ironlaw.arm import Arm
from ironlaw.commands.run import Invocation
from ironlaw.commands.run import run as run_command
from ironlaw.errors import BadInput
from ironlaw.fact import Activity, Ended, Ending, Spent
from ironlaw.measure.recorder import record
from ironlaw.measure.scripted import ArmScript, Script, ScriptedStage
from ironlaw.missing import is_known
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.recording import Recording, assemble
from ironlaw.report.terminal import show
from ironlaw.running import Settings, advise
from ironlaw.watcher import Unwatched
from tests.scripted import Kept, run_script


def run(*, spread: float, precision: float | None, budget_s: float = 100.0, replicates: int = 60) -> Recording:
    """fp32 of 33 ms against int8 of 17 ms, whose replicates differ by `spread`; a replicate takes 4 s to start."""
    script = Script(
        arms={
            "fp32": ArmScript(replicate_spread=spread),
            "int8": ArmScript(user_instructions=5e7, replicate_spread=spread),
        },
        start_s=4.0,
        turn_noise=0.002,
        seed=5,
    )
    plan = Plan(
        model="scripted",
        arms=with_control((Arm.of("fp32"), Arm.of("int8"))),
        schedule=Schedule(replicates=replicates, rounds=10, precision=precision, budget_s=budget_s),
    )
    return assemble(run_script(plan, script))


def printed(recording: Recording) -> str:
    out = io.StringIO()
    show(explain(recording), Console(file=out, width=80))
    return " ".join(out.getvalue().replace("\N{NO-BREAK SPACE}", " ").split())


def ending(recording: Recording) -> Ending:
    assert isinstance(recording.ended, Ended)
    return recording.ended.why


def test_a_quiet_run_stops_early_and_says_so() -> None:
    recording = run(spread=0.001, precision=0.02)
    assert ending(recording) is Ending.PRECISION
    assert len({reading.replicate for reading in recording.readings}) == FEWEST_REPLICATES
    assert (
        f"Stopped early, after {FEWEST_REPLICATES} replicates: every interval requested is within ±2.0 %."
        in printed(recording)
    )


def test_the_same_run_without_a_precision_continues_to_the_end_and_says_nothing_of_one() -> None:
    recording = run(spread=0.001, precision=None, replicates=9)
    assert ending(recording) is Ending.COMPLETE
    assert "was requested" not in printed(recording)
    assert "Stopped early" not in printed(recording)


def test_a_noisy_run_ends_on_its_budget_and_says_what_the_precision_would_take() -> None:
    recording = run(spread=0.03, precision=0.01)
    assert ending(recording) is Ending.BUDGET
    text = printed(recording)
    assert "Stopped early" not in text
    said = re.search(
        r"The interval is ±([\d.]+) %; ±1.0 % was requested\. That takes about (\d+) more replicates \((\d+) s\)", text
    )
    assert said, text
    half, more, seconds = float(said[1]), int(said[2]), float(said[3])
    assert half > 1.0
    (comparison,) = explain(recording).comparisons
    assert comparison.replicates_needed == more
    # The interval shrinks with the square root of the number of replicates: within a fifth for these numbers.
    count = len(comparison.replicates)
    assert math.sqrt((count + more) / count) == pytest.approx(half * 1.1, rel=0.2)
    assert is_known(recording.ended)
    assert seconds / more == pytest.approx(recording.ended.elapsed_s / count, rel=0.25)  # as those took that it made


def test_arms_that_start_side_by_side_make_a_replicate_as_long_as_the_clock_shows() -> None:
    recording = run(spread=0.03, precision=0.01)
    assert is_known(recording.ended)
    count = len({reading.replicate for reading in recording.readings})
    assert seconds_a_replicate(recording) == pytest.approx(recording.ended.elapsed_s / count)
    slow = replace(recording, started=tuple(replace(one, load_ns=3 * 10**9) for one in recording.started))
    prepared = replace(slow, spent=(Spent(seconds={Activity.PREPARING: 30.0, Activity.ANSWERS: 9.0}), *slow.spent))
    assert seconds_a_replicate(prepared) == seconds_a_replicate(recording)
    by_arm = seconds_a_replicate(replace(recording, spent=()))
    assert is_known(by_arm)
    assert by_arm > 4.0  # a recording of an older version: starting and all turns


def test_what_it_takes_is_enough_when_it_is_granted() -> None:
    short = explain(run(spread=0.02, precision=0.01)).comparisons[0]
    assert is_known(short.replicates_needed)
    assert is_known(short.seconds_needed)
    longer = run(spread=0.02, precision=0.01, budget_s=100 + 1.5 * short.seconds_needed, replicates=10_000)
    assert ending(longer) is Ending.PRECISION


def test_a_moved_control_is_not_hidden_by_the_precision_asked_for() -> None:
    script = Script(
        arms={"fp32": ArmScript(), "fp32 (again)": ArmScript(user_cpi=1.015), "int8": ArmScript(user_instructions=5e7)},
        turn_noise=0.001,
    )
    plan = Plan(
        model="scripted",
        arms=with_control((Arm.of("fp32"), Arm.of("int8"))),
        schedule=Schedule(replicates=60, rounds=10, precision=0.02, budget_s=100.0),
    )
    kept = Kept()
    assert record(plan, ScriptedStage(script), kept, watcher=Unwatched(), advice=advise(())) is Ending.PRECISION
    check = explain(assemble(kept)).control_check
    assert is_known(check)
    assert is_known(check.ln_ratio)
    assert check.ln_ratio.excludes(0.0)


@pytest.mark.parametrize(("text", "fraction"), [("2%", 0.02), ("0.02", 0.02), (" 1.5% ", 0.015)])
def test_a_precision_is_a_percentage_or_a_fraction(text: str, fraction: float) -> None:
    assert Settings.of({"precision": text}).precision == pytest.approx(fraction)


@pytest.mark.parametrize("text", ["2", "100%", "0", "-1%", "nan", "inf", "two", "%"])
def test_a_precision_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        Settings.of({"precision": text})
    assert "%" in caught.value.hint or "%" in caught.value.message


@pytest.mark.parametrize("option", ["--precision", "--agreement"])
@pytest.mark.parametrize("text", ["7", "0", "seven"])
def test_a_share_that_is_none_is_refused_under_the_name_of_its_option(option: str, text: str) -> None:
    with pytest.raises(BadInput) as caught:
        Invocation.of(run_command.make_context("run", [option, text]).params)
    assert option in caught.value.hint
    (other,) = {"--precision", "--agreement"} - {option}
    assert other not in caught.value.message + caught.value.hint
