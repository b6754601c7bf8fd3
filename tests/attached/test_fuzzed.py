"""Any bytes end in an explanation, or in two lines that name the file, the line and the column."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironlaw.attached import known_formats, recognised
from ironlaw.cli import run
from ironlaw.errors import ExitCode
from tests.fuzzing import fuzzed

from .files import DATA

NAMES = sorted(path.name for path in DATA.iterdir() if path.name != "README.md")
# A damaged file of each kind beside a whole one.
PAIRED = {
    "onnxruntime": "onnxruntime-1.32-fp32.json",
    "torch-2.14-key": "torch-2.14-key-averages-a.txt",
    "torch": "torch-2.14-contiguous.json",
    "onednn": "onednn-3.12-level-1.txt",
    "openvino": "openvino-2026.4-counters.csv",
    "perf-stat": "perf-stat-6.1-a.json",
    "perf-script": "perf-script-6.1-a.txt",
    "perf-report": "perf-report-6.1-a.txt",
    "llama": "llama-bench-written-f16.json",
    "pyperf": "pyperf-2.11.json",
    "pytest": "pytest-benchmark-written.json",
    "hyperfine": "hyperfine-written.json",
    "google": "google-benchmark-written.json",
}
PIECES = [
    b"", b"\0", b"\xff\xfe", b"NaN", b"-Infinity", b"1e999", b"-1", b"0", b"9" * 400, b"9" * 5000, b"[", b"]", b"{",
    b"}", b'"', b",", b":", b";", b"|", b"%", b"\n", b"\r\n", b"[" * 2000, b"null", b"true", b'"x"', b"exec,", b"0.5",
    b"\x1b[31m", "\u202e".encode(), "\u0663".encode(), "\u00b2".encode(), b" " * 300,
]  # fmt: skip
VALUES = [b"-5", b"0", b"1e300", b"99999999999999999999", b"null", b'"x"', b"[]"]
FUZZED = fuzzed(20)
_REFUSED = re.compile(r"^ironlaw: .*, line (?P<line>\d+), column (?P<column>\d+): ")
# What is wrong with two files together, or with there being one alone, has no place in either.
_TOGETHER = re.compile(r"; a comparison needs two|no benchmark of one name|two arms are called|times .*, and .* ")


def whole_for(name: str) -> str:
    """The whole file that a damaged one is compared with."""
    return next(whole for begin, whole in PAIRED.items() if name.startswith(begin))


def explained_or_refused(*files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["explain", *map(str, files), "--json"])
    said = capsys.readouterr()
    if code == ExitCode.DONE:
        json.loads(said.out, parse_constant=pytest.fail)  # a text may repeat what was inserted, a number may not
        return
    assert code == ExitCode.BAD_INPUT, said.err
    assert len(said.err.splitlines()) == 2, said.err
    assert "this is a fault of ironlaw" not in said.err, said.err
    if str(files[0]) in said.err.splitlines()[0] and not _TOGETHER.search(said.err):
        refused_within(files[0], said.err)


def refused_within(file: Path, err: str) -> None:
    """Check that the refusal names a place, and one that the file has, or the one after its end."""
    place = _REFUSED.match(err)
    assert place, err
    lines = file.read_bytes().decode("utf-8", "replace").split("\n")
    assert 1 <= int(place["line"]) <= len(lines), err
    assert 1 <= int(place["column"]) <= len(lines[int(place["line"]) - 1]) + 1, err


def test_each_fixture_is_recognised_by_one_reader_alone() -> None:
    for name in NAMES:
        head = (DATA / name).read_text(encoding="utf-8")
        found = [one.slug for one in known_formats().values() if one.recognises(head)]
        assert len(found) == 1, (name, found)


def test_every_format_has_a_fixture() -> None:
    seen = {found.slug for name in NAMES if (found := recognised((DATA / name).read_text())) is not None}
    assert seen == set(known_formats())


@pytest.mark.parametrize("name", NAMES)
@FUZZED
@given(
    places=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    removed=st.integers(0, 60),
    inserted=st.sampled_from(PIECES),
)
def test_a_damaged_file_is_explained_or_refused(
    name: str,
    places: tuple[float, float],
    removed: int,
    inserted: bytes,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    content = (DATA / name).read_bytes()
    for place in places:
        at = int(place * len(content))
        content = content[:at] + inserted + content[at + removed :]
    file = tmp_path / "damaged"
    file.write_bytes(content)
    explained_or_refused(file, DATA / whole_for(name), capsys=capsys)


@pytest.mark.parametrize("name", NAMES)
@FUZZED
@given(kept=st.floats(0, 1))
def test_a_file_that_was_cut_off_is_explained_or_refused(
    name: str, kept: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = (DATA / name).read_bytes()
    file = tmp_path / "cut"
    file.write_bytes(content[: int(kept * len(content))])
    explained_or_refused(file, DATA / whole_for(name), capsys=capsys)


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".json")])
@FUZZED
@given(
    place=st.floats(0, 1),
    value=st.sampled_from([b"-5", b"0", b"1e300", b"99999999999999999999", b"null", b'"x"', b"[]"]),
)
def test_another_value_in_a_numbers_place_is_explained_or_refused(
    name: str, place: float, value: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = (DATA / name).read_bytes()
    numbers = list(re.finditer(rb"(?<=[:,\[ ])-?\d+(\.\d+)?(?=[,\]}\s])", content))
    found = numbers[min(int(place * len(numbers)), len(numbers) - 1)]
    file = tmp_path / "changed"
    file.write_bytes(content[: found.start()] + value + content[found.end() :])
    explained_or_refused(file, DATA / whole_for(name), capsys=capsys)


@FUZZED
@given(content=st.binary(max_size=400))
def test_any_bytes_are_explained_or_refused(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bytes"
    file.write_bytes(content)
    explained_or_refused(file, DATA / "hyperfine-written.json", capsys=capsys)
