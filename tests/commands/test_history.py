"""ironlaw history from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ironlaw import cli
from tests.history.recordings import Stated, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    days = [
        Stated(started=f"2025-01-{day:02}T00:00:00+00:00", gain=2.0 if day <= 10 else 1.5, seed=day,
               torch="2.5.1" if day <= 10 else "2.6.0")
        for day in range(1, 21)
    ]  # fmt: skip
    write(tmp_path, days)
    return tmp_path


def reported(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.run(["history", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_list_fits_80_columns_newest_first(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = reported(capsys, str(folder), "--limit", "3")
    assert code == 0
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line[:10] for line in lines[1:4]] == ["2025-01-20", "2025-01-19", "2025-01-18"]
    assert "20 comparisons in 20 recordings; the newest 3 are shown." in out
    assert "reading 20 recordings" in err


def test_a_trend_names_the_change_and_what_changed_with_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = reported(capsys, str(folder), "--trend", "--json")
    assert code == 0
    (trend,) = json.loads(out)["trends"]
    (change,) = trend["changes"]
    assert change["since"].startswith("2025-01-11")
    assert change["at_the_same_time"] == {"torch": ["2.5.1", "2.6.0"]}
    assert change["gain_before"] == pytest.approx(2.0, rel=0.03)
    assert change["gain_after"] == pytest.approx(1.5, rel=0.03)
    assert "torch 2.5.1 to 2.6.0" in " ".join(reported(capsys, str(folder), "--trend")[1].split())


def test_a_trend_of_one_recording_is_in_the_singular(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, [Stated(started="2025-01-01T00:00:00+00:00", gain=2.0, seed=1, torch="2.5.1")])
    assert "1 recording, 2025-01-01" in " ".join(reported(capsys, str(tmp_path), "--trend")[1].split())


def test_sql_is_answered_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = reported(capsys, str(folder), "--json", "--sql", "select count(*) as n from comparisons")
    assert code == 0
    assert json.loads(out)["rows"] == [{"n": 20}]


def test_sql_that_writes_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = reported(capsys, str(folder), "--sql", "drop table comparisons")
    assert code == 2
    assert "--sql takes one SELECT" in err


def test_sql_and_filters_exclude_each_other(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reported(capsys, str(folder), "--sql", "select 1", "--model", "net")[0] == 2


def test_a_filter_that_leaves_nothing_has_no_trend(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = reported(capsys, str(folder), "--trend", "--model", "other")
    assert code == 2
    assert "no comparison with an interval" in err


def test_an_empty_list_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = reported(capsys, str(folder), "--model", "other")
    assert code == 0
    assert "0 comparisons in 0 recordings" in out
