"""Names beside an axis."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ironlaw.report.figures.drawing import shortened, shortened_apart

LONGEST = 12
names = st.lists(st.text(alphabet="ab.", max_size=24), max_size=6)


def test_a_cut_is_in_the_middle_where_that_keeps_names_apart() -> None:
    assert shortened_apart(["first.of.all.the.layers", "last"], longest=11) == ["first…ayers", "last"]


def test_a_cut_moves_to_where_names_differ() -> None:
    assert shortened_apart(["blocks.one.dense.weight", "blocks.two.dense.weight"], longest=12) == [
        "blocks.o…ght",
        "blocks.t…ght",
    ]


def test_labels_are_longer_where_no_cut_keeps_names_apart() -> None:
    labels = shortened_apart(["a" * 8 + "x" + "b" * 8, "a" * 8 + "y" + "b" * 8], longest=4)
    assert len(set(labels)) == 2
    assert [len(label) for label in labels] == [11, 11]  # nine of either end, a dot and one of the other end


@given(texts=names)
def test_different_names_have_different_labels(texts: list[str]) -> None:
    labels = shortened_apart(texts, longest=LONGEST)
    assert len(set(labels)) == len(set(texts))
    assert [labels[place] == labels[0] for place in range(len(texts))] == [text == texts[0] for text in texts]


@given(text=st.text(alphabet="ab.", max_size=24))
def test_one_name_is_cut_as_if_it_stood_alone(text: str) -> None:
    assert shortened_apart([text, text], longest=LONGEST) == [shortened(text, longest=LONGEST)] * 2
