from __future__ import annotations

import base64
import functools
import gzip
import json
import random
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ironlaw.estimate import Estimate
from ironlaw.explanation import (
    Explanation,
)
from ironlaw.explanation.split import SplitTerm, Term
from ironlaw.missing import Missing, is_known
from ironlaw.recording import load
from ironlaw.report.figures.comparisons import split_steps
from ironlaw.report.html import render
from ironlaw.report.paragraph import paragraph
from ironlaw.report.raw import packed
from tests.report import explanations
from tests.report.recordings import recording
from tests.report.test_terminal import ALL

NOTHING = SplitTerm(ln=Estimate(value=0.0, low=0.0, high=0.0), ns=Estimate(value=-1e-9, low=-2e-9, high=0.0))
_VOID = {"meta", "link", "br", "wbr", "input"}


class Page(HTMLParser):
    """Elements, attributes and text of a page; complains about tags that do not match."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.text += data

    def ids(self) -> list[str]:
        return [attrs["id"] or "" for _, attrs in self.elements if "id" in attrs]


@functools.cache
def page_of(name: str) -> str:
    explanation = ALL[name]()
    has_plan = not isinstance(explanation.plan, Missing)
    return render(explanation, recording(explanation) if has_plan else None)


@pytest.mark.parametrize("name", ALL)
def test_page_is_well_formed_with_unique_ids(name: str) -> None:
    ids = Page(page_of(name)).ids()
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", ALL)
def test_page_refers_to_nothing_outside(name: str) -> None:
    for tag, attrs in Page(page_of(name)).elements:
        for attribute in ("src", "href", "xlink:href", "action", "data"):
            value = attrs.get(attribute) or ""
            assert value in ("", "data:,") or value.startswith("#"), (tag, attribute, value)
        assert "url(http" not in (attrs.get("style") or "")


@pytest.mark.parametrize("name", ALL)
def test_every_local_link_has_its_target(name: str) -> None:
    page = Page(page_of(name))
    wanted = {attrs["href"] for _, attrs in page.elements if (attrs.get("href") or "").startswith("#")}
    assert {f"#{found}" for found in page.ids()} >= wanted


def test_markup_in_names_stays_text() -> None:
    page = Page(page_of("with_hostile_names"))
    scripts = [attrs for tag, attrs in page.elements if tag == "script"]
    assert [attrs.get("type") for attrs in scripts] == ["application/json", "text/plain", None]
    assert "<script>alert(1)</script>[bold]x[/bold]" in page.text


def test_document_inside_is_the_explanation() -> None:
    source = page_of("with_hostile_names")
    found = re.search(r'<script type="application/json" id="document">(.*?)</script>', source, re.DOTALL)
    assert found
    assert json.loads(found[1])["arms"][0]["arm"] == explanations.HOSTILE


def test_recording_inside_is_the_recording(tmp_path: Path) -> None:
    explanation = explanations.with_pmu()
    given = recording(explanation)
    found = re.search(r'data-encoding="gzip\+base64">(.*?)</script>', render(explanation, given), re.DOTALL)
    assert found
    path = tmp_path / "recording.jsonl"
    path.write_bytes(gzip.decompress(base64.b64decode(found[1])))
    assert load(path) == given


def test_packed_recording_that_was_cut_is_still_cut(tmp_path: Path) -> None:
    given = recording(explanations.with_pmu())
    cut = replace(given, ended=Missing("the recording was cut short"), was_cut=True)
    path = tmp_path / "recording.jsonl"
    path.write_bytes(gzip.decompress(packed(cut)))
    assert load(path) == cut


def test_recording_too_large_for_the_page_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    explanation = explanations.with_pmu()
    small = recording(explanation)
    monkeypatch.setattr("ironlaw.report.html.packed", lambda _: b"")
    most = len(render(explanation, small).encode()) + 1_000_000
    monkeypatch.setattr("ironlaw.report.html._LARGEST_PAGE_BYTES", most)
    for size, is_in in ((700_000, True), (800_000, False)):
        noise = random.Random(3).randbytes(size)
        monkeypatch.setattr("ironlaw.report.html.packed", lambda _, noise=noise: noise)
        page = render(explanation, small)
        assert ('id="recording"' in page) is is_in
        assert ("is too large for this page" in page) is not is_in
        assert len(page.encode()) <= most


def test_summary_is_printed_once() -> None:
    page = Page(page_of("with_pmu")).text
    explanation = explanations.with_pmu()
    reported = [paragraph(comparison, explanation) for comparison in explanation.comparisons[:3]]
    assert all(page.count(one) == 1 for one in reported)


def test_the_page_opens_with_the_answer_and_its_pictures_and_draws_them_once() -> None:
    page = page_of("with_pmu")
    places = [page.index(text) for text in ('id="summary"', ", by cause", 'id="arms"')]
    assert places == sorted(places)
    whole = explanations.with_pmu()
    widest = max(whole.comparisons[:3], key=lambda one: abs(one.ln_ratio.value) if is_known(one.ln_ratio) else 0.0)
    title = f"From {widest.control} to {widest.changed}, by cause"
    assert Page(page).text.count(title) == 1


def test_same_explanation_gives_the_same_file() -> None:
    explanation = explanations.with_pmu()
    assert render(explanation, recording(explanation)) == page_of("with_pmu")


def _sections(explanation: Explanation) -> set[str]:
    return set(Page(render(explanation, None)).ids())


def test_sections_without_content_are_left_out() -> None:
    bare = replace(explanations.with_pmu(), associations=(), concerns=())
    assert {"turns", "counters", "concerns"} & _sections(bare) == set()
    assert {"counters", "concerns"} <= _sections(explanations.with_pmu())


def test_missing_ledger_says_why() -> None:
    assert f"No ledger: {explanations.NO_PMU.reason}" in Page(page_of("without_pmu")).text


def test_colours_come_from_the_style_sheet_only() -> None:
    drawn = re.findall(r"<svg.*?</svg>", page_of("with_pmu"), re.DOTALL)
    assert len(drawn) >= 6
    assert not any(re.search(r"#0101[0-9a-f]{2}", svg) for svg in drawn)


def test_dollar_signs_in_names_are_not_formulas() -> None:
    whole = explanations.with_pmu()
    arms = tuple(replace(arm, arm="$a_1$") if arm.arm == "int8" else arm for arm in whole.arms)
    assert "$a_1$" in Page(render(replace(whole, arms=arms), None)).text


def test_term_that_rounds_to_nothing_has_no_sign_in_the_waterfall() -> None:
    whole = explanations.with_pmu()
    still = replace(explanations.SPLIT, terms={**explanations.SPLIT.terms, Term.FREQUENCY: NOTHING})
    steps = split_steps(replace(whole.comparisons[2], split=still), whole)
    said = {step.label: step.said.replace("\N{NO-BREAK SPACE}", " ") for step in steps}
    assert said["clock frequency"] == "0 ms [0, 0]"
    assert said["instructions"] == "−8.00 ms [−8.30, −7.70]"


def test_the_split_s_waterfall_is_of_the_replicates_of_the_split_and_leaves_nothing_unknown() -> None:
    whole = explanations.with_pmu()
    comparison = whole.comparisons[2]
    arms = tuple(
        replace(arm, wall_ns=Estimate(value=9.9e6, low=9.8e6, high=10e6)) if arm.arm == comparison.changed else arm
        for arm in whole.arms
    )
    steps = split_steps(comparison, replace(whole, arms=arms))
    assert is_known(comparison.split)
    assert "not known" not in {step.label for step in steps}
    assert steps[0].end - steps[-1].end == pytest.approx(comparison.split.total.ns.value)


def test_the_split_s_waterfall_says_what_a_term_adds_with_the_ends_of_its_interval_on_the_same_side() -> None:
    whole = explanations.with_pmu()
    unsure = SplitTerm(ln=Estimate(value=0.1, low=-0.1, high=0.3), ns=Estimate(value=2e6, low=-6e6, high=10e6))
    costly = SplitTerm(ln=Estimate(value=-0.2, low=-0.3, high=-0.1), ns=Estimate(value=-4e6, low=-5e6, high=-3e6))
    split = replace(explanations.SPLIT, terms={**explanations.SPLIT.terms, Term.CPI: unsure, Term.KERNEL: costly})
    said = [
        step.said.replace("\N{NO-BREAK SPACE}", " ")
        for step in split_steps(replace(whole.comparisons[2], split=split), whole)
    ]
    assert "−2 ms [−10, +6]" in said
    assert "+4.0 ms [+3.0, +5.0]" in said


def test_accuracy_on_labelled_inputs_stands_in_the_table_with_its_interval_and_only_where_it_is_known() -> None:
    made = explanations.with_pmu()
    three_of_five = Estimate(value=0.6, low=0.1466, high=0.9473)  # exact, by hand from the beta distribution
    judged = replace(made, arms=tuple(replace(arm, accuracy=three_of_five) for arm in made.arms))
    assert "60.0 [14.7, 94.7]" in Page(render(judged, None)).text
    assert "% [95 %]" not in Page(render(made, None)).text


def test_footnotes_stand_with_the_table_that_has_their_marks() -> None:
    whole = explanations.with_pmu()
    late = Missing("the run ended before it")
    arms = tuple(replace(row, page_faults=late) if row.arm == "fp32+malloc=retain" else row for row in whole.arms)
    page = render(replace(whole, arms=arms), None)
    assert page.index("<details>") < page.index("the run ended before it") < page.index("</details>")


def test_ledger_has_no_column_that_no_layer_fills() -> None:
    whole = explanations.with_pmu()
    page = render(whole, None)
    ledger = page[page.index('<table class="ledger"') :]
    head = ledger[: ledger.index("</thead>")]
    assert "cycles per instruction" in head
    assert "kernel time" not in head  # refused in every layer


def test_protocol_has_its_waterfall_on_the_page() -> None:
    from tests.report.test_waterfall import explanation

    page = Page(render(explanation(), None))
    assert "From the blog post's speed-up to the fair one" in page.text
    assert "the speed-up as the blog post measured it" in page.text
    sections = [name for name in page.ids() if re.fullmatch(r"comparison-\d+", name)]
    assert len(sections) == 1  # not one for every arm of the protocol
    assert "waterfall" not in Page(render(explanations.with_pmu(), None)).ids()


def test_a_command_in_a_gap_is_code_and_what_it_quotes_stays_text() -> None:
    whole = explanations.without_pmu()
    lost = Missing("use bare metal <b>now</b>")
    arms = tuple(replace(arm, ipc=lost) for arm in whole.arms)
    page = render(replace(whole, arms=arms), None)
    assert "see <code>ironlaw doctor</code>" in page
    assert "<b>now</b>" not in page
