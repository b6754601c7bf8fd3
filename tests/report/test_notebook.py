from __future__ import annotations

import pytest

from ironlaw.report.notebook import to_fragment
from tests.report import explanations
from tests.report.test_html import Page
from tests.report.test_terminal import ALL


@pytest.mark.parametrize("name", ALL)
def test_fragment_is_well_formed_and_runs_nothing(name: str) -> None:
    tags = [tag for tag, _ in Page(to_fragment(ALL[name]())).elements]
    assert "script" not in tags
    assert "html" not in tags


def test_two_explanations_in_one_notebook_share_no_id() -> None:
    one, other = Page(to_fragment(explanations.with_pmu())), Page(to_fragment(explanations.without_pmu()))
    assert set(one.ids()) & set(other.ids()) == set()


def test_fragment_shows_the_table_and_the_pictures() -> None:
    page = Page(to_fragment(explanations.with_pmu()))
    assert "2.70× [2.60, 2.80]" in page.text
    assert [tag for tag, _ in page.elements].count("svg") >= 4


def test_style_holds_inside_the_fragment_only() -> None:
    source = to_fragment(explanations.with_pmu())
    style = source[source.index("<style>") : source.index("</style>")]
    assert ":root" not in style
