"""Tables of torch.profiler's key_averages."""

from __future__ import annotations

import math

import pytest

from ironlaw.attachment import TimedWhole
from ironlaw.errors import BadInput
from ironlaw.missing import Missing, is_known

from .files import DATA, explained, file_of, one

FIRST, SECOND = "torch-2.14-key-averages-a.txt", "torch-2.14-key-averages-b.txt"


def test_times_are_per_step_of_the_profiler() -> None:
    read = one(FIRST)
    assert read.timed is TimedWhole.INFERENCE
    assert is_known(read.nodes)
    by_name = {node.call.path: node for node in read.nodes}
    assert by_name["aten::mkldnn_convolution"].ns == pytest.approx(528.837e3 / 3)
    assert by_name["aten::conv2d"].times == 3
    assert "ProfilerStep*" not in by_name


def test_rows_of_types_are_no_layers() -> None:
    (comparison,) = explained(FIRST, SECOND).comparisons
    assert isinstance(comparison.ledger, Missing)
    assert "does not show single layers" in comparison.ledger.reason
    assert is_known(comparison.operators)
    assert is_known(comparison.once)
    # What the profiler spent in its steps is no operator's.
    listed = math.fsum(row.control_ns for row in comparison.operators)
    assert 0 < listed < comparison.once.control_ns
    between = 1 - listed / comparison.once.control_ns
    assert f"{100 * between:.0f} % of the time is between operators" in one(FIRST).notes[0]


def test_a_table_that_was_cut_by_its_limit_of_rows_is_said_to_be() -> None:
    whole = (DATA / FIRST).read_text()
    cut = "\n".join(line for line in whole.splitlines() if "mkldnn_convolution" not in line)
    assert not any("row_limit" in note for note in one(FIRST).notes)
    (read,) = file_of(cut).found
    assert any("row_limit" in note and " % of the time" in note for note in read.notes)


def test_a_table_quoted_in_an_issue_is_read() -> None:
    quoted = (
        "It is slow:\n\n" + "\n".join("> " + line for line in (DATA / FIRST).read_text().splitlines()) + "\n\nWhy?\n"
    )
    assert file_of(quoted).found == file_of((DATA / FIRST).read_bytes()).found


def test_without_steps_the_number_of_inferences_is_unknown() -> None:
    text = "\n".join(line for line in (DATA / FIRST).read_text().splitlines() if "ProfilerStep" not in line)
    (read,) = file_of(text).found
    assert read.timed is TimedWhole.UNKNOWN
    assert any(lack.what == "how many inferences the table is of" for lack in read.lacks)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("528.837us", "fast", r"^a, line 8, column 52: 'fast' is no time"),
        ("             9  \n", "     nine  \n", "no number of calls"),
    ],
)
def test_a_damaged_table_is_refused_with_its_line(old: str, new: str, message: str) -> None:
    text = (DATA / FIRST).read_text()
    assert old in text
    with pytest.raises(BadInput, match=message):
        file_of(text.replace(old, new, 1), "a")


@pytest.mark.parametrize("column", ["Self CPU", "# of Calls"])
def test_a_table_without_a_column_is_refused_at_its_headings(column: str) -> None:
    whole = (DATA / FIRST).read_text()
    before, _, after = whole.partition(f" {column}  ")
    line, place = before.count("\n") + 1, len(before) - before.rindex("\n") + 1
    with pytest.raises(BadInput, match=rf"line {line}, column {place}: the table of key_averages has no '{column}'"):
        file_of(f"{before}9{column}  {after}")
