"""The plan file of a sweep: read from TOML and checked whole before anything runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ironlaw.arm import Arm
from ironlaw.errors import BadInput
from ironlaw.models import check_source
from ironlaw.models.images import check_folder
from ironlaw.models.sources import file_of
from ironlaw.running.planning import own_arm, plan_of
from ironlaw.running.settings import Settings, options
from ironlaw.sweep.cell import Cell, Model
from ironlaw.sweep.hosts import Host
from ironlaw.sweep.toml_lines import KeyPath, TomlFile

T = TypeVar("T")
SETTINGS = ("budget", "replicates", "n", "precision", "experiments", "seed")  # each as for a single run
KEYS = ("models", "arms", "programs", "threads", "batch", "hosts", *SETTINGS, "images", "counters", "out")


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPlan:
    """The content of a plan file. Paths of the user's files are relative to `folder`, which holds the plan file."""

    file: Path
    folder: Path
    out: Path
    models: tuple[Model, ...]
    threads: tuple[int, ...]
    batches: tuple[int, ...]
    hosts: tuple[Host, ...]
    shared: Settings  # by all cells
    contents: str = ""  # a digest of the user's files that are measured

    @property
    def count(self) -> int:
        """How many cells there are."""
        return len(self.models) * len(self.batches) * len(self.threads) * len(self.hosts)

    def cells(self) -> Iterator[Cell]:
        """Every cell once."""
        for host in self.hosts:
            yield from self.cells_on(host)

    def cells_on(self, host: Host) -> Iterator[Cell]:
        """Every cell of one host."""
        for model in self.models:
            for batch in self.batches:
                for threads in self.threads:
                    yield Cell(
                        model=model,
                        threads=threads,
                        batch=batch,
                        host=host,
                        shared=self.shared,
                        contents=self.contents,
                    )

    def own_files(self) -> tuple[Path, ...]:
        """The user's files and folders that the cells need, as written in the plan."""
        sources = [model.source for model in self.models] + [arm.factory for arm in self.shared.arms if arm.factory]
        files = [Path(source) for source in map(file_of, sources) if source is not None]
        return (*files, *([Path(self.shared.images)] if self.shared.images else []))


def read_plan(path: Path) -> SweepPlan:
    """Read a plan and check all of it: models, arms, hosts, numbers, files. Nothing is run or imported.

    Raises:
        BadInput: the first thing that is wrong, with its line.
    """
    return _Reader(TomlFile(path), path.absolute().parent).plan()


