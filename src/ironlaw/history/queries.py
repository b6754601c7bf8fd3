"""Queries of the catalogue, by DuckDB."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

from ironlaw.errors import BadInput
from ironlaw.history.catalogue import Catalogue, import_duckdb
from ironlaw.history.rows import as_utf8


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Selects comparisons; None selects all. `arm` may be on either side; `host` and `version` match substrings."""

    model: str | None = None
    arm: str | None = None
    control: str | None = None
    changed: str | None = None
    host: str | None = None
    version: str | None = None
    since: str | None = None
    until: str | None = None


# Each takes its value once, as $name.
_CONDITIONS = {
    "model": "model = $model",
    "arm": "(control = $arm or changed = $arm)",
    "control": "control = $control",
    "changed": "changed = $changed",
    "host": "contains(lower(host), lower($host))",
    "version": "contains(concat('ironlaw ', ironlaw, ', ', versions), $version)",
    "since": "started >= $since",
    "until": "started < $until",
}
_SERIES = ("model", "host", "threads", "batch", "control", "changed")
_POINT = ("started", "ln_gain", "gain_low", "gain_high", "ironlaw", "versions", "kernel", "governor", "libc", "file")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryResult:
    """The rows of a result, with the names of their columns."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def records(self) -> list[dict[str, Any]]:
        """The rows as dicts. NaN (0.0/0.0) becomes null, since JSON cannot represent it."""
        return [dict(zip(self.columns, map(_finite, row), strict=True)) for row in self.rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One comparison over time, on one host with one setting, from which a trend can be computed."""

    model: str
    host: str
    threads: int
    batch: int
    control: str
    changed: str
    points: list[dict[str, Any]]  # by time; started, ln_gain and what else may have changed

    def __str__(self) -> str:
        where = f"threads {self.threads}, batch {self.batch}, {self.host}"
        return f"{self.changed} against {self.control} on {self.model} ({where})"


class Questions:
    """A catalogue opened for queries."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._duckdb = import_duckdb()
        self._connection = self._duckdb.connect(":memory:")
        if catalogue.is_kept:
            self._connection.read_parquet(str(catalogue.path)).create_view("catalogue")
        else:
            self._connection.register("catalogue", catalogue.table)

    def count(self, chosen: Filter) -> tuple[int, int]:
        """The numbers of comparisons and of recordings."""
        condition, values = _where(chosen)
        asked = f"select count(changed), count(distinct file) from catalogue where {condition} and schema is not null"
        comparisons, recordings = self._connection.execute(asked, values).fetchall()[0]
        return comparisons, recordings

    def newest(self, chosen: Filter, *, limit: int) -> QueryResult:
        """The newest comparisons, and recordings without any."""
        condition, values = _where(chosen)
        asked = f"select * from catalogue where {condition} and schema is not null"
        return self._answer(f"{asked} order by started desc nulls last, file limit {int(limit)}", values)

    def problems(self) -> QueryResult:
        """Files that are not recordings that this version can read."""
        return self._answer("select file, problem from catalogue where problem is not null and schema is null", {})

    def series(self, chosen: Filter) -> list[Series]:
        """The comparisons selected by the filter, by host and setting, in order of time."""
        condition, values = _where(chosen)
        keys = ", ".join(_SERIES)
        points = ", ".join(_POINT)
        asked = (
            f"select {keys}, {points} from catalogue where {condition} and ln_gain is not null and host is not null "
            f"and difference <> 'unproven' order by {keys}, started, file"
        )
        found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for row in self._connection.execute(asked, values).fetchall():
            point = dict(zip(_POINT, row[len(_SERIES) :], strict=True))
            found.setdefault(row[: len(_SERIES)], []).append(point)
        return [Series(**dict(zip(_SERIES, key, strict=True)), points=points) for key, points in found.items()]

    def sql(self, text: str) -> QueryResult:
        """Run one SELECT over `comparisons` and `recordings`; writing and reading of files are disabled.

        Raises:
            BadInput: it is not a single SELECT, or DuckDB refuses it.
        """
        try:
            text = as_utf8(text)
            statements = self._duckdb.extract_statements(text)
            if len(statements) != 1 or statements[0].type != self._duckdb.StatementType.SELECT:
                raise BadInput("--sql takes one SELECT", hint="select model, changed, gain from comparisons")
            self._close_in()
            return self._answer(text, {})
        except self._duckdb.Error as error:
            said = " ".join(str(error).split())
            raise BadInput(f"DuckDB: {said[:300]}", hint="tables: comparisons, recordings") from None

    def _close_in(self) -> None:
        self._connection.execute(
            "create table comparisons as select * from catalogue where changed is not null;"
            "create table recordings as select distinct * exclude"
            " (control, changed, difference, gain, gain_low, gain_high, ln_gain) from catalogue"
        )
        self._connection.execute("drop view catalogue")
        self._connection.execute("set enable_external_access = false; set lock_configuration = true")

    def _answer(self, asked: str, values: dict[str, str]) -> QueryResult:
        result = self._connection.execute(asked, values)
        columns = _distinct([column[0] for column in result.description or ()])
        return QueryResult(columns=columns, rows=result.fetchall())


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _distinct(names: list[str]) -> tuple[str, ...]:
    """Number repeated names, since two columns of one name would be merged in a record."""
    made: dict[str, None] = {}
    for name in names:
        tried, again = name, 1
        while tried in made:
            again += 1
            tried = f"{name}_{again}"
        made[tried] = None
    return tuple(made)


def _where(chosen: Filter) -> tuple[str, dict[str, str]]:
    values = {field.name: getattr(chosen, field.name) for field in fields(Filter)}
    given = {name: as_utf8(str(value)) for name, value in values.items() if value is not None}
    return " and ".join(["true", *(_CONDITIONS[name] for name in given)]), given
