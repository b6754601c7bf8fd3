"""Private words and translated idioms stay out of code, docs, tests and news; CONTRIBUTING.md lists the field's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "CONTRIBUTING.md"
SUFFIXES = {".py", ".md", ".jinja"}
FOLDERS = ("src", "docs", "news", "tests", "benchmarks")

# Where a word stands for good reason: the file, the word, why.
EXCEPTIONS = {
    ("tests/test_experiment.py", "thrown"): "a field's name in recordings",
    ("tests/test_experiment.py", "spared"): "a field's name in recordings",
    ("src/ironlaw/experiment.py", "thrown"): "a field's name in recordings",
    ("src/ironlaw/experiment.py", "spared"): "a field's name in recordings",
}


def listed_words() -> list[str]:
    """The first column of the list in CONTRIBUTING.md: words in backquotes, several in a cell."""
    words = PAGE.read_text(encoding="utf-8").partition("## Words")[2]
    rows = [line for line in words.splitlines() if line.startswith("| `")]
    return [word for row in rows for word in re.findall(r"`([^`]+)`", row.split("|")[1])]


def texts() -> dict[str, str]:
    """Every text that is held to the list, by its path from the root; the page that has the list is not."""
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    paths += [ROOT / "README.md", ROOT / "CHANGELOG.md"]
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in paths
        if path.suffix in SUFFIXES and path.is_file() and path != Path(__file__)
    }


def found_in(name: str, text: str, words: list[str]) -> list[str]:
    """Each listed word in a text, in either case, with its line; exceptions left out.

    A word is whole between letters only: `is_told` has one, `told_apart` too. Words of a phrase may be joined by _.
    """
    phrases = (re.escape(word).replace(r"\ ", "[ _]") for word in words)
    pattern = re.compile(rf"(?<![a-z])({'|'.join(phrases)})(?![a-z])", re.IGNORECASE)
    return [
        f"{name}:{number}: {match[0]}"
        for number, line in enumerate(text.splitlines(), 1)
        for match in pattern.finditer(line)
        if (name, match[0].lower()) not in EXCEPTIONS
    ]


def test_no_listed_word_is_in_code_docs_tests_or_news() -> None:
    words = listed_words()
    assert [hit for name, text in texts().items() for hit in found_in(name, text, words)] == []


@pytest.mark.parametrize(
    "line", ["which tells why", "It was Told.", "who takes part", "by luck", "def is_told():", "so_many"]
)
def test_a_listed_word_is_found_whole_and_in_either_case(line: str) -> None:
    assert len(found_in("a.md", line, listed_words())) == 1


def test_a_word_that_only_holds_a_listed_one_is_not_found() -> None:
    assert found_in("a.md", "intellect, pluck, notebooks, reborn, rethrown", listed_words()) == []


def test_every_exception_is_still_needed() -> None:
    held = texts()
    unused = [key for key in EXCEPTIONS if not re.search(rf"\b{key[1]}\b", held.get(key[0], ""), re.IGNORECASE)]
    assert unused == []
