"""What a reader of the documentation would type, copy or call, in the order of the page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What a shell is given stands in blocks of these languages, or in a sentence between backticks.
SHELLS = ("sh", "console", "yaml")
_TYPED = re.compile(r"^```(\w*)\n(.*?)^```$|`((?:ironlaw|python -m) [a-z][^`]*)`", re.MULTILINE | re.DOTALL)
# Names that stand for a reader's own file; and fewer simulated runs than a coverage needs.
STAND_INS = {
    "FILE": "run.jsonl", "OLD": "old.jsonl", "NEW": "new.jsonl", "PLAN.toml": "plan.toml", "ARM": "int8",
    "A": "fp32-profile.json", "B": "int8-profile.json", "FOLDER": "ironlaw-sweeps", "4000": "8", "1000": "2",
    "400": "2", "300": "4", "120": "1", "150": "1",
}  # fmt: skip

# Lines that change more than a reader's folder, by how they start, and the module that runs them where it does no harm.
APART = {
    "pip install": "test_installing",
    "make run": "test_installing",
    "make test": "test_installing",
    "ray start": "test_cluster",
    "ironlaw sweep plan.toml --ray": "test_cluster",
}


@dataclass(frozen=True)
class Snippet:
    """A fenced block: the page it stands in, its language, its text."""

    page: str
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.text.strip().splitlines()[0][:50]}"


def snippets(*languages: str) -> list[Snippet]:
    """The blocks in these languages."""
    return [
        Snippet(page.name, language, text)
        for page in PAGES
        for language, text in FENCE.findall(page.read_text(encoding="utf-8"))
        if language in languages
    ]


def lines(page: Path) -> list[str]:
    """The command lines of a page, each once, as a reader meets them."""
    found: list[str] = []
    for language, block, inline in _TYPED.findall(page.read_text(encoding="utf-8")):
        if language in SHELLS:
            found += block_lines(language, block)
        elif not language and _is_whole(inline):
            found.append(inline)
    return list(dict.fromkeys(found))


def block_lines(language: str, text: str) -> list[str]:
    """The command lines of a block: all of a shell's, those after a $ in a dialogue, the steps of a workflow."""
    starts = {"sh": r"^(?=\S)", "console": r"^\$ ", "yaml": r"^ *- run: "}
    joined = text.replace("\\\n", " ").splitlines()
    matched = [(line, re.match(starts[language], line)) for line in joined]
    return [re.sub(r"\s+#.*$", "", line[start.end() :]).strip() for line, start in matched if start]


def _is_whole(inline: str) -> bool:
    """Whether it is more than the name of a command."""
    return len(inline.split()) > 2 and "..." not in inline


def meant(line: str) -> list[str]:
    """The words of a line, with a reader's own files for the names that stand for them."""
    import shlex

    return [STAND_INS.get(word, word) for word in shlex.split(line)]


def runs_apart(line: str) -> str:
    """The module that runs a line apart from its page; empty where the page's own test does."""
    return next((module for start, module in APART.items() if line.startswith(start)), "")


def apart(module: str) -> list[str]:
    """The lines of all pages that a module runs, each once, as a reader meets them."""
    return list(dict.fromkeys(line for page in PAGES for line in lines(page) if runs_apart(line) == module))
