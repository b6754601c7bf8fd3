from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from ironlaw.analysis.assemble import explain
from ironlaw.concern import Concern, Weight
from ironlaw.estimate import Estimate
from ironlaw.experiment import CauseStanding, CauseState
from ironlaw.explanation import (
    Comparison,
    Explanation,
    ReadOnce,
)
from ironlaw.explanation.split import Split, SplitTerm, Term
from ironlaw.missing import Maybe, Missing
from ironlaw.report.arms import boundaries
from ironlaw.report.doubts import control_sentence
from ironlaw.report.guesses import NOT_TESTED, AnsweredGuess
from ironlaw.report.terminal import Verbosity, show
from tests.report import explanations
from tests.report.published import published_table
from tests.scripted import SOUND, own, recorded, stated

ALL = {
    name: getattr(explanations, name)
    for name in (
        "with_pmu",
        "without_pmu",
        "cut_short",
        "with_failed_arm",
        "with_moved_control",
        "with_twelve_arms",
        "with_hostile_names",
    )
} | {"published_table": published_table}


def text_of(
    explanation: Explanation, *, width: int = 80, n: int | None = None, verbosity: Verbosity = Verbosity.NORMAL
) -> str:
    out = io.StringIO()
    show(explanation, Console(file=out, width=width), n=n, verbosity=verbosity)
    return out.getvalue()


def flat(text: str) -> str:
    return " ".join(text.replace("\N{NO-BREAK SPACE}", " ").split())


@pytest.mark.parametrize("verbosity", Verbosity)
@pytest.mark.parametrize("name", ALL)
def test_no_line_is_wider_than_80_columns(name: str, verbosity: Verbosity) -> None:
    lines = text_of(ALL[name](), n=5000, verbosity=verbosity).splitlines()
    assert lines
    assert max(len(line) for line in lines) <= 80


@pytest.mark.parametrize("name", ALL)
def test_nothing_but_text_goes_into_a_pipe(name: str) -> None:
    assert "\x1b" not in text_of(ALL[name]())


def test_markup_in_a_name_stays_text() -> None:
    text = text_of(explanations.with_hostile_names(), width=200)
    assert "<script>alert(1)</script>[bold]x[/bold]" in text


def test_first_table_holds_time_and_speedup_of_every_arm() -> None:
    assert "int8+fused 10.70 53.5 2.70× [2.60, 2.80] 0.97 5.00 3.94" in flat(text_of(explanations.with_pmu(), n=5000))


def test_counts_stand_in_the_second_table_that_verbose_adds() -> None:
    text = flat(text_of(explanations.with_pmu(), verbosity=Verbosity.VERBOSE))
    assert "int8+fused 0 7.49 3.00 321 200 0.013" in text
    assert "--verbose shows 2 arms of experiments, 4 more columns" in flat(text_of(explanations.with_pmu()))


def test_wide_terminal_shows_one_table() -> None:
    heads = [line for line in text_of(explanations.with_pmu(), width=160).splitlines() if line.startswith("arm")]
    assert len(heads) == 1


def test_time_of_n_inferences_is_shown_only_when_asked_for() -> None:
    assert "for 5000" in text_of(explanations.with_pmu(), n=5000)
    assert "for " not in text_of(explanations.with_pmu()).splitlines()[0]


def test_lost_columns_become_one_line_with_reason_and_remedy() -> None:
    text = flat(text_of(explanations.without_pmu()))
    assert (
        "Unknown: IPC, cache-miss percentage, instructions per image and cache misses per image. "
        "Reason: the kernel refused hardware events (ENOENT): this machine exposes no PMU. Fix: " in text
    )
    assert "misses / image" not in text


def test_column_that_was_not_recorded_is_not_mentioned() -> None:
    whole = explanations.with_pmu()
    arms = tuple(replace(arm, context_switches=Missing("was not recorded")) for arm in whole.arms)
    text = text_of(replace(whole, arms=arms))
    assert "context" not in text.partition("Published guesses")[0]


def test_failed_arm_keeps_its_row_and_says_why() -> None:
    text = text_of(explanations.with_failed_arm())
    row = next(line for line in text.splitlines() if line.startswith("int8 "))
    assert row.split()[1] == "–¹"
    assert "int8 failed: signal 11 (SIGSEGV) in turn 3." in text


