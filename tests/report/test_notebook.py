"""An answer inside a notebook: as much of it as on the page, harmless, and shown when a notebook really runs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from ironlaw.report.html import render
from ironlaw.report.notebook import to_fragment
from tests.report import explanations
from tests.report.recordings import recording
from tests.report.test_html import Page
from tests.report.test_terminal import ALL


@pytest.mark.parametrize("name", ALL)
def test_fragment_is_well_formed_and_runs_nothing(name: str) -> None:
    tags = [tag for tag, _ in Page(to_fragment(ALL[name](), None)).elements]
    assert "script" not in tags
    assert "html" not in tags


def test_two_explanations_in_one_notebook_share_no_id() -> None:
    one, other = Page(to_fragment(explanations.with_pmu(), None)), Page(to_fragment(explanations.without_pmu(), None))
    assert set(one.ids()) & set(other.ids()) == set()


def test_fragment_shows_the_table_and_the_pictures() -> None:
    page = Page(to_fragment(explanations.with_pmu(), None))
    assert "2.70× [2.60, 2.80]" in page.text
    assert [tag for tag, _ in page.elements].count("svg") >= 4


def test_a_notebook_shows_every_table_and_picture_of_the_page() -> None:
    explanation = explanations.with_pmu()
    given = recording(explanation)
    on_page, in_notebook = (
        Counter(tag for tag, _ in Page(text).elements if tag in ("svg", "figure", "table", "tr", "td"))
        for text in (render(explanation, given), to_fragment(explanation, given))
    )
    assert in_notebook == on_page


def test_a_sentence_that_was_just_read_is_not_repeated() -> None:
    fragment = Page(to_fragment(explanations.with_pmu(), None))
    assert fragment.text.count("2.70× [2.60, 2.80] faster") == 1


GOLDEN = Path(__file__).parents[1] / "golden"
CELLS = (
    f"import ironlaw\nanswer = ironlaw.explain(ironlaw.load({str(GOLDEN / 'with-pmu.jsonl')!r}))\nanswer",
    f"ironlaw.explain(ironlaw.load({str(GOLDEN / 'without-pmu.jsonl')!r}))",
    "answer.to_frame()",
)


@pytest.mark.filterwarnings("ignore")  # Jupyter's own
def test_a_notebook_that_is_executed_shows_both_answers_and_the_frame(tmp_path: Path) -> None:
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell, new_notebook

    cells = [new_code_cell(cell) for cell in CELLS]  # type: ignore[no-untyped-call]  # nbformat does not type it
    notebook = new_notebook(cells=cells)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output["data"]["text/html"] for cell in notebook.cells for output in cell.outputs]
    assert len(shown) == len(CELLS)
    one, other, frame = map(Page, shown)
    assert not set(one.ids()) & set(other.ids())
    tags = [Counter(tag for tag, _ in page.elements) for page in (one, other)]
    # Bars, two splits, and every turn of both kinds of recording.
    assert all(tag["svg"] >= 4 and tag["table"] >= 1 for tag in tags)
    assert "fp32 (again)" in frame.text


def test_style_holds_inside_the_fragment_only() -> None:
    source = to_fragment(explanations.with_pmu(), None)
    style = source[source.index("<style>") : source.index("</style>")]
    assert ":root" not in style