class _Reader:
    """Reads values from the file, checks the type of each, and names the line in errors."""

    def __init__(self, file: TomlFile, folder: Path) -> None:
        self._file = file
        self._folder = folder

    def plan(self) -> SweepPlan:
        self._file.require_known(self._file.values, KEYS)
        models, arms = self._models(), self._arms()
        images = self._text("images")
        if images is not None:
            self._checked(("images",), lambda: check_folder(str(self._folder / images)))
        plan = SweepPlan(
            file=self._file.path,
            folder=self._folder,
            out=self._folder / (self._text("out") or f"ironlaw-sweeps/{self._file.path.stem}"),
            models=models,
            threads=self._wholes("threads"),
            batches=self._wholes("batch"),
            hosts=tuple(self._each("hosts", ["any"], str, Host.parse)),
            shared=self._shared(arms, images),
        )
        # The laws of a plan of one recording: names that occur twice, numbers out of range.
        self._checked(
            ("arms" if "arms" in self._file.values else "models",), lambda: plan_of(next(plan.cells()).settings())
        )
        return _with_contents(plan)

    def _models(self) -> tuple[Model, ...]:
        models = []
        for place, written in enumerate(self._list("models")):
            where: KeyPath = ("models", place)
            entry = {"source": written} if isinstance(written, str) else written
            if isinstance(entry, dict):
                self._file.require_known(entry, [field.name for field in fields(Model)], within=where)
            if not isinstance(entry, dict) or not isinstance(entry.get("source"), str):
                raise self._file.error(
                    where, f"{entry!r} is no model", hint='"mobilenet_v2" or {source = "net.py:build"}'
                )
            source = entry["source"]
            self._checked(where, partial(check_source, self._absolute(source)))
            name = str(entry.get("name", source))
            models.append(Model(source=source, name=name, shape=str(entry.get("shape", ""))))
        shown = [(model.name, model.shape) for model in models]
        for place, pair in enumerate(shown):
            if pair in shown[:place]:
                hint = "give each a name, or a shape, of its own"
                raise self._file.error(("models",), f"two models are shown as {' '.join(pair).strip()!r}", hint=hint)
        return tuple(models)

    def _arms(self) -> tuple[Arm, ...]:
        programs = self._file.values.get("programs", {})
        if not isinstance(programs, dict):
            raise self._file.error(("programs",), "programs is not a table", hint='[programs] NAME = "file.py:factory"')
        own = []
        for name, source in programs.items():
            where = ("programs", name)
            if not isinstance(source, str):
                raise self._file.error(where, f"{source!r} is not a source", hint="file.py:factory")
            self._checked(where, partial(check_source, self._absolute(source)))
            own.append(own_arm(name, source))
        if "arms" not in self._file.values and own:
            return tuple(own)
        return (*own, *self._each("arms", None, str, Arm.of))

    def _shared(self, arms: tuple[Arm, ...], images: str | None) -> Settings:
        values = self._file.values
        if "budget" not in values and "n" not in values:
            raise BadInput(f"{self._file.path} sets neither budget nor n", hint="budget = 60, seconds for each cell")
        by_keyword = {option.keyword: (name, option) for name, option in options().items()}
        given: dict[str, Any] = {"experiments": ()}
        for keyword in SETTINGS:
            name, option = by_keyword[keyword]
            if keyword in values:
                given[name] = self._checked((keyword,), partial(option.read, values[keyword], typed=False))
        # A map has no place for layers or code.
        counters = self._flag("counters", otherwise=True)
        return Settings(arms=arms, images=images, counters=counters, layers=False, code=False, **given)

    def _wholes(self, key: str) -> tuple[int, ...]:
        def above_0(number: int) -> int:
            if number < 1:
                raise BadInput(f"{key} {number} is not above 0", hint=f"{key} = [1, 2]")
            return number

        return tuple(self._each(key, [1], int, above_0))

    def _each(self, key: str, otherwise: list[Any] | None, kind: type, parse: Callable[[Any], T]) -> list[T]:
        parsed: list[T] = []
        for place, entry in enumerate(self._list(key, otherwise)):
            where: KeyPath = (key, place)
            if type(entry) is not kind:
                raise self._file.error(
                    where, f"{entry!r} is not {_KIND_WORDS[kind]}", hint=f"see {key} in docs/sweep.md"
                )
            one = self._checked(where, partial(parse, entry))
            if one in parsed:
                raise self._file.error(where, f"{entry!r} occurs twice", hint="name each once")
            parsed.append(one)
        return parsed

    def _list(self, key: str, otherwise: list[Any] | None = None) -> list[Any]:
        value = self._file.values.get(key, otherwise)
        if value is None:
            raise BadInput(f"{self._file.path} has no {key}", hint=f'{key} = ["...", "..."]')
        if not isinstance(value, list) or not value:
            raise self._file.error((key,), f"{key} is not a list with entries", hint=f"{key} = [...]")
        return value

    def _text(self, key: str) -> str | None:
        value = self._file.values.get(key)
        if value is not None and not isinstance(value, str):
            raise self._file.error((key,), f"{value!r} is not text", hint=f'{key} = "..."')
        return value

    def _flag(self, key: str, *, otherwise: bool) -> bool:
        value = self._file.values.get(key, otherwise)
        if not isinstance(value, bool):
            raise self._file.error((key,), f"{value!r} is neither true nor false", hint=f"{key} = true")
        return value

    def _absolute(self, source: str) -> str:
        return source if file_of(source) is None else str(self._folder / source)

    def _checked(self, key: KeyPath, check: Callable[[], T]) -> T:
        try:
            return check()
        except BadInput as error:
            raise self._file.error(key, error.message, hint=error.hint) from None


_KIND_WORDS: dict[Any, str] = {int: "a whole number", str: "text"}


def _with_contents(plan: SweepPlan) -> SweepPlan:
    """The plan with a digest of the user's files, so that a changed program is measured again."""
    digest = hashlib.sha256()
    for named in plan.own_files():
        path = plan.folder / named
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(f"{named}/{file.name}\0".encode())
                with file.open("rb") as content:
                    digest.update(hashlib.file_digest(content, "sha256").digest())
    contents = digest.hexdigest() if plan.own_files() else ""
    return replace(plan, contents=contents)