def test_lost_columns_are_judged_by_the_arms_that_ran() -> None:
    assert "instructions per image" not in flat(text_of(explanations.with_failed_arm()))


def test_cut_recording_is_marked_before_its_table() -> None:
    assert text_of(explanations.cut_short()).startswith("This recording was cut short")


def test_arms_of_experiments_are_rows_only_when_everything_is_asked_for() -> None:
    lines = [line.split("  ")[0] for line in text_of(explanations.with_pmu()).splitlines()]
    assert not any(line.strip().startswith("fp32+malloc") for line in lines[:8])
    lines = text_of(explanations.with_pmu(), verbosity=Verbosity.VERBOSE).splitlines()
    place = lines.index(next(line for line in lines if line.startswith("for experiments")))
    assert lines[place - 1].startswith("fp32 (again)")
    assert lines[place + 1].startswith("  fp32+malloc=retain")


def test_answer_stands_in_the_first_screen() -> None:
    first = text_of(explanations.with_pmu()).splitlines()[:24]
    assert "int8+fused is 2.70× [2.60, 2.80] faster than fp32" in flat("\n".join(first))


def test_comparison_that_moved_most_comes_first() -> None:
    text = flat(text_of(explanations.with_pmu()))
    places = [text.index(f"{name} is ") for name in ("int8+fused", "int8", "fp32+fused")]
    assert places == sorted(places)


def test_steps_of_a_table_are_reported_in_their_order() -> None:
    whole = published_table()
    (first,) = whole.comparisons
    assert isinstance(first.once, ReadOnce)
    second = replace(first, control="int8", changed="int8+fused", once=replace(first.once, ln_ratio=2.0))
    text = flat(text_of(replace(whole, comparisons=(first, second))))
    assert text.index("int8 took") < text.index("int8+fused took")


LONG = "int8@onnxruntime+cache=cold+channels_last+fused+isa=avx2+malloc=retain+threads=2+weights=aliased"


@pytest.mark.parametrize("name", [LONG, "a_name_of_ones_own_that_is_longer_than_the_whole_column_" * 2])
def test_long_name_leaves_the_numbers_of_its_row_on_one_line(name: str) -> None:
    rows = (explanations.arm("fp32", 29.0), explanations.arm(name, 10.7))
    comparisons = (explanations.comparison("fp32", name, 2.7),)
    whole = replace(explanations.with_pmu(), plan=explanations.plan("fp32", name), arms=rows, comparisons=comparisons)
    text = text_of(whole)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "10.70 2.70× [2.60, 2.80] 0.97" in flat(text)


def test_reason_of_a_gap_is_printed_once_however_often_it_is_met() -> None:
    whole = explanations.without_pmu()
    quoting = Missing(f"cycles and instructions were not counted ({explanations.NO_PMU.reason})")
    lost: dict[Term, Maybe[SplitTerm]] = {Term.INSTRUCTIONS: quoting, Term.CPI: quoting}
    split = whole.comparisons[2].split
    assert isinstance(split, Split)
    text = f"not counted: instructions, cycles ({explanations.NO_PMU.reason})"
    whole = replace(
        whole,
        comparisons=tuple(
            replace(item, split=replace(split, terms={**split.terms, **lost})) for item in whole.comparisons
        ),
        concerns=(*whole.concerns, Concern(slug="lost-counter", text=text, fix="ironlaw doctor")),
    )
    said = flat(text_of(whole))
    assert said.count(explanations.NO_PMU.reason) == 1
    assert "; in the splits, instructions and cycles per instruction. Reason: the kernel refused" in said
    assert flat(text_of(whole, verbosity=Verbosity.VERBOSE)).count("not counted: instructions, cycles") == 1


def test_doubt_about_several_arms_is_printed_once_with_their_names() -> None:
    doubts = [Concern(slug="cut", text="replicate 7 ended early", fix="more", arm=arm) for arm in ("int8", "fp32")]
    said = flat(text_of(replace(explanations.with_pmu(), concerns=tuple(doubts)), verbosity=Verbosity.VERBOSE))
    assert "Doubt (int8, fp32): replicate 7 ended early. fix: more" in said
    assert said.count("replicate 7") == 1


