"""A name means one thing, and what a cause, an engine or a concern is stands in one place."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

import ironlaw
import ironlaw.event
from ironlaw.causes import CAUSES
from ironlaw.engines import ENGINES
from ironlaw.explanation.split import Term
from ironlaw.factors import FACTORS
from tests.test_architecture import SOURCES

ROOT = Path(ironlaw.__file__).parent
MODULES = sorted(path.relative_to(ROOT) for path in ROOT.rglob("*.py"))


def test_every_factor_is_in_a_file_named_after_it_or_its_family() -> None:
    files = {path.stem for path in (ROOT / "factors").glob("*.py")} - {"__init__"}
    assert {name.partition(".")[0].replace("-", "_") for name in FACTORS} == files


def slugs_written(source: str) -> list[str]:
    """The slugs of causes that a file writes out, alone or in a command, where no factor, event or term has the name.

    A name that a cause shares is one of a cause where a `cause` or `slug` takes it, or is compared with it.
    """
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    written = [
        slug
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
        for slug in OWN_SLUGS
        if node.value == slug or re.search(rf"(experiments |cause:){slug}\b", node.value)
    ]
    named = [node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg in ("cause", "slug")]
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Compare)
            and isinstance(node.left, ast.Attribute)
            and node.left.attr in ("cause", "slug")
        ):
            named += [each for side in node.comparators for each in (getattr(side, "elts", None) or [side])]
    return written + [node.value for node in named if isinstance(node, ast.Constant) and node.value in CAUSES]


EVENTS = {event.name for event in vars(ironlaw.event).values() if isinstance(event, ironlaw.event.Event)}
OWN_SLUGS = set(CAUSES) - set(FACTORS) - EVENTS - {term.value for term in Term}


@pytest.mark.parametrize("module", [module for module in MODULES if module.parts[0] != "causes"], ids=str)
def test_no_module_outside_of_causes_writes_the_name_of_a_cause(module: Path) -> None:
    assert slugs_written((ROOT / module).read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "x = 'weight-traffic'",
        "print('try --experiments weight-traffic')",
        "Switch(cause='page-faults', factor='malloc')",
        "Concern(slug='fusion')",
        "verdict.cause == 'layout'",
        "concern.slug in ('denormals', 'no-control')",
    ],
)
def test_the_name_of_a_cause_would_be_seen(source: str) -> None:
    assert slugs_written(source)


@pytest.mark.parametrize("source", ["variant.level('fusion')", "table.mean('page-faults')", "'int8 weight traffic'"])
def test_names_of_factors_and_events_are_no_names_of_causes(source: str) -> None:
    assert slugs_written(source) == []


def class_homes(sources: Mapping[str, str]) -> dict[str, list[str]]:
    """The modules that define a class of each public name."""
    homes: dict[str, list[str]] = {}
    for module, source in sources.items():
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(module)
    return homes


def ambiguous(homes: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The names that several modules define; a cause and the factor that takes it away may share the word for it."""
    pair = {"causes", "factors"}
    return {
        name: modules
        for name, modules in homes.items()
        if len(modules) > 1 and not (len(modules) == 2 and {one.partition("/")[0] for one in modules} == pair)
    }


def test_a_class_name_means_one_thing() -> None:
    assert ambiguous(class_homes({str(module): (ROOT / module).read_text() for module in MODULES})) == {}


def test_a_class_name_of_two_meanings_would_be_seen() -> None:
    source = "class Layout:\n    pass"
    pair = {"causes/layout.py": source, "factors/layout.py": source}
    assert ambiguous(class_homes(pair)) == {}
    assert ambiguous(class_homes({**pair, "layer.py": source})) == {"Layout": [*pair, "layer.py"]}
    assert ambiguous(class_homes({"factors/a.py": source, "factors/b.py": source}))


