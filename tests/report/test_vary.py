"""What is varied, in every output."""

from __future__ import annotations

import json
import re

from rich.console import Console

from ironlaw.analysis.assemble import explain
from ironlaw.arm import Arm
from ironlaw.explanation import Explanation
from ironlaw.measure.scripted import ArmScript, Script
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.point import points_of
from ironlaw.recording import Recording, assemble
from ironlaw.report.document import to_json
from ironlaw.report.html import render
from ironlaw.report.markdown import to_markdown
from ironlaw.report.terminal import Verbosity, show
from tests.analysis.test_points import varied_recording
from tests.scripted import run_script

TURNING = {"1": 0.5, "4": 0.8, "16": 1.3}


def printed(explanation: Explanation, *, verbosity: Verbosity = Verbosity.NORMAL) -> str:
    console = Console(width=80, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        show(explanation, console, verbosity=verbosity)
    return captured.get()


def turning() -> Recording:
    return varied_recording(TURNING)


def test_the_terminal_gives_the_table_and_the_verdict_in_eighty_columns() -> None:
    text = printed(explain(turning()))
    assert "it turns between 4 and 16" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80
    assert len(text.splitlines()) < 40


def test_quietly_it_gives_the_table_and_one_sentence() -> None:
    text = printed(explain(turning()), verbosity=Verbosity.QUIET)
    assert "turns between" in " ".join(text.split())
    assert "Control" not in text


def test_in_full_each_point_is_shown_by_itself() -> None:
    text = printed(explain(turning()), verbosity=Verbosity.VERBOSE)
    assert [line for line in text.splitlines() if line.startswith("At batch")] == [f"At batch={b}:" for b in TURNING]


def test_one_arm_alone_has_its_times_as_the_answer_in_every_output() -> None:
    recording = varied_recording({"1": 0.5, "4": 0.5}, is_alone=True)
    explanation = explain(recording)
    answer = re.compile(
        r"An inference of fp32 takes \d\S* (\[[^]]*\] )?\S+ at batch=1 and \d\S* (\[[^]]*\] )?\S+ at batch=4\."
    )
    assert answer.search(" ".join(printed(explanation).split()))
    assert answer.search(render(explanation, recording).partition("<nav")[0])
    assert answer.search(to_markdown(explanation, recording))


def test_what_does_not_turn_is_said_to_be_steady() -> None:
    text = " ".join(printed(explain(varied_recording({"1": 0.3, "16": 0.5}))).split())
    assert "✗ refuted: the regime" in text
    assert "It does not turn between them" in text


def test_a_value_that_is_passed_over_is_named() -> None:
    text = " ".join(printed(explain(varied_recording({"1": 0.5, "4": 1.0, "16": 1.5}))).split())
    assert "between 1 and 16 (at 4 neither is shown)" in text


def test_markdown_and_html_carry_the_verdict_and_the_page_a_chart() -> None:
    recording = turning()
    explanation = explain(recording)
    assert "it turns between 4 and 16" in to_markdown(explanation, recording)
    page = render(explanation, recording)
    assert 'id="varied"' in page
    assert page.count("<b>Speed-up over fp32 by batch") == 1


def test_a_page_begins_with_all_points_and_not_with_the_first_one_alone() -> None:
    recording = turning()
    header, _, sections = render(explain(recording), recording).partition("<nav")
    assert header.count("<figure>") == 1
    assert "Speed-up over fp32 by batch" in header
    assert "<figure>" in sections


def test_the_document_has_the_points_the_verdict_and_the_interaction() -> None:
    document = json.loads(to_json(explain(turning())))
    (series,) = document["varied"]["series"]
    assert document["varied"]["points"] == [{"batch": value} for value in TURNING]
    assert (series["cause"], series["outcome"], series["setting"]) == ("regime", "confirmed", "batch")
    assert [(one["first"], one["second"]) for one in series["turns"]] == [("4", "16")]
    assert series["turns"][0]["interaction_ln"]["low"] > 0
    assert [one["point"] for one in document["comparisons"]] == [{"batch": value} for value in TURNING]
    assert document["arms"][0]["point"] == {"batch": "1"}


def test_without_points_nothing_is_varied() -> None:
    document = json.loads(to_json(explain(turning(), control="fp32 batch=1", changed="int8 batch=1")))
    assert document["varied"] == {"missing": "nothing was varied"}


def alone(setting: str, times: dict[str, float], name: str = "fp32") -> Explanation:
    """One arm at every value, with that many instructions, which cost one cycle each."""
    arms = tuple(Arm.of(name).at(point) for point in points_of({setting: tuple(times)}))
    laws = {f"{name} {setting}={value}": ArmScript(user_instructions=1e7 * cost) for value, cost in times.items()}
    schedule = Schedule(replicates=8, rounds=4, inferences=32, budget_s=None)
    plan = Plan(model="scripted", arms=with_control(arms), schedule=schedule, seed=2)
    script = Script(arms=laws, turn_noise=0.01, shared_spread=0.01, seed=2)
    return explain(assemble(run_script(plan, script)))


DECODE = "given@llamacpp+phase=decode:8"


def test_of_one_language_model_the_answer_is_up_to_how_many_threads_it_gains_and_comes_first() -> None:
    explanation = alone("threads", {"1": 1.0, "2": 0.5, "4": 0.5}, DECODE)
    said = " ".join(printed(explanation).split())
    assert said.startswith(f"{DECODE} gains up to 2 threads: 2")
    assert "the tokens/s with 2 instead of 1; beyond that no gain is shown: " in said
    for page in (to_markdown(explanation), render(explanation, None)):
        assert "gains up to 2 threads: 2" in page
        assert "Where it turns" not in page


def test_threads_that_lose_and_threads_that_gain_throughout_are_worded_as_such() -> None:
    losing = " ".join(printed(alone("threads", {"1": 1.0, "2": 1.3}, DECODE)).split())
    assert losing.startswith(f"{DECODE} loses by more than 1 thread: 0.7")
    gaining = " ".join(printed(alone("threads", {"1": 1.0, "2": 0.5}, DECODE)).split())
    assert gaining.startswith(f"{DECODE} gains up to 2 threads: 2")
    assert "beyond" not in gaining


def test_a_name_is_not_cut_within_a_level_where_no_arm_is_compared_with_another() -> None:
    name = "given@llamacpp+phase=prefill:128"
    table = printed(alone("threads", {"1": 1.0, "2": 0.5}, name)).partition("Generating text")[0]
    assert sum(f" {name} " in line for line in table.splitlines()) == 2