@pytest.mark.parametrize(
    ("slug", "together"),
    [
        ("skewed-arm", "a tail shifts the mean of each"),
        ("process-layout", "the replicates of each differ"),
        ("layer-reading-disturbs", "reading layers changes their speed-ups"),
        ("layers-unattributed", "the layers of each took over 3 % more, or less"),
    ],
)
def test_what_several_arms_have_is_one_doubt_and_that_of_one_keeps_its_numbers(slug: str, together: str) -> None:
    each = [
        Concern(slug=slug, text=f"it is off by 1.{place} %", fix="wait", arm=arm)
        for place, arm in enumerate(("int8", "fp32"))
    ]
    several, one = (
        flat(text_of(replace(explanations.with_pmu(), concerns=tuple(found)), verbosity=Verbosity.VERBOSE))
        for found in (each, each[:1])
    )
    assert several.count("fix: wait") == 1
    assert f"Doubt (int8, fp32): {together}" in several
    assert "it is off" not in several
    assert "Doubt (int8): it is off by 1.0 %." in one


def test_experiment_that_two_comparisons_rest_on_is_printed_once() -> None:
    whole = explanations.with_pmu()
    both = tuple(replace(item, causes=(explanations.PAGE_FAULTS,)) for item in whole.comparisons[1:3])
    said = flat(text_of(replace(whole, comparisons=both)))
    assert said.count("fp32+malloc=retain is 1.500×") == 1
    assert said.count("Page faults: confirmed by the same experiment.") == 1


def test_share_whose_interval_is_not_known_has_two_digits() -> None:
    whole = explanations.with_pmu()
    sharp = replace(explanations.PAGE_FAULTS, share=explanations.estimate(0.24538, 0.0))
    said = flat(text_of(replace(whole, comparisons=(replace(whole.comparisons[2], causes=(sharp,)),))))
    assert "Page faults: 25 % of the gain" in said


def test_remainder_that_may_be_nothing_is_not_called_unexplained() -> None:
    whole = explanations.with_pmu()
    rest = explanations.estimate(-0.04, 0.14)
    said = flat(text_of(replace(whole, comparisons=(replace(whole.comparisons[2], unexplained=rest),))))
    assert "No unexplained part is shown: a factor of 0.96× [0.84, 1.11]." in said
    assert "Unexplained" not in said


def test_a_comparison_that_is_the_experiment_itself_leaves_nothing_to_speak_of() -> None:
    whole = explanations.with_pmu()
    comparison = whole.comparisons[2]
    same = replace(explanations.PAGE_FAULTS, control=comparison.control, changed=comparison.changed)
    rest = explanations.estimate(0.0, 0.0)
    said = flat(text_of(replace(whole, comparisons=(replace(comparison, causes=(same,), unexplained=rest),))))
    assert "Page faults: confirmed." in said
    assert "left over" not in said


def test_a_number_is_not_torn_from_its_per_cent_sign() -> None:
    whole = explanations.with_pmu()
    concerns = tuple(replace(whole.concerns[0], text=f"{'x' * count} 12.5 % of it") for count in range(20, 70))
    lines = text_of(replace(whole, concerns=concerns), verbosity=Verbosity.VERBOSE).splitlines()
    assert sum("12.5" in line for line in lines) >= len(concerns)
    assert not [line for line in lines if line.lstrip().startswith("%")]


def test_what_is_not_confirmed_is_a_table_with_what_would_decide_it() -> None:
    lines = text_of(explanations.with_pmu()).splitlines()
    head = next(place for place, line in enumerate(lines) if line.split()[:2] == ["not", "confirmed"])
    assert " ".join(lines[head].split()) == "not confirmed outcome effect what would decide it"
    assert [" ".join(line.split()) for line in lines[head + 1 : head + 4]] == [
        "SIMD density ~ consistent with an experiment",
        "Memory layout ? undecided 1.02× [0.97, 1.07] more replicates",
        "Cache fit ✗ refuted 1.001× [0.995, 1.007] –",
    ]


def test_a_concern_is_one_line_unless_it_invalidates() -> None:
    long = "steal took part of the time; " + "and this is what else there is to say of it " * 4
    said = {
        weight: text_of(
            replace(explanations.with_pmu(), concerns=(Concern(slug="x", text=long, fix="wait", weight=weight),))
        )
        for weight in Weight
    }
    assert "Doubt: steal took part of the time.\n" in said[Weight.DOUBTS]
    assert "fix: wait" not in said[Weight.DOUBTS]
    assert "fix: wait" in said[Weight.INVALIDATES]
    assert "what else there is to say" in flat(said[Weight.INVALIDATES])


