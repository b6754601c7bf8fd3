"""The import rules of the design: who may know whom, and what importing the package costs."""

from __future__ import annotations

import ast
import itertools
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import ironlaw
import ironlaw.event
from ironlaw.causes import CAUSES
from ironlaw.engines import ENGINES
from ironlaw.factors import FACTORS
from ironlaw.split import Term

ROOT = Path(ironlaw.__file__).parent
HEAVY = (
    "torch", "torchvision", "numpy", "scipy", "onnxruntime", "openvino", "pandas", "plotly", "PIL", "ray", "duckdb",
    "pyarrow", "ruptures",
)  # fmt: skip
# The noun `Machine` is known everywhere; what reads it from this machine is for the measuring half only.
READ_HERE = tuple(f"ironlaw.machine.{path.stem}" for path in (ROOT / "machine").glob("*.py") if path.stem != "__init__")
# folder -> what no module in it may import. Measuring and thinking meet in the recording only; showing knows no numbers
# but an Explanation's; the nouns know neither verb.
FORBIDDEN = {
    "measure": ("ironlaw.analysis", "ironlaw.report", "ironlaw.commands"),
    "machine": ("ironlaw.measure.recorder", "ironlaw.analysis", "ironlaw.report", "ironlaw.commands", "ironlaw.doctor"),
    "doctor": ("ironlaw.analysis", "ironlaw.report", "ironlaw.commands"),
    "sweep": ("ironlaw.measure", "ironlaw.analysis", "ironlaw.report", "ironlaw.history", "ironlaw.commands", "torch"),
    "history": ("ironlaw.measure", "ironlaw.analysis", "ironlaw.report", "ironlaw.sweep", "ironlaw.commands", "torch"),
    "analysis": (
        "ironlaw.measure", "ironlaw.report", "ironlaw.commands", "ironlaw.engines", "ironlaw.models", *READ_HERE,
        "torch", "torchvision", "time", "os", "subprocess", "socket", "pathlib", "random", "datetime",
    ),
    "report": (
        "ironlaw.measure", "ironlaw.analysis", "ironlaw.engines", *READ_HERE, "torch", "scipy", "subprocess", "socket",
    ),
    "attached": (
        "ironlaw.measure", "ironlaw.analysis", "ironlaw.report", "ironlaw.commands", "ironlaw.models", *READ_HERE,
        "torch", "time", "os", "subprocess", "socket", "random",
    ),
    "engines": ("ironlaw.measure", "ironlaw.analysis", "ironlaw.report", "ironlaw.commands"),
    "factors": ("ironlaw.measure", "ironlaw.analysis", "ironlaw.report", "ironlaw.engines", "ironlaw.commands"),
    "models": ("ironlaw.measure", "ironlaw.analysis", "ironlaw.report", "ironlaw.engines", "ironlaw.commands"),
    "causes": (
        "ironlaw.measure", "ironlaw.analysis", "ironlaw.report", "ironlaw.engines", "ironlaw.models",
        "ironlaw.commands", *READ_HERE,
        "torch", "numpy", "time", "os", "subprocess", "socket", "pathlib", "random", "datetime",
    ),
    "": (
        "ironlaw.measure", "ironlaw.analysis", "ironlaw.report", "ironlaw.engines", "ironlaw.commands", *READ_HERE,
    ),
}  # fmt: skip
# What everyone may know of the engines: their declarations.
DECLARED = ("ironlaw.engines", *(f"ironlaw.engines.{name}" for name in ("ENGINES", "PLAIN", "engines_of_file")))
# Imports of what a folder declares, by one that its other modules know: the levels of engine= are the engines' names.
DECLARATIONS = {("ironlaw.factors.engine", "ironlaw.engines")}
# What wraps the finished command: nothing but the command line knows it.
WRAPPERS = ("ironlaw.sweep", "ironlaw.history")
# The places where the halves are put together.
COMPOSERS = {"__init__.py", "answer.py", "cli.py", "pytest_plugin.py"}


