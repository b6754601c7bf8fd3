"""Plan files, histories and command lines, damaged anywhere: understood, or refused in two lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironlaw.analysis.brief import briefly
from ironlaw.cli import run
from ironlaw.errors import BadInput, ExitCode, IronlawError
from ironlaw.recording import read
from ironlaw.sweep.plan_file import read_plan
from tests.commands.test_bad_input import PIECES, _damaged
from tests.fuzzing import fuzzed
from tests.history.recordings import Stated, text_of
from tests.sweep.test_plan_file import GOOD

FUZZED = fuzzed(150)
TOML_PIECES = [
    *PIECES, "[", "]", "{", "}", '"', "[[[[", "= inf", "nan", "1979-05-27", "\u202e", "'''", "0x7fffffffffffffffff",
]  # fmt: skip
OPTIONS = ["--arms", "--arm", "--budget", "--n", "--threads", "--seed", "--batch", "--experiments", "--agreement", "-x"]
VALUES = [*PIECES, "fp32", "a=b", "=", "fp32,,int8", "inf", "1e308", "-0", "a" * 300, "../x", "--", "all", "\u202e"]


@FUZZED
@given(start=st.floats(0, 1), removed=st.integers(0, 12), inserted=st.sampled_from(TOML_PIECES))
def test_a_damaged_plan_is_read_or_refused(start: float, removed: int, inserted: str, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("def build(): ...\n")
    path = tmp_path / "plan.toml"
    path.write_text(_damaged(GOOD, start, removed, inserted), encoding="utf-8")
    try:
        read_plan(path)
    except BadInput:
        return


@FUZZED
@given(start=st.floats(0, 1), removed=st.integers(0, 40), inserted=st.sampled_from(PIECES))
def test_a_damaged_recording_of_a_history_is_summarised_or_refused(
    start: float, removed: int, inserted: str, tmp_path: Path
) -> None:
    whole = text_of(Stated(started="2025-01-01T00:00:00+00:00")).decode()
    path = tmp_path / "0000.jsonl"
    path.write_text(_damaged(whole, start, removed, inserted), encoding="utf-8")
    try:
        with path.open("rb") as stream:
            briefly(read(stream, named=str(path)))
    except IronlawError:
        return


@FUZZED
@given(words=st.lists(st.tuples(st.sampled_from(OPTIONS), st.sampled_from(VALUES)), min_size=1, max_size=4))
def test_any_command_line_that_is_refused_is_refused_in_two_lines(
    words: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    # What would be measured is not: an accepted line ends where measuring would begin.
    monkeypatch.setattr("ironlaw.running.measure", _would_measure)
    code = run(["run", *(part for pair in words for part in pair if "\0" not in part)])
    said = capsys.readouterr().err
    assert code in (ExitCode.BAD_INPUT, ExitCode.DONE)
    assert "Traceback" not in said
    if code == ExitCode.BAD_INPUT and _ACCEPTED not in said:
        assert len(said.splitlines()) == 2, said


_ACCEPTED = "would be measured"


def _would_measure(*_: object, **__: object) -> None:
    raise BadInput(_ACCEPTED, hint="nothing")
