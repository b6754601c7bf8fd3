"""The import rules of the design: who may know whom, and what importing the package costs."""

from __future__ import annotations

import ast
import itertools
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import ironlaw
import ironlaw.event

ROOT = Path(ironlaw.__file__).parent
HEAVY = (
    "torch", "torchvision", "numpy", "scipy", "onnxruntime", "openvino", "pandas", "plotly", "PIL", "ray", "duckdb",
    "pyarrow", "ruptures",
)  # fmt: skip
# The noun `Machine` is known everywhere; what reads it from this machine is for the measuring half only.
READ_HERE = tuple(f"ironlaw.machine.{path.stem}" for path in (ROOT / "machine").glob("*.py") if path.stem != "__init__")
NOUNS_IMPORT_NO = (
    "ironlaw.measure", "ironlaw.analysis", "ironlaw.report", "ironlaw.engines", "ironlaw.commands", *READ_HERE,
)  # fmt: skip
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
    **dict.fromkeys(("", "explanation"), NOUNS_IMPORT_NO),
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
        ("import ironlaw.analysis.compare", "explanation"),
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
    """At most 400 lines, tests and benchmarks as well: what is longer does more than one thing."""
    beside = (Path(__file__).parent, Path(__file__).parents[1] / "benchmarks")
    files = [file for folder in (ROOT, *beside) for file in folder.rglob("*.py")]
    lines = {str(file): len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert lines.keys() >= {__file__}
    assert {file: count for file, count in lines.items() if count > 400} == {}


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


def test_the_page_for_contributors_names_every_folder_and_every_module_of_the_top_level() -> None:
    page = (Path(__file__).parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
    top = {f"{path.parts[0]}/" if len(path.parts) > 1 else path.name for path in MODULES} - {
        "__init__.py",
        "__main__.py",
    }
    assert {name for name in top if f"`{name}`" not in page} == set()


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