def functions_by_bare_name(sources: Mapping[str, str]) -> dict[str, set[str]]:
    """The homes of each public function that another module imports by its name alone.

    What a reader meets without its module has to mean one thing. `module.function` may repeat: every engine has prepare
    and load, and several have a census.py. A package may wrap a function of its own modules.
    """
    trees = {module: ast.parse(source) for module, source in sources.items()}
    public = {
        module: {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"}
        for module, tree in trees.items()
    }
    homes: dict[str, set[str]] = {}
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module in public:
                for alias in node.names:
                    if alias.asname is None and alias.name in public[node.module]:
                        homes.setdefault(alias.name, set()).add(re.sub(r"engines\.\w+\.", "engines.*.", node.module))
    return homes


def unclear(homes: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The names with several homes, without packages that wrap one of these."""
    inner = {
        name: {home for home in found if not any(other.startswith(f"{home}.") for other in found)}
        for name, found in homes.items()
    }
    return {name: found for name, found in inner.items() if len(found) > 1}


def test_a_function_that_is_imported_by_its_bare_name_means_one_thing() -> None:
    assert unclear(functions_by_bare_name(SOURCES)) == {}


@pytest.mark.parametrize(
    ("importer", "names"),
    [
        ("from p.a import read\nfrom p.b import read", {"read"}),
        ("from p.a import read\nfrom p import b\nb.read()", set()),
        ("from p.a import read\nfrom p.b import read as read_b", set()),
        ("from p import read\nfrom p.a import read", set()),
        ("from p.engines.x.c import read\nfrom p.engines.y.c import read", set()),
        ("from p.engines.x.c import read\nfrom p.a import read", {"read"}),
    ],
)
def test_a_function_of_two_meanings_would_be_seen(importer: str, names: set[str]) -> None:
    source = "def read():\n    pass"
    homes = dict.fromkeys(("p", "p.a", "p.b", "p.engines.x.c", "p.engines.y.c"), source)
    assert unclear(functions_by_bare_name({**homes, "p.d": importer})).keys() == names


def engines_named(source: str) -> set[str]:
    """The texts of a module that are an engine's name, or a variant that ends in one."""
    constants = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return {text for text in constants if isinstance(text, str) and text.rpartition("@")[2] in ENGINES}


@pytest.mark.parametrize("module", [one for one in MODULES if one.parts[0] != "engines"], ids=str)
def test_no_module_outside_of_engines_names_one(module: Path) -> None:
    """An engine is one folder: what others need of it, its declaration says."""
    assert engines_named((ROOT / module).read_text()) == set()


@pytest.mark.parametrize("text", ['ENGINE = "openvino"', 'def f():\n    return ("int8@onnxruntime",)'])
def test_an_engine_named_outside_would_be_seen(text: str) -> None:
    assert engines_named(text)


def concerns_made(source: str) -> list[int]:
    """The lines at which a file makes a concern."""
    called = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return [node.lineno for node in called if isinstance(node.func, ast.Name) and node.func.id == "Concern"]


# The faults of a cause are worded in its file; whether versions differ in a sweep is about no recording.
WORDED_IN = (Path("analysis/concerns"), Path("causes"), Path("sweep/survey.py"))


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_concerns_are_worded_in_one_place_and_others_hand_over_facts(module: Path) -> None:
    if any(module.is_relative_to(home) for home in WORDED_IN):
        return
    assert concerns_made((ROOT / module).read_text()) == []


def test_every_slug_of_a_concern_is_written_in_one_module() -> None:
    places: dict[str, set[str]] = {}
    for module in MODULES:
        for node in ast.walk(ast.parse((ROOT / module).read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Concern":
                for given in node.keywords:
                    if given.arg == "slug" and isinstance(given.value, ast.Constant):
                        places.setdefault(str(given.value.value), set()).add(str(module))
    assert {slug: found for slug, found in places.items() if len(found) > 1} == {}


def test_a_concern_made_elsewhere_would_be_seen() -> None:
    assert concerns_made("yield Concern(slug='x', text='', fix='')") == [1]
