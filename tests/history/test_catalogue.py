"""The catalogue and its questions: what is in the recordings, whatever came, went or changed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from ironlaw.analysis.assemble import explain
from ironlaw.analysis.brief import briefly
from ironlaw.errors import BadInput
from ironlaw.history.catalogue import ALONE_BELOW, NAME, catalogue
from ironlaw.history.queries import Filter, Questions
from ironlaw.missing import is_known
from ironlaw.recording import load
from tests.history.recordings import Stated, text_of, write

GOLDEN = Path(__file__).parents[1] / "golden"


def asked(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    return Questions(catalogue(folder)).sql(sql).rows


@pytest.mark.parametrize("name", ["with-pmu", "without-pmu", "cut-short"])
def test_brief_differences_are_those_of_the_explanation(name: str) -> None:
    recording = load(GOLDEN / f"{name}.jsonl")
    whole = {(one.control, one.changed): one for one in explain(recording).comparisons}
    short = briefly(recording).comparisons
    assert {(one.control, one.changed) for one in short} == set(whole)
    for one in short:
        assert one.ln_ratio == whole[one.control, one.changed].ln_ratio
        assert one.difference is whole[one.control, one.changed].difference


def test_a_second_look_reads_nothing_again(tmp_path: Path) -> None:
    write(tmp_path, [Stated(started="2025-01-01T00:00:00+00:00")])
    assert catalogue(tmp_path).read_again == 1
    assert (tmp_path / NAME).exists()
    assert catalogue(tmp_path).read_again == 0


def test_only_what_is_new_or_changed_is_read_again(tmp_path: Path) -> None:
    write(tmp_path, [Stated(started=f"2025-01-0{day}T00:00:00+00:00") for day in (1, 2, 3)])
    catalogue(tmp_path)
    (tmp_path / "0000.jsonl").unlink()
    (tmp_path / "0001.jsonl").write_bytes(text_of(Stated(started="2025-01-09T00:00:00+00:00", model="other")))
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "new.jsonl").write_bytes(text_of(Stated(started="2025-01-10T00:00:00+00:00", model="third")))
    again = catalogue(tmp_path)
    assert again.read_again == 2
    rows = Questions(again).sql("select model, file from comparisons order by started").rows
    assert rows == [("net", "0002.jsonl"), ("other", "0001.jsonl"), ("third", "below/new.jsonl")]


def test_a_damaged_catalogue_is_made_again(tmp_path: Path) -> None:
    write(tmp_path, [Stated(started="2025-01-01T00:00:00+00:00")])
    (tmp_path / NAME).write_bytes(b"PAR1 and then nothing")
    assert catalogue(tmp_path).read_again == 1
    assert catalogue(tmp_path).read_again == 0


def test_a_folder_that_cannot_be_written_is_asked_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, [Stated(started="2025-01-01T00:00:00+00:00")])
    monkeypatch.setattr("ironlaw.history.catalogue._write", lambda *_: False)
    found = catalogue(tmp_path)
    assert not found.is_kept
    assert Questions(found).sql("select model from comparisons").rows == [("net",)]
    assert not (tmp_path / NAME).exists()


def test_what_is_no_recording_says_why_and_the_others_are_there(tmp_path: Path) -> None:
    write(tmp_path, [Stated(started="2025-01-01T00:00:00+00:00")])
    (tmp_path / "newer.jsonl").write_text('{"header":{"schema":99,"ironlaw":"9","started_utc":"2030"}}\n')
    (tmp_path / "other.jsonl").write_text('{"a": 1}\n')
    (tmp_path / "empty.jsonl").write_text("")
    questions = Questions(catalogue(tmp_path))
    assert questions.count(Filter()) == (1, 1)
    problems = dict(questions.problems().rows)
    assert "has schema 99" in problems["newer.jsonl"]
    assert set(problems) == {"newer.jsonl", "other.jsonl", "empty.jsonl"}


def test_a_recording_from_before_a_field_was_added_is_read(tmp_path: Path) -> None:
    text = (GOLDEN / "with-pmu.jsonl").read_bytes()
    assert b'"batch"' not in text
    shutil.copy(GOLDEN / "with-pmu.jsonl", tmp_path)
    assert set(asked(tmp_path, "select schema, batch, threads from comparisons")) == {(1, 1, 1)}


def test_a_gap_is_null_and_not_a_number(tmp_path: Path) -> None:
    lines = (GOLDEN / "with-pmu.jsonl").read_bytes().splitlines(keepends=True)
    first = [line for line in lines if b'"reading"' not in line or b'"replicate":0' in line]
    (tmp_path / "one.jsonl").write_bytes(b"".join(first))
    rows = asked(tmp_path, "select gain, gain_low, problem from comparisons")
    assert rows
    assert all(gain is None and low is None and "one replicate" in problem for gain, low, problem in rows)


def test_processes_that_share_the_reading_find_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, [Stated(started=f"2025-01-01T00:{minute:02}:00+00:00", seed=minute) for minute in range(6)])
    everything = "select * from comparisons order by file"
    alone = asked(tmp_path, everything)
    (tmp_path / NAME).unlink()
    monkeypatch.setattr("ironlaw.history.catalogue.ALONE_BELOW", 1)
    monkeypatch.setattr("ironlaw.history.catalogue.PIECE", 2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    assert ALONE_BELOW > 1
    assert asked(tmp_path, everything) == alone


@pytest.fixture
def varied(tmp_path: Path) -> Questions:
    write(
        tmp_path,
        [
            Stated(started="2025-01-01T10:00:00+00:00", cpu="EPYC 9R14", torch="2.5.1"),
            Stated(started="2025-01-02T10:00:00+00:00", cpu="EPYC 9R14", torch="2.6.0"),
            Stated(started="2025-01-03T10:00:00+00:00", cpu="Xeon 8488C", torch="2.6.0", model="other"),
        ],
    )
    return Questions(catalogue(tmp_path))


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (Filter(), 3),
        (Filter(model="net"), 2),
        (Filter(arm="int8"), 3),
        (Filter(arm="int4"), 0),
        (Filter(control="fp32", changed="int8"), 3),
        (Filter(host="epyc"), 2),
        (Filter(version="torch 2.6"), 2),
        (Filter(version="ironlaw 0.1.0"), 3),
        (Filter(since="2025-01-02"), 2),
        (Filter(until="2025-01-02"), 1),
        (Filter(host="epyc", since="2025-01-02"), 1),
    ],
)
def test_a_filter_leaves_what_it_says(varied: Questions, chosen: Filter, found: int) -> None:
    assert varied.count(chosen)[0] == found
    assert len(varied.newest(chosen, limit=10).rows) == found


def test_the_newest_come_first(varied: Questions) -> None:
    models = [record["model"] for record in varied.newest(Filter(), limit=2).records()]
    assert models == ["other", "net"]


def test_series_never_mix_hosts(varied: Questions) -> None:
    assert sorted((one.model, one.host, len(one.points)) for one in varied.series(Filter())) == [
        ("net", "EPYC 9R14, 2 CPUs", 2),
        ("other", "Xeon 8488C, 2 CPUs", 1),
    ]


def test_the_gain_in_the_catalogue_is_the_stated_one(tmp_path: Path) -> None:
    write(tmp_path, [Stated(started="2025-01-01T00:00:00+00:00", gain=3.0)])
    ((low, high, ln_gain),) = asked(tmp_path, "select gain_low, gain_high, ln_gain from comparisons")
    assert low < 3.0 < high
    recorded = briefly(load(tmp_path / "0000.jsonl")).comparisons[0].ln_ratio
    assert is_known(recorded)
    assert ln_gain == recorded.value


@pytest.mark.parametrize(
    "sql",
    [
        "drop table comparisons",
        "insert into comparisons select * from comparisons",
        "select 1; drop table comparisons",
        "copy comparisons to 'stolen.csv'",
        "attach 'other.db'",
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select nothing from nowhere",
        "not sql",
        "",
    ],
)
def test_sql_reads_the_catalogue_and_nothing_else(varied: Questions, sql: str) -> None:
    with pytest.raises(BadInput):
        varied.sql(sql)


def test_sql_answers_with_names_and_rows(varied: Questions) -> None:
    answer = varied.sql("select model, count(*) as n from recordings group by model order by n")
    assert answer.records() == [{"model": "other", "n": 1}, {"model": "net", "n": 2}]


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not a folder"):
        catalogue(tmp_path / "nowhere")