def test_only_the_widest_comparison_has_its_split_unless_everything_is_asked_for() -> None:
    whole = explanations.with_pmu()
    again = tuple(replace(item, split=whole.comparisons[2].split) for item in whole.comparisons)
    whole = replace(whole, comparisons=again)
    assert text_of(whole).count("By the iron law") == 1
    assert text_of(whole, verbosity=Verbosity.VERBOSE).count("By the iron law") == len(again)


def test_paragraph_reads_like_an_answer() -> None:
    assert (
        "int8+fused is 2.70× [2.60, 2.80] faster than fp32: 10.70 ms instead of 29.00 ms per image. "
        "Page faults: 41 % [38, 44] of the gain. Fusion: 47 % [43, 51] of the gain. "
        "Unexplained: a factor of 1.13× [1.08, 1.17], 12 % of the gain."
    ) in flat(text_of(explanations.with_pmu())).replace("41.0 % [38.0, 44.0]", "41 % [38, 44]")


def test_moved_control_takes_every_claim_away() -> None:
    text = flat(text_of(explanations.with_moved_control()))
    assert "is 2.70× [2.60, 2.80] faster" not in text
    assert "Unproven: int8+fused against fp32 is 2.70× [2.60, 2.80], but" in text


def test_quiet_says_one_sentence_per_comparison() -> None:
    text = text_of(explanations.with_pmu(), verbosity=Verbosity.QUIET)
    assert "2.70×" in text
    assert "Page faults" not in text


def test_verbose_shows_the_evidence_and_its_gaps() -> None:
    text = text_of(explanations.with_pmu(), verbosity=Verbosity.VERBOSE)
    assert "minor faults per inference: 3512" in text
    assert "kernel share of cycles: the kernel refused" in flat(text)


def test_published_table_is_shown_without_intervals() -> None:
    text = flat(text_of(published_table()))
    assert (
        "int8 took 54.44 s instead of 89.81 s per run, 1.65× faster than fp32. "
        "No interval (a published table has no replicates), so nothing is proven." in text
    )
    assert "fp32 would take 76.60 s per run" in text
    assert "[" not in text.replace("[95 %]", "")


def test_what_is_timed_is_said_once_for_the_arms_it_holds_for() -> None:
    from ironlaw.explanation import ArmSummary
    from ironlaw.missing import Missing

    gap = Missing("no turn")

    def arm(name: str, boundary: str) -> ArmSummary:
        return ArmSummary(arm=name, inferences=1, wall_ns=gap, boundary=boundary)

    arms = [arm("fp32", "the call"), arm("int8", "the call"), arm("other", "its run"), arm("old", "")]
    assert boundaries(arms) == [("fp32, int8", "the call"), ("other", "its run")]


def test_a_control_that_moved_by_a_negligible_amount_is_not_called_equal() -> None:
    whole = explanations.with_pmu()
    assert isinstance(whole.control_check, Comparison)
    moved = replace(whole.control_check, ln_ratio=Estimate(value=-0.0008, low=-0.0013, high=-0.0002))
    assert "no difference, as expected" in control_sentence(whole)
    assert "too small to cast doubt on larger differences" in control_sentence(replace(whole, control_check=moved))


def test_guesses_that_nothing_tested_have_no_heading(monkeypatch: pytest.MonkeyPatch) -> None:
    untested = AnsweredGuess(guess="fewer context switches", answer=NOT_TESTED, evidence=("nothing tests it.",))
    monkeypatch.setattr("ironlaw.report.terminal.whole.guesses", lambda explanation: (untested,))
    explanation = explanations.without_pmu()
    assert "Published guesses" not in text_of(explanation)
    assert "Published guesses" in text_of(explanation, verbosity=Verbosity.VERBOSE)


def test_causes_that_had_no_time_are_named_below_the_table_with_the_budget_that_they_need() -> None:
    made = recorded((own("a"), own("b")), stated(SOUND, SOUND), replicates=2)
    schedule = replace(made.plan.schedule, budget_s=60.0)
    waiting = CauseStanding(cause="simd-density", state=CauseState.WAITING, seconds=35.2)
    for standings, said in (((waiting,), True), ((), False)):
        plan = replace(made.plan, schedule=schedule, standings=standings)
        shown = text_of(explain(replace(made, plans=(*made.plans, plan))))
        assert ("  not tested for lack of time: SIMD density (--budget 100)\n" in shown) is said