def imports(source: str, *, inside_functions: bool) -> Iterator[str]:
    """The modules a file imports, with or without those inside functions; not those for type checkers only."""
    tree = ast.parse(source)
    skipped = {
        id(node)
        for parent in ast.walk(tree)
        if (not inside_functions and isinstance(parent, ast.FunctionDef)) or _is_for_types(parent)
        for node in ast.walk(parent)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def breaches(source: str, folder: str) -> list[str]:
    """The imports of a file that its folder's rule forbids."""
    return [
        name
        for name in imports(source, inside_functions=True)
        for rule in (*FORBIDDEN.get(folder, ()), *_wrappers_hidden_from(folder))
        if (name == rule or name.startswith(rule + ".")) and name not in DECLARED
    ]


def _wrappers_hidden_from(folder: str) -> tuple[str, ...]:
    return tuple(wrapper for wrapper in WRAPPERS if folder != "commands" and wrapper != f"ironlaw.{folder}")


MODULES = sorted(path.relative_to(ROOT) for path in ROOT.rglob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_modules_import_only_what_their_folder_may(module: Path) -> None:
    if str(module) in COMPOSERS or module.parts[0] == "running":
        return
    folder = module.parts[0] if len(module.parts) > 1 else ""
    assert breaches((ROOT / module).read_text(), folder) == []


OUTSIDE_COMMANDS = [module for module in MODULES if module.parts[0] != "commands"]
LAUNCHERS = {"cli.py", "__main__.py"}  # they hand the words of a shell over


def drives_a_command(source: str) -> list[str]:
    """What a file does to run one of ironlaw's own commands by words: imports its parser, parses, or starts ironlaw."""
    found = [
        name for name in imports(source, inside_functions=True) if name.startswith(("ironlaw.commands", "ironlaw.cli"))
    ]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "make_context":
            found.append("make_context")
        if isinstance(node, ast.List | ast.Tuple):
            words = [word.value if isinstance(word, ast.Constant) else None for word in node.elts]
            found += ["-m ironlaw" for pair in itertools.pairwise(words) if pair in _STARTS]
    return found


_STARTS = {("-m", "ironlaw"), ("-m", "ironlaw.cli")}


@pytest.mark.parametrize("module", OUTSIDE_COMMANDS, ids=str)
def test_nothing_outside_the_commands_drives_one_by_words(module: Path) -> None:
    if str(module) in LAUNCHERS:
        return
    assert drives_a_command((ROOT / module).read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "from ironlaw.commands.run import run",
        "def f():\n    from ironlaw import cli\n    cli.run(['run'])",
        "params = command.make_context('run', words).params",
        "subprocess.run([sys.executable, '-m', 'ironlaw', 'run'])",
    ],
)
def test_a_command_driven_by_words_would_be_seen(source: str) -> None:
    assert drives_a_command(source)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_heavy_libraries_are_imported_inside_functions_only(module: Path) -> None:
    if module.parts[0] == "analysis":
        return  # loaded by the function that explains; numpy is what it computes with
    found = imports((ROOT / module).read_text(), inside_functions=False)
    assert [name for name in found if name.partition(".")[0] in HEAVY] == []


@pytest.mark.parametrize(
    ("source", "folder"),
    [
        ("from ironlaw.analysis import split", "measure"),
        ("def f():\n    import ironlaw.measure.recorder", "analysis"),
        ("import torch", "analysis"),
        ("from ironlaw import measure", "report"),
        ("import ironlaw.analysis.brief", "history"),
        ("from ironlaw.measure.recorder import record", "sweep"),
        ("from ironlaw.sweep.cell import Cell", "report"),
        ("from ironlaw.history import trend", "analysis"),
        ("from ironlaw.machine.inspection import inspect", "analysis"),
        ("from ironlaw.engines import engine", "analysis"),
        ("import ironlaw.engines.eager.execution", "report"),
    ],
)
def test_a_breach_would_be_seen(source: str, folder: str) -> None:
    assert breaches(source, folder)


def known(source: str, modules: Mapping[str, str]) -> set[str]:
    """The modules of ours that a file imports, also inside functions; `from a import b` is a.b where that is one."""
    tree = ast.parse(source)
    skipped = {id(node) for parent in ast.walk(tree) if _is_for_types(parent) for node in ast.walk(parent)}
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = (f"{node.module}.{alias.name}" for alias in node.names)
            found.update(name if name in modules else node.module for name in whole)
    return found & modules.keys()


def by_module(modules: Mapping[str, str]) -> dict[str, set[str]]:
    """Who imports whom. The package's own face is left out: it composes everything, for users only."""
    inner = {name: source for name, source in modules.items() if name != "ironlaw"}
    return {name: known(source, inner) - {name} for name, source in inner.items()}


def by_folder(modules: Mapping[str, str], packages: set[str]) -> dict[str, set[str]]:
    """Which folder knows which of those beside it, through any module at any depth."""
    graph: dict[str, set[str]] = {package: set() for package in packages}
    for importer, imported in by_module(modules).items():
        for other in imported:
            for parent in packages:
                one, two = (_child(parent, name, packages) for name in (importer, other))
                if one and two and one != two and (importer, other) not in DECLARATIONS:
                    graph[one].add(two)
    return graph


def _child(parent: str, module: str, packages: set[str]) -> str:
    """The folder directly in `parent` that a module lies in; empty where it lies in none."""
    if not module.startswith(parent + "."):
        return ""
    name = f"{parent}.{module[len(parent) + 1 :].partition('.')[0]}"
    return name if name in packages else ""


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """A way round in the graph; empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def _name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(("ironlaw", *(parts[:-1] if parts[-1] == "__init__" else parts)))


SOURCES = {_name(path): (ROOT / path).read_text() for path in MODULES}
PACKAGES = {_name(path) for path in MODULES if path.name == "__init__.py"}


def test_a_module_can_be_read_at_once() -> None:
    """At most 400 lines: what is longer does more than one thing."""
    lines = {str(module): len((ROOT / module).read_text(encoding="utf-8").splitlines()) for module in MODULES}
    assert {module: count for module, count in lines.items() if count > 400} == {}


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert circle(by_module(SOURCES)) == []


def test_no_folder_imports_itself_by_way_of_others() -> None:
    assert circle(by_folder(SOURCES, PACKAGES)) == []


def test_every_exempt_import_of_declarations_is_there() -> None:
    graph = by_module(SOURCES)
    assert [(one, two) for one, two in DECLARATIONS if two not in graph[one]] == []


@pytest.mark.parametrize(
    ("sources", "way"),
    [
        ({"p.a": "import p.b", "p.b": "from p import a"}, {"p.a", "p.b"}),
        ({"p.a": "def f():\n    from p.b import x", "p.b": "import p.c", "p.c": "import p.a"}, {"p.a", "p.b", "p.c"}),
        ({"p": "from p.a import x", "p.a": "from p import y"}, {"p", "p.a"}),
        ({"p": "x = 1", "p.a": "from p import b", "p.b": "from p import y"}, set()),
        ({"p.a": "if TYPE_CHECKING:\n    import p.b", "p.b": "import p.a"}, set()),
    ],
)
def test_a_circle_of_modules_would_be_seen(sources: dict[str, str], way: set[str]) -> None:
    assert set(circle(by_module(sources))) == way


def test_a_circle_of_folders_would_be_seen() -> None:
    sources = {"p.q.one.a": "import p.q.two.b", "p.q.two.b": "", "p.q.two.c": "import p.q.one.d", "p.q.one.d": ""}
    packages = {"p", "p.q", "p.q.one", "p.q.two"}
    assert circle(by_module(sources)) == []
    assert set(circle(by_folder(sources, packages))) == {"p.q.one", "p.q.two"}
    assert circle(by_folder({**sources, "p.q.two.c": "import p.q.e", "p.q.e": "import p.q.one.d"}, packages)) == []


@pytest.mark.parametrize(
    "statement",
    [
        "import ironlaw",
        "import ironlaw.cli",
        "import ironlaw.commands.run",
        "import ironlaw.running",
        "import ironlaw.commands.sweep",
        "import ironlaw.commands.history",
    ],
)
def test_importing_loads_no_heavy_library(statement: str) -> None:
    code = f"import sys; {statement}; print([name for name in {HEAVY!r} if name in sys.modules])"
    reported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert reported.stdout.strip() == "[]"


def test_a_heavy_import_would_be_seen() -> None:
    code = f"import sys; import numpy; print([name for name in {HEAVY!r} if name in sys.modules])"
    reported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert reported.stdout.strip() == "['numpy']"


def test_every_factor_is_in_a_file_named_after_it_or_its_family() -> None:
    from ironlaw.factors import FACTORS

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
    pair = {"ironlaw.causes", "ironlaw.factors"}
    return {
        name: modules
        for name, modules in homes.items()
        if len(modules) > 1 and not (len(modules) == 2 and {one.rpartition(".")[0] for one in modules} == pair)
    }


def test_a_class_name_means_one_thing() -> None:
    assert ambiguous(class_homes(SOURCES)) == {}


def test_a_class_name_of_two_meanings_would_be_seen() -> None:
    source = "class Layout:\n    pass"
    pair = {"ironlaw.causes.layout": source, "ironlaw.factors.layout": source}
    assert ambiguous(class_homes(pair)) == {}
    assert ambiguous(class_homes({**pair, "ironlaw.layer": source})) == {"Layout": [*pair, "ironlaw.layer"]}
    assert ambiguous(class_homes({"ironlaw.factors.a": source, "ironlaw.factors.b": source}))


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
